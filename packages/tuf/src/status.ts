import type { KeyFingerprint, KeyId, PublicKey, SignatureEntry } from "@stemma/crypto";
import type { Role } from "./model.ts";

/** Where a threshold stands while signatures are being collected. */
export interface SignatureStatus {
  readonly met: boolean;
  readonly threshold: number;
  /** Key ids of the role that validly signed, one for each distinct public key. */
  readonly signed: readonly KeyId[];
  /** Key ids of the role whose signature is still wanted. Keys that signed under another id are not among them. */
  readonly missing: readonly KeyId[];
  /** Key ids of the role whose signature does not verify, or whose key cannot be used. */
  readonly invalid: readonly KeyId[];
  /** Key ids that signed and do not belong to the role. They neither help nor harm. */
  readonly foreign: readonly KeyId[];
}

/** Who of a role has validly signed a message, and who has still to (TUF 4.2.1, 6.1). Counts as `checkThreshold` does. */
export function signatureStatus(
  message: Uint8Array,
  signatures: readonly SignatureEntry[],
  role: Role,
  keys: ReadonlyMap<KeyId, PublicKey>,
): SignatureStatus {
  const own = new Set(role.keyIds);
  const signed: KeyId[] = [];
  const invalid: KeyId[] = [];
  const foreign: KeyId[] = [];
  const signers = new Set<KeyFingerprint>();
  for (const { keyId, signature } of signatures) {
    if (!own.has(keyId)) {
      foreign.push(keyId);
      continue;
    }
    const key = keys.get(keyId);
    if (key === undefined || !key.verify(message, signature)) {
      invalid.push(keyId);
    } else if (!signers.has(key.fingerprint)) {
      signers.add(key.fingerprint);
      signed.push(keyId);
    }
  }
  const missing = role.keyIds.filter((id) => {
    const key = keys.get(id);
    return key === undefined ? !signed.includes(id) : !signers.has(key.fingerprint);
  });
  return {
    met: role.threshold >= 1 && signers.size >= role.threshold,
    threshold: role.threshold,
    signed,
    missing,
    invalid,
    foreign,
  };
}
