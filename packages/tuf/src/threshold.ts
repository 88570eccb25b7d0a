import { countSigners, type KeyId, type PublicKey } from "@stemma/crypto";
import { TufError } from "./error.ts";
import type { Metadata, Role } from "./model.ts";

/**
 * Checks that enough distinct public keys of a role signed a document (TUF 4.2.1, 5.3.4, 5.4.2, 5.5.3, 5.6.3). Key ids
 * are labels that the metadata's author chose, so they are never counted (N-01, N-02).
 *
 * Throws `threshold_not_met`, or `invalid_threshold` when no set of signatures could ever meet it.
 */
export function checkThreshold(
  metadata: Metadata,
  name: string,
  role: Role,
  keys: ReadonlyMap<KeyId, PublicKey>,
): void {
  const what = JSON.stringify(name.slice(0, 80));
  if (role.threshold > role.keyIds.length) {
    throw new TufError(
      "invalid_threshold",
      `The role ${what} needs ${role.threshold} signatures but has ${role.keyIds.length} keys.`,
    );
  }
  const signers = countSigners(metadata.signedBytes, metadata.signatures, keysOf(role, keys));
  if (signers.size < role.threshold) {
    throw new TufError(
      "threshold_not_met",
      `The metadata of ${what} is signed by ${signers.size} of its keys; ${role.threshold} are needed.`,
    );
  }
}

/** The usable keys of one role. */
export function keysOf(role: Role, keys: ReadonlyMap<KeyId, PublicKey>): ReadonlyMap<KeyId, PublicKey> {
  const own = new Map<KeyId, PublicKey>();
  for (const id of role.keyIds) {
    const key = keys.get(id);
    if (key !== undefined) own.set(id, key);
  }
  return own;
}
