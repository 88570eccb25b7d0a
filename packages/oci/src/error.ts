import { StemmaError } from "@stemma/encoding";

/** Why content of a registry, an image layout or a tarball could not be read or written, or is not what it says. */
export const OCI_CODES = [
  "bad_reference",
  "ambiguous_reference",
  "bad_image_layout",
  "blob_missing",
  "blob_digest_mismatch",
  "manifest_not_found",
  "manifest_digest_mismatch",
  "too_many_manifests",
  "too_many_referrers",
  "registry_unreachable",
  "registry_refused",
  "registry_login_refused",
  "credentials_unreadable",
] as const;

export type OciCode = (typeof OCI_CODES)[number];

/** Thrown by this package only. */
export class OciError extends StemmaError<OciCode> {}
