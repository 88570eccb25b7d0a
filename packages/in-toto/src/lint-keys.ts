import type { CertificateConstraint, KeyFingerprint } from "@stemma/crypto";
import { type Finding, finding } from "./finding.ts";
import { type FunctionarySet, keylessKey } from "./functionaries.ts";
import type { Layout, Step } from "./layout.ts";
import { quote } from "./names.ts";

/** What is wrong with the keys and identities that a layout defines. */
export function keyFindings(layout: Layout): Finding[] {
  const findings: Finding[] = [];
  const seen = new Map<KeyFingerprint, string>();
  const look = (what: string, keyId: string, fingerprint: KeyFingerprint, own: readonly string[]): void => {
    const earlier = seen.get(fingerprint);
    if (earlier !== undefined) {
      findings.push(
        finding(
          "duplicate_key_material",
          `The keys ${quote(earlier)} and ${quote(keyId)} are the same ${what}.`,
        ),
      );
    }
    seen.set(fingerprint, keyId);
    if (!own.includes(keyId)) {
      findings.push(
        finding(
          "key_id_mismatch",
          `The ${what} ${quote(keyId)} should be named ${quote(own[0] ?? "")}, after its content.`,
        ),
      );
    }
  };
  for (const [keyId, { issuer, identity, fingerprint }] of layout.identities) {
    look("identity", keyId, fingerprint, [keylessKey(issuer, identity).keyId]);
  }
  for (const [keyId, key] of layout.keys) {
    look("public key", keyId, key.fingerprint, [key.keyId, key.legacyKeyId, key.pemKeyId]);
  }
  for (const { code, message } of layout.unusableKeys.values()) {
    findings.push({ code, severity: "error", message, advice: "Replace the key, or take it out." });
  }
  return [...findings, ...unusedKeys(layout)];
}

function unusedKeys({ keys, identities, steps }: Layout): Finding[] {
  const used = new Set(steps.flatMap(setsOf).flatMap(({ set }) => set.keyIds));
  const unused = [...identities.keys(), ...keys.keys()].filter((keyId) => !used.has(keyId));
  return unused.map((keyId) =>
    finding("unused_key", `The layout defines the key ${quote(keyId)}, but no step lets it sign.`),
  );
}

/** What is wrong with who may sign for a step. */
export function functionaryFindings(layout: Layout, step: Step): Finding[] {
  const findings: Finding[] = [];
  for (const { set, threshold, what } of setsOf(step)) {
    for (const keyId of set.keyIds) {
      if (layout.keys.has(keyId) || layout.identities.has(keyId) || layout.unusableKeys.has(keyId)) continue;
      findings.push(
        finding(
          "unknown_functionary",
          `Step ${quote(step.name)} names the key ${quote(keyId)}, which the layout does not define.`,
          { step: step.name },
        ),
      );
    }
    const most = mostSigners(set, layout);
    if (threshold > most) {
      findings.push(
        finding(
          "threshold_out_of_reach",
          `${what} needs ${threshold} distinct functionaries, but there can be no more than ${most}.`,
          { step: step.name },
        ),
      );
    }
  }
  return findings;
}

interface SigningSet {
  readonly set: FunctionarySet;
  readonly threshold: number;
  readonly what: string;
}

/** Whoever signs for a step: its functionaries, or those of each predicate that it expects. */
function setsOf(step: Step): readonly SigningSet[] {
  const name = quote(step.name);
  if (step.expectedPredicates.length === 0) {
    return [{ set: step, threshold: step.threshold, what: `Step ${name}` }];
  }
  return step.expectedPredicates.map((expected) => ({
    set: expected,
    threshold: expected.threshold,
    what: `The attestation ${quote(expected.predicateType)} of step ${name}`,
  }));
}

/**
 * No more distinct functionaries than these can ever be counted. Certificates that meet a constraint without a `*` all
 * have the same holder, who counts once however many keys they have.
 */
function mostSigners(set: FunctionarySet, { authorities }: Layout): number {
  const keys = [...set.keys.values(), ...set.identities.values()];
  const distinct = new Set(keys.map(({ fingerprint }) => fingerprint)).size;
  const holders = new Set<string>();
  for (const constraint of set.constraints) {
    if (authorities.roots.size === 0 || constraint.roots.length === 0) continue;
    const holder = onlyHolder(constraint);
    if (holder === undefined) return Number.POSITIVE_INFINITY;
    holders.add(holder);
  }
  return distinct + holders.size;
}

/** The one holder whose certificates meet a constraint; undefined when there can be many. */
function onlyHolder(constraint: CertificateConstraint): string | undefined {
  const { commonName, dnsNames, emails, organizations, uris } = constraint;
  const attributes = [[commonName], dnsNames, emails, organizations, uris];
  if (attributes.some((values) => values.length === 1 && values[0] === "*")) return undefined;
  return JSON.stringify(
    attributes.map((values) => (values.length === 1 && values[0] === "" ? [] : [...new Set(values)].sort())),
  );
}
