export type { Attached, AttachedKind } from "./attached.ts";
export { attachedIn, mayBeEvidence } from "./attached.ts";
export type { ImageConfig } from "./config.ts";
export { chainId, isLayerPrefix, readImageConfig } from "./config.ts";
export type { Descriptor, Platform } from "./descriptor.ts";
export { platformText, readDescriptor } from "./descriptor.ts";
export type { ImageCode } from "./error.ts";
export { IMAGE_CODES, ImageError } from "./error.ts";
export {
  BUNDLE_CONTENT,
  BUNDLE_PREDICATE_TYPE,
  COSIGN_PREDICATE_TYPE,
  COSIGN_SIGNATURE,
  CREATED,
  DSSE_ENVELOPE,
  IN_TOTO_LAYOUT,
  IN_TOTO_LINK,
  PREDICATE_TYPE,
  SIGSTORE_BUNDLE,
} from "./evidence-types.ts";
export type { Index, Manifest } from "./manifest.ts";
export {
  artifactTypeOf,
  attestedBy,
  MAX_MANIFEST_BYTES,
  readDocument,
  readManifest,
} from "./manifest.ts";
export {
  DOCKER_CONFIG,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  EMPTY_CONFIG,
  IMAGE_CONFIG,
  IMAGE_INDEX,
  IMAGE_MANIFEST,
  isIndexType,
  LAYER_TAR_GZIP,
  MANIFEST_TYPES,
} from "./media-types.ts";
export type { Header } from "./write.ts";
export { describeBytes, describeDocument, descriptorJson, writeIndex, writeManifest } from "./write.ts";
