import { StemmaError } from "@stemma/encoding";

/** Why a document, a link or a whole chain is refused. `docs/` and `@stemma/contract` list them; they never change. */
export const IN_TOTO_CODES = [
  // documents that cannot be read
  "unsupported_envelope",
  "unsupported_payload_type",
  "wrong_document",
  "limit_exceeded",
  "bad_expires",
  "bad_rule",
  "bad_name",
  "duplicate_name",
  "key_id_mismatch",
  "private_key_exposed",
  "invalid_threshold",
  "path_not_normal",
  "bad_artifact_digest",
  "weak_artifact_digest",
  "bad_parameter",
  "unknown_parameter",
  "bad_statement",
  "bad_predicate",
  "bad_attribute_rule",
  "bad_identity",
  "bad_authority",
  "bad_constraint",
  "bad_expected_predicate",
  "unsupported_layout_version",
  // layouts
  "layout_threshold_not_met",
  "layout_expired",
  "vacuous_policy",
  "duplicate_key_material",
  "unknown_functionary",
  // links and chains
  "unknown_step",
  "link_missing",
  "functionary_not_authorized",
  "bad_signature",
  "threshold_not_met",
  "links_disagree",
  "unsupported_inspection",
  "certificate_not_trusted",
  "certificate_constraint_unmet",
  "trusted_root_missing",
  "sublayout_failed",
  "predicate_not_expected",
  "no_matching_attestation",
  "attribute_failed",
  "vsa_not_passed",
  "product_mismatch",
  "rule_failed",
  "search_limit",
] as const;

export type InTotoCode = (typeof IN_TOTO_CODES)[number];

/** Thrown by this package only; `verifyLayout` turns it into a reason of the verdict. */
export class InTotoError extends StemmaError<InTotoCode> {}
