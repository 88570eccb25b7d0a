import type { KeyId, PublicKey, Signer } from "@stemma/crypto";
import { keysOf, type Role } from "@stemma/tuf";
import { SignerError } from "./error.ts";

/** Keys and threshold that the trusted metadata gives an online role. */
export interface OnlineRole {
  readonly name: string;
  readonly role: Role;
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
}

/** Our signers for a role, matched by public key. Throws `online_key_missing` when they are too few. */
export function signersFor({ name, role, keys }: OnlineRole, signers: readonly Signer[]): readonly Signer[] {
  const wanted = new Set([...keysOf(role, keys).values()].map(({ fingerprint }) => fingerprint));
  const chosen = signers.filter(({ publicKey }) => wanted.has(publicKey.fingerprint));
  if (chosen.length < role.threshold) {
    throw new SignerError(
      "online_key_missing",
      `The role ${name} needs signatures by ${role.threshold} of its keys; this signer holds ${chosen.length} of them.`,
    );
  }
  return chosen;
}
