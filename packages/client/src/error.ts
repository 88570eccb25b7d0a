import { StemmaError } from "@stemma/encoding";

/** Why a source, a bundle or the cache could not be used. None of these is a verdict: the answer is "cannot tell". */
export const CLIENT_CODES = [
  "source_unreachable",
  "source_refused",
  "source_too_large",
  "source_too_slow",
  "domain_unreachable",
  "bad_bundle",
  "bundle_too_large",
  "bundle_missing",
  "roots_do_not_lead_here",
  "mirror_incomplete",
  "mirror_unwritable",
  "cache_unusable",
] as const;

export type ClientCode = (typeof CLIENT_CODES)[number];

/** Thrown by this package only. */
export class ClientError extends StemmaError<ClientCode> {}
