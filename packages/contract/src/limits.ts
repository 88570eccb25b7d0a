/**
 * What one request may cost (security.md §7). A declared size is never believed: every limit is enforced on
 * what was really received, before any parsing and long before any cryptography.
 */
export const LIMITS = {
  /** Request line target. */
  urlBytes: 8 * 1024,
  /** All header lines together; Node refuses more before any of our code runs. */
  headerBytes: 16 * 1024,
  /** Whole body of an upload; `STEMMA_BODY_LIMIT` may lower or raise it. */
  bodyBytes: 8 * 1024 * 1024,
  /** An API token is 51 characters; anything longer is refused before it is hashed. */
  tokenBytes: 256,
  /** From the first byte of a request to its answer. */
  deadlineMs: 10_000,
  /** Nesting of a JSON body. */
  jsonDepth: 16,
  /** Roles in one upload or ceremony: root, targets and projects. */
  rolesPerUpload: 64,
  /** Files that come along with an upload. */
  filesPerUpload: 128,
  /** One file of a project (a layout, revocations). */
  fileBytes: 4 * 1024 * 1024,
  /** One piece of evidence. */
  evidenceBytes: 4 * 1024 * 1024,
  /** Evidence items of one artifact record, all uploads together. */
  evidencePerRecord: 256,
  /** Manifests, indexes and configurations of one artifact record, all uploads together. */
  contentsPerRecord: 256,
  /** Sigstore bundles among the evidence of one upload: verifying one costs what a hundred signatures by keys cost. */
  bundlesPerUpload: 32,
  /** Signatures in one envelope, or in one call to a ceremony. */
  signatures: 64,
  /** Entries of one page of a list. */
  pageSize: 100,
  /** Open ceremonies of one domain. */
  openCeremonies: 32,
  /** Documents of a domain that one history reads. */
  historyDocuments: 5_000,
  /** Days after which an unfinished ceremony is closed. */
  ceremonyDays: 30,
} as const;

/** Largest metadata that stock clients read (python-tuf and tuf-js defaults). */
export const METADATA_BYTES = { root: 512_000, targets: 5_000_000 } as const;
