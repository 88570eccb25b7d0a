import { describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { type Digest, parseDigest, utf8 } from "@stemma/encoding";
import {
  attestedBy,
  chainId,
  EMPTY_CONFIG,
  IMAGE_INDEX,
  IMAGE_MANIFEST,
  isLayerPrefix,
  readDocument,
  readImageConfig,
  readManifest,
} from "@stemma/image";
import fc from "fast-check";

const digest = (seed: string): Digest => parseDigest(`sha256:${sha256(utf8(seed))}`);
const descriptor = (seed: string, more: object = {}): object => ({
  mediaType: "application/octet-stream",
  digest: digest(seed),
  size: seed.length,
  ...more,
});
const write = (value: unknown): Uint8Array => utf8(JSON.stringify(value));
const refused = (code: string): object => expect.objectContaining({ code });

const manifest = { schemaVersion: 2, config: descriptor("config"), layers: [descriptor("layer")] };
const index = { schemaVersion: 2, manifests: [descriptor("child", { mediaType: IMAGE_MANIFEST })] };

describe("manifests and indexes", () => {
  test("what says no media type is told by its members", () => {
    expect(readDocument(write(manifest))).toMatchObject({ kind: "manifest", mediaType: IMAGE_MANIFEST });
    expect(readDocument(write(index))).toMatchObject({ kind: "index", mediaType: IMAGE_INDEX });
  });

  test("the digest is that of the bytes received", () => {
    const bytes = write(manifest);
    expect(readDocument(bytes).digest).toBe(`sha256:${sha256(bytes)}`);
    const spaced = utf8(JSON.stringify(manifest, undefined, 1));
    expect(readDocument(spaced).digest).not.toBe(readDocument(bytes).digest);
  });

  test.each<[string, unknown]>([
    ["both kinds at once", { ...manifest, ...index }],
    ["an index that says it is a manifest", { ...index, mediaType: IMAGE_MANIFEST }],
    ["a manifest that says it is an index", { ...manifest, mediaType: IMAGE_INDEX }],
    ["another schema", { ...manifest, schemaVersion: 1 }],
    ["an unknown media type", { ...manifest, mediaType: "text/plain" }],
    ["no layers", { schemaVersion: 2, config: descriptor("config") }],
    ["a negative size", { ...manifest, config: descriptor("config", { size: -1 }) }],
    ["a weak digest", { ...manifest, config: descriptor("config", { digest: "md5:00" }) }],
    ["annotations that are no text", { ...manifest, annotations: { a: 1 } }],
    ["an array", []],
    ["a subject without a digest", { ...manifest, subject: { mediaType: IMAGE_MANIFEST, size: 1 } }],
  ])("refuses %s", (_name, value) => {
    expect(() => readDocument(write(value))).toThrow(refused("bad_manifest"));
  });

  test("refuses members that are there twice, of which two readers could choose another", () => {
    const bytes = utf8(`{"layers":[],${JSON.stringify(manifest).slice(1)}`);
    expect(() => readDocument(bytes)).toThrow(refused("bad_manifest"));
  });

  test("an index is no manifest", () => {
    expect(() => readManifest(write(index))).toThrow(refused("bad_manifest"));
  });

  test("arbitrary bytes are read or refused, and nothing else", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(utf8)), (bytes) => {
        try {
          readDocument(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "bad_manifest" });
        }
      }),
    );
  });

  test("an entry attests another only when it can never be run", () => {
    const about = {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": digest("x"),
    };
    const entries = [
      { annotations: about, platform: { os: "unknown", architecture: "unknown" } },
      { annotations: about, platform: { os: "linux", architecture: "amd64" } },
      { annotations: about },
      { platform: { os: "unknown", architecture: "unknown" } },
    ];
    const read = readDocument(
      write({ schemaVersion: 2, manifests: entries.map((more) => descriptor("c", more)) }),
    );
    const attested = read.kind === "index" ? read.manifests.map(attestedBy) : [];
    expect(attested).toEqual([digest("x"), undefined, undefined, undefined]);
  });
});

describe("configurations and layers", () => {
  test("diff_ids in their order", () => {
    const diffIds = [digest("a"), digest("b")];
    const config = { os: "linux", architecture: "arm64", rootfs: { type: "layers", diff_ids: diffIds } };
    expect(readImageConfig(write(config))).toEqual({
      os: "linux",
      architecture: "arm64",
      variant: undefined,
      diffIds,
    });
  });

  test.each<[string, unknown]>([
    ["no rootfs", {}],
    ["another type", { rootfs: { type: "other", diff_ids: [] } }],
    ["a diff_id that is none", { rootfs: { type: "layers", diff_ids: ["sha256:00"] } }],
    ["the empty configuration", JSON.parse("{}")],
  ])("refuses %s", (_name, value) => {
    expect(() => readImageConfig(write(value))).toThrow(refused("bad_image_config"));
    expect(EMPTY_CONFIG).toMatch(/^application\//);
  });

  test("the ChainID of one layer is the layer, and of more that of the specification", () => {
    const [a, b] = [digest("a"), digest("b")];
    expect(chainId([])).toBeUndefined();
    expect(chainId([a])).toBe(a);
    expect(chainId([a, b])).toBe(`sha256:${sha256(utf8(`${a} ${b}`))}`);
  });

  test("a base is the exact ordered beginning, which its ChainID says too", () => {
    const layers = fc.array(fc.constantFrom(...["a", "b", "c"].map(digest)), { maxLength: 5 });
    fc.assert(
      fc.property(layers, layers, (base, image) => {
        const chains = image.map((_, end) => chainId(image.slice(0, end + 1)));
        expect(isLayerPrefix(base, image)).toBe(base.length > 0 && chains[base.length - 1] === chainId(base));
      }),
    );
  });

  test.each([
    ["a layer in between", ["a", "x", "b"]],
    ["another order", ["b", "a"]],
    ["another layer", ["a", "x"]],
    ["fewer layers", ["a"]],
    ["a layer below", ["x", "a", "b"]],
  ])("%s is another base", (_name, image) => {
    expect(isLayerPrefix(["a", "b"].map(digest), image.map(digest))).toBe(false);
  });
});
