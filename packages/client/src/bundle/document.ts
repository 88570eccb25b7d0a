import { sha256 } from "@stemma/crypto";
import { digestParts, EncodingError, type Sha256Hex, utf8 } from "@stemma/encoding";
import { type Descriptor, EMPTY_CONFIG, ImageError, type Manifest, readManifest } from "@stemma/image";
import { ClientError } from "../error.ts";
import {
  BUNDLE_ARTIFACT_TYPE,
  BUNDLE_LIMITS,
  DOMAIN_ROOT,
  EVIDENCE_LAYER,
  FILE_NAME,
  METADATA_LAYER,
  TARGET_LAYER,
} from "./format.ts";
import { checkTargetFile, keyOfMetadataFile } from "./names.ts";

/** A bundle in memory. Nothing in it is trusted: it is a source like any other. */
export interface Bundle {
  /** By `<version>.<role>`, or `timestamp`. */
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  /** Target files and evidence, of every domain, by the sha256 of their bytes, which is computed here and not believed. */
  readonly blobs: ReadonlyMap<Sha256Hex, Uint8Array>;
  /** Metadata of other trust domains, by the sha256 of the root that the project pinned. */
  readonly foreign?: ReadonlyMap<Sha256Hex, ReadonlyMap<string, Uint8Array>>;
}

/** One layer: a document with its name. */
export interface BundleDocument {
  readonly kind: "metadata" | "target" | "evidence";
  /** Below `metadata/` or `targets/` of a mirror; evidence is named by its digest. */
  readonly name: string | undefined;
  /** The trust domain, by its pinned root; undefined for the one that the bundle is of. */
  readonly domain: Sha256Hex | undefined;
  readonly bytes: Uint8Array;
}

/** A bundle with all that its manifest says. */
export interface OpenBundle extends Bundle {
  readonly manifest: Manifest;
  /** What it is about, as its maker says. The digest to verify comes from the caller. */
  readonly subject: Descriptor;
  readonly documents: readonly BundleDocument[];
  /** Every blob that the manifest names, by its sha256. */
  readonly content: ReadonlyMap<Sha256Hex, Uint8Array>;
}

const KINDS: ReadonlyMap<string, BundleDocument["kind"]> = new Map([
  [METADATA_LAYER, "metadata"],
  [TARGET_LAYER, "target"],
  [EVIDENCE_LAYER, "evidence"],
]);
/** Of `{}`. */
const EMPTY_DIGEST = `sha256:${sha256(utf8("{}"))}`;
const SHA256 = /^[0-9a-f]{64}$/;

/** The blobs that a manifest names, each once, in the order in which a file holds them. */
export function bundleBlobs(manifest: Manifest): readonly Descriptor[] {
  return [...new Map([manifest.config, ...manifest.layers].map((blob) => [blob.digest, blob])).values()];
}

/** Reads the manifest of a bundle; of layers, `readManifest` takes as many as a bundle may have. Throws `bad_bundle`, `bundle_too_large`. */
export function readBundleManifest(bytes: Uint8Array): Manifest {
  let manifest: Manifest;
  try {
    manifest = readManifest(bytes);
  } catch (error) {
    if (!(error instanceof ImageError) && !(error instanceof EncodingError)) throw error;
    throw new ClientError("bad_bundle", `The manifest of the bundle cannot be read: ${error.message}`, {
      cause: error,
    });
  }
  const { artifactType, config } = manifest;
  if (artifactType !== BUNDLE_ARTIFACT_TYPE) {
    throw new ClientError("bad_bundle", `A bundle has "artifactType": "${BUNDLE_ARTIFACT_TYPE}".`);
  }
  if (config.mediaType !== EMPTY_CONFIG || config.digest !== EMPTY_DIGEST) {
    throw new ClientError("bad_bundle", `The configuration of a bundle is {}, of the type ${EMPTY_CONFIG}.`);
  }
  let size = 0;
  for (const blob of bundleBlobs(manifest)) {
    if (digestParts(blob.digest).algorithm !== "sha256") {
      throw new ClientError("bad_bundle", "The documents of a bundle are named by sha256.");
    }
    size += blob.size;
  }
  if (size > BUNDLE_LIMITS.contentBytes) {
    throw new ClientError(
      "bundle_too_large",
      `The documents of a bundle have at most ${BUNDLE_LIMITS.contentBytes} bytes.`,
    );
  }
  return manifest;
}

/**
 * Opens a bundle from its manifest and its blobs, wherever they came from. Every blob is hashed; a name that is given twice in
 * one domain is refused, because two readers could choose differently. Throws `bad_bundle`, `bundle_too_large`.
 */
export function openBundle(
  manifest: Manifest,
  blobOf: (digest: Sha256Hex) => Uint8Array | undefined,
): OpenBundle {
  const { subject } = manifest;
  if (subject === undefined)
    throw new ClientError("bad_bundle", "The manifest of a bundle names its subject.");
  const blobs = new Map<Sha256Hex, Uint8Array>();
  const content = new Map<Sha256Hex, Uint8Array>();
  for (const blob of bundleBlobs(manifest)) content.set(nameOf(blob), checkedBlob(blob, blobOf));
  const metadata = new Map<string, Uint8Array>();
  const foreign = new Map<Sha256Hex, Map<string, Uint8Array>>();
  const documents: BundleDocument[] = [];
  const seen = new Set<string>();
  for (const layer of manifest.layers) {
    const bytes = content.get(nameOf(layer)) as Uint8Array;
    const document = readLayer(layer, bytes);
    const { kind, name, domain } = document;
    const identity = `${kind}\n${domain ?? ""}\n${name ?? layer.digest}`;
    if (seen.has(identity)) {
      throw new ClientError("bad_bundle", `The bundle holds ${JSON.stringify(name ?? layer.digest)} twice.`);
    }
    seen.add(identity);
    documents.push(document);
    if (kind === "metadata") {
      const of = domain === undefined ? metadata : (foreign.get(domain) ?? new Map<string, Uint8Array>());
      if (domain !== undefined) foreign.set(domain, of);
      of.set(keyOfMetadataFile(name ?? ""), bytes);
    } else {
      blobs.set(nameOf(layer), bytes);
    }
  }
  return { manifest, subject, documents, content, metadata, blobs, foreign };
}

/** All digests here are of sha256: the manifest was refused otherwise. */
const nameOf = ({ digest }: Descriptor): Sha256Hex => digestParts(digest).hex as Sha256Hex;

function checkedBlob(blob: Descriptor, blobOf: (digest: Sha256Hex) => Uint8Array | undefined): Uint8Array {
  const name = nameOf(blob);
  const bytes = blobOf(name);
  if (bytes === undefined) throw new ClientError("bad_bundle", `The bundle lacks the blob ${blob.digest}.`);
  if (bytes.length !== blob.size || sha256(bytes) !== name) {
    throw new ClientError("bad_bundle", `The bytes of the blob ${blob.digest} in the bundle are others.`);
  }
  return bytes;
}

/** A document by its layer. A layer of another type is refused: whoever put it there meant it to be read. */
function readLayer({ mediaType, digest, annotations }: Descriptor, bytes: Uint8Array): BundleDocument {
  const kind = KINDS.get(mediaType);
  if (kind === undefined)
    throw new ClientError("bad_bundle", `A bundle has no layers of the type ${mediaType}.`);
  const name = annotations.get(FILE_NAME);
  const domain = annotations.get(DOMAIN_ROOT);
  if (domain !== undefined && !SHA256.test(domain)) {
    throw new ClientError("bad_bundle", `${DOMAIN_ROOT} is the sha256 of a root.json in lower-case hex.`);
  }
  if (kind === "evidence") {
    if (name !== undefined || domain !== undefined) {
      throw new ClientError("bad_bundle", "Evidence has no name but its digest, and belongs to no domain.");
    }
  } else if (name === undefined) {
    throw new ClientError("bad_bundle", `A layer of the type ${mediaType} has the annotation ${FILE_NAME}.`);
  } else if (kind === "target") {
    checkTargetFile(name, digest.slice(7) as Sha256Hex);
  } else {
    keyOfMetadataFile(name);
  }
  return { kind, name, domain: domain as Sha256Hex | undefined, bytes };
}
