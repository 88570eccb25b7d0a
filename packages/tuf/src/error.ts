import { ENCODING_CODES, StemmaError } from "@stemma/encoding";

/**
 * Why TUF metadata was refused. The codes of the encoding layer come first: whoever hands bytes to this package
 * sees one class of error, whichever layer found the fault.
 */
export const TUF_CODES = [
  ...ENCODING_CODES,
  // The document itself (TUF 4).
  "wrong_role_type",
  "unsupported_spec_version",
  "bad_expires",
  "bad_key_id",
  "duplicate_key",
  "duplicate_signature",
  "duplicate_role",
  "bad_role_name",
  "bad_delegation",
  "bad_prefix",
  "invalid_threshold",
  "limit_exceeded",
  "no_strong_digest",
  // The client workflow (TUF 5).
  "threshold_not_met",
  "expired",
  "rollback",
  "wrong_version",
  "length_mismatch",
  "digest_mismatch",
  "not_in_snapshot",
  "not_delegated",
  "metadata_not_found",
  "other_domain",
  "out_of_order",
  // What the service refuses to publish, beyond what a client refuses to trust.
  "duplicate_key_material",
  "key_id_mismatch",
  "unusable_key",
  "version_jump",
  "unexpected_field",
  "not_canonical_roundtrip",
  "bad_target_path",
  "bad_pattern",
] as const;

export type TufCode = (typeof TUF_CODES)[number];

/** Thrown by this package only. */
export class TufError extends StemmaError<TufCode> {}
