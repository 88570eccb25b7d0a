import type { CertificateConstraint } from "@stemma/crypto";
import type { FunctionarySet } from "@stemma/in-toto";
import { short } from "./text.ts";

/** Whoever may sign, one text each: keys cut short, identities whole, certificates by what they must say. */
export function functionaryWords(set: FunctionarySet): readonly string[] {
  return [
    ...set.keyIds.map((keyId) => {
      const identity = set.identities.get(keyId);
      if (identity !== undefined) return `${identity.identity} (identity of ${identity.issuer})`;
      return `key ${short(keyId)} (${set.keys.get(keyId)?.scheme ?? "unusable"})`;
    }),
    ...set.constraints.map(constraintWords),
  ];
}

/** A certificate constraint as a person who can meet it: what is left out must be absent from the certificate. */
function constraintWords(constraint: CertificateConstraint): string {
  const { commonName, dnsNames, emails, organizations, uris, roots } = constraint;
  const attributes = [
    ["common name", [commonName]],
    ["DNS name", dnsNames],
    ["e-mail address", emails],
    ["organization", organizations],
    ["URI", uris],
  ] as const;
  const open = attributes.filter(([, values]) => isAny(values)).map(([noun]) => noun);
  const exact = attributes.flatMap(([noun, values]) =>
    isAny(values) ? [] : values.filter((value) => value !== "").map((value) => `${noun} "${value}"`),
  );
  const under = isAny(roots)
    ? "any root of the layout"
    : roots.length === 0
      ? "no root"
      : `root ${roots.map((root) => `"${root}"`).join(" or ")}`;
  if (open.length === attributes.length) return `whoever has a certificate under ${under}`;
  const names = [...exact, ...(open.length === 0 ? [] : [`any ${open.join(", ")}`])];
  return `whoever has a certificate under ${under} with ${names.length === 0 ? "no name" : names.join(", ")} and nothing else`;
}

function isAny(values: readonly string[]): boolean {
  return values.length === 1 && values[0] === "*";
}
