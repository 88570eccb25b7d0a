import { sha256 } from "@stemma/crypto";
import {
  asInteger,
  asObject,
  type Digest,
  EncodingError,
  type JsonObject,
  member,
  parseDigest,
  parseJson,
} from "@stemma/encoding";
import {
  type Descriptor,
  readAnnotations,
  readArtifactType,
  readDescriptor,
  readDescriptors,
  readMediaType,
} from "./descriptor.ts";
import { ImageError } from "./error.ts";
import { IMAGE_INDEX, IMAGE_MANIFEST, isIndexType, MANIFEST_TYPES } from "./media-types.ts";

/** Distribution specification, "Pushing Manifests": larger documents are refused before they are read. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_LAYERS = 4_096;
const MAX_CHILDREN = 1_024;

interface Common {
  readonly bytes: Uint8Array;
  /** sha256 of the bytes, computed and never taken from anybody's answer. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly annotations: ReadonlyMap<string, string>;
  /** What this document refers to (image specification, "subject"). */
  readonly subject: Descriptor | undefined;
}

/** One image, or one artifact in the form of an image (image specification, "Image Manifest"). */
export interface Manifest extends Common {
  readonly kind: "manifest";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A list of manifests, mostly one for each platform (image specification, "Image Index"). */
export interface Index extends Common {
  readonly kind: "index";
  readonly manifests: readonly Descriptor[];
}

/**
 * Reads a manifest or an index from the bytes that were received, once. A document that has the members of both is refused: two
 * readers could take it for different things. Throws `bad_manifest`.
 */
export function readDocument(bytes: Uint8Array): Manifest | Index {
  try {
    const object = asObject(
      parseJson(bytes, { maxBytes: MAX_MANIFEST_BYTES, fractions: true }),
      "the manifest",
    );
    return read(object, bytes);
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw new ImageError("bad_manifest", `The manifest cannot be read: ${error.message}`, { cause: error });
  }
}

function read(object: JsonObject, bytes: Uint8Array): Manifest | Index {
  const where = "manifest";
  if (asInteger(member(object, "schemaVersion", where), "manifest.schemaVersion") !== 2) {
    throw new ImageError("bad_manifest", "Only manifests of schema version 2 are known.");
  }
  const isIndex = object.has("manifests");
  if (isIndex && (object.has("layers") || object.has("config"))) {
    throw new ImageError("bad_manifest", "The document is a manifest and an index at the same time.");
  }
  const stated = object.get("mediaType");
  const mediaType =
    stated === undefined
      ? isIndex
        ? IMAGE_INDEX
        : IMAGE_MANIFEST
      : readMediaType(stated, "manifest.mediaType");
  if (!MANIFEST_TYPES.includes(mediaType) || isIndexType(mediaType) !== isIndex) {
    throw new ImageError("bad_manifest", `The document does not have the members of a ${mediaType}.`);
  }
  const subject = object.get("subject");
  const common = {
    bytes,
    digest: parseDigest(`sha256:${sha256(bytes)}`),
    mediaType,
    artifactType: readArtifactType(object, where),
    annotations: readAnnotations(object, where),
    subject:
      subject === undefined || subject === null ? undefined : readDescriptor(subject, "manifest.subject"),
  };
  if (isIndex) {
    const manifests = readDescriptors(object.get("manifests"), "manifest.manifests", MAX_CHILDREN);
    return { kind: "index", ...common, manifests };
  }
  return {
    kind: "manifest",
    ...common,
    config: readDescriptor(member(object, "config", where), "manifest.config"),
    layers: readDescriptors(member(object, "layers", where), "manifest.layers", MAX_LAYERS),
  };
}

/** Reads an image manifest and refuses an index. Throws `bad_manifest`. */
export function readManifest(bytes: Uint8Array): Manifest {
  const document = readDocument(bytes);
  if (document.kind === "manifest") return document;
  throw new ImageError("bad_manifest", "This is an index of several images; name one of them.");
}

/** What a referrers list says of a manifest: its artifact type, or else the type of its config (distribution 1.1). */
export function artifactTypeOf(document: Manifest | Index): string | undefined {
  return document.artifactType ?? (document.kind === "manifest" ? document.config.mediaType : undefined);
}

/** BuildKit keeps attestations in the index, beside the image that they are about, for no platform at all. */
const REFERENCE_TYPE = "vnd.docker.reference.type";
const REFERENCE_DIGEST = "vnd.docker.reference.digest";

/** The digest of the image that an entry of an index attests; undefined when the entry is an image. */
export function attestedBy(entry: Descriptor): string | undefined {
  if (entry.annotations.get(REFERENCE_TYPE) !== "attestation-manifest") return undefined;
  if (entry.platform?.os !== "unknown" || entry.platform.architecture !== "unknown") return undefined;
  return entry.annotations.get(REFERENCE_DIGEST);
}
