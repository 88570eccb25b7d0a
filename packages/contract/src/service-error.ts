import { StemmaError } from "@stemma/encoding";

/** Why the service refuses a request for reasons of its own; other refusals carry the code of their package. */
export const SERVICE_CODES = [
  // the request itself
  "malformed_request",
  "url_too_long",
  "headers_too_large",
  "body_too_large",
  "request_timeout",
  "unsupported_media_type",
  "unsupported_content_encoding",
  "bad_parameter",
  "bad_repository_name",
  "bad_body",
  "unknown_route",
  "method_not_allowed",
  "too_busy",
  // who is asking
  "not_authenticated",
  "scope_missing",
  // what is asked about
  "content_unrelated",
  "root_taken",
  "unknown_domain",
  "unknown_metadata",
  "unknown_target",
  "unknown_evidence",
  "unknown_change",
  "unknown_ceremony",
  "unknown_manifest",
  "unknown_blob",
  // offline metadata
  "domain_exists",
  "domain_not_published",
  "version_conflict",
  "role_not_writable",
  "role_uploaded_twice",
  "role_missing",
  "not_next_version",
  "tree_shape",
  "online_key_missing",
  "online_key_misplaced",
  "target_file_missing",
  "target_file_unused",
  "target_file_mismatch",
  // ceremonies
  "no_valid_signature",
  "key_not_authorized",
  "signature_invalid",
  "stale_draft",
  "draft_conflict",
  "ceremony_closed",
  "too_many_ceremonies",
  // records
  "layout_unusable",
  "candidate_unverifiable",
  "change_refused",
  // summaries
  "summaries_not_offered",
  // the service itself
  "not_ready",
  "deadline_exceeded",
  "stored_bytes_damaged",
  "internal_error",
] as const;

export type ServiceCode = (typeof SERVICE_CODES)[number];

/** A refusal by the service. The message is shown to the caller: it never holds a secret or an internal detail. */
export class ServiceError extends StemmaError<ServiceCode> {}
