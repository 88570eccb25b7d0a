import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { parseDigest, utf8 } from "@stemma/encoding";
import { IMAGE_CONFIG, IMAGE_MANIFEST, LAYER_TAR_GZIP, readManifest } from "@stemma/image";
import {
  blobPath,
  copyImage,
  type ImageLayout,
  isImageLayout,
  openImageLayout,
  parseReference,
  pullImage,
  pushImage,
  writeImageLayout,
} from "@stemma/oci";
import { MemoryRegistry } from "../../../test/support/registry.ts";

const options = { plainHttp: true };
const layer = utf8("the layer");
const config = utf8('{"architecture":"amd64","os":"linux"}');

function manifestBytes(override: Record<string, unknown> = {}): Uint8Array {
  const describe = (mediaType: string, bytes: Uint8Array) => ({
    mediaType,
    digest: `sha256:${sha256(bytes)}`,
    size: bytes.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: IMAGE_MANIFEST,
    config: describe(IMAGE_CONFIG, config),
    layers: [describe(LAYER_TAR_GZIP, layer)],
    ...override,
  };
  return utf8(JSON.stringify(manifest));
}

let folder: string;
let a: MemoryRegistry;
let b: MemoryRegistry;
let image: ImageLayout;

beforeAll(async () => {
  [a, b] = [await MemoryRegistry.start(), await MemoryRegistry.start()];
});
afterAll(async () => {
  await a.stop();
  await b.stop();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stemma-oci-"));
  image = await writeImageLayout(join(folder, "image"), manifestBytes(), [config, layer]);
  for (const registry of [a, b]) {
    registry.blobs.clear();
    registry.manifests.clear();
  }
});
afterEach(() => rm(folder, { recursive: true }));

const refused = (code: string) => expect.objectContaining({ code });

describe("an image layout", () => {
  test("opens with the digest of its manifest's bytes", async () => {
    expect(await isImageLayout(image.folder)).toBe(true);
    expect(await isImageLayout(folder)).toBe(false);
    expect((await openImageLayout(image.folder)).manifest.digest).toBe(`sha256:${sha256(manifestBytes())}`);
  });

  test("is refused when a layer was changed, shortened or taken away", async () => {
    const path = blobPath(image.folder, parseDigest(`sha256:${sha256(layer)}`));
    await writeFile(path, "the liver");
    await expect(openImageLayout(image.folder)).rejects.toThrow(refused("blob_digest_mismatch"));
    await writeFile(path, "the");
    await expect(openImageLayout(image.folder)).rejects.toThrow(refused("blob_digest_mismatch"));
    await rm(path);
    await expect(openImageLayout(image.folder)).rejects.toThrow(refused("blob_missing"));
  });

  test("is refused when the manifest is not the one that the index names", async () => {
    await writeFile(blobPath(image.folder, image.manifest.digest), manifestBytes({ annotations: {} }));
    await expect(openImageLayout(image.folder)).rejects.toThrow(refused("manifest_digest_mismatch"));
  });

  test("is refused without a readable index", async () => {
    for (const text of ["", "{}", '{"schemaVersion":2,"manifests":[]}', '{"a":1,"a":2}']) {
      await writeFile(join(image.folder, "index.json"), text);
      await expect(openImageLayout(image.folder)).rejects.toThrow(refused("bad_image_layout"));
    }
  });
});

describe("a manifest is refused", () => {
  test.each<[string, Uint8Array]>([
    ["when it is not JSON", utf8("hello")],
    ["when it is null", utf8("null")],
    ["with two config members", utf8('{"schemaVersion":2,"config":{},"config":{}}')],
    ["without layers", manifestBytes({ layers: undefined })],
    ["of schema version 1", manifestBytes({ schemaVersion: 1 })],
    ["with a weak digest", manifestBytes({ config: { mediaType: "a/b", digest: "md5:00", size: 1 } })],
    [
      "with a negative size",
      manifestBytes({ config: { mediaType: IMAGE_CONFIG, digest: `sha256:${sha256(config)}`, size: -1 } }),
    ],
    ["of another type", manifestBytes({ mediaType: "application/json" })],
  ])("%s", (_name, bytes) => {
    expect(() => readManifest(bytes)).toThrow(refused("bad_manifest"));
  });
});

describe("references", () => {
  test.each([
    ["127.0.0.1:5000/team/app:1.0", "127.0.0.1:5000", "team/app", "1.0"],
    ["registry.example/app:latest", "registry.example", "app", "latest"],
    ["[::1]:5000/a/b/c:x", "[::1]:5000", "a/b/c", "x"],
  ])("%s", (text, host, repository, tag) => {
    expect(parseReference(text)).toEqual({ host, repository, tag, digest: undefined });
  });

  test.each([
    "app",
    "app:1",
    "/a:b",
    "host/UPPER:1",
    "host/a",
    "host/a:",
    "host/a@sha256:00",
    "host/../a:1",
    "ho st/a:1",
    "u@host/a:1",
    "host/a:b:c",
  ])("%s is none", (text) => {
    expect(() => parseReference(text)).toThrow(refused("bad_reference"));
  });
});

describe("registries", () => {
  const at = (registry: MemoryRegistry, rest: string) => parseReference(`${registry.host}/${rest}`);

  test("an image keeps its digest from registry to registry", async () => {
    await pushImage(image, at(a, "team/app:1.0"), options);
    await copyImage(at(a, "team/app:1.0"), at(b, "mirror/x:prod"), join(folder, "copy"), options);
    const pulled = await pullImage(at(b, "mirror/x:prod"), { ...options, into: join(folder, "pulled") });
    expect(pulled.digest).toBe(image.manifest.digest);
    const bytes = await readFile(blobPath(join(folder, "pulled"), parseDigest(`sha256:${sha256(layer)}`)));
    expect(bytes.toString()).toBe("the layer");
    expect((await openImageLayout(join(folder, "pulled"))).manifest.digest).toBe(image.manifest.digest);
  });

  test("a changed layer is refused, and is not kept (N-51)", async () => {
    await pushImage(image, at(a, "team/app:1.0"), options);
    a.blobs.set(`sha256:${sha256(layer)}`, utf8("the liver"));
    const into = join(folder, "pulled");
    await expect(pullImage(at(a, "team/app:1.0"), { ...options, into })).rejects.toThrow(
      refused("blob_digest_mismatch"),
    );
    await expect(readFile(blobPath(into, parseDigest(`sha256:${sha256(layer)}`)))).rejects.toThrow("ENOENT");
  });

  test("a blob that never ends stops at its size (N-54)", async () => {
    await pushImage(image, at(a, "team/app:1.0"), options);
    a.blobs.set(`sha256:${sha256(layer)}`, new Uint8Array(50_000_000));
    await expect(pullImage(at(a, "team/app:1.0"), options)).rejects.toThrow(refused("blob_digest_mismatch"));
  });

  test("another manifest than the digest asked for is refused (N-51)", async () => {
    await pushImage(image, at(a, "team/app:1.0"), options);
    const other = {
      mediaType: IMAGE_MANIFEST,
      bytes: manifestBytes({ annotations: { evil: "yes" } }),
    };
    a.manifests.set(`team/app@${image.manifest.digest}`, other);
    await expect(pullImage(at(a, `team/app@${image.manifest.digest}`), options)).rejects.toThrow(
      refused("manifest_digest_mismatch"),
    );
  });

  test("what is not there, and who does not answer", async () => {
    await expect(pullImage(at(a, "team/app:2.0"), options)).rejects.toThrow(refused("manifest_not_found"));
    await pushImage(image, at(a, "team/app:1.0"), options);
    a.blobs.delete(`sha256:${sha256(config)}`);
    await expect(pullImage(at(a, "team/app:1.0"), options)).rejects.toThrow(refused("blob_missing"));
    const gone = await MemoryRegistry.start();
    const reference = at(gone, "team/app:1.0");
    await gone.stop();
    await expect(pullImage(reference, options)).rejects.toThrow(refused("registry_unreachable"));
  });
});
