import { StemmaError } from "@stemma/encoding";

/** Why the signer refuses a change, or cannot publish. A change's refusal may also carry a code of TUF or lineage. */
export const SIGNER_CODES = [
  // the change is refused
  "role_not_writable",
  "role_missing",
  "not_next_version",
  "tree_shape",
  "online_key_missing",
  "root_taken",
  "target_file_missing",
  "evidence_missing",
  // nothing is published, and everything waits
  "candidate_unverifiable",
  "clock_behind",
  "superseded",
  // it does not start
  "bad_configuration",
] as const;

export type SignerCode = (typeof SIGNER_CODES)[number];

/** Thrown by this service only. */
export class SignerError extends StemmaError<SignerCode> {}
