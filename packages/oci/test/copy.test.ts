import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import {
  artifactTypeOf,
  describeBytes,
  IMAGE_CONFIG,
  IMAGE_INDEX,
  IMAGE_MANIFEST,
  writeIndex,
} from "@stemma/image";
import {
  type ContentStore,
  checkArtifact,
  copyArtifact,
  copyBelongings,
  type Document,
  findBelongings,
  readTree,
  referrersTag,
} from "@stemma/oci";
import { ARTIFACT_KINDS } from "../../../test/support/artifact-kinds.ts";
import {
  type MadeArtifact,
  makeArtifact,
  makeImage,
  makeIndex,
  makeReferrer,
  put,
} from "../../../test/support/artifacts.ts";
import { Desk, PLACE_KINDS, repository } from "./support/desk.ts";

const SBOM = "application/spdx+json";
const SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json";

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(() => desk.close());

const refused = (code: string) => expect.objectContaining({ code });

/** An index of two platforms with BuildKit's attestations, referrers at every level, and cosign's tags. */
async function release(store: ContentStore): Promise<Document> {
  const images = [makeImage("amd64"), makeImage("arm64")];
  const attestations = images.map(
    (image) =>
      [
        makeArtifact({
          config: [IMAGE_CONFIG, `{"of":"${image.document.digest}"}`],
          layers: [["application/vnd.in-toto+json", "{}"]],
        }),
        image,
      ] as const,
  );
  const index = makeIndex(images, attestations);
  for (const one of [...images, ...attestations.map(([made]) => made)]) await put(store, one);
  await store.writeDocument(index, { tag: "1.0" });
  const signature = makeReferrer(index, SIGNATURE, "signature of the index");
  const sboms = images.map(({ document }) => makeReferrer(document, SBOM, `sbom of ${document.digest}`));
  const [sbom] = sboms as [MadeArtifact];
  const signed = makeReferrer(sbom.document, SIGNATURE, "signature of an sbom");
  for (const one of [signature, ...sboms, signed]) await put(store, one);
  const old = makeArtifact({
    config: [IMAGE_CONFIG, "{}"],
    layers: [["application/vnd.dev.cosign.simplesigning.v1+json", "old signature"]],
  });
  await put(store, old, { tag: `${referrersTag(index.digest)}.sig` });
  await put(store, old, { tag: `${referrersTag(images[0]?.document.digest ?? index.digest)}.att` });
  await store.finish();
  return index;
}

/** What a place has of a release, in a form that can be compared. */
async function contentOf(store: ContentStore, root: Document): Promise<unknown> {
  await checkArtifact(store, "1.0");
  const { found, leftOut } = await findBelongings(store, await readTree(store, root));
  for (const { document } of found) await checkArtifact(store, document.digest);
  const names = found.map(({ document, tag, of }) => `${of} ${tag ?? ""} ${document.digest}`).sort();
  return { digest: (await store.findDocument("1.0"))?.digest, names, leftOut };
}

describe.each(PLACE_KINDS)("from %s", (from) => {
  test.each(PLACE_KINDS)("to %s, everything comes along and stays what it is", async (to) => {
    const source = await desk.place(from);
    const index = await release(source);
    const before = await contentOf(source, index);
    expect(before).toMatchObject({ digest: index.digest, names: { length: 6 }, leftOut: [] });
    const destination = await desk.place(to);
    const copied = await copyArtifact(source, destination, { name: "1.0", tag: "1.0" });
    expect(copied).toMatchObject({ root: { digest: index.digest }, documents: 5, leftOut: [] });
    expect(await contentOf(destination, index)).toEqual(before);
    // Again: nothing to do.
    const again = await copyArtifact(source, destination, { name: "1.0", tag: "1.0" });
    expect(again).toMatchObject({ blobs: { written: 0 }, bytesWritten: 0 });
    expect(await contentOf(destination, index)).toEqual(before);
  });

  test.each(PLACE_KINDS)("to %s, what another tool left behind is brought after", async (to) => {
    const source = await desk.place(from);
    const index = await release(source);
    const destination = await desk.place(to);
    await copyArtifact(source, destination, { name: "1.0", tag: "1.0", alone: true });
    expect(await contentOf(destination, index)).toMatchObject({ names: [] });
    const attached = await copyBelongings(source, destination, { name: "1.0" });
    expect(attached.belongings).toHaveLength(6);
    expect(await contentOf(destination, index)).toEqual(await contentOf(source, index));
  });
});

test.each(ARTIFACT_KINDS)("%s moves through every kind of place", async (_name, kind, type) => {
  const made = makeArtifact(kind);
  let at = await desk.place("a folder");
  await put(at, made, { tag: "v1" });
  for (const to of PLACE_KINDS) {
    const next = await desk.place(to);
    await copyArtifact(at, next, { name: "v1", tag: "v1" });
    at = next;
  }
  const found = await checkArtifact(at, "v1");
  expect(found.digest).toBe(made.document.digest);
  expect(artifactTypeOf(found)).toBe(type);
  expect(found.annotations).toEqual(made.document.annotations);
});

describe("a copy", () => {
  test("without a name takes the one artifact of a layout, and is refused where there are several", async () => {
    const folder = await desk.place("a folder");
    const image = makeImage("amd64");
    await put(folder, image, { tag: "1.0" });
    await put(folder, makeReferrer(image.document, SBOM, "sbom"));
    const target = await desk.place("a tarball");
    expect((await copyArtifact(folder, target)).root.digest).toBe(image.document.digest);
    await put(folder, makeImage("arm64"), {});
    await expect(copyArtifact(folder, target)).rejects.toThrow(refused("ambiguous_reference"));
    await expect(copyArtifact(await desk.place("a folder"), target)).rejects.toThrow(
      refused("ambiguous_reference"),
    );
    await expect(copyArtifact(repository(await desk.registry()), target)).rejects.toThrow(
      refused("bad_reference"),
    );
  });

  test("of another digest than the one that it must have changes nothing", async () => {
    const source = await desk.place("a folder");
    await put(source, makeImage("amd64"), { tag: "1.0" });
    const registry = await desk.registry();
    const digest = makeImage("arm64").document.digest;
    await expect(copyArtifact(source, repository(registry), { name: "1.0", digest })).rejects.toThrow(
      refused("manifest_digest_mismatch"),
    );
    expect(registry.asked).toEqual([]);
  });

  test("that broke off shows no tag, and is resumed without sending anything twice", async () => {
    const source = await desk.place("a folder");
    const index = await release(source);
    const registry = await desk.registry();
    const store = repository(registry);
    registry.intervene = ({ method, path }, response) => {
      if (method !== "PUT" || !path.endsWith(`/manifests/${index.digest}`)) return false;
      response.writeHead(403).end();
      return true;
    };
    await expect(copyArtifact(source, store, { name: "1.0", tag: "1.0" })).rejects.toThrow(
      refused("registry_login_refused"),
    );
    expect(registry.manifests.has("team/app:1.0")).toBe(false);
    registry.intervene = undefined;
    expect(await copyArtifact(source, store, { name: "1.0", tag: "1.0" })).toMatchObject({
      blobs: { written: 0 },
    });
    expect(await contentOf(store, index)).toEqual(await contentOf(source, index));
  });

  test("lists a referrer that a copy which broke off had written and not listed", async () => {
    const source = await desk.place("a folder");
    const image = makeImage("amd64");
    const sbom = makeReferrer(image.document, SBOM, "sbom");
    await put(source, image, { tag: "1.0" });
    await put(source, sbom);
    const registry = await desk.registry();
    const store = repository(registry);
    await copyArtifact(source, store, { name: "1.0", tag: "1.0" });
    registry.manifests.delete(`team/app:${referrersTag(image.document.digest)}`);
    expect(await store.listReferrers(image.document.digest)).toEqual([]);
    await copyArtifact(source, store, { name: "1.0", tag: "1.0" });
    expect(await store.listReferrers(image.document.digest)).toHaveLength(1);
  });

  test("leaves a signature that was made at the destination, and says so", async () => {
    const source = await desk.place("a folder");
    const index = await release(source);
    const store = repository(await desk.registry());
    const tag = `${referrersTag(index.digest)}.sig`;
    const layers = (...contents: string[]) =>
      makeArtifact({
        config: [IMAGE_CONFIG, "{}"],
        layers: contents.map((content) => ["application/vnd.dev.cosign.simplesigning.v1+json", content]),
      });
    await put(store, layers("made here"), { tag });
    const copied = await copyArtifact(source, store, { name: "1.0", tag: "1.0" });
    expect(copied.leftOut).toEqual([expect.stringContaining(tag)]);
    expect((await store.findDocument(tag))?.digest).toBe(layers("made here").document.digest);
    // One that has it and more takes its place.
    const more = layers("made here", "old signature");
    await put(source, more, { tag });
    await copyArtifact(source, store, { name: "1.0", tag: "1.0" });
    expect((await store.findDocument(tag))?.digest).toBe(more.document.digest);
  });

  test("leaves out what a list claims and is not so", async () => {
    const registry = await desk.registry();
    const source = repository(registry);
    const [image, other] = [makeImage("amd64"), makeImage("arm64")];
    await put(source, image, { tag: "1.0" });
    const [gone, stray] = [
      makeReferrer(image.document, SBOM, "gone"),
      makeReferrer(other.document, SBOM, "about another"),
    ];
    await put(source, gone);
    await put(source, stray);
    const list = makeIndex([gone, stray]);
    await source.writeDocument(list, { tag: referrersTag(image.document.digest) });
    registry.manifests.delete(`team/app@${gone.document.digest}`);
    const copied = await copyArtifact(source, await desk.place("a folder"), { name: "1.0" });
    expect(copied.belongings).toEqual([]);
    expect(copied.leftOut).toEqual([
      `${gone.document.digest} is listed and not there`,
      `${stray.document.digest} is listed and refers to something else`,
    ]);
  });

  test("of things with lists that are nothing but lies ends", async () => {
    const registry = await desk.registry();
    const source = repository(registry);
    const images = ["a", "b", "c"].map((name) => makeImage(name));
    for (const image of images) await put(source, image);
    await source.writeDocument(makeIndex(images), { tag: "all" });
    registry.intervene = ({ path }, response) => {
      if (!path.includes("/referrers/")) return false;
      const lies = Array.from({ length: 500 }, (_, at) =>
        describeBytes(IMAGE_MANIFEST, utf8(`${path} ${at}`)),
      );
      response.writeHead(200, { "content-type": IMAGE_INDEX }).end(writeIndex({ manifests: lies }));
      return true;
    };
    await expect(copyArtifact(source, await desk.place("a folder"), { name: "all" })).rejects.toThrow(
      refused("too_many_referrers"),
    );
  });

  test("of an index that lacks one of its images is refused", async () => {
    const source = repository(await desk.registry());
    const images = [makeImage("amd64"), makeImage("arm64")];
    const registry = await desk.registry();
    const store = repository(registry);
    for (const image of images) await put(store, image);
    await store.writeDocument(makeIndex(images), { tag: "all" });
    registry.manifests.delete(`team/app@${images[1]?.document.digest}`);
    await expect(copyArtifact(store, source, { name: "all" })).rejects.toThrow(refused("manifest_not_found"));
  });

  test("of a layer that the source changed never gets a tag", async () => {
    const registry = await desk.registry();
    const source = repository(registry);
    await put(source, makeImage("amd64"), { tag: "1.0" });
    registry.blobs.set(`sha256:${sha256(utf8("files for amd64"))}`, utf8("evil for amd64!"));
    for (const to of PLACE_KINDS) {
      const destination = await desk.place(to);
      await expect(copyArtifact(source, destination, { name: "1.0", tag: "1.0" })).rejects.toThrow();
      expect(await destination.findDocument("1.0")).toBeUndefined();
    }
  });

  test("of things that refer to each other without end is refused", async () => {
    const registry = await desk.registry({ referrers: true });
    const source = repository(registry);
    let last = makeImage("amd64");
    await put(source, last, { tag: "1.0" });
    for (let depth = 0; depth < 12; depth += 1) {
      last = makeReferrer(last.document, SBOM, `level ${depth}`);
      await put(source, last);
    }
    await expect(copyArtifact(source, await desk.place("a folder"), { name: "1.0" })).rejects.toThrow(
      refused("too_many_manifests"),
    );
  });

  test("tells how far it is", async () => {
    const source = await desk.place("a folder");
    await release(source);
    const seen: number[] = [];
    await copyArtifact(source, await desk.place("a tarball"), {
      name: "1.0",
      onProgress: ({ bytes, bytesDone }) => seen.push(bytesDone / bytes),
    });
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(1);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });
});

test("nothing is attached to what is not at the destination", async () => {
  const source = await desk.place("a folder");
  await release(source);
  const empty = repository(await desk.registry());
  await expect(copyBelongings(source, empty, { name: "1.0" })).rejects.toThrow(refused("manifest_not_found"));
});
