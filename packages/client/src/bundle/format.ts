/**
 * A bundle is one logical document, an OCI manifest with one layer for each document that a verdict needs, in one of
 * two carriers: a file, or an artifact in a registry. The names and the limits of both; `docs/bundle.md` is the specification.
 */

/** Artifact type of the manifest of a bundle. */
export const BUNDLE_ARTIFACT_TYPE = "application/vnd.stemma.bundle.v2";
/** Media type of a bundle in one file: a compressed OCI image layout. */
export const BUNDLE_TYPE = "application/vnd.stemma.bundle.v2.tar+gzip";

/** Signed metadata of a role, and a target file: the names that go-tuf's mirrors gave them. */
export const METADATA_LAYER = "application/vnd.tuf.metadata+json";
export const TARGET_LAYER = "application/vnd.tuf.target";
/** Whatever has no name but its digest: evidence, and the documents of images that lineage needs. */
export const EVIDENCE_LAYER = "application/vnd.stemma.evidence";

/** The name of a metadata or target file below `metadata/` or `targets/` of a mirror. */
export const FILE_NAME = "tuf.io/filename";
/** Of a layer of another trust domain: sha256 of the root.json that the project pinned. */
export const DOMAIN_ROOT = "dev.stemma.bundle.domain";
/** Hints, which nothing rests on: the project that was asked about, and the moment as of which the bundle was made. */
export const PROJECT_HINT = "dev.stemma.bundle.project";
export const TIME_HINT = "dev.stemma.bundle.time";

/** What a reader may be given. */
export const BUNDLE_LIMITS = {
  /** Compressed, in a file. */
  fileBytes: 64 * 1024 * 1024,
  /** All documents together. */
  contentBytes: 128 * 1024 * 1024,
  /** The whole of a file, with its headers, its padding and its manifest. */
  decompressedBytes: 144 * 1024 * 1024,
  /** Compressed signed documents are a half to a tenth of their size; beyond the first MiB, more than this is a bomb. */
  ratio: 100,
  documents: 4_096,
} as const;
