import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { parseDigest, utf8 } from "@stemma/encoding";
import { describeBytes } from "@stemma/image";
import { blobsOf, type ContentStore, checkArtifact, referrersTag } from "@stemma/oci";
import { makeImage, makeIndex, makeReferrer, put } from "../../../test/support/artifacts.ts";
import { Desk, PLACE_KINDS, readAll } from "./support/desk.ts";

const SBOM = "application/spdx+json";
const SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const absent = parseDigest(`sha256:${"0".repeat(64)}`);

let desk: Desk;
let store: ContentStore;

beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(() => desk.close());

const refused = (code: string) => expect.objectContaining({ code });

describe.each(PLACE_KINDS)("%s", (kind) => {
  beforeEach(async () => {
    store = await desk.place(kind);
  });

  test("gives back what was written, by tag and by digest", async () => {
    const image = makeImage("amd64");
    const { document } = image;
    await put(store, image, { tag: "1.0" });
    await store.finish();
    for (const name of ["1.0", document.digest]) {
      const found = await store.findDocument(name);
      expect(found?.digest).toBe(document.digest);
      expect(Buffer.from(found?.bytes ?? [])).toEqual(Buffer.from(document.bytes));
    }
    if (document.kind !== "manifest") throw new Error("an image is a manifest");
    expect((await readAll(store.readBlob(document.config))).toString()).toContain("amd64");
    expect((await checkArtifact(store, "1.0")).digest).toBe(document.digest);
    expect(await store.findBlobSize(document.config.digest)).toBe(document.config.size);
    expect(await store.hasDocument(document.digest)).toBe(true);
  });

  test("says what is not there", async () => {
    await put(store, makeImage("amd64"), { tag: "1.0" });
    await store.finish();
    expect(await store.findDocument("2.0")).toBeUndefined();
    expect(await store.findDocument(absent)).toBeUndefined();
    expect(await store.hasDocument(absent)).toBe(false);
    expect(await store.findBlobSize(absent)).toBeUndefined();
    expect(await store.listReferrers(absent)).toEqual([]);
    await expect(readAll(store.readBlob({ digest: absent, size: 1 }))).rejects.toThrow(
      refused("blob_missing"),
    );
    await expect(checkArtifact(store, "2.0")).rejects.toThrow(refused("manifest_not_found"));
  });

  test("takes a blob once, and refuses it when the bytes are others", async () => {
    const blob = describeBytes("text/plain", utf8("content"));
    const other = { readBlob: () => readable("another") };
    await expect(store.writeBlob(blob, other)).rejects.toThrow(/digest|refused|answered|mismatch|others/);
    expect(await store.writeBlob(blob, blobsOf(utf8("content")))).toBe("written");
    expect(await store.writeBlob(blob, blobsOf(utf8("content")))).toBe("there");
    expect((await readAll(store.readBlob(blob))).toString()).toBe("content");
  });

  test("takes an empty blob", async () => {
    const blob = describeBytes("text/plain", utf8(""));
    expect(await store.writeBlob(blob, blobsOf(utf8("")))).toBe("written");
    expect(await readAll(store.readBlob(blob))).toHaveLength(0);
  });

  test("lists referrers of an image and of those referrers, all or of one type", async () => {
    const image = makeImage("amd64");
    await put(store, image, { tag: "1.0" });
    const said = [1, 2, 3].map((n) => makeReferrer(image.document, SBOM, `sbom ${n}`));
    const signature = makeReferrer(image.document, SIGNATURE, "signature");
    const [first] = said;
    if (first === undefined) throw new Error("there are three");
    const about = makeReferrer(first.document, SIGNATURE, "signature of an sbom");
    for (const one of [...said, signature, about]) await put(store, one);
    await store.finish();

    const digests = async (subject: typeof image, artifactType?: string) =>
      (await store.listReferrers(subject.document.digest, artifactType === undefined ? {} : { artifactType }))
        .map(({ digest }) => digest)
        .sort();
    const digestsOf = (list: (typeof image)[]) => list.map(({ document }) => document.digest).sort();
    expect(await digests(image)).toEqual(digestsOf([...said, signature]));
    expect(await digests(image, SIGNATURE)).toEqual(digestsOf([signature]));
    expect(await digests(image, "text/plain")).toEqual([]);
    expect(await digests(first)).toEqual(digestsOf([about]));
    const [listed] = await store.listReferrers(image.document.digest, { artifactType: SIGNATURE });
    expect(listed).toMatchObject({ artifactType: SIGNATURE, size: signature.document.bytes.length });
  });

  test("keeps a list of referrers that somebody else wrote under the tag", async () => {
    const image = makeImage("amd64");
    await put(store, image, { tag: "1.0" });
    const [theirs, ours] = [makeReferrer(image.document, SBOM, "a"), makeReferrer(image.document, SBOM, "b")];
    // As a client writes it that knows no other way.
    if (kind !== "a registry with referrers") {
      await put(store, { ...theirs, document: { ...theirs.document, subject: undefined } });
      const list = makeIndex([theirs]);
      await store.writeDocument(list, { tag: referrersTag(image.document.digest) });
    } else await put(store, theirs);
    await put(store, ours);
    await store.finish();
    const listed = (await store.listReferrers(image.document.digest)).map(({ digest }) => digest).sort();
    expect(listed).toEqual([theirs, ours].map(({ document }) => document.digest).sort());
  });

  test("moves a tag to another image", async () => {
    const [old, now] = [makeImage("amd64"), makeImage("arm64")];
    await put(store, old, { tag: "prod" });
    await put(store, now, { tag: "prod" });
    await store.finish();
    expect((await store.findDocument("prod"))?.digest).toBe(now.document.digest);
  });

  test("checks an index with every image that it lists", async () => {
    const images = [makeImage("amd64"), makeImage("arm64")];
    for (const image of images) await put(store, image);
    const index = makeIndex(images);
    await store.writeDocument(index, { tag: "all" });
    await store.finish();
    expect((await checkArtifact(store, "all")).digest).toBe(index.digest);
  });
});

async function* readable(text: string): AsyncGenerator<Uint8Array> {
  yield utf8(text);
}
