/**
 * A bundle in one file: an OCI image layout (image specification, "Image Layout") in a tar, compressed with gzip.
 *
 * Order and headers are fixed, so that reading is comparing: `oci-layout`, `index.json`, the manifest, then every blob that the
 * manifest names, once, in its order. At each place exactly one file may stand, of which name and size are known before.
 * Links, folders, other paths, files twice and files too many are all refused for the same reason: they are not that file.
 */
import { promisify } from "node:util";
import { crc32, gzip, inflateRawSync } from "node:zlib";
import { sha256 } from "@stemma/crypto";
import { EncodingError, equalBytes, type Sha256Hex, utf8 } from "@stemma/encoding";
import {
  type Descriptor,
  describeBytes,
  IMAGE_MANIFEST,
  ImageError,
  MAX_MANIFEST_BYTES,
  readDocument,
  writeIndex,
} from "@stemma/image";
import { ClientError } from "../error.ts";
import { bundleBlobs, type OpenBundle, openBundle, readBundleManifest } from "./document.ts";
import { BUNDLE_ARTIFACT_TYPE, BUNDLE_LIMITS } from "./format.ts";
import type { PackedBundle } from "./pack.ts";
import { TAR_BLOCK, tarHeader, tarPadding, tarSize, writeTar } from "./tar.ts";

const LAYOUT_FILE = utf8('{"imageLayoutVersion":"1.0.0"}');
const MAX_INDEX = 4_096;
/** What the one manifest of the layout is called, for tools that ask for a tag. */
const TAG = "org.opencontainers.image.ref.name";

/** Writes a bundle as one file. The same bundle gives the same content, and the same file where the compressor is the same. */
export async function writeBundleFile({ manifest, blobs }: PackedBundle): Promise<Uint8Array> {
  const digest = sha256(manifest);
  const entry = {
    ...describeBytes(IMAGE_MANIFEST, manifest),
    artifactType: BUNDLE_ARTIFACT_TYPE,
    annotations: new Map([[TAG, "bundle"]]),
  };
  const files: [string, Uint8Array][] = [
    ["oci-layout", LAYOUT_FILE],
    ["index.json", writeIndex({ manifests: [entry] })],
    [blobPath(digest), manifest],
  ];
  for (const [name, bytes] of blobs) files.push([blobPath(name), bytes]);
  const compressed = await promisify(gzip)(writeTar(files), { level: 9 });
  // RFC 1952, 2.3.1: the operating system is none of the reader's business.
  compressed[9] = 255;
  return compressed;
}

/** Reads a bundle from a file. Throws `bad_bundle`, `bundle_too_large`. */
export function readBundle(bytes: Uint8Array): OpenBundle {
  const reader = new TarReader(decompress(bytes));
  if (!equalBytes(reader.take("oci-layout", LAYOUT_FILE.length), LAYOUT_FILE)) {
    throw new ClientError(
      "bad_bundle",
      "The file oci-layout of a bundle says version 1.0.0 and nothing else.",
    );
  }
  const entry = readIndex(reader.takeUpTo("index.json", MAX_INDEX));
  if (entry.size > MAX_MANIFEST_BYTES) {
    throw new ClientError(
      "bundle_too_large",
      `The manifest of a bundle has at most ${MAX_MANIFEST_BYTES} bytes.`,
    );
  }
  const document = reader.take(blobPath(entry.digest.slice(7)), entry.size);
  if (sha256(document) !== entry.digest.slice(7)) {
    throw new ClientError("bad_bundle", `The manifest of the bundle is not ${entry.digest}.`);
  }
  const manifest = readBundleManifest(document);
  const blobs = new Map<string, Uint8Array>();
  for (const { digest, size } of bundleBlobs(manifest)) {
    blobs.set(digest.slice(7), reader.take(blobPath(digest.slice(7)), size));
  }
  reader.end();
  return openBundle(manifest, (digest) => blobs.get(digest));
}

const blobPath = (digest: Sha256Hex | string): string => `blobs/sha256/${digest}`;

/** The one entry of the index. */
function readIndex(bytes: Uint8Array): Descriptor {
  try {
    const index = readDocument(bytes);
    const [entry, ...more] = index.kind === "index" ? index.manifests : [];
    if (entry !== undefined && more.length === 0 && entry.digest.startsWith("sha256:")) return entry;
  } catch (error) {
    if (!(error instanceof ImageError) && !(error instanceof EncodingError)) throw error;
    throw new ClientError("bad_bundle", `The index of the bundle cannot be read: ${error.message}`, {
      cause: error,
    });
  }
  throw new ClientError("bad_bundle", "The index of a bundle names exactly one manifest, by its sha256.");
}

const GZIP_HEADER = 10;
const GZIP_TRAILER = 8;
const FREE_OF_RATIO = 1024 * 1024;

/** One gzip member without optional fields and without anything after it (RFC 1952), decompressed within the limits. */
function decompress(bytes: Uint8Array): Buffer {
  const { fileBytes, decompressedBytes, ratio } = BUNDLE_LIMITS;
  if (bytes.length > fileBytes) {
    throw new ClientError(
      "bundle_too_large",
      `A bundle has at most ${fileBytes} bytes; this has ${bytes.length}.`,
    );
  }
  const end = bytes.length - GZIP_TRAILER;
  if (end < GZIP_HEADER || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8 || bytes[3] !== 0) {
    throw new ClientError(
      "bad_bundle",
      "A bundle is a tar that was compressed with gzip, with a header of ten bytes.",
    );
  }
  const most = Math.min(decompressedBytes, Math.max(FREE_OF_RATIO, bytes.length * ratio));
  const { content, read } = inflate(bytes.subarray(GZIP_HEADER, end), most);
  const trailer = Buffer.from(bytes.buffer, bytes.byteOffset + end, GZIP_TRAILER);
  if (
    read !== end - GZIP_HEADER ||
    trailer.readUInt32LE(0) !== crc32(content) ||
    trailer.readUInt32LE(4) !== content.length
  ) {
    throw new ClientError("bad_bundle", "The bundle is damaged, or something stands after its end.");
  }
  return content;
}

function inflate(compressed: Uint8Array, maxOutputLength: number): { content: Buffer; read: number } {
  try {
    // With `info`, the answer says too how much was read; the types do not know of that.
    const answer: unknown = inflateRawSync(compressed, { maxOutputLength, info: true });
    const { buffer, engine } = answer as { buffer: Buffer; engine: { bytesWritten: number } };
    return { content: buffer, read: engine.bytesWritten };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") {
      throw new ClientError(
        "bundle_too_large",
        `The bundle holds more than the ${maxOutputLength} bytes that a file of its size may.`,
      );
    }
    throw new ClientError("bad_bundle", "The bundle cannot be decompressed.", { cause: error });
  }
}

/** Takes the files of a tar one after the other, each by the name that it must have. */
class TarReader {
  readonly #content: Buffer;
  #at = 0;

  constructor(content: Buffer) {
    this.#content = content;
  }

  /** The file that must stand here. Throws `bad_bundle`. */
  take(name: string, size: number): Uint8Array {
    const start = this.#at + TAR_BLOCK;
    const end = start + size;
    const padded = end + tarPadding(size);
    if (
      padded > this.#content.length ||
      !tarHeader(name, size).equals(this.#content.subarray(this.#at, start)) ||
      !isZero(this.#content.subarray(end, padded))
    ) {
      throw new ClientError(
        "bad_bundle",
        `At byte ${this.#at}, the bundle must hold ${name} of ${size} bytes.`,
      );
    }
    this.#at = padded;
    return this.#content.subarray(start, end);
  }

  /** The same for a file of which only the largest size is known. */
  takeUpTo(name: string, most: number): Uint8Array {
    const size = tarSize(this.#content.subarray(this.#at, this.#at + TAR_BLOCK));
    if (size === undefined || size > most) {
      throw new ClientError(
        "bad_bundle",
        `At byte ${this.#at}, the bundle must hold ${name} of at most ${most} bytes.`,
      );
    }
    return this.take(name, size);
  }

  /** Two blocks of zeros, and nothing after them. */
  end(): void {
    const rest = this.#content.subarray(this.#at);
    if (rest.length !== 2 * TAR_BLOCK || !isZero(rest)) {
      throw new ClientError(
        "bad_bundle",
        `At byte ${this.#at}, the bundle must end with ${2 * TAR_BLOCK} zeros.`,
      );
    }
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
