import { gunzipSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { BUNDLE_LIMITS, ClientError, type PackedBundle, readBundle, writeBundleFile } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { type Sha256Hex, utf8 } from "@stemma/encoding";
import fc from "fast-check";
import { packedBundle } from "../../../test/support/bundle.ts";
import {
  changedBundle,
  type Layer,
  layerNamed,
  type PlainManifest,
} from "../../../test/support/changed-bundle.ts";
import { DomainFixture } from "../../../test/support/domain.ts";

let domain: DomainFixture;
let packed: PackedBundle;
let file: Buffer;
beforeAll(async () => {
  domain = await DomainFixture.create();
  packed = await packedBundle(domain);
  file = Buffer.from(await writeBundleFile(packed));
});

const refused = (code: string) => expect.objectContaining({ code });

/** The same bundle with a manifest that somebody changed, and with blobs to go with it. */
const changed = (change: Parameters<typeof changedBundle>[1]) => changedBundle(packed, change);

/** The same file with a tar that somebody changed. */
function retarred(change: (tar: Buffer) => Buffer): Uint8Array {
  return gzipSync(change(Buffer.from(gunzipSync(file))));
}

describe("a bundle is refused", () => {
  const cases: [string, string, (manifest: PlainManifest, blobs: Map<Sha256Hex, Uint8Array>) => void][] = [
    [
      "of another artifact type",
      "bad_bundle",
      (manifest) => {
        manifest.artifactType = "application/json";
      },
    ],
    [
      "without a subject",
      "bad_bundle",
      (manifest) => {
        delete manifest.subject;
      },
    ],
    [
      "with a configuration that says something",
      "bad_bundle",
      (manifest, blobs) => {
        const config = utf8("[]");
        blobs.delete(manifest.config.digest.slice(7) as Sha256Hex);
        manifest.config = {
          mediaType: manifest.config.mediaType,
          digest: `sha256:${sha256(config)}`,
          size: 2,
        };
        const rest = [...blobs];
        blobs.clear();
        blobs.set(sha256(config), config);
        for (const [name, bytes] of rest) blobs.set(name, bytes);
      },
    ],
    [
      "that names a document twice",
      "bad_bundle",
      (manifest) => {
        layerNamed(manifest, "1.targets").annotations = { "tuf.io/filename": "1.snapshot.json" };
      },
    ],
    [
      "with evidence that has a name",
      "bad_bundle",
      (manifest) => {
        (manifest.layers.at(-1) as Layer).annotations = { "tuf.io/filename": "x" };
      },
    ],
    [
      "with metadata that has none",
      "bad_bundle",
      (manifest) => {
        delete layerNamed(manifest, "1.targets").annotations;
      },
    ],
    [
      "with a layer of an unknown type",
      "bad_bundle",
      (manifest) => {
        layerNamed(manifest, "1.targets").mediaType = "text/plain";
      },
    ],
    [
      "with a domain that is no digest",
      "bad_bundle",
      (manifest) => {
        layerNamed(manifest, "1.targets").annotations = {
          "tuf.io/filename": "1.targets.json",
          "dev.stemma.bundle.domain": "../x",
        };
      },
    ],
    [
      "that lies about a size",
      "bad_bundle",
      (manifest) => {
        layerNamed(manifest, "1.targets").size += 1;
      },
    ],
    [
      "that lies about a large size",
      "bundle_too_large",
      (manifest) => {
        layerNamed(manifest, "1.targets").size = 1e12;
      },
    ],
    [
      "without a blob",
      "bad_bundle",
      (_manifest, blobs) => {
        blobs.delete([...blobs.keys()].at(-1) as Sha256Hex);
      },
    ],
    [
      "with a blob that no layer names",
      "bad_bundle",
      (_manifest, blobs) => {
        blobs.set(sha256(utf8("x")), utf8("x"));
      },
    ],
    [
      "whose blobs stand in another order",
      "bad_bundle",
      (_manifest, blobs) => {
        const all = [...blobs].reverse();
        blobs.clear();
        for (const [name, bytes] of all) blobs.set(name, bytes);
      },
    ],
    [
      "with the bytes of one blob under the name of another",
      "bad_bundle",
      (_manifest, blobs) => {
        const [name] = [...blobs.keys()].slice(-1) as [Sha256Hex];
        const bytes = Buffer.from(blobs.get(name) ?? []);
        bytes[0] = (bytes[0] ?? 0) ^ 1;
        blobs.set(name, bytes);
      },
    ],
    [
      "with more documents than a bundle has",
      "bad_bundle",
      (manifest) => {
        manifest.layers = Array.from(
          { length: BUNDLE_LIMITS.documents + 1 },
          () => manifest.layers[0] as Layer,
        );
      },
    ],
  ];
  test.each(cases)("%s", async (_name, code, change) => {
    const bytes = await changed(change);
    expect(() => readBundle(bytes)).toThrow(refused(code));
  });

  test.each([
    "../1.root.json",
    "1.../../x.json",
    "01.root.json",
    "1.root.json/",
    "root.json",
    "1.%2e%2e.json",
    "0.root.json",
    "",
  ])("with metadata called %j", async (name) => {
    const bytes = await changed((manifest) => {
      layerNamed(manifest, "1.targets").annotations = { "tuf.io/filename": name };
    });
    expect(() => readBundle(bytes)).toThrow(refused("bad_bundle"));
  });

  test.each(["../%.x", "/etc/%.x", "a//%.x", "./%.x", "a/../%.x", "a\\b/%.x", "%", "x", "%.x/y", ".."])(
    "with a target file called %j",
    async (name) => {
      const bytes = await changed((manifest) => {
        const target = layerNamed(manifest, "layout");
        target.annotations = { "tuf.io/filename": name.replace("%", target.digest.slice(7)) };
      });
      expect(() => readBundle(bytes)).toThrow(refused("bad_bundle"));
    },
  );

  const bytes: [string, () => Uint8Array][] = [
    ["empty", () => new Uint8Array()],
    ["no gzip", () => utf8("hello, this is not a bundle")],
    ["of the first form", () => utf8('{"mediaType":"application/vnd.stemma.bundle.v1+json","metadata":[]}')],
    ["truncated", () => file.subarray(0, -1)],
    ["truncated by half", () => file.subarray(0, file.length / 2)],
    ["followed by zeros", () => Buffer.concat([file, Buffer.alloc(512)])],
    ["followed by a second member", () => Buffer.concat([file, gzipSync("x")])],
    [
      "with a name in its gzip header",
      () => {
        const named = Buffer.from(file);
        named[3] = 8;
        return named;
      },
    ],
    [
      "of the wrong checksum",
      () => {
        const wrong = Buffer.from(file);
        wrong[wrong.length - 8] = (wrong[wrong.length - 8] ?? 0) ^ 1;
        return wrong;
      },
    ],
    ["a tar without its end", () => retarred((tar) => tar.subarray(0, -1024))],
    ["a tar with more after its end", () => retarred((tar) => Buffer.concat([tar, Buffer.alloc(512)]))],
    [
      "a tar with a symbolic link",
      () =>
        retarred((tar) => {
          tar[156] = 0x32;
          return tar;
        }),
    ],
    [
      "a tar with another path",
      () =>
        retarred((tar) => {
          tar.write("../out\0\0\0\0", 0);
          return tar;
        }),
    ],
    [
      "a tar with an owner",
      () =>
        retarred((tar) => {
          tar.write("0000001", 108);
          return tar;
        }),
    ],
    ["a tar with a file twice", () => retarred((tar) => Buffer.concat([tar.subarray(0, 1024), tar]))],
    [
      "a tar of a layout of another version",
      () =>
        retarred((tar) => {
          tar[512 + 24] = 0x32;
          return tar;
        }),
    ],
    [
      "a tar whose padding is not zero",
      () =>
        retarred((tar) => {
          tar[1023] = 1;
          return tar;
        }),
    ],
    [
      "a tar whose index is enormous",
      () =>
        retarred((tar) => {
          tar.write("77777777777", 1024 + 124);
          return tar;
        }),
    ],
  ];
  test.each(bytes)("that is %s", (_name, make) => {
    expect(() => readBundle(make())).toThrow(refused("bad_bundle"));
  });

  test("that is a bomb, before it has filled memory", () => {
    const before = process.memoryUsage().arrayBuffers;
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024), { level: 1 });
    expect(() => readBundle(bomb)).toThrow(refused("bundle_too_large"));
    const small = gzipSync(Buffer.alloc(2 * 1024 * 1024));
    expect(() => readBundle(small)).toThrow(refused("bundle_too_large"));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(400 * 1024 * 1024);
  });

  test("whatever byte was changed: it is refused, or it holds the same documents", () => {
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from(file);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        sameOrRefused(bytes);
      }),
    );
  });

  test("whatever bytes the tar was replaced by at one place", () => {
    const tar = Buffer.from(gunzipSync(file));
    fc.assert(
      fc.property(fc.nat(tar.length - 1), fc.uint8Array({ maxLength: 64 }), (at, noise) => {
        const bytes = Buffer.from(tar);
        bytes.set(noise.subarray(0, bytes.length - at), at);
        sameOrRefused(gzipSync(bytes));
      }),
    );
  });

  test("of any bytes at all", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2_048 }), (noise) => sameOrRefused(noise)));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4_096 }), (noise) => sameOrRefused(gzipSync(noise))));
  });

  /** Whoever changes a bundle gets a refusal, never other documents and never a fault. */
  function sameOrRefused(bytes: Uint8Array): void {
    let bundle: ReturnType<typeof readBundle>;
    try {
      bundle = readBundle(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(ClientError);
      return;
    }
    expect(Buffer.from(bundle.manifest.bytes).equals(packed.manifest)).toBe(true);
  }
});
