import { asArray, asObject, asString, type JsonObject, type JsonValue, member } from "@stemma/encoding";
import type { ArtifactDigests } from "./artifacts.ts";
import { hasUnbroken, readDigests, requireUnbroken } from "./digests.ts";
import { InTotoError } from "./error.ts";
import { checkLimit, DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { quote } from "./names.ts";

/** An artifact or a resource as a statement describes it (in-toto attestation 1.1, ResourceDescriptor). */
export interface ResourceDescriptor {
  /** What the producer calls it. Never a reason to trust: artifacts are told apart by digest. */
  readonly name: string | undefined;
  readonly uri: string | undefined;
  /** Empty when there is none. */
  readonly digest: ArtifactDigests;
}

/** What somebody states about artifacts (in-toto attestation 1.1, Statement). */
export interface Statement {
  readonly version: "v1" | "v0.1";
  /** The artifacts that it is about: at least one. */
  readonly subjects: readonly ResourceDescriptor[];
  /** What kind of predicate it is, compared letter by letter. */
  readonly predicateType: string;
  /** Empty when it was left out. */
  readonly predicate: JsonObject;
}

const VERSIONS: ReadonlyMap<string, Statement["version"]> = new Map([
  ["https://in-toto.io/Statement/v1", "v1"],
  ["https://in-toto.io/Statement/v0.1", "v0.1"],
]);
/** N-55: what sigstore-go came to after GHSA-cq38-jh5f-37mq. */
const MAX_SUBJECTS = 1024;
const MAX_TYPE_LENGTH = 512;
const TYPE_URI = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/;
const NOTHING: JsonObject = new Map();

/**
 * Reads the statement in a payload. Says nothing about its signatures, and nothing about its predicate but that it is
 * an object: `checkPredicate` does. Members that the format does not know are ignored, as it demands.
 *
 * Throws `bad_statement`, `bad_artifact_digest`, `weak_artifact_digest` for a subject that is not told apart from
 * others, `limit_exceeded`, and EncodingError for its shape.
 */
export function readStatement(payload: JsonObject, limits: InTotoLimits = DEFAULT_LIMITS): Statement {
  const type = asString(member(payload, "_type", "The statement"), "_type");
  const version = VERSIONS.get(type);
  if (version === undefined) {
    throw new InTotoError(
      "bad_statement",
      `The statement has the _type ${quote(type)}; only ${[...VERSIONS.keys()].join(" and ")} can be read.`,
    );
  }
  return {
    version,
    subjects: readSubjects(member(payload, "subject", "The statement"), limits),
    predicateType: readPredicateType(member(payload, "predicateType", "The statement")),
    predicate: asObject(payload.get("predicate") ?? NOTHING, "predicate"),
  };
}

function readSubjects(value: JsonValue, limits: InTotoLimits): readonly ResourceDescriptor[] {
  const list = asArray(value, "subject");
  checkLimit(list.length, MAX_SUBJECTS, "The statement", "subjects");
  if (list.length === 0) {
    throw new InTotoError("bad_statement", "The statement has no subject, so it is about nothing.");
  }
  const subjects = list.map((item, index) => {
    const where = `subject[${index}]`;
    const subject = readDescriptor(item, where, limits);
    if (subject.digest.size === 0) requireUnbroken(subject.digest, () => where);
    return subject;
  });
  // Beside such a subject, one known by a weak digest alone is carried: it agrees with nothing (`agreeOnDigest`).
  if (!subjects.some(({ digest }) => hasUnbroken(digest))) requireUnbroken(new Map(), () => "subject");
  return subjects;
}

function readPredicateType(value: JsonValue): string {
  const type = asString(value, "predicateType");
  if (type.length > MAX_TYPE_LENGTH || !TYPE_URI.test(type)) {
    throw new InTotoError(
      "bad_statement",
      `The predicateType is ${quote(type)}; it must be a URI with a scheme, of at most ${MAX_TYPE_LENGTH} ASCII characters.`,
    );
  }
  return type;
}

/**
 * Reads what a statement says of one artifact or resource. A text that is null or empty is unset, as protobuf writes
 * it. Throws `bad_artifact_digest`, `limit_exceeded`, and EncodingError for its shape.
 */
export function readDescriptor(value: JsonValue, where: string, limits: InTotoLimits): ResourceDescriptor {
  const descriptor = asObject(value, where);
  const text = (name: string): string | undefined => {
    const found = asString(descriptor.get(name) ?? "", `${where}.${name}`);
    checkLimit(found.length, limits.nameLength, `${where}.${name}`, "characters");
    return found === "" ? undefined : found;
  };
  const digest = descriptor.get("digest") ?? NOTHING;
  return {
    name: text("name"),
    uri: text("uri"),
    digest: readDigests(digest, () => `${where}.digest`, limits),
  };
}
