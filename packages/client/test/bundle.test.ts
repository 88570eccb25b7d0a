import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  asyncSource,
  type Bundle,
  BundleRecorder,
  bundleSource,
  openBundle,
  type PackedBundle,
  readBundle,
  readBundleManifest,
  verifyBundle,
  writeBundleFile,
} from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { asSha256Hex, type Sha256Hex, utf8 } from "@stemma/encoding";
import { bundleFile, packedBundle } from "../../../test/support/bundle.ts";
import { changedBundle, layerNamed } from "../../../test/support/changed-bundle.ts";
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
const question = () => ({ digest: domain.digest, project: "app", time: domain.now });

/** The same bundle with a manifest that somebody changed, and with blobs to go with it. */
const changed = (change: Parameters<typeof changedBundle>[1]) => changedBundle(packed, change);

describe("a bundle in a file", () => {
  test("gives the verdict of the domain, and names what it holds", () => {
    const bundle = readBundle(file);
    expect(verifyBundle(domain.root, bundle, question())).toMatchObject({ decision: "allow", reasons: [] });
    expect(bundle.subject).toMatchObject({ digest: domain.digest, size: domain.artifact.length });
    const names = bundle.documents.map(({ name }) => name).filter((name) => name !== undefined);
    expect(names.slice(0, 4)).toEqual(["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]);
    expect(bundle.documents.filter(({ kind }) => kind === "evidence")).toHaveLength(3);
  });

  test("is the same file for the same documents, in whatever order they were heard", async () => {
    expect(Buffer.from(await bundleFile(domain)).equals(file)).toBe(true);
    const recorder = new BundleRecorder(bundleAsSource(readBundle(file)));
    const wanted = [...readBundle(file).blobs.keys()].reverse();
    await recorder.source.evidence(wanted.slice(0, 1), 9_999);
    const again = new BundleRecorder(bundleAsSource(readBundle(file)));
    for (const digest of [...wanted.slice(0, 1), ...wanted.slice(0, 1)])
      await again.source.evidence([digest], 9_999);
    const subject = { mediaType: "text/plain", digest: domain.digest, size: 1 };
    const hints = { project: "app", time: domain.now };
    expect(again.pack(subject, hints)).toEqual(recorder.pack(subject, hints));
  });

  test("is an OCI image layout that its own manifest describes", () => {
    const tar = gunzipSync(file);
    expect(tar.subarray(0, 10).toString()).toBe("oci-layout");
    const manifest = JSON.parse(Buffer.from(packed.manifest).toString());
    expect(manifest).toMatchObject({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      artifactType: "application/vnd.stemma.bundle.v2",
      config: { mediaType: "application/vnd.oci.empty.v1+json", size: 2 },
      subject: { digest: domain.digest },
      annotations: { "dev.stemma.bundle.project": "app", "dev.stemma.bundle.time": domain.now.toISOString() },
    });
  });

  test("holds other trust domains apart, shares evidence, and answers an empty source for those that it lacks", async () => {
    const other = await DomainFixture.create();
    const root = sha256(other.root);
    const here = bundleSource(domain.bundle);
    const recorder = new BundleRecorder(
      asyncSource({ ...here, foreign: (asked) => (asked.root === root ? other.source : undefined) }),
    );
    const foreign = recorder.source.foreign?.({ name: "base", root });
    await recorder.source.metadata("timestamp", undefined, 99_999);
    await foreign?.metadata("timestamp", undefined, 99_999);
    await foreign?.metadata("targets", 1, 99_999);
    await foreign?.evidence([...other.blobs.keys()].slice(0, 1), 99_999);
    expect(recorder.source.foreign?.({ name: "else", root: sha256(utf8("else")) })).toBeUndefined();
    const { mediaType, size } = domain.records.get(domain.digest) ?? { mediaType: "", size: 0 };
    const bytes = await writeBundleFile(
      recorder.pack({ mediaType, digest: domain.digest, size }, { project: "app", time: domain.now }),
    );
    const source = bundleSource(readBundle(bytes));
    expect(source.metadata("timestamp", undefined, 99_999)).toEqual(domain.metadata.get("timestamp"));
    const base = source.foreign?.({ name: "whatever", root });
    expect(base?.metadata("timestamp", undefined, 99_999)).toEqual(other.metadata.get("timestamp"));
    expect(base?.metadata("targets", 1, 99_999)).toEqual(other.metadata.get("1.targets"));
    expect(source.metadata("targets", 1, 99_999)).toBeUndefined();
    expect(source.evidence([...other.blobs.keys()].slice(0, 1), 99_999).size).toBe(1);
    const none = source.foreign?.({ name: "else", root: asSha256Hex("0".repeat(64), "root") });
    expect(none?.metadata("timestamp", undefined, 99_999)).toBeUndefined();
  });
});

const bundleAsSource = (bundle: Bundle) => asyncSource(bundleSource(bundle));

describe("a changed bundle denies", () => {
  test.each(["timestamp", "snapshot", "targets", "app", "artifacts", "bin-", "layout"])(
    "without %s",
    async (name) => {
      const bytes = await changed((manifest, blobs) => {
        const gone = layerNamed(manifest, name);
        manifest.layers = manifest.layers.filter((other) => other !== gone);
        blobs.delete(gone.digest.slice(7) as Sha256Hex);
      });
      const verdict = verifyBundle(domain.root, readBundle(bytes), question());
      expect(verdict.decision).toBe("deny");
      expect(verdict.reasons[0]?.code).toMatch(/^(metadata_not_found|file_missing)$/);
    },
  );

  test("without an item of evidence", async () => {
    const bytes = await changed((manifest, blobs) => {
      const [gone] = manifest.layers.splice(-1);
      blobs.delete(gone?.digest.slice(7) as Sha256Hex);
    });
    expect(verifyBundle(domain.root, readBundle(bytes), question()).reasons).toMatchObject([
      { code: "evidence_missing" },
    ]);
  });

  test("whose layers were swapped under their names", async () => {
    const bytes = await changed((manifest) => {
      const [a, b] = [layerNamed(manifest, "1.snapshot"), layerNamed(manifest, "1.targets")];
      [a.annotations, b.annotations] = [b.annotations ?? {}, a.annotations ?? {}];
    });
    expect(verifyBundle(domain.root, readBundle(bytes), question()).decision).toBe("deny");
  });

  test("of another domain, whose root is not the pinned one", async () => {
    const other = await DomainFixture.create();
    expect(verifyBundle(other.root, readBundle(file), question()).decision).toBe("deny");
  });
});

describe("a bundle from a registry", () => {
  test("is the same, whoever gives the blobs; a missing or another blob is refused", () => {
    const manifest = readBundleManifest(packed.manifest);
    const open = openBundle(manifest, (digest) => packed.blobs.get(digest));
    expect(verifyBundle(domain.root, open, question()).decision).toBe("allow");
    expect(() => openBundle(manifest, () => undefined)).toThrow(refused("bad_bundle"));
    expect(() => openBundle(manifest, () => utf8("another"))).toThrow(refused("bad_bundle"));
  });
});
