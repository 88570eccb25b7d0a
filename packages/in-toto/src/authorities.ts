import { type Certificate, type CertificateConstraint, CryptoError, readCertificate } from "@stemma/crypto";
import { asArray, asObject, asString, type JsonObject, type JsonValue, member } from "@stemma/encoding";
import { InTotoError } from "./error.ts";
import { checkLimit, type InTotoLimits } from "./limits.ts";
import { quote } from "./names.ts";

/** The certificate authorities of a layout (in-toto-golang's `rootcas` and `intermediatecas`; ITE-7). */
export interface Authorities {
  readonly roots: ReadonlyMap<string, Certificate>;
  readonly intermediates: readonly Certificate[];
}

const NONE: JsonObject = new Map();

/**
 * Reads a layout's authorities: key objects whose `keyval.certificate` is a PEM certificate.
 *
 * Throws `bad_authority` for a certificate that cannot be used: owners who name one meant it.
 */
export function readAuthorities(payload: JsonObject, limits: InTotoLimits): Authorities {
  const read = (name: "rootcas" | "intermediatecas"): Map<string, Certificate> => {
    const object = asObject(payload.get(name) ?? NONE, name);
    checkLimit(object.size, limits.authorities, name, "certificates");
    return new Map(
      [...object].map(([label, item]) => [label, readAuthority(item, `${name}[${quote(label)}]`)]),
    );
  };
  return { roots: read("rootcas"), intermediates: [...read("intermediatecas").values()] };
}

/** Reads one of them. Throws `bad_authority`, or `private_key_exposed`. */
export function readAuthority(value: JsonValue, where: string): Certificate {
  const keyval = asObject(member(asObject(value, where), "keyval", where), `${where}.keyval`);
  if (keyval.get("private")) {
    throw new InTotoError("private_key_exposed", `${where} holds a private key; replace that key.`);
  }
  const pem = asString(member(keyval, "certificate", `${where}.keyval`), `${where}.keyval.certificate`);
  try {
    return readCertificate(pem, where);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new InTotoError("bad_authority", error.message, { cause: error });
  }
}

const ATTRIBUTES = ["dns_names", "emails", "organizations", "roots", "uris"] as const;
const MEMBERS: ReadonlySet<string> = new Set(["common_name", ...ATTRIBUTES]);

/**
 * Reads `cert_constraints`. Every attribute that is left out must be absent from the certificate, as in Go; a member
 * that is not known is refused, because it was meant to narrow something down (N-44). Throws `bad_constraint`.
 */
export function readConstraints(
  value: JsonValue | undefined,
  authorities: Authorities,
  where: string,
  limits: InTotoLimits,
): readonly CertificateConstraint[] {
  const list = asArray(value ?? [], where);
  checkLimit(list.length, limits.constraints, where, "certificate constraints");
  return list.map((item, index) => {
    const at = `${where}[${index}]`;
    const object = asObject(item, at);
    for (const name of object.keys()) {
      if (!MEMBERS.has(name)) {
        throw new InTotoError("bad_constraint", `${at} has the member ${quote(name)}, which is not known.`);
      }
    }
    const words = (name: (typeof ATTRIBUTES)[number]): readonly string[] => {
      const words = asArray(object.get(name) ?? [], `${at}.${name}`);
      checkLimit(words.length, limits.constraints, `${at}.${name}`, "values");
      return words.map((word) => asString(word, `${at}.${name}: every value`));
    };
    const roots = words("roots");
    for (const root of roots) {
      if (root === "*" || authorities.roots.has(root)) continue;
      throw new InTotoError(
        "bad_constraint",
        `${at}.roots names ${quote(root)}, which the layout does not define.`,
      );
    }
    return {
      commonName: asString(object.get("common_name") ?? "", `${at}.common_name`),
      dnsNames: words("dns_names"),
      emails: words("emails"),
      organizations: words("organizations"),
      roots,
      uris: words("uris"),
    };
  });
}
