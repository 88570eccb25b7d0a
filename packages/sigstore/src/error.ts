import { StemmaError } from "@stemma/encoding";

/** Why a Sigstore bundle or a trusted root is refused. */
export const SIGSTORE_CODES = [
  // documents that cannot be used
  "bad_trusted_root",
  "bad_sigstore_bundle",
  "unsupported_bundle",
  "limit_exceeded",
  "not_dsse",
  "not_keyless",
  // what a bundle fails to prove
  "untrusted_certificate",
  "bad_certificate_identity",
  "unproven_time",
  "signed_in_future",
  "not_logged",
  "bad_log_entry",
  "bad_signature",
] as const;

export type SigstoreCode = (typeof SIGSTORE_CODES)[number];

/** Thrown by this package only. */
export class SigstoreError extends StemmaError<SigstoreCode> {}

/** What a library said when it threw, short and printable: parts of its text may come from whoever made the bundle. */
export function reasonOf(error: unknown): string {
  const words: string[] = [];
  for (let at = error; isErrorLike(at) && words.length < 3; at = at.cause) words.push(at.message);
  const text = words.length === 0 ? "no reason is given" : words.join(": ");
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
}

function isErrorLike(value: unknown): value is { readonly message: string; readonly cause?: unknown } {
  return (
    typeof value === "object" && value !== null && "message" in value && typeof value.message === "string"
  );
}
