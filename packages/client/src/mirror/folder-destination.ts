import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { sha256 } from "@stemma/crypto";
import { equalBytes } from "@stemma/encoding";
import { readBounded } from "../directory-source.ts";
import { ClientError } from "../error.ts";
import { writeAtomically } from "../file-cache.ts";
import { metadataName, targetName } from "../source.ts";
import type { MirrorFile } from "./files.ts";
import type { MirrorDestination } from "./mirror.ts";

/**
 * A folder in the form that `directorySource` reads, for any web server. Every file is written beside its place and then moved there,
 * and may be read by everybody. Throws `mirror_unwritable`.
 */
export function folderDestination(folder: string): MirrorDestination {
  const put = async (path: string, bytes: Uint8Array): Promise<void> => {
    const file = join(folder, path);
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeAtomically(dirname(file), basename(file), bytes, 0o644);
    } catch (error) {
      throw new ClientError("mirror_unwritable", `${file} cannot be written: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
  /** What cannot be read, or is not what it should be, is written again. */
  const read = async (path: string, length: number): Promise<Uint8Array | undefined> => {
    try {
      return await readBounded(join(folder, path), length);
    } catch (error) {
      if (error instanceof ClientError) return undefined;
      throw error;
    }
  };
  return {
    source: {
      metadata: (role, version, maxLength) => read(join("metadata", metadataName(role, version)), maxLength),
    },
    hasFile: async (file) => {
      const bytes = await read(pathOf(file), file.length);
      return bytes !== undefined && bytes.length === file.length && sha256(bytes) === file.sha256;
    },
    putFile: (file, bytes) => put(pathOf(file), bytes),
    putMetadata: async (role, version, bytes) => {
      const path = join("metadata", metadataName(role, version));
      const before = await read(path, bytes.length);
      if (before === undefined || !equalBytes(before, bytes)) await put(path, bytes);
    },
  };
}

function pathOf({ path, sha256: digest }: MirrorFile): string {
  return path === undefined ? join("evidence", digest) : join("targets", targetName(path, digest));
}
