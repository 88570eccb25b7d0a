import { execFile } from "node:child_process";
import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { utf8 } from "@stemma/encoding";
import { describeBytes } from "@stemma/image";
import {
  blobPath,
  blobsOf,
  type ContentStore,
  checkArtifact,
  copyArtifact,
  folderStore,
  isImageLayout,
  tarballStore,
} from "@stemma/oci";
import fc from "fast-check";
import { makeImage, makeReferrer, put } from "../../../test/support/artifacts.ts";
import { Desk, readAll } from "./support/desk.ts";

const run = promisify(execFile);
const image = makeImage("amd64");
const [, layerBytes = utf8("")] = image.blobs;
const layer = describeBytes("text/plain", layerBytes);
const refused = (code: string) => expect.objectContaining({ code });

let desk: Desk;
let folder: string;
beforeEach(async () => {
  desk = await Desk.open();
  folder = desk.path("image");
  await put(folderStore(folder), image, { tag: "1.0" });
});
afterEach(() => desk.close());

describe("a layout in a folder", () => {
  test("says that it is one", async () => {
    expect(await isImageLayout(folder)).toBe(true);
    expect(await isImageLayout(desk.folder)).toBe(false);
    expect(await isImageLayout(desk.path("nowhere"))).toBe(false);
  });

  test("is refused when a layer was changed, shortened or taken away", async () => {
    const path = `${folder}/${blobPath(layer.digest)}`;
    await writeFile(path, Buffer.from(layerBytes).fill(0x20));
    await expect(checkArtifact(folderStore(folder))).rejects.toThrow(refused("blob_digest_mismatch"));
    await truncate(path, 3);
    await expect(checkArtifact(folderStore(folder))).rejects.toThrow(refused("blob_digest_mismatch"));
    await rm(path);
    await expect(checkArtifact(folderStore(folder))).rejects.toThrow(refused("blob_missing"));
  });

  test("is refused when a manifest is not the one that its index names", async () => {
    await writeFile(`${folder}/${blobPath(image.document.digest)}`, makeImage("evil").document.bytes);
    await expect(checkArtifact(folderStore(folder))).rejects.toThrow(refused("manifest_digest_mismatch"));
  });

  test.each([
    "",
    "{}",
    '{"schemaVersion":1,"manifests":[]}',
    '{"schemaVersion":2,"manifests":{}}',
    '{"a":1,"a":2}',
    '{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:../../x","size":1}]}',
    `{"schemaVersion":2,"manifests":[${Array.from({ length: 5_000 }, () => "{}").join()}]}`,
  ])("is refused without an index that can be read (%#)", async (text) => {
    await writeFile(`${folder}/index.json`, text);
    await expect(checkArtifact(folderStore(folder))).rejects.toThrow(refused("bad_image_layout"));
  });

  test("gets a broken blob anew", async () => {
    const path = `${folder}/${blobPath(layer.digest)}`;
    await writeFile(path, Buffer.from(layerBytes).fill(0x20));
    expect(await folderStore(folder).writeBlob(layer, blobsOf(layerBytes))).toBe("written");
    expect(await readFile(path)).toEqual(Buffer.from(layerBytes));
  });

  test("keeps what it does not know of its index", async () => {
    const index = JSON.parse(await readFile(`${folder}/index.json`, "utf8"));
    index["x-tool"] = { kept: true };
    index.manifests[0].urls = ["https://example.com/"];
    await writeFile(`${folder}/index.json`, JSON.stringify(index));
    await put(folderStore(folder), makeImage("arm64"), { tag: "2.0" });
    const after = JSON.parse(await readFile(`${folder}/index.json`, "utf8"));
    expect(after["x-tool"]).toEqual({ kept: true });
    expect(after.manifests[0].urls).toEqual(["https://example.com/"]);
    expect(after.manifests).toHaveLength(2);
  });

  test("that many write to at once has what all of them wrote", async () => {
    const tags = Array.from({ length: 12 }, (_, at) => `v${at}`);
    const stores = tags.map(() => folderStore(folder));
    // Each has read the index before another changes it.
    for (const store of stores) await store.onlyName();
    await Promise.all(stores.map((store, at) => put(store, makeImage(`arch${at}`), { tag: tags[at] ?? "" })));
    const read = folderStore(folder);
    for (const [at, tag] of tags.entries()) {
      expect((await read.findDocument(tag))?.digest).toBe(makeImage(`arch${at}`).document.digest);
    }
    expect(await readdir(folder)).not.toContain("index.json.lock");
  });

  test("does not wait for ever for a run that was killed", async () => {
    const lock = `${folder}/index.json.lock`;
    await writeFile(lock, "");
    await utimes(lock, 1, 1);
    await put(folderStore(folder), makeImage("arm64"), { tag: "2.0" });
    expect(await folderStore(folder).findDocument("2.0")).toBeDefined();
  });

  test("writes nothing through a link that lies in it", async () => {
    const out = desk.path("out");
    await mkdir(out);
    await symlink(desk.path("elsewhere"), `${out}/oci-layout`);
    await copyArtifact(folderStore(folder), folderStore(out), { tag: "1.0" });
    await expect(stat(desk.path("elsewhere"))).rejects.toThrow("ENOENT");
  });

  test("takes no more than it gives back", async () => {
    const { digest, mediaType, bytes } = image.document;
    const entry = { mediaType, digest, size: bytes.length };
    const manifests = Array.from({ length: 4_096 }, (_, at) => ({
      ...entry,
      annotations: { "org.opencontainers.image.ref.name": `v${at}` },
    }));
    await writeFile(`${folder}/index.json`, JSON.stringify({ schemaVersion: 2, manifests }));
    await expect(put(folderStore(folder), makeImage("arm64"), { tag: "2.0" })).rejects.toThrow(
      refused("bad_image_layout"),
    );
    expect((await folderStore(folder).findDocument("v7"))?.digest).toBe(digest);
  });

  test("says what cannot be written", async () => {
    await writeFile(desk.path("file"), "");
    await expect(put(folderStore(`${desk.path("file")}/below`), image, {})).rejects.toThrow(/EEXIST|ENOTDIR/);
  });
});

describe("a layout in a tarball", () => {
  const file = () => desk.path("image.tar");

  test("is what tar unpacks, and what tar packs is one", async () => {
    await copyArtifact(folderStore(folder), tarballStore(file()), { tag: "1.0" });
    const out = desk.path("unpacked");
    await mkdir(out);
    await run("tar", ["-xf", file(), "-C", out]);
    expect((await checkArtifact(folderStore(out), "1.0")).digest).toBe(image.document.digest);
    for (const format of ["ustar", "gnu", "pax"]) {
      const packed = desk.path(`${format}.tar`);
      await run("tar", [`--format=${format}`, "-cf", packed, "-C", folder, "."]);
      expect((await checkArtifact(tarballStore(packed), "1.0")).digest).toBe(image.document.digest);
    }
  });

  test("is the same file whenever the same is copied into it", async () => {
    await copyArtifact(folderStore(folder), tarballStore(file()), { tag: "1.0" });
    const first = await readFile(file());
    await rm(file());
    await copyArtifact(folderStore(folder), tarballStore(file()), { tag: "1.0" });
    expect((await readFile(file())).equals(first)).toBe(true);
  });

  test("is not written again for nothing, and is when a blob in it was broken", async () => {
    await copyArtifact(folderStore(folder), tarballStore(file()), { tag: "1.0" });
    const good = await readFile(file());
    const { ino } = await stat(file());
    await copyArtifact(folderStore(folder), tarballStore(file()), { tag: "1.0" });
    expect((await stat(file())).ino).toBe(ino);
    const at = good.indexOf(layerBytes);
    await writeFile(file(), Buffer.from(good).fill(0x20, at, at + 4));
    await copyArtifact(folderStore(folder), tarballStore(file()), { tag: "1.0" });
    expect((await checkArtifact(tarballStore(file()), "1.0")).digest).toBe(image.document.digest);
  });

  test("takes more than one artifact", async () => {
    await copyArtifact(folderStore(folder), tarballStore(file()), { tag: "1.0" });
    const store = tarballStore(file());
    await put(store, makeImage("arm64"), { tag: "2.0" });
    await put(store, makeReferrer(image.document, "text/spdx", "sbom"));
    await store.finish();
    const read = tarballStore(file());
    expect((await checkArtifact(read, "1.0")).digest).toBe(image.document.digest);
    expect((await checkArtifact(read, "2.0")).digest).toBe(makeImage("arm64").document.digest);
    expect(await read.listReferrers(image.document.digest)).toHaveLength(1);
    await expect(stat(`${file()}.part`)).rejects.toThrow("ENOENT");
  });

  test("goes on with what a run left that broke off, wherever it broke", async () => {
    const store = tarballStore(file());
    await store.writeBlob(layer, blobsOf(layerBytes));
    const other = describeBytes("text/plain", utf8("x".repeat(2_000)));
    await store.writeBlob(other, blobsOf(utf8("x".repeat(2_000))));
    const whole = await readFile(`${file()}.part`);
    // The first entry has 1,024 bytes; the second begins there.
    for (const length of [whole.length, whole.length - 1, 3_000, 1_500, 1_100, 1_024]) {
      await writeFile(`${file()}.part`, whole.subarray(0, length));
      const again = tarballStore(file());
      expect(await again.writeBlob(layer, blobsOf(layerBytes))).toBe("there");
      const expected = length === whole.length ? "there" : "written";
      expect(await again.writeBlob(other, blobsOf(utf8("x".repeat(2_000))))).toBe(expected);
      expect((await readAll(again.readBlob(other))).toString()).toBe("x".repeat(2_000));
    }
  });

  test("gets a blob anew that a run left broken", async () => {
    const store = tarballStore(file());
    await store.writeBlob(layer, blobsOf(layerBytes));
    const broken = await readFile(`${file()}.part`);
    await writeFile(`${file()}.part`, broken.fill(0x20, 512, 512 + layerBytes.length));
    await copyArtifact(folderStore(folder), tarballStore(file()), { tag: "1.0" });
    expect((await checkArtifact(tarballStore(file()), "1.0")).digest).toBe(image.document.digest);
  });

  test("that two write at once is never taken for whole", async () => {
    const [first, second] = [tarballStore(file()), tarballStore(file())];
    const blobs = ["a", "b".repeat(3_000), "c"].map((text) => utf8(text));
    const write = (store: ContentStore, at: number) => {
      const bytes = blobs[at] ?? utf8("");
      return store.writeBlob(describeBytes("text/plain", bytes), blobsOf(bytes));
    };
    await write(first, 0);
    await write(second, 1);
    await write(first, 2);
    await second.writeDocument(image.document, { tag: "1.0" });
    await expect(second.finish()).rejects.toThrow(refused("bad_image_layout"));
    await expect(stat(file())).rejects.toThrow("ENOENT");
  });

  test("is not written through a link that lies in the place of its part", async () => {
    await writeFile(desk.path("precious"), "precious");
    await symlink(desk.path("precious"), `${file()}.part`);
    await expect(copyArtifact(folderStore(folder), tarballStore(file()))).rejects.toThrow(
      refused("bad_image_layout"),
    );
    expect(await readFile(desk.path("precious"), "utf8")).toBe("precious");
  });

  test("with extended headers without end costs no more than it is long", async () => {
    const records = Array.from({ length: 4_000 }, (_, at) => at.toString(36).padStart(4, "0"));
    const headers = Array.from({ length: 400 }, (_, block) => {
      const content = records.map((key) => `13 ${String(block).padStart(3, "0")}${key}=x\n`).join("");
      return tarEntry("x", content);
    });
    await writeFile(file(), Buffer.concat(headers));
    await expect(checkArtifact(tarballStore(file()))).rejects.toThrow(refused("ambiguous_reference"));
  }, 20_000);

  test.each(["0x200", "1e3", " 12", "-1"])("with a size of %j is refused", async (size) => {
    const record = ` size=${size}\n`;
    await writeFile(
      file(),
      Buffer.concat([tarEntry("x", `${record.length + 2}${record}`), tarEntry("0", "x".repeat(600))]),
    );
    await expect(checkArtifact(tarballStore(file()))).rejects.toThrow(refused("bad_image_layout"));
  });

  test("is refused when it is compressed, has a name twice, or is no tarball", async () => {
    await run("tar", ["-czf", desk.path("z.tar"), "-C", folder, "."]);
    await expect(checkArtifact(tarballStore(desk.path("z.tar")))).rejects.toThrow(/compressed/);
    await run("tar", ["-cf", file(), "-C", folder, "."]);
    await run("tar", ["-rf", file(), "-C", folder, "./index.json"]);
    await expect(checkArtifact(tarballStore(file()))).rejects.toThrow(/twice/);
    await writeFile(file(), "x".repeat(10_000));
    await expect(checkArtifact(tarballStore(file()))).rejects.toThrow(refused("bad_image_layout"));
  });

  test("that was damaged is refused or gives the very same image", async () => {
    await copyArtifact(folderStore(folder), tarballStore(file()), { tag: "1.0" });
    const good = await readFile(file());
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ flip;
        await writeFile(desk.path("bad.tar"), bad);
        const found = await checkArtifact(tarballStore(desk.path("bad.tar")), "1.0").catch(
          (error: { code?: string }) => error,
        );
        if ("digest" in found) expect(found.digest).toBe(image.document.digest);
        else expect(found.code).toMatch(/^(?:bad_image_layout|blob_|manifest_)/);
      }),
      { numRuns: 150 },
    );
  });

  test("that is cut off is refused", async () => {
    await copyArtifact(folderStore(folder), tarballStore(file()), { tag: "1.0" });
    await truncate(file(), 1_200);
    await expect(checkArtifact(tarballStore(file()), "1.0")).rejects.toThrow(refused("manifest_not_found"));
    await appendFile(file(), "more");
    await expect(checkArtifact(tarballStore(file()), "1.0")).rejects.toThrow(refused("manifest_not_found"));
  });
});

/** An entry of a tarball as anybody may make one. */
function tarEntry(type: string, content: string): Buffer {
  const header = Buffer.alloc(512);
  header.write("file", 0);
  header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        ", 148);
  header.write(type, 156);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, Buffer.from(content.padEnd(Math.ceil(content.length / 512) * 512, "\0"))]);
}
