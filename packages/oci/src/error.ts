import { StemmaError } from "@stemma/encoding";

/** Why an image could not be read, or is not what it says. */
export const OCI_CODES = [
  "bad_reference",
  "bad_image_layout",
  "blob_missing",
  "blob_digest_mismatch",
  "manifest_not_found",
  "manifest_digest_mismatch",
  "registry_unreachable",
  "registry_refused",
] as const;

export type OciCode = (typeof OCI_CODES)[number];

/** Thrown by this package only. */
export class OciError extends StemmaError<OciCode> {}
