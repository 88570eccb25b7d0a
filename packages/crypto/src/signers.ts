import type { KeyFingerprint, KeyId } from "./key-id.ts";
import type { PublicKey } from "./public-key.ts";

/** One signature of an envelope, with the key id that it claims. */
export interface SignatureEntry {
  readonly keyId: KeyId;
  readonly signature: Uint8Array;
  /** The PEM certificate that an in-toto signature comes with. */
  readonly certificate?: string;
}

/**
 * Who validly signed a message, out of the keys that may: the public keys by fingerprint, each with the key id under
 * which it signed. The size of the answer is what a threshold is compared with (TUF 4.2, in-toto 4.4): one public key
 * under two key ids, or two signatures of one key, count once (N-01, N-02).
 *
 * @param keys the keys allowed to sign, and no others, by the key id of the metadata
 */
export function countSigners(
  message: Uint8Array,
  signatures: readonly SignatureEntry[],
  keys: ReadonlyMap<KeyId, PublicKey>,
): ReadonlyMap<KeyFingerprint, KeyId> {
  const signers = new Map<KeyFingerprint, KeyId>();
  for (const { keyId, signature } of signatures) {
    const key = keys.get(keyId);
    if (key === undefined || signers.has(key.fingerprint)) continue;
    if (key.verify(message, signature)) signers.set(key.fingerprint, keyId);
  }
  return signers;
}
