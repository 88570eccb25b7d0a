import { sha256 } from "@stemma/crypto";
import { type Digest, EncodingError, parseDigest, parseJson, toPlain } from "@stemma/encoding";
import { z } from "zod";
import { OciError } from "./error.ts";

export const IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const IMAGE_INDEX = "application/vnd.oci.image.index.v1+json";
export const IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json";
export const LAYER_TAR_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

/** What a client says it can read when it asks for a manifest. */
export const ACCEPTED_MANIFESTS = [IMAGE_MANIFEST, DOCKER_MANIFEST];

/** OCI image specification, "Manifest" : larger documents are refused before they are read. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

const digest = z.string().transform((text, context): Digest => {
  try {
    return parseDigest(text);
  } catch {
    context.addIssue({ code: "custom", message: "must be a sha256 or sha512 digest" });
    return z.NEVER;
  }
});

const descriptor = z.object({
  mediaType: z.string().min(1).max(255),
  digest,
  size: z.int().nonnegative(),
});

const manifest = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.enum([IMAGE_MANIFEST, DOCKER_MANIFEST]).optional(),
  artifactType: z.string().optional(),
  config: descriptor,
  layers: z.array(descriptor).max(1_000),
});

/** Content by digest, size and type (OCI descriptor). */
export type Descriptor = z.output<typeof descriptor>;

/** An image manifest whose bytes are known. */
export interface Manifest {
  readonly bytes: Uint8Array;
  /** Computed from the bytes, never taken from a registry's answer. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** Reads an image manifest. Throws `bad_manifest`. */
export function readManifest(bytes: Uint8Array): Manifest {
  let plain: unknown;
  try {
    plain = toPlain(parseJson(bytes, { maxBytes: MAX_MANIFEST_BYTES, fractions: true }));
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw new OciError("bad_manifest", `The manifest cannot be read: ${error.message}`);
  }
  const read = manifest.safeParse(plain);
  if (!read.success) {
    throw new OciError("bad_manifest", `Not an image manifest: ${z.prettifyError(read.error)}`);
  }
  const { mediaType, artifactType, config, layers } = read.data;
  return {
    bytes,
    digest: parseDigest(`sha256:${sha256(bytes)}`),
    mediaType: mediaType ?? IMAGE_MANIFEST,
    artifactType,
    config,
    layers,
  };
}
