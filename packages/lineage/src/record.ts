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
  jsonObject,
  member,
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
}

/** Evidence of one artifact that is considered; more denies instead of being cut off silently. */
export const MAX_EVIDENCE = 256;
/** Bytes of one item of evidence. */
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
        evidence: record.evidence.map((item) => jsonObject({ length: item.length, sha256: item.sha256 })),
        mediaType: record.mediaType,
        projects: record.projects,
      }),
    }),
  };
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
  const list = asArray(member(custom, "evidence", "custom.stemma"), "custom.stemma.evidence");
  if (list.length > MAX_EVIDENCE) {
    throw new LineageError(
      "too_much_evidence",
      `The record lists ${list.length} items of evidence; at most ${MAX_EVIDENCE} are considered.`,
    );
  }
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
    evidence: list.map((item, index) => {
      const where = `custom.stemma.evidence[${index}]`;
      const entry = asObject(item, where);
      return {
        sha256: asSha256Hex(asString(member(entry, "sha256", where), where), where),
        length: asInteger(member(entry, "length", where), `${where}.length`),
      };
    }),
  });
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
  const evidence = new Map<Sha256Hex, EvidenceEntry>();
  for (const item of record.evidence) {
    const before = evidence.get(item.sha256);
    if (!Number.isSafeInteger(item.length) || item.length < 1 || item.length > MAX_EVIDENCE_BYTES) {
      throw new LineageError("bad_record", `An item of evidence has 1 to ${MAX_EVIDENCE_BYTES} bytes.`);
    }
    if (before !== undefined && before.length !== item.length) {
      throw new LineageError("conflicting_record", `Two lengths are given for the evidence ${item.sha256}.`);
    }
    evidence.set(item.sha256, item);
  }
  if (evidence.size > MAX_EVIDENCE) {
    throw new LineageError("too_much_evidence", `An artifact has at most ${MAX_EVIDENCE} items of evidence.`);
  }
  return {
    ...record,
    projects,
    evidence: [...evidence.values()].sort((a, b) => compareCodePoints(a.sha256, b.sha256)),
  };
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
  });
}
