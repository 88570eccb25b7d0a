import { utf8 } from "@stemma/encoding";
import {
  type Descriptor,
  describeBytes,
  describeDocument,
  EMPTY_CONFIG,
  IMAGE_CONFIG,
  LAYER_TAR_GZIP,
  readDocument,
  writeIndex,
  writeManifest,
} from "@stemma/image";
import { blobsOf, type ContentStore, type Document } from "@stemma/oci";

/** An artifact as it is made for a test: its document, and the blobs that it lists. */
export interface MadeArtifact {
  readonly document: Document;
  readonly blobs: readonly Uint8Array[];
}

/** What tells one kind of artifact from another (image specification, "Guidelines for Artifact Usage"). */
export interface ArtifactKind {
  readonly artifactType?: string;
  readonly config: readonly [mediaType: string, content: string];
  readonly layers: readonly (readonly [mediaType: string, content: string])[];
  readonly annotations?: ReadonlyMap<string, string>;
}

export function makeArtifact(kind: ArtifactKind, subject?: Document): MadeArtifact {
  const config = utf8(kind.config[1]);
  const layers = kind.layers.map(([mediaType, content]) => [mediaType, utf8(content)] as const);
  const bytes = writeManifest({
    artifactType: kind.artifactType,
    config: describeBytes(kind.config[0], config),
    layers: layers.map(([mediaType, content]) => describeBytes(mediaType, content)),
    subject: subject === undefined ? undefined : plain(subject),
    annotations: kind.annotations,
  });
  return { document: readDocument(bytes), blobs: [config, ...layers.map(([, content]) => content)] };
}

/** An image of one platform. */
export function makeImage(architecture: string, layer = `files for ${architecture}`): MadeArtifact {
  return makeArtifact({
    config: [IMAGE_CONFIG, JSON.stringify({ os: "linux", architecture })],
    layers: [[LAYER_TAR_GZIP, layer]],
  });
}

/** Something that is said about another artifact. */
export function makeReferrer(subject: Document, artifactType: string, content: string): MadeArtifact {
  return makeArtifact(
    { artifactType, config: [EMPTY_CONFIG, "{}"], layers: [[artifactType, content]] },
    subject,
  );
}

/** An index of images, each for its platform, with BuildKit's attestations beside them. */
export function makeIndex(
  images: readonly MadeArtifact[],
  attestations: readonly (readonly [MadeArtifact, of: MadeArtifact])[] = [],
): Document {
  const entries = images.map(({ document }, at) => ({
    ...plain(document),
    platform: { os: "linux", architecture: at === 0 ? "amd64" : "arm64", variant: undefined },
  }));
  const attesting = attestations.map(([{ document }, of]) => ({
    ...plain(document),
    platform: { os: "unknown", architecture: "unknown", variant: undefined },
    annotations: new Map([
      ["vnd.docker.reference.type", "attestation-manifest"],
      ["vnd.docker.reference.digest", of.document.digest],
    ]),
  }));
  return readDocument(writeIndex({ manifests: [...entries, ...attesting] }));
}

/** Writes artifacts to a place, and what they list before them. */
export async function put(
  store: ContentStore,
  made: MadeArtifact,
  listing?: { readonly tag?: string },
): Promise<void> {
  const { document, blobs } = made;
  if (document.kind === "manifest") {
    const reader = blobsOf(...blobs);
    for (const blob of [document.config, ...document.layers]) await store.writeBlob(blob, reader);
  }
  await store.writeDocument(document, listing);
}

function plain(document: Document): Descriptor {
  return { ...describeDocument(document), artifactType: undefined, annotations: new Map() };
}
