import { sha256 } from "@stemma/crypto";
import { type JsonObject, jsonObject, parseDigest, writeJson } from "@stemma/encoding";
import type { Descriptor } from "./descriptor.ts";
import { artifactTypeOf, type Index, type Manifest } from "./manifest.ts";
import { IMAGE_INDEX, IMAGE_MANIFEST } from "./media-types.ts";

/** What a new manifest or index says of itself, beside what it lists. */
export interface Header {
  readonly artifactType?: string | undefined;
  readonly subject?: Descriptor | undefined;
  readonly annotations?: ReadonlyMap<string, string> | undefined;
}

/** The bytes of a new image manifest (image specification, "Image Manifest"), the same for the same content. */
export function writeManifest(
  content: Header & { readonly config: Descriptor; readonly layers: readonly Descriptor[] },
): Uint8Array {
  return writeJson(
    jsonObject({
      schemaVersion: 2,
      mediaType: IMAGE_MANIFEST,
      artifactType: content.artifactType,
      config: descriptorJson(content.config),
      layers: content.layers.map(descriptorJson),
      subject: content.subject === undefined ? undefined : descriptorJson(content.subject),
      annotations: annotationsJson(content.annotations),
    }),
  );
}

/** The bytes of a new index (image specification, "Image Index"), the same for the same content. */
export function writeIndex(content: Header & { readonly manifests: readonly Descriptor[] }): Uint8Array {
  return writeJson(
    jsonObject({
      schemaVersion: 2,
      mediaType: IMAGE_INDEX,
      artifactType: content.artifactType,
      manifests: content.manifests.map(descriptorJson),
      subject: content.subject === undefined ? undefined : descriptorJson(content.subject),
      annotations: annotationsJson(content.annotations),
    }),
  );
}

/** A descriptor as JSON. Members that this package does not know are not in it. */
export function descriptorJson(descriptor: Descriptor): JsonObject {
  const { platform } = descriptor;
  return jsonObject({
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    artifactType: descriptor.artifactType,
    annotations: annotationsJson(descriptor.annotations),
    platform:
      platform === undefined
        ? undefined
        : jsonObject({
            architecture: platform.architecture,
            os: platform.os,
            variant: platform.variant,
          }),
  });
}

function annotationsJson(annotations: ReadonlyMap<string, string> | undefined): JsonObject | undefined {
  return annotations === undefined || annotations.size === 0 ? undefined : annotations;
}

/** Bytes as content of a media type. */
export function describeBytes(mediaType: string, bytes: Uint8Array): Descriptor {
  return {
    mediaType,
    digest: parseDigest(`sha256:${sha256(bytes)}`),
    size: bytes.length,
    artifactType: undefined,
    annotations: new Map(),
    platform: undefined,
  };
}

/**
 * A manifest or an index as a list of referrers has it: with its artifact type and its annotations (distribution 1.1,
 * "Listing Referrers").
 */
export function describeDocument(document: Manifest | Index): Descriptor {
  return {
    mediaType: document.mediaType,
    digest: document.digest,
    size: document.bytes.length,
    artifactType: artifactTypeOf(document),
    annotations: document.annotations,
    platform: undefined,
  };
}
