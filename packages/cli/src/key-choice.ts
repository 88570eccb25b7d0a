import { stat } from "node:fs/promises";
import { isKeyIdOf, type KeyId, type PublicKey } from "@stemma/crypto";
import type { Role, RoleKeys } from "@stemma/tuf";
import { CliError } from "./error.ts";
import { readPublicKeyFile } from "./keys.ts";

/** How the keys of one role change. */
export interface KeyEdit {
  /** Files of public keys. */
  readonly add?: readonly string[] | undefined;
  /** Key ids, or files of public keys. */
  readonly remove?: readonly string[] | undefined;
  readonly threshold?: number | undefined;
}

/** The keys of a role, for writing it again. Throws `unknown_key` for one that cannot be read. */
export function roleKeys(role: Role, keys: ReadonlyMap<KeyId, PublicKey>): RoleKeys {
  return {
    threshold: role.threshold,
    keys: role.keyIds.map((id) => {
      const key = keys.get(id);
      if (key === undefined)
        throw new CliError("unknown_key", `The key ${id} cannot be read, so it cannot be written again.`);
      return key;
    }),
  };
}

/** Applies an edit. Throws `unknown_key` for a key to remove that the role does not have, `usage` for the rest. */
export async function editKeys(name: string, before: RoleKeys, edit: KeyEdit): Promise<RoleKeys> {
  let keys = [...before.keys];
  for (const text of edit.remove ?? []) {
    const wanted = await keyIdOf(text);
    const kept = keys.filter((key) => !isKeyIdOf(wanted, key));
    if (kept.length === keys.length) throw new CliError("unknown_key", `${name} has no key ${text}.`);
    keys = kept;
  }
  for (const path of edit.add ?? []) {
    const key = await readPublicKeyFile(path);
    if (keys.some((other) => other.fingerprint === key.fingerprint)) {
      throw new CliError("usage", `${path} may sign ${name} already.`);
    }
    keys.push(key);
  }
  const threshold = edit.threshold ?? before.threshold;
  if (threshold > keys.length) {
    throw new CliError("usage", `${name} would need ${threshold} signatures and have ${keys.length} keys.`);
  }
  return { keys, threshold };
}

/** A file's key id where the text names a file, else the text itself. */
async function keyIdOf(text: string): Promise<string> {
  if (await stat(text).catch(() => undefined)) return (await readPublicKeyFile(text)).keyId;
  return text;
}
