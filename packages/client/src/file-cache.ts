import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readBounded } from "./directory-source.ts";
import { ClientError } from "./error.ts";
import { type Cache, metadataName } from "./source.ts";

/**
 * A cache in a folder: `3.root.json` for every root version, `<role>.json` for the newest of every other role, which
 * are the names that TUF clients use. Holds verified metadata only, but is verified again when it is read: damage to
 * it costs a download and never trust. Another trust domain has a folder beside this one, called after its pinned root.
 */
export function fileCache(folder: string): Cache {
  const nameOf = (role: string, version: number | undefined): string =>
    metadataName(role, role === "root" ? version : undefined);
  return {
    load: async (role, version, maxLength) => {
      try {
        return await readBounded(join(folder, nameOf(role, version)), maxLength);
      } catch (error) {
        // Whatever cannot be read is not there: the source has it again.
        if (error instanceof ClientError) return undefined;
        throw error;
      }
    },
    keep: async (role, version, bytes) => {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeAtomically(folder, nameOf(role, version), bytes);
      } catch (error) {
        throw new ClientError("cache_unusable", `The cache in ${folder} cannot be written.`, {
          cause: error,
        });
      }
    },
    foreign: ({ root }) => fileCache(join(dirname(folder), root)),
  };
}

/** Writes a file so that readers and crashes see the old bytes or the new, never a mixture. Only its owner may read it unless told. */
export async function writeAtomically(
  folder: string,
  name: string,
  bytes: Uint8Array,
  mode = 0o600,
): Promise<void> {
  const temporary = join(folder, `.${name}.${randomBytes(6).toString("hex")}`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(folder, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  // The rename itself is durable only once the folder is; Windows has no such call.
  if (process.platform !== "win32") {
    const directory = await open(folder, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}
