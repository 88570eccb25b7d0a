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
  // parts of in-toto that are refused until they are implemented
  "unsupported_inspection",
  "unsupported_sublayout",
  "unsupported_certificate",
  "unsupported_attestation",
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
  "product_mismatch",
  "rule_failed",
  "search_limit",
] as const;

export type InTotoCode = (typeof IN_TOTO_CODES)[number];

/** Thrown by this package only; `verifyLayout` turns it into a reason of the verdict. */
export class InTotoError extends StemmaError<InTotoCode> {}
