import { sha256, sha512 } from "@stemma/crypto";
import { TufError } from "./error.ts";
import type { MetaFile, TargetFile } from "./model.ts";

/**
 * Checks bytes against the digests that signed metadata lists for them (TUF 5.5.2, 5.6.2, 5.7.3): every digest that Stemma
 * knows must agree, and there must be one. Weak or unknown algorithms alone prove nothing (N-34).
 */
function checkDigests(bytes: Uint8Array, hashes: ReadonlyMap<string, string>, what: string): void {
  let strong = 0;
  for (const [algorithm, expected] of hashes) {
    const digest = DIGESTS.get(algorithm);
    if (digest === undefined) continue;
    strong += 1;
    if (digest(bytes) !== expected) {
      throw new TufError(
        "digest_mismatch",
        `${what} does not have the ${algorithm} that its metadata lists.`,
      );
    }
  }
  if (strong === 0) {
    throw new TufError("no_strong_digest", `${what} is listed with neither sha256 nor sha512.`);
  }
}

const DIGESTS: ReadonlyMap<string, (bytes: Uint8Array) => string> = new Map([
  ["sha256", sha256],
  ["sha512", sha512],
]);

/** Whether a digest of an algorithm that Stemma knows is listed. */
export function hasStrongDigest(hashes: ReadonlyMap<string, string>): boolean {
  return hashes.has("sha256") || hashes.has("sha512");
}

function checkLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) {
    throw new TufError("length_mismatch", `${what} has ${bytes.length} bytes; its metadata lists ${length}.`);
  }
}

/** Checks a metadata file against its entry in timestamp or snapshot; what the entry leaves out is not checked. */
export function checkMetaFile(bytes: Uint8Array, meta: MetaFile, what: string): void {
  if (meta.length !== undefined) checkLength(bytes, meta.length, what);
  if (meta.hashes !== undefined) checkDigests(bytes, meta.hashes, what);
}

/** Checks the bytes of a target file (TUF 5.7.3). Throws `length_mismatch`, `digest_mismatch` or `no_strong_digest`. */
export function verifyTargetFile(bytes: Uint8Array, target: TargetFile, path: string): void {
  const what = `The target ${JSON.stringify(path.slice(0, 120))}`;
  checkLength(bytes, target.length, what);
  checkDigests(bytes, target.hashes, what);
}

/**
 * The file name of a target below the targets URL (TUF 5.7.3, 6.2.2): with consistent snapshots the first listed digest
 * stands before the last segment.
 */
export function targetFileName(path: string, target: TargetFile, consistentSnapshot: boolean): string {
  if (!consistentSnapshot) return path;
  const [digest] = target.hashes.values();
  if (digest === undefined)
    throw new TufError("no_strong_digest", "The target is listed without any digest.");
  const slash = path.lastIndexOf("/") + 1;
  return `${path.slice(0, slash)}${digest}.${path.slice(slash)}`;
}
