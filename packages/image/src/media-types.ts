export const IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const IMAGE_INDEX = "application/vnd.oci.image.index.v1+json";
export const IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json";
export const LAYER_TAR_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
/** The config of an artifact that is no image (image specification, "Guidance for an Empty Descriptor"): `{}`. */
export const EMPTY_CONFIG = "application/vnd.oci.empty.v1+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";

/** Media types of documents that list what an image is made of: one image, or one for each platform. */
export const MANIFEST_TYPES: readonly string[] = [IMAGE_MANIFEST, IMAGE_INDEX, DOCKER_MANIFEST, DOCKER_LIST];

/** Whether a media type is that of an index: a list of manifests. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === IMAGE_INDEX || mediaType === DOCKER_LIST;
}
