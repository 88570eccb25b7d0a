import { createHash, hash } from "node:crypto";
import { type Digest, digestParts } from "@stemma/encoding";
import { ImageError, MAX_MANIFEST_BYTES, readDocument } from "@stemma/image";
import type { BlobName, BlobReader, Document } from "./content-store.ts";
import { OciError } from "./error.ts";

/**
 * The same pieces, hashed on the way. One piece is held back, so that whoever reads to the end has bytes that were checked,
 * and never the whole of something else. Throws `blob_digest_mismatch`, as soon as there are too many bytes.
 */
export async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  blob: BlobName,
  place: string,
): AsyncGenerator<Uint8Array> {
  const { algorithm, hex } = digestParts(blob.digest);
  const hasher = createHash(algorithm);
  let size = 0;
  let held: Uint8Array | undefined;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > blob.size) throw otherBytes(blob, place);
    hasher.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (size !== blob.size || hasher.digest("hex") !== hex) throw otherBytes(blob, place);
  if (held !== undefined) yield held;
}

export function otherBytes(blob: BlobName, place: string): OciError {
  return new OciError(
    "blob_digest_mismatch",
    `${place}: the bytes that came for ${blob.digest} (${blob.size} bytes) are others.`,
  );
}

/** Reads at most so many bytes. Throws what `tooMany` makes when there are more. */
export async function readAtMost(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
  tooMany: () => Error,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > limit) throw tooMany();
    pieces.push(chunk);
  }
  return Buffer.concat(pieces);
}

/** The bytes of a manifest, and no more than a manifest may have. Throws `bad_manifest`. */
export function readManifestBytes(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return readAtMost(
    chunks,
    MAX_MANIFEST_BYTES,
    () => new ImageError("bad_manifest", "The manifest is larger than any manifest."),
  );
}

/**
 * Reads a document that was asked for by digest; it keeps the name by which it was asked for. Throws
 * `manifest_digest_mismatch`, `bad_manifest`.
 */
export function documentOf(bytes: Uint8Array, digest: Digest, place: string): Document {
  const { algorithm, hex } = digestParts(digest);
  if (hash(algorithm, bytes, "hex") !== hex) {
    throw new OciError(
      "manifest_digest_mismatch",
      `${place}: other bytes came than those of the manifest ${digest} that was asked for.`,
    );
  }
  return { ...readDocument(bytes), digest };
}

/** The whole of a blob in memory, for small ones. Throws `blob_digest_mismatch` without reading one that is larger. */
export async function readWholeBlob(from: BlobReader, blob: BlobName, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new OciError(
      "blob_digest_mismatch",
      `The blob ${blob.digest} has ${blob.size} bytes; at most ${maxBytes} are read.`,
    );
  if (blob.size > maxBytes) throw tooLarge();
  return readAtMost(from.readBlob(blob), maxBytes, tooLarge);
}

/** Blobs that are in memory already. */
export function blobsOf(...contents: readonly Uint8Array[]): BlobReader {
  return {
    async *readBlob(blob) {
      const { algorithm, hex } = digestParts(blob.digest);
      const found = contents.find(
        (bytes) => bytes.length === blob.size && hash(algorithm, bytes, "hex") === hex,
      );
      if (found === undefined) {
        throw new OciError("blob_missing", `The blob ${blob.digest} is not among those in memory.`);
      }
      yield found;
    },
  };
}
