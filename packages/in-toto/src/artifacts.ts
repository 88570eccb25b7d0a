import { asObject, type JsonValue } from "@stemma/encoding";
import { readDigests, requireUnbroken } from "./digests.ts";
import type { InTotoLimits } from "./limits.ts";
import { checkArtifactName, quote } from "./names.ts";

/** What a link says an artifact hashes to: hex by algorithm. */
export type ArtifactDigests = ReadonlyMap<string, string>;

/** The materials or the products of a link (in-toto 4.4), by artifact name. */
export type Artifacts = ReadonlyMap<string, ArtifactDigests>;

/**
 * Reads materials or products. Every artifact has a name in normal form and at least one digest that nobody can find
 * a second artifact for: an artifact without one would equal any other without one.
 *
 * Throws `path_not_normal`, `bad_artifact_digest`, `weak_artifact_digest`, `limit_exceeded`.
 */
export function readArtifacts(value: JsonValue, where: string, limits: InTotoLimits): Artifacts {
  const artifacts = asObject(value, where);
  for (const [name, digests] of artifacts) {
    checkArtifactName(name, limits.nameLength, where);
    const at = (): string => `${where}[${quote(name)}]`;
    requireUnbroken(readDigests(digests, at, limits), at);
  }
  // Every member was checked to be a map of strings; the parser's own maps are kept, so nothing is copied.
  return artifacts as Artifacts;
}

/** Whether two artifacts are the same: every digest of the one is a digest of the other, and nothing is left over. */
export function sameDigests(a: ArtifactDigests, b: ArtifactDigests): boolean {
  if (a.size !== b.size) return false;
  for (const [algorithm, digest] of a) if (b.get(algorithm) !== digest) return false;
  return true;
}

/** The digests as `algorithm:hex`, in order. */
export function digestTexts(digests: ArtifactDigests): string[] {
  return [...digests].map(([algorithm, digest]) => `${algorithm}:${digest}`).sort();
}
