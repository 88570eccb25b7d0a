import { parseDigest, type Sha256Hex, StemmaError } from "@stemma/encoding";
import { readRecord } from "@stemma/lineage";
import type { TargetFile, Targets } from "@stemma/tuf";
import { isTargetFile } from "../bundle/names.ts";
import { targetName } from "../source.ts";

/** A file that a role lists: a target file by its path, or evidence by its digest. */
export interface MirrorFile {
  readonly kind: "target" | "evidence";
  /** Of target files. */
  readonly path: string | undefined;
  readonly sha256: Sha256Hex;
  /** Bytes. */
  readonly length: number;
}

export interface ListedFiles {
  /** Each once, in the order of the metadata. */
  readonly files: readonly MirrorFile[];
  /** Records that cannot be read, and files that no folder can hold: clients deny them, and nobody knows what belongs to them. */
  readonly unreadable: number;
}

const RECORD = /^(sha256|sha512)\/([0-9a-f]+)$/;

/** What a client may ask for because of a role: its target files, and the evidence and contents of its records. */
export function filesOf({ targets }: Targets): ListedFiles {
  const files = new Map<string, MirrorFile>();
  let unreadable = 0;
  for (const [path, target] of targets) {
    const listed = RECORD.test(path) ? recordFiles(path, target) : targetFile(path, target);
    if (listed === undefined) unreadable += 1;
    for (const file of listed ?? []) files.set(`${file.kind}\n${file.path ?? ""}\n${file.sha256}`, file);
  }
  return { files: [...files.values()], unreadable };
}

/**
 * Target files are named by their sha256; one without is to be had by nobody. A path is whatever the role's signers wrote: one
 * that would lead out of the mirror's folder has no place in it (N-27).
 */
function targetFile(path: string, { length, hashes }: TargetFile): readonly MirrorFile[] | undefined {
  const sha256 = hashes.get("sha256") as Sha256Hex | undefined;
  if (sha256 === undefined || !isTargetFile(targetName(path, sha256), sha256)) return undefined;
  return [{ kind: "target", path, sha256, length }];
}

function recordFiles(path: string, target: TargetFile): readonly MirrorFile[] | undefined {
  try {
    const { evidence, contents = [] } = readRecord(parseDigest(path.replace("/", ":")), target);
    return [...evidence, ...contents].map(({ sha256, length }) => ({
      kind: "evidence",
      path: undefined,
      sha256,
      length,
    }));
  } catch (error) {
    if (error instanceof StemmaError) return undefined;
    throw error;
  }
}
