import type { KeyFingerprint, KeyId, PublicKey } from "@stemma/crypto";
import type { Envelope } from "./envelope.ts";
import { DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";

/** Whoever signed: the key id as the metadata names the key, and the key's identity. */
export interface Functionary {
  readonly keyId: KeyId;
  readonly fingerprint: KeyFingerprint;
}

/**
 * Which of the given keys validly signed an envelope, by public key (in-toto 4.4, DSSE 1.0). One key under two key ids
 * counts once, and so do two signatures of one key.
 *
 * A key id in an envelope is a hint that nobody signed. It may be the metadata's own label, or either key id that can be
 * computed for the key. A DSSE signature without a hint is tried with every key, up to a limit.
 *
 * @param keys the keys allowed to sign, and no others
 */
export function signersOf(
  envelope: Pick<Envelope, "message" | "signatures">,
  keys: ReadonlyMap<KeyId, PublicKey>,
  limits: InTotoLimits = DEFAULT_LIMITS,
): readonly Functionary[] {
  const signers = new Map<KeyFingerprint, Functionary>();
  let checks = limits.unlabelledChecks;
  for (const { keyId: hint, signature } of envelope.signatures) {
    if (hint !== undefined) {
      const found = findKey(keys, hint);
      if (found === undefined || signers.has(found.key.fingerprint)) continue;
      if (found.key.verify(envelope.message, signature)) note(signers, found.keyId, found.key);
      continue;
    }
    for (const [keyId, key] of keys) {
      if (signers.has(key.fingerprint)) continue;
      if (checks === 0) break;
      checks -= 1;
      if (!key.verify(envelope.message, signature)) continue;
      note(signers, keyId, key);
      break;
    }
  }
  return [...signers.values()];
}

function note(signers: Map<KeyFingerprint, Functionary>, keyId: KeyId, key: PublicKey): void {
  signers.set(key.fingerprint, { keyId, fingerprint: key.fingerprint });
}

/** The key that a hint means: first by the metadata's label, then by the key ids of present and older in-toto. */
export function findKey(
  keys: ReadonlyMap<KeyId, PublicKey>,
  hint: KeyId,
): { readonly keyId: KeyId; readonly key: PublicKey } | undefined {
  const labelled = keys.get(hint);
  if (labelled !== undefined) return { keyId: hint, key: labelled };
  for (const [keyId, key] of keys) {
    if (key.keyId === hint || key.legacyKeyId === hint) return { keyId, key };
  }
  return undefined;
}
