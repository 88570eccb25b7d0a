import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { sha256 } from "@stemma/crypto";
import { type Digest, parseDigest, utf8 } from "@stemma/encoding";
import { IMAGE_CONFIG, IMAGE_INDEX, IMAGE_MANIFEST, LAYER_TAR_GZIP } from "@stemma/image";

/** A real image: layers as bytes, a configuration with their diff_ids, and a manifest. */
export interface TestImage {
  readonly digest: Digest;
  readonly manifest: Uint8Array;
  readonly config: Uint8Array;
  /** Compressed layers, as registries hold them. */
  readonly layers: readonly Uint8Array[];
  readonly platform: { readonly os: string; readonly architecture: string };
}

export interface ImageOptions {
  readonly annotations?: Record<string, string>;
  readonly architecture?: string;
  /** Another compression of the same layers: other layer digests, the same diff_ids. */
  readonly level?: number;
  /** Tells images apart that have the same layers. */
  readonly label?: string;
}

const digestOf = (bytes: Uint8Array): Digest => parseDigest(`sha256:${sha256(bytes)}`);
const describe = (
  mediaType: string,
  bytes: Uint8Array,
): { mediaType: string; digest: Digest; size: number } => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
});

/** Makes an image of layers whose content is the given texts. */
export function testImage(layers: readonly string[], options: ImageOptions = {}): TestImage {
  const { annotations, architecture = "amd64", level = 6, label } = options;
  const platform = { os: "linux", architecture };
  const diffIds = layers.map((text) => digestOf(utf8(text)));
  const config = utf8(
    JSON.stringify({
      ...platform,
      ...(label === undefined ? {} : { config: { Labels: { label } } }),
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
  );
  const compressed = layers.map((text) => gzipSync(utf8(text), { level }));
  const manifest = utf8(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: IMAGE_MANIFEST,
      config: describe(IMAGE_CONFIG, config),
      layers: compressed.map((bytes) => describe(LAYER_TAR_GZIP, bytes)),
      ...(annotations === undefined ? {} : { annotations }),
    }),
  );
  return { digest: digestOf(manifest), manifest, config, layers: compressed, platform };
}

/** An entry of an index, with what may stand beside an image. */
export interface IndexEntry {
  readonly manifest: Uint8Array;
  /** Of what is no image manifest. */
  readonly mediaType?: string;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Record<string, string>;
}

/** Makes an index of images, one for each platform. */
export function testIndex(entries: readonly IndexEntry[]): {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
} {
  const manifests = entries.map(({ manifest, mediaType = IMAGE_MANIFEST, platform, annotations }) => ({
    ...describe(mediaType, manifest),
    ...(platform === undefined ? {} : { platform }),
    ...(annotations === undefined ? {} : { annotations }),
  }));
  const bytes = utf8(JSON.stringify({ schemaVersion: 2, mediaType: IMAGE_INDEX, manifests }));
  return { digest: digestOf(bytes), bytes };
}

/** Writes an image as an image layout on disk. */
export async function writeTestImage(folder: string, image: TestImage): Promise<void> {
  const blobs = join(folder, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  for (const bytes of [image.manifest, image.config, ...image.layers]) {
    await writeFile(join(blobs, sha256(bytes)), bytes);
  }
  const index = {
    schemaVersion: 2,
    mediaType: IMAGE_INDEX,
    manifests: [describe(IMAGE_MANIFEST, image.manifest)],
  };
  await writeFile(join(folder, "index.json"), JSON.stringify(index));
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}
