import {
  type CertificateConstraint,
  type KeyFingerprint,
  type KeyId,
  keyIdsOf,
  type PublicKey,
  unmetConstraint,
} from "@stemma/crypto";
import { StemmaError } from "@stemma/encoding";
import type { Authorities } from "./authorities.ts";
import type { Envelope, EnvelopeSignature } from "./envelope.ts";
import { InTotoError } from "./error.ts";
import type { Evidence, KeylessVerifier } from "./evidence.ts";
import type { Functionary, FunctionarySet } from "./functionaries.ts";
import { DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { momentText, quote } from "./names.ts";

/**
 * Which of the given keys validly signed an envelope, by public key (in-toto 4.4, DSSE 1.0). One key under two key ids
 * counts once, and so do two signatures of one key.
 *
 * A key id in an envelope is a hint that nobody signed. It may be the metadata's own label, or any key id that others
 * compute for the key. A DSSE signature without a hint is tried with every key, up to a limit.
 *
 * @param keys the keys allowed to sign, and no others
 */
export function signersOf(
  envelope: Pick<Envelope, "format" | "message" | "signatures">,
  keys: ReadonlyMap<KeyId, PublicKey>,
  limits: InTotoLimits = DEFAULT_LIMITS,
): readonly Functionary[] {
  const verify: Verify = (signature, key) => key.verify(envelope.message, signature.signature);
  return [...signersByKey(envelope, keys, verify, limits).values()];
}

type Verify = (signature: EnvelopeSignature, key: PublicKey) => boolean;

function signersByKey(
  { format, signatures }: Pick<Envelope, "format" | "signatures">,
  keys: ReadonlyMap<KeyId, PublicKey>,
  verify: Verify,
  limits: InTotoLimits,
): Map<KeyFingerprint, Functionary> {
  const signers = new Map<KeyFingerprint, Functionary>();
  const note = (keyId: KeyId, { fingerprint }: PublicKey): void => {
    signers.set(fingerprint, { kind: "key", keyId, fingerprint });
  };
  let checks = limits.unlabelledChecks;
  for (const signature of signatures) {
    const hinted = signature.keyId === undefined ? undefined : findKey(keys, signature.keyId);
    if (hinted !== undefined) {
      if (!signers.has(hinted.key.fingerprint) && verify(signature, hinted.key))
        note(hinted.keyId, hinted.key);
      continue;
    }
    if (format === "metablock") continue;
    for (const [keyId, key] of keys) {
      if (signers.has(key.fingerprint)) continue;
      if (checks === 0) break;
      checks -= 1;
      if (!verify(signature, key)) continue;
      note(keyId, key);
      break;
    }
  }
  return signers;
}

interface LabelledKey {
  readonly keyId: KeyId;
  readonly key: PublicKey;
}

/** What every key of a set may be called by others. Sets of keys are never changed once they are read. */
const otherNames = new WeakMap<ReadonlyMap<KeyId, PublicKey>, ReadonlyMap<string, LabelledKey>>();

/**
 * The key that a hint means: first by the metadata's label, then by the key ids of present and older in-toto. Looked up
 * and not searched for, because every signature is asked about in every place that the evidence may stand in.
 */
export function findKey(keys: ReadonlyMap<KeyId, PublicKey>, hint: KeyId): LabelledKey | undefined {
  const labelled = keys.get(hint);
  if (labelled !== undefined) return { keyId: hint, key: labelled };
  let names = otherNames.get(keys);
  if (names === undefined) {
    names = namesOf(keys);
    otherNames.set(keys, names);
  }
  return names.get(hint);
}

function namesOf(keys: ReadonlyMap<KeyId, PublicKey>): ReadonlyMap<string, LabelledKey> {
  const names = new Map<string, LabelledKey>();
  for (const [keyId, key] of keys) {
    for (const name of keyIdsOf(key)) if (!names.has(name)) names.set(name, { keyId, key });
  }
  return names;
}

/** What signatures are verified with, beyond the keys that a layout names. */
export interface SigningTrust {
  /** The moment for which certificates must hold. */
  readonly time: Date;
  /** Undefined when there is no trusted root for keyless signatures. */
  readonly keyless: KeylessVerifier | undefined;
  readonly limits: InTotoLimits;
}

export interface Authorized {
  readonly functionaries: readonly Functionary[];
  /** Why signatures by certificate or by identity did not count. */
  readonly refusals: readonly StemmaError[];
}

/** Who of a set of functionaries validly signed a piece of evidence: by key, by certificate, or by Sigstore identity. */
export function functionariesOf(
  evidence: Evidence,
  set: FunctionarySet,
  authorities: Authorities,
  trust: SigningTrust,
): Authorized {
  const { envelope } = evidence;
  const refusals: StemmaError[] = [];
  const attempt = (work: () => Functionary | undefined): Functionary[] => {
    try {
      const found = work();
      return found === undefined ? [] : [found];
    } catch (error) {
      if (!(error instanceof StemmaError)) throw error;
      refusals.push(error);
      return [];
    }
  };
  const verify: Verify = (signature, key) => evidence.isSignedBy(signature, key);
  const byKey = [...signersByKey(envelope, set.keys, verify, trust.limits).values()];
  const byCertificate =
    set.constraints.length === 0
      ? []
      : envelope.signatures
          .filter(({ certificate }) => certificate !== undefined)
          .slice(0, trust.limits.certificates)
          .flatMap((signature) =>
            attempt(() => byConstraint(evidence, signature, set.constraints, authorities, trust.time)),
          );
  const byIdentity =
    set.identities.size > 0 && envelope.bundle ? attempt(() => keylessFunctionary(evidence, set, trust)) : [];
  return { functionaries: [...byKey, ...byCertificate, ...byIdentity], refusals };
}

/**
 * A functionary by certificate: the chain must end in a root of the layout and hold at the time, one of the step's
 * constraints must be met under the root that anchored it, and the signature must be the certificate's key's.
 */
function byConstraint(
  evidence: Evidence,
  signature: EnvelopeSignature,
  constraints: readonly CertificateConstraint[],
  authorities: Authorities,
  time: Date,
): Functionary | undefined {
  if (signature.certificate === undefined) return undefined;
  const { certificate, anchors } = evidence.anchored(signature, signature.certificate, authorities, time);
  const name = certificate.subject;
  if (anchors.length === 0) {
    throw new InTotoError(
      "certificate_not_trusted",
      `The certificate of ${quote(name)} leads to no root of the layout that holds at ${momentText(time)}.`,
    );
  }
  const unmet = constraints.map((constraint) => unmetConstraint(constraint, certificate, anchors));
  const [first] = unmet;
  if (unmet.every((one) => one !== undefined) && first !== undefined) {
    throw new InTotoError(
      "certificate_constraint_unmet",
      `The certificate of ${quote(name)} meets no constraint of the step: its ${first.attribute} should be ${first.expected} and is ${first.found}.`,
    );
  }
  const { publicKey } = certificate;
  if (!evidence.isSignedBy(signature, publicKey)) {
    throw new InTotoError(
      "bad_signature",
      `A signature comes with the certificate of ${quote(name)}, but its key did not make it.`,
    );
  }
  const { keyId, fingerprint } = publicKey;
  return { kind: "certificate", keyId, fingerprint, name, anchors };
}

/** A functionary by Sigstore identity; issuer and identity are compared letter by letter (N-35). */
function keylessFunctionary(
  evidence: Evidence,
  set: FunctionarySet,
  { keyless }: SigningTrust,
): Functionary | undefined {
  if (keyless === undefined) {
    throw new InTotoError(
      "trusted_root_missing",
      "The evidence is a Sigstore bundle, and neither the project nor the trust domain publishes a trusted_root.json to verify it with.",
    );
  }
  const { issuer, identity } = evidence.keylessSigner(keyless);
  for (const [keyId, one] of set.identities) {
    if (one.issuer !== issuer || one.identity !== identity) continue;
    return { kind: "sigstore", keyId, fingerprint: one.fingerprint, name: identity, issuer };
  }
  const [wanted] = set.identities.values();
  throw new InTotoError(
    "functionary_not_authorized",
    `The bundle is signed by ${quote(identity)} of ${quote(issuer)}; expected ${wanted === undefined ? "nobody" : `${quote(wanted.identity)} of ${quote(wanted.issuer)}`}${set.identities.size > 1 ? " or another identity of the layout" : ""}.`,
  );
}
