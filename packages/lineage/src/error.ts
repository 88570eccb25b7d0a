import { StemmaError } from "@stemma/encoding";

/** Why the verdict engine, beyond what TUF and in-toto refuse, does not trust an artifact. */
export const LINEAGE_CODES = [
  "artifact_unknown",
  "artifact_revoked",
  "bad_lineage_policy",
  "bad_project_name",
  "bad_record",
  "bad_revocations",
  "base_missing",
  "base_not_contained",
  "base_not_proven",
  "conflicting_record",
  "content_missing",
  "dependency_missing",
  "dependency_not_proven",
  "evidence_missing",
  "evidence_digest_mismatch",
  "file_missing",
  "file_digest_mismatch",
  "index_not_proven",
  "layout_missing",
  "lineage_limit",
  "platform_not_proven",
  "project_not_claimed",
  "project_unknown",
  "too_much_evidence",
] as const;

export type LineageCode = (typeof LINEAGE_CODES)[number];

/** Thrown by this package only. */
export class LineageError extends StemmaError<LineageCode> {}
