import { asObject, asString, type JsonObject, type JsonValue } from "@stemma/encoding";
import { InTotoError } from "./error.ts";
import { checkLimit, type InTotoLimits } from "./limits.ts";
import { checkArtifactName, quote } from "./names.ts";

/** What a link says an artifact hashes to: hex by algorithm. */
export type ArtifactDigests = ReadonlyMap<string, string>;

/** The materials or the products of a link (in-toto 4.4), by artifact name. */
export type Artifacts = ReadonlyMap<string, ArtifactDigests>;

/** Lengths in hex digits of algorithms that are known; their values must be lower-case hex of that length. */
const LENGTHS: ReadonlyMap<string, number> = new Map([
  ["md5", 32],
  ["sha1", 40],
  ["sha224", 56],
  ["sha256", 64],
  ["sha384", 96],
  ["sha512", 128],
]);
const BROKEN: ReadonlySet<string> = new Set(["md4", "md5", "sha1", "ripemd160"]);
const HEX = /^[0-9a-f]*$/;
const ALGORITHM = /^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}$/;
const OTHER_VALUE = /^[\x21-\x7e]{1,512}$/;

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
    checkDigests(digests, name, where, limits);
  }
  // Every member was checked to be a map of strings; the parser's own maps are kept, so nothing is copied.
  return artifacts as Artifacts;
}

function checkDigests(value: JsonValue, name: string, where: string, limits: InTotoLimits): void {
  // Made for messages only: links have thousands of artifacts, and nearly all of them are sound.
  const at = (): string => `${where}[${quote(name)}]`;
  const digests = value instanceof Map ? (value as JsonObject) : asObject(value, at());
  if (digests.size > limits.digestsPerArtifact) {
    checkLimit(digests.size, limits.digestsPerArtifact, at(), "digests");
  }
  let strong = false;
  for (const [algorithm, item] of digests) {
    const digest = typeof item === "string" ? item : asString(item, at());
    const length = LENGTHS.get(algorithm);
    const valid =
      length === undefined
        ? ALGORITHM.test(algorithm) && OTHER_VALUE.test(digest)
        : digest.length === length && HEX.test(digest);
    if (!valid) {
      throw new InTotoError(
        "bad_artifact_digest",
        `${at()} has the digest ${quote(`${algorithm}:${digest}`)}, which is not in the form of that algorithm.`,
      );
    }
    if (!BROKEN.has(algorithm)) strong = true;
  }
  if (!strong) {
    throw new InTotoError(
      "weak_artifact_digest",
      `${at()} has no digest of an unbroken algorithm, such as sha256.`,
    );
  }
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
