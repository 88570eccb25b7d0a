import { StemmaError } from "@stemma/encoding";

/** Why the bytes of a manifest, an index or a configuration are not what they are taken for. */
export const IMAGE_CODES = ["bad_manifest", "bad_image_config"] as const;

export type ImageCode = (typeof IMAGE_CODES)[number];

/** Thrown by this package only. */
export class ImageError extends StemmaError<ImageCode> {}
