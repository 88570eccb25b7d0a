export type { OciCode } from "./error.ts";
export { OCI_CODES, OciError } from "./error.ts";
export type { ImageLayout } from "./image-layout.ts";
export { blobPath, isImageLayout, openImageLayout, writeImageLayout } from "./image-layout.ts";
export type { Reference } from "./reference.ts";
export { parseReference } from "./reference.ts";
export type { RegistryOptions } from "./registry.ts";
export { copyImage, pullImage, pullManifest, pushImage } from "./registry.ts";
