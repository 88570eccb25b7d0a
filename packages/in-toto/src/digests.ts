import { asObject, asString, type JsonObject, type JsonValue } from "@stemma/encoding";
import type { ArtifactDigests } from "./artifacts.ts";
import { InTotoError } from "./error.ts";
import { checkLimit, type InTotoLimits } from "./limits.ts";
import { quote } from "./names.ts";

/** Lengths in hex digits of algorithms that are known; their values must be lower-case hex of such a length. */
const LENGTHS: ReadonlyMap<string, readonly number[]> = new Map([
  ["md5", [32]],
  ["sha1", [40]],
  ["sha224", [56]],
  ["sha256", [64]],
  ["sha384", [96]],
  ["sha512", [128]],
  // Ids of git objects, made by SHA-1 or by SHA-256 (in-toto attestation 1.1, DigestSet).
  ["gitCommit", [40, 64]],
  ["gitTree", [40, 64]],
  ["gitBlob", [40, 64]],
  ["gitTag", [40, 64]],
]);
const GIT = /^git(?:Commit|Tree|Blob|Tag)$/;
const SHA1_LENGTH = 40;
/** Hashes that collide, and checksums, which were never meant to tell apart. Stores of objects record both. */
const BROKEN = /^(?:md[245]|sha[01]?|ripemd(?:128|160)|(?:crc|adler|fletcher|fnv|xxh|murmur|cityhash).*)$/;
const HEX = /^[0-9a-f]*$/;
const ALGORITHM = /^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}$/;
const OTHER_VALUE = /^[\x21-\x7e]{1,512}$/;

/**
 * Checks what a link or a statement gives as the digests of one artifact (in-toto 4.4; in-toto attestation 1.1,
 * DigestSet): an object of texts, in the form of their algorithms. Says nothing about their strength.
 *
 * @param at names the place for people; called for messages only, because nearly all digests are sound
 *
 * Throws `bad_artifact_digest`, `limit_exceeded`, and EncodingError for its shape.
 */
export function readDigests(value: JsonValue, at: () => string, limits: InTotoLimits): ArtifactDigests {
  const digests = value instanceof Map ? (value as JsonObject) : asObject(value, at());
  if (digests.size > limits.digestsPerArtifact) {
    checkLimit(digests.size, limits.digestsPerArtifact, at(), "digests");
  }
  for (const [algorithm, item] of digests) {
    const digest = typeof item === "string" ? item : asString(item, at());
    const lengths = LENGTHS.get(algorithm);
    const valid =
      lengths === undefined
        ? ALGORITHM.test(algorithm) && OTHER_VALUE.test(digest)
        : lengths.includes(digest.length) && HEX.test(digest);
    if (!valid) {
      throw new InTotoError(
        "bad_artifact_digest",
        `${at()} has the digest ${quote(`${algorithm}:${digest}`)}, which is not in the form of that algorithm.`,
      );
    }
  }
  // Every member was checked to be text; the parser's own map is kept, so nothing is copied.
  return digests as ArtifactDigests;
}

/** Checks that an artifact can be told from any other. Throws `weak_artifact_digest`. */
export function requireUnbroken(digests: ArtifactDigests, at: () => string): void {
  if (hasUnbroken(digests)) return;
  throw new InTotoError(
    "weak_artifact_digest",
    `${at()} has no digest of an unbroken algorithm, such as sha256.`,
  );
}

/** Whether one of the digests is of an algorithm that nobody can make a second artifact for. */
export function hasUnbroken(digests: ArtifactDigests): boolean {
  for (const algorithm of digests.keys()) if (!isBroken(algorithm)) return true;
  return false;
}

/** Whether second artifacts with the same digest can be made. Other spellings of a name, as `SHA-1`, hide nothing. */
function isBroken(algorithm: string): boolean {
  return BROKEN.test(algorithm.toLowerCase().replace(/[-_]/g, ""));
}

/** Whether a digest alone tells an artifact from all others. A git object's id of 40 digits is SHA-1. */
function isStrong(algorithm: string, digest: string): boolean {
  return !isBroken(algorithm) && !(GIT.test(algorithm) && digest.length === SHA1_LENGTH);
}

/** The digests that artifacts can agree on (`agreeOnDigest`), as `algorithm:hex`. */
export function strongDigests(digests: ArtifactDigests): readonly string[] {
  return [...digests]
    .filter(([algorithm, digest]) => isStrong(algorithm, digest))
    .map(([algorithm, digest]) => `${algorithm}:${digest}`);
}

/**
 * Whether two descriptions are of one artifact: they share a strong digest, and no strong digest that both have
 * differs.
 *
 * The specification is content when any acceptable digest matches (in-toto attestation 1.1, DigestSet). Here none may
 * contradict it either: sha1 equal and sha256 different are two artifacts (GHSA-pgpm-j729-qcvh, N-34).
 */
export function agreeOnDigest(a: ArtifactDigests, b: ArtifactDigests): boolean {
  let agreed = false;
  for (const [algorithm, digest] of a) {
    const other = b.get(algorithm);
    if (other === undefined || !isStrong(algorithm, digest) || !isStrong(algorithm, other)) continue;
    if (digest !== other) return false;
    agreed = true;
  }
  return agreed;
}

/** The first digest of an unbroken algorithm, in the order of names, or else the first, as `algorithm:hex`. */
export function digestLabel(digests: ArtifactDigests): string | undefined {
  const algorithms = [...digests.keys()].sort();
  const algorithm = algorithms.find((name) => !isBroken(name)) ?? algorithms[0];
  return algorithm === undefined ? undefined : `${algorithm}:${digests.get(algorithm)}`;
}
