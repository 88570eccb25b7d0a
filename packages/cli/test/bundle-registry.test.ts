import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { BUNDLE_ARTIFACT_TYPE, readBundle, TIME_HINT } from "@stemma/client";
import { parseDigest, utf8 } from "@stemma/encoding";
import { describeDocument, EMPTY_CONFIG, IMAGE_INDEX, readManifest, writeIndex } from "@stemma/image";
import { registryStore } from "@stemma/oci";
import { makeArtifact, makeImage, put } from "../../../test/support/artifacts.ts";
import { bundleFile } from "../../../test/support/bundle.ts";
import type { DomainFixture } from "../../../test/support/domain.ts";
import { MemoryRegistry } from "../../../test/support/registry.ts";
import { bundleDesk, ROOT, type Verified } from "./support/bundle-desk.ts";
import type { Desk } from "./support/command-line.ts";

let desk: Desk;
let domain: DomainFixture;
beforeEach(async () => {
  ({ desk, domain } = await bundleDesk());
});
afterEach(() => desk.remove());

const at = (time: Date = domain.now) => ["--at", time.toISOString()];

describe("beside an image in a registry", () => {
  let registry: MemoryRegistry;
  beforeEach(async () => {
    registry = await MemoryRegistry.start({ referrers: true });
  });
  afterEach(() => registry.stop());

  const repository = (host = registry.host) => `oci:${host}/team/app`;
  const attach = (file: string, expected = 0) =>
    desk.json<{ bundle: string; subject: string; blobs: { written: number; there: number } }>(
      ["bundle", "attach", file, repository(), "--plain-http"],
      expected,
    );

  /** Puts an image there, and its digest on record. */
  async function recordImage(): Promise<string> {
    const image = makeImage("amd64");
    await put(registryStore({ host: registry.host, repository: "team/app" }, { plainHttp: true }), image, {
      tag: "1.0",
    });
    const { digest, bytes } = image.document;
    await domain.record(digest, bytes.length, await domain.links(digest));
    await domain.publish();
    await writeFile(desk.path("image.bundle"), await bundleFile(domain, digest));
    return digest;
  }

  test("is attached, found by the image's tag, verified, extracted, and copied along", async () => {
    const digest = await recordImage();
    const attached = await attach("image.bundle");
    expect(attached).toMatchObject({
      subject: digest,
      bundle: readBundle(await readFile(desk.path("image.bundle"))).manifest.digest,
    });
    expect((await attach("image.bundle")).blobs).toMatchObject({ written: 0 });
    const plain = ["--plain-http"];
    const found = await desk.json<Verified>([
      "bundle",
      "verify",
      `${repository()}:1.0`,
      digest,
      ...ROOT,
      ...at(),
      ...plain,
    ]);
    expect(found.verdict).toMatchObject({ decision: "allow", digest });
    const byDigest = `${repository()}@${attached.bundle}`;
    expect(
      (await desk.json<Verified>(["bundle", "verify", byDigest, ...ROOT, ...at(), ...plain])).verdict.digest,
    ).toBe(digest);
    await desk.json(["bundle", "extract", byDigest, "--to", "mirror", ...plain]);
    await desk.json(["verify", digest, "--directory", "mirror", ...ROOT, ...at()]);

    // A registry without the referrers API, reached by copying: the bundle is one of the things that belong to the image.
    const other = await MemoryRegistry.start();
    try {
      await desk.json(["copy", `${repository()}:1.0`, `${repository(other.host)}:1.0`, ...plain]);
      const moved = await desk.json<Verified>([
        ...["bundle", "verify", `${repository(other.host)}:1.0`, digest, ...ROOT, ...at(), ...plain],
      ]);
      expect(moved.verdict).toEqual(found.verdict);
    } finally {
      await other.stop();
    }
  }, 60_000);

  test("the newest of several is taken, and shared documents are stored once", async () => {
    const digest = await recordImage();
    await attach("image.bundle");
    Object.assign(domain, { now: new Date(domain.now.getTime() + 60_000) });
    await domain.publish();
    await writeFile(desk.path("newer.bundle"), await bundleFile(domain, parseDigest(digest)));
    const newer = await attach("newer.bundle");
    expect(newer.blobs.there).toBeGreaterThan(5);
    const found = await desk.json<Verified>([
      ...["bundle", "verify", `${repository()}:1.0`, ...ROOT, ...at(), "--plain-http"],
    ]);
    expect(found.bundle.digest).toBe(newer.bundle);
  }, 60_000);

  test("a list that names a bundle of something else does not turn the question into another one", async () => {
    await recordImage();
    const good = await attach("image.bundle");
    const store = registryStore({ host: registry.host, repository: "team/app" }, { plainHttp: true });
    const evil = makeImage("amd64", "evil");
    await put(store, evil, { tag: "evil" });
    const bundle = registry.manifests.get(`team/app@${good.bundle}`);
    registry.intervene = ({ path }, response) => {
      if (path !== `/v2/team/app/referrers/${evil.document.digest}`) return false;
      const list = writeIndex({ manifests: [describeDocument(readManifest(bundle?.bytes ?? utf8("")))] });
      response.writeHead(200, { "content-type": IMAGE_INDEX }).end(list);
      return true;
    };
    expect(
      await desk.json(["bundle", "verify", `${repository()}:evil`, ...ROOT, ...at(), "--plain-http"], 3),
    ).toHaveProperty("error.code", "bundle_missing");
  }, 60_000);

  test("one that says to be from the future does not hide the others", async () => {
    const digest = await recordImage();
    const good = await attach("image.bundle");
    const store = registryStore({ host: registry.host, repository: "team/app" }, { plainHttp: true });
    const image = await store.findDocument(digest);
    const future = makeArtifact(
      {
        artifactType: BUNDLE_ARTIFACT_TYPE,
        config: [EMPTY_CONFIG, "{}"],
        layers: [],
        annotations: new Map([[TIME_HINT, "9999-01-01T00:00:00.000Z"]]),
      },
      image,
    );
    await put(store, future);
    const found = await desk.json<Verified>([
      ...["bundle", "verify", `${repository()}:1.0`, ...ROOT, ...at(), "--plain-http"],
    ]);
    expect(found.bundle.digest).toBe(good.bundle);
  }, 60_000);

  test("is missing, or was changed: no verdict", async () => {
    const digest = await recordImage();
    const verify = ["bundle", "verify", `${repository()}:1.0`, digest, ...ROOT, ...at(), "--plain-http"];
    expect(await desk.json(verify, 3)).toHaveProperty("error.code", "bundle_missing");
    const { bundle } = await attach("image.bundle");
    const name = `sha256:${domain.records.get(parseDigest(digest))?.evidence[0]?.sha256}`;
    registry.blobs.set(name, utf8("other bytes"));
    expect(await desk.json(verify, 1)).toHaveProperty("error.code", "blob_digest_mismatch");
    registry.manifests.set(`team/app@${bundle}`, {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      bytes: utf8("{}"),
    });
    expect(
      await desk.json(["bundle", "verify", `${repository()}@${bundle}`, ...ROOT, "--plain-http"], 1),
    ).toHaveProperty("error.code", "manifest_digest_mismatch");
    expect(await desk.json(["bundle", "attach", "image.bundle", `${repository()}:1.0`], 2)).toHaveProperty(
      "error.code",
      "usage",
    );
  }, 60_000);
});
