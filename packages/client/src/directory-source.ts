import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Sha256Hex } from "@stemma/encoding";
import { isTargetFile } from "./bundle/names.ts";
import { ClientError } from "./error.ts";
import { metadataName, type Source, targetName } from "./source.ts";

/**
 * A folder that mirrors a trust domain as its repository serves it: `metadata/`, `targets/` and `evidence/`.
 * What a plain file copy of a mirror leaves behind is enough. Another trust domain lies in `foreign/`, under the sha256 of
 * its pinned root; its evidence may lie with that of the first.
 */
export function directorySource(folder: string): Source {
  return domainSource(folder, [folder]);
}

function domainSource(folder: string, withEvidence: readonly string[]): Source {
  return {
    metadata: (role, version, maxLength) =>
      readBounded(join(folder, "metadata", metadataName(role, version)), maxLength),
    target: async (path, sha256, length) => {
      const name = targetName(path, sha256);
      return isTargetFile(name, sha256) ? readBounded(join(folder, "targets", name), length) : undefined;
    },
    evidence: async (wanted, maxLength) => {
      const found = new Map<Sha256Hex, Uint8Array>();
      for (const sha256 of wanted) {
        for (const place of withEvidence) {
          const bytes = found.has(sha256)
            ? undefined
            : await readBounded(join(place, "evidence", sha256), maxLength);
          if (bytes !== undefined) found.set(sha256, bytes);
        }
      }
      return found;
    },
    foreign: ({ root }) => {
      const other = join(withEvidence[0] ?? folder, "foreign", root);
      return domainSource(other, [withEvidence[0] ?? folder, other]);
    },
  };
}

/**
 * Reads a regular file of at most `maxLength` bytes; undefined when there is none. A symbolic link is not followed:
 * names come from metadata, and a folder that somebody else wrote must not lead out of itself (N-27).
 */
export async function readBounded(path: string, maxLength: number): Promise<Uint8Array | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    // Without waiting: a pipe would be opened when somebody writes to it, and perhaps never.
    file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new ClientError("source_unreachable", `${path} cannot be read: ${code}.`, { cause: error });
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new ClientError("source_unreachable", `${path} is no regular file.`);
    const { size } = found;
    if (size > maxLength) {
      throw new ClientError("source_too_large", `${path} has ${size} bytes; at most ${maxLength} are read.`);
    }
    return await file.readFile();
  } catch (error) {
    if (error instanceof ClientError) throw error;
    throw new ClientError("source_unreachable", `${path} cannot be read.`, { cause: error });
  } finally {
    await file.close();
  }
}
