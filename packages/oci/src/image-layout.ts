import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "@stemma/crypto";
import {
  type Digest,
  digestParts,
  EncodingError,
  parseDigest,
  parseJson,
  toPlain,
  utf8,
} from "@stemma/encoding";
import { type Descriptor, IMAGE_INDEX, type Manifest, readManifest } from "@stemma/image";
import { z } from "zod";
import { OciError } from "./error.ts";

const indexFile = z.object({
  schemaVersion: z.literal(2),
  manifests: z.array(z.object({ mediaType: z.string(), digest: z.string(), size: z.int() })).length(1, {
    message: "must hold exactly one manifest",
  }),
});

/** An OCI image layout on disk (image specification, "Image Layout") that holds one image. */
export interface ImageLayout {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Whether a folder says that it is an image layout. */
export async function isImageLayout(folder: string): Promise<boolean> {
  return stat(join(folder, "oci-layout")).then(
    (found) => found.isFile(),
    () => false,
  );
}

/**
 * Opens an image layout and checks every blob of it against its digest and size: what is asked about afterwards is
 * really what lies there. Throws `bad_image_layout`, `bad_manifest`, `blob_missing`, `blob_digest_mismatch`.
 */
export async function openImageLayout(folder: string): Promise<ImageLayout> {
  const plain = await readIndex(folder);
  const index = indexFile.safeParse(plain);
  const entry = index.data?.manifests[0];
  if (entry === undefined) {
    throw new OciError("bad_image_layout", `${join(folder, "index.json")} must hold exactly one manifest.`);
  }
  const digest = parseDigest(entry.digest);
  const bytes = await readFile(blobPath(folder, digest)).catch(() => {
    throw new OciError("blob_missing", `The manifest ${digest} is not among the blobs of ${folder}.`);
  });
  const manifest = readManifest(bytes);
  if (manifest.digest !== digest) {
    throw new OciError(
      "manifest_digest_mismatch",
      `The manifest of ${folder} is ${manifest.digest}, not ${digest}.`,
    );
  }
  for (const blob of [manifest.config, ...manifest.layers]) await checkBlob(folder, blob);
  return { folder, manifest };
}

async function readIndex(folder: string): Promise<unknown> {
  const path = join(folder, "index.json");
  try {
    return toPlain(parseJson(await readFile(path), { fractions: true }));
  } catch (error) {
    const why = error instanceof EncodingError ? error.message : "it cannot be read";
    throw new OciError("bad_image_layout", `${path} is not an image index: ${why}`);
  }
}

async function checkBlob(folder: string, blob: Descriptor): Promise<void> {
  const { algorithm, hex } = digestParts(blob.digest);
  const hash = createHash(algorithm);
  let size = 0;
  try {
    for await (const chunk of createReadStream(blobPath(folder, blob.digest))) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch {
    throw new OciError("blob_missing", `The blob ${blob.digest} is not to be had in ${folder}.`);
  }
  if (size !== blob.size || hash.digest("hex") !== hex) {
    throw new OciError(
      "blob_digest_mismatch",
      `The bytes of the blob ${blob.digest} in ${folder} are others.`,
    );
  }
}

/** Where a blob lies in a layout. */
export function blobPath(folder: string, digest: Digest): string {
  const { algorithm, hex } = digestParts(digest);
  return join(folder, "blobs", algorithm, hex);
}

/** Writes one image as a layout: its manifest, and the blobs that are given. The folder is created. */
export async function writeImageLayout(
  folder: string,
  manifest: Uint8Array,
  blobs: Iterable<Uint8Array>,
): Promise<ImageLayout> {
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  const read = readManifest(manifest);
  for (const blob of [manifest, ...blobs]) {
    await writeFile(join(folder, "blobs", "sha256", sha256(blob)), blob);
  }
  const entry = { mediaType: read.mediaType, digest: read.digest, size: manifest.length };
  const index = { schemaVersion: 2, mediaType: IMAGE_INDEX, manifests: [entry] };
  await writeFile(join(folder, "index.json"), utf8(JSON.stringify(index)));
  await writeFile(join(folder, "oci-layout"), utf8('{"imageLayoutVersion":"1.0.0"}'));
  return openImageLayout(folder);
}
