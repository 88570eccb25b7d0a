import { createHash, type Hash } from "node:crypto";
import { openAsBlob } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type Digest, digestParts } from "@stemma/encoding";
import {
  type Descriptor,
  DOCKER_MANIFEST,
  IMAGE_MANIFEST,
  ImageError,
  MAX_MANIFEST_BYTES,
  type Manifest,
  readManifest,
} from "@stemma/image";
import { OciError } from "./error.ts";
import { blobPath, type ImageLayout, writeImageLayout } from "./image-layout.ts";
import type { Reference } from "./reference.ts";

/** What a client says it can read when it asks for a manifest. */
const ACCEPTED_MANIFESTS = [IMAGE_MANIFEST, DOCKER_MANIFEST];

/** How to reach a registry. */
export interface RegistryOptions {
  /** Plain HTTP, for registries on this machine. */
  readonly plainHttp?: boolean;
  /** Milliseconds for one request; 60,000 unless told. */
  readonly deadline?: number;
}

/**
 * Pulls an image and checks every byte of it: the manifest against the digest asked for (or, for a tag, its digest is
 * computed from the bytes), config and layers against the manifest, sizes included. Blobs are streamed; with `into`
 * they are kept as an image layout. Nothing that the registry says of its own content is believed.
 *
 * @throws OciError manifest_not_found, manifest_digest_mismatch, bad_manifest, blob_missing, blob_digest_mismatch,
 *   registry_unreachable, registry_refused
 */
export async function pullImage(
  reference: Reference,
  options: RegistryOptions & { readonly into?: string } = {},
): Promise<Manifest> {
  const manifest = await pullManifest(reference, options);
  for (const blob of [manifest.config, ...manifest.layers]) {
    await pullBlob(reference, blob, options, options.into);
  }
  if (options.into !== undefined) await writeImageLayout(options.into, manifest.bytes, []);
  return manifest;
}

/** Pulls a manifest and computes its digest. Throws as `pullImage`. */
export async function pullManifest(reference: Reference, options: RegistryOptions = {}): Promise<Manifest> {
  const name = reference.digest ?? reference.tag ?? "";
  const response = await request(reference, `manifests/${name}`, options, {
    headers: { accept: ACCEPTED_MANIFESTS.join(", ") },
  });
  if (response.status === 404) {
    await response.body?.cancel();
    throw new OciError("manifest_not_found", `${describe(reference)} is not there.`);
  }
  expectStatus(response, 200, reference);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_MANIFEST_BYTES)
      throw new ImageError("bad_manifest", "The manifest is larger than any manifest.");
    chunks.push(chunk);
  }
  const manifest = readManifest(Buffer.concat(chunks));
  if (reference.digest !== undefined && reference.digest !== manifest.digest) {
    throw new OciError(
      "manifest_digest_mismatch",
      `${describe(reference)}: the registry sent ${manifest.digest} instead of what was asked for.`,
    );
  }
  return manifest;
}

async function pullBlob(
  reference: Reference,
  blob: Descriptor,
  options: RegistryOptions,
  into: string | undefined,
): Promise<void> {
  const response = await request(reference, `blobs/${blob.digest}`, options, {});
  if (response.status === 404) {
    await response.body?.cancel();
    throw new OciError("blob_missing", `${describe(reference)} has no blob ${blob.digest}.`);
  }
  expectStatus(response, 200, reference);
  const { algorithm, hex } = digestParts(blob.digest);
  const hash = createHash(algorithm);
  const file = into === undefined ? undefined : await openBlobFile(into, blob.digest);
  try {
    const size = await copyBody(response, hash, blob.size, file);
    if (size !== blob.size || hash.digest("hex") !== hex) {
      throw new OciError(
        "blob_digest_mismatch",
        `${describe(reference)}: the bytes that the registry sent for ${blob.digest} are others.`,
      );
    }
    await file?.keep();
  } finally {
    await file?.close();
  }
}

interface BlobFile {
  write(chunk: Uint8Array): Promise<void>;
  keep(): Promise<void>;
  close(): Promise<void>;
}

/** A blob becomes visible under its digest only once it was checked. */
async function openBlobFile(folder: string, digest: Digest): Promise<BlobFile> {
  const path = blobPath(folder, digest);
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.part`;
  const file = await open(temporary, "w");
  let closed = false;
  return {
    write: async (chunk) => {
      await file.write(chunk);
    },
    keep: async () => {
      closed = true;
      await file.close();
      await rename(temporary, path);
    },
    close: async () => {
      if (closed) return;
      await file.close();
      await rm(temporary, { force: true });
    },
  };
}

/** Hashes a body and stops as soon as it is longer than it may be. */
async function copyBody(
  response: Response,
  hash: Hash,
  maxSize: number,
  file: BlobFile | undefined,
): Promise<number> {
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxSize) break;
    hash.update(chunk);
    await file?.write(chunk);
  }
  return size;
}

/** Pushes an image layout: blobs first, the manifest last. Throws `registry_unreachable`, `registry_refused`. */
export async function pushImage(
  layout: ImageLayout,
  to: Reference,
  options: RegistryOptions = {},
): Promise<void> {
  const { manifest, folder } = layout;
  for (const blob of [manifest.config, ...manifest.layers]) {
    await pushBlob(to, blob, await openAsBlob(blobPath(folder, blob.digest)), options);
  }
  const response = await request(to, `manifests/${to.tag ?? manifest.digest}`, options, {
    method: "PUT",
    headers: { "content-type": manifest.mediaType },
    body: manifest.bytes,
  });
  expectStatus(response, 201, to);
  await response.body?.cancel();
}

async function pushBlob(
  to: Reference,
  blob: Descriptor,
  body: Blob,
  options: RegistryOptions,
): Promise<void> {
  const there = await request(to, `blobs/${blob.digest}`, options, { method: "HEAD" });
  if (there.status === 200) return;
  const started = await request(to, "blobs/uploads/", options, { method: "POST" });
  expectStatus(started, 202, to);
  const location = new URL(started.headers.get("location") ?? "", started.url);
  if (location.host !== new URL(started.url).host) {
    throw new OciError(
      "registry_refused",
      `${to.host} wants the upload to go to another host, ${location.host}.`,
    );
  }
  location.searchParams.set("digest", blob.digest);
  const done = await send(location, options, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body,
  });
  expectStatus(done, 201, to);
  await done.body?.cancel();
}

/** Copies an image from one place to another, checking it on the way, and returns its manifest. Throws as both ends. */
export async function copyImage(
  from: Reference,
  to: Reference,
  folder: string,
  options: RegistryOptions = {},
): Promise<Manifest> {
  const manifest = await pullImage(from, { ...options, into: folder });
  await pushImage({ folder, manifest }, to, options);
  return manifest;
}

function request(
  reference: Reference,
  path: string,
  options: RegistryOptions,
  init: RequestInit,
): Promise<Response> {
  const scheme = options.plainHttp === true ? "http" : "https";
  return send(new URL(`${scheme}://${reference.host}/v2/${reference.repository}/${path}`), options, init);
}

async function send(url: URL, options: RegistryOptions, init: RequestInit): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(options.deadline ?? 60_000);
    return await fetch(url, { ...init, signal, redirect: init.method === undefined ? "follow" : "error" });
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new OciError("registry_unreachable", `${url.host} cannot be reached: ${cause}`, { cause: error });
  }
}

function expectStatus(response: Response, status: number, reference: Reference): void {
  if (response.status === status) return;
  throw new OciError("registry_refused", `${describe(reference)}: the registry answered ${response.status}.`);
}

function describe(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.host}/${reference.repository}${tag}${digest}`;
}
