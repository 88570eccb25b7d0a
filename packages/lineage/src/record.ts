import {
  asArray,
  asInteger,
  asObject,
  asSha256Hex,
  asString,
  compareCodePoints,
  type Digest,
  digestParts,
  type JsonObject,
  type JsonValue,
  jsonObject,
  member,
  parseDigest,
  type Sha256Hex,
} from "@stemma/encoding";
import type { TargetFile } from "@stemma/tuf";
import { LineageError } from "./error.ts";
import { asProjectName } from "./project.ts";

/** Evidence of an artifact by the sha256 of its exact bytes. */
export interface EvidenceEntry {
  readonly sha256: Sha256Hex;
  /** Bytes. */
  readonly length: number;
}

/**
 * What the trust domain says of an artifact: an OCI descriptor signed by TUF, the projects it claims, and the
 * complete set of its evidence. Completeness is the point: a store that withholds an item is caught.
 */
export interface ArtifactRecord {
  readonly digest: Digest;
  /** Bytes of the artifact itself. */
  readonly size: number;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly projects: readonly string[];
  /** Sorted by sha256, without duplicates. */
  readonly evidence: readonly EvidenceEntry[];
  /**
   * Manifests, indexes and configurations by which its lineage can be followed, beside the evidence. What they say is certain
   * by their digests, which lead from the artifact to them; absent where there are none.
   */
  readonly contents?: readonly EvidenceEntry[];
  /** Indexes that list it: where to look. Whether they do is for their bytes to say. */
  readonly indexes?: readonly Digest[];
}

/** Evidence of one artifact that is considered; more denies instead of being cut off silently. */
export const MAX_EVIDENCE = 256;
/** Contents of one artifact: an index of a hundred platforms has a manifest and a configuration for each. */
export const MAX_CONTENTS = 256;
/** Indexes that a record points to. */
export const MAX_INDEXES = 16;
/** Bytes of one item of evidence, and of one of the contents. */
export const MAX_EVIDENCE_BYTES = 4 * 1024 * 1024;
const MAX_PROJECTS = 32;
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/** The TUF target (TUF 4.5) that carries a record; its path is `recordPath(record.digest)`. */
export function recordTarget(record: ArtifactRecord): {
  length: number;
  hashes: ReadonlyMap<string, string>;
  custom: JsonObject;
} {
  const { algorithm, hex } = digestParts(record.digest);
  return {
    length: record.size,
    hashes: new Map([[algorithm, hex]]),
    custom: jsonObject({
      stemma: jsonObject({
        artifactType: record.artifactType,
        contents: record.contents?.map(entryObject),
        evidence: record.evidence.map(entryObject),
        indexes: record.indexes,
        mediaType: record.mediaType,
        projects: record.projects,
      }),
    }),
  };
}

function entryObject({ length, sha256 }: EvidenceEntry): JsonObject {
  return jsonObject({ length, sha256 });
}

/**
 * Reads the record of a digest from its TUF target. The target's own hash must be the digest that was asked about:
 * the digest comes from the caller, never from the metadata. Throws `bad_record`, `too_much_evidence` or EncodingError.
 */
export function readRecord(digest: Digest, target: TargetFile): ArtifactRecord {
  const { algorithm, hex } = digestParts(digest);
  if (target.hashes.get(algorithm) !== hex) {
    throw new LineageError("bad_record", `The record at ${algorithm}/${hex} is about another artifact.`);
  }
  const custom = asObject(target.custom?.get("stemma"), "custom.stemma");
  const contents = custom.get("contents");
  const indexes = custom.get("indexes");
  const artifactType = custom.get("artifactType");
  return checkRecord({
    digest,
    size: target.length,
    mediaType: asString(member(custom, "mediaType", "custom.stemma"), "custom.stemma.mediaType"),
    artifactType:
      artifactType === undefined ? undefined : asString(artifactType, "custom.stemma.artifactType"),
    projects: asArray(member(custom, "projects", "custom.stemma"), "custom.stemma.projects").map((item) =>
      asString(item, "custom.stemma.projects"),
    ),
    evidence: readEntries(
      member(custom, "evidence", "custom.stemma"),
      "custom.stemma.evidence",
      MAX_EVIDENCE,
    ),
    ...(contents === undefined
      ? {}
      : { contents: readEntries(contents, "custom.stemma.contents", MAX_CONTENTS) }),
    ...(indexes === undefined ? {} : { indexes: readDigests(indexes, "custom.stemma.indexes") }),
  });
}

function readEntries(value: JsonValue, where: string, limit: number): readonly EvidenceEntry[] {
  const list = asArray(value, where);
  if (list.length > limit) {
    throw new LineageError(
      "too_much_evidence",
      `${where} lists ${list.length} items; at most ${limit} are considered.`,
    );
  }
  return list.map((item, index) => {
    const at = `${where}[${index}]`;
    const entry = asObject(item, at);
    return {
      sha256: asSha256Hex(asString(member(entry, "sha256", at), at), at),
      length: asInteger(member(entry, "length", at), `${at}.length`),
    };
  });
}

function readDigests(value: JsonValue, where: string): readonly Digest[] {
  const list = asArray(value, where);
  checkIndexes(list.length);
  return list.map((item, index) => parseDigest(asString(item, `${where}[${index}]`)));
}

function checkIndexes(count: number): void {
  if (count <= MAX_INDEXES) return;
  throw new LineageError("bad_record", `A record points to at most ${MAX_INDEXES} indexes.`);
}

/** Brings a record to its one form: projects and evidence sorted, without duplicates. Throws as `readRecord`. */
export function checkRecord(record: ArtifactRecord): ArtifactRecord {
  for (const type of [record.mediaType, record.artifactType ?? record.mediaType]) {
    if (!MEDIA_TYPE.test(type))
      throw new LineageError("bad_record", "A media type has the form type/subtype.");
  }
  if (!Number.isSafeInteger(record.size) || record.size < 0) {
    throw new LineageError("bad_record", "The size of an artifact is a number of bytes.");
  }
  const projects = [...new Set(record.projects)].map(asProjectName).sort(compareCodePoints);
  if (projects.length === 0 || projects.length > MAX_PROJECTS) {
    throw new LineageError("bad_record", `A record claims 1 to ${MAX_PROJECTS} projects.`);
  }
  const { contents, indexes, ...rest } = record;
  return {
    ...rest,
    projects,
    evidence: inOrder(record.evidence, MAX_EVIDENCE),
    ...present("contents", inOrder(contents ?? [], MAX_CONTENTS)),
    ...present("indexes", otherDigests(record.digest, indexes ?? [])),
  };
}

/** A list that is empty is left out: a record without lineage is what it was before there was any. */
function present<K extends string, T>(name: K, list: readonly T[]): { readonly [name in K]?: readonly T[] } {
  return list.length === 0 ? {} : ({ [name]: list } as { readonly [name in K]: readonly T[] });
}

function inOrder(list: readonly EvidenceEntry[], limit: number): readonly EvidenceEntry[] {
  const items = new Map<Sha256Hex, EvidenceEntry>();
  for (const item of list) {
    const before = items.get(item.sha256);
    if (!Number.isSafeInteger(item.length) || item.length < 1 || item.length > MAX_EVIDENCE_BYTES) {
      throw new LineageError("bad_record", `An item of evidence has 1 to ${MAX_EVIDENCE_BYTES} bytes.`);
    }
    if (before !== undefined && before.length !== item.length) {
      throw new LineageError("conflicting_record", `Two lengths are given for the evidence ${item.sha256}.`);
    }
    items.set(item.sha256, item);
  }
  if (items.size > limit) {
    throw new LineageError(
      "too_much_evidence",
      `An artifact has at most ${limit} items of evidence, and of contents.`,
    );
  }
  return [...items.values()].sort((a, b) => compareCodePoints(a.sha256, b.sha256));
}

/** An index that lists itself cannot be; one that a record points to is another artifact. */
function otherDigests(digest: Digest, list: readonly Digest[]): readonly Digest[] {
  const others = [...new Set(list)].filter((one) => one !== digest).sort(compareCodePoints);
  checkIndexes(others.length);
  return others;
}

/**
 * The union of two records of one artifact: evidence and projects are only ever added. Throws `conflicting_record`
 * when they disagree on what the artifact is, `too_much_evidence` when the union is too large.
 */
export function mergeRecords(a: ArtifactRecord, b: ArtifactRecord): ArtifactRecord {
  if (
    a.digest !== b.digest ||
    a.size !== b.size ||
    a.mediaType !== b.mediaType ||
    a.artifactType !== b.artifactType
  ) {
    throw new LineageError(
      "conflicting_record",
      `The record of ${a.digest} says ${a.mediaType}, ${a.size} bytes; the new one says ${b.mediaType}, ${b.size} bytes.`,
    );
  }
  return checkRecord({
    ...a,
    projects: [...a.projects, ...b.projects],
    evidence: [...a.evidence, ...b.evidence],
    contents: [...(a.contents ?? []), ...(b.contents ?? [])],
    indexes: [...(a.indexes ?? []), ...(b.indexes ?? [])],
  });
}

/** Whether a union is what it was before: one that is no larger than one of its parts is that part. */
export function addsNothing(before: ArtifactRecord, merged: ArtifactRecord): boolean {
  return LISTS.every((list) => (before[list]?.length ?? 0) === (merged[list]?.length ?? 0));
}

const LISTS = ["projects", "evidence", "contents", "indexes"] as const;
