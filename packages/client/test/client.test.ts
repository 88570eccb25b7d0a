import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  asyncSource,
  Client,
  directorySource,
  fileCache,
  readBundle,
  type Source,
  targetName,
  verifyBundle,
} from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import { layoutPath } from "@stemma/lineage";
import { bundleFile } from "../../../test/support/bundle.ts";
import { DomainFixture, days } from "../../../test/support/domain.ts";

let domain: DomainFixture;
let folder: string;
beforeEach(async () => {
  domain = await DomainFixture.create();
  folder = await mkdtemp(join(tmpdir(), "stemma-client-"));
});
afterEach(() => rm(folder, { recursive: true }));

const question = () => ({ digest: domain.digest, project: "app" });
const refused = (code: string) => expect.objectContaining({ code });

/** A source that counts what it is asked. */
function counting(inner: Source): Source & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    metadata: (role, version, maxLength) => {
      asked.push(`${version ?? ""}.${role}`);
      return inner.metadata(role, version, maxLength);
    },
    target: (path, digest, length) => {
      asked.push(path);
      return inner.target(path, digest, length);
    },
    evidence: (wanted, maxLength) => {
      asked.push("evidence");
      return inner.evidence(wanted, maxLength);
    },
  };
}

describe("the same verdict from every source", () => {
  test("memory, directory and bundle", async () => {
    const bundled = verifyBundle(domain.root, domain.bundle, { ...question(), time: domain.now });
    expect(bundled.decision).toBe("allow");

    const written = readBundle(await bundleFile(domain));
    expect(verifyBundle(domain.root, written, { ...question(), time: domain.now })).toEqual(bundled);

    await writeMirror();
    const client = new Client({ root: domain.root, source: directorySource(folder) });
    expect(await client.verify({ ...question(), time: domain.now })).toEqual(bundled);
  });

  test("a bundle holds only what the verdict needs", async () => {
    const { metadata, blobs } = readBundle(await bundleFile(domain));
    expect([...metadata.keys()].filter((name) => name.includes("bin-"))).toHaveLength(1);
    expect(blobs.size).toBe(4);
  });

  async function writeMirror(): Promise<void> {
    for (const part of ["metadata", "targets/projects/app", "evidence"])
      await mkdir(join(folder, part), { recursive: true });
    for (const [name, bytes] of domain.metadata)
      await writeFile(join(folder, "metadata", `${name}.json`), bytes);
    for (const [digest, bytes] of domain.blobs) await writeFile(join(folder, "evidence", digest), bytes);
    const layout = domain.projectFiles.get(layoutPath("app")) as Uint8Array;
    await writeFile(join(folder, "targets", targetName(layoutPath("app"), sha256(layout))), layout);
  }
});

describe("a client", () => {
  test("reaches a verdict once, and again when the metadata changed", async () => {
    await domain.moveToPresent();
    const source = counting(asyncSource(domain.source));
    const client = new Client({ root: domain.root, source, maxAge: 0 });
    expect((await client.verify(question())).decision).toBe("allow");

    const lasting = new Client({ root: domain.root, source, maxAge: 60_000 });
    const first = await lasting.verify(question());
    const asked = source.asked.length;
    expect(await lasting.verify(question())).toBe(first);
    expect(source.asked.length).toBe(asked);

    await domain.revoke(domain.digest, "CVE");
    domain.versions.project = 2;
    await domain.signProject();
    await domain.publish();
    expect((await client.verify(question())).reasons[0]?.code).toBe("artifact_revoked");
  });

  test("does not mix up questions (N-52)", async () => {
    await domain.moveToPresent();
    const client = new Client({ root: domain.root, source: asyncSource(domain.source) });
    expect((await client.verify(question())).decision).toBe("allow");
    expect((await client.verify({ ...question(), project: "other" })).decision).toBe("deny");
    const parameters = new Map([["VERSION", "1"]]);
    expect((await client.verify({ ...question(), parameters })).digest).toBe(domain.digest);
    expect((await client.verify({ ...question(), time: days(new Date(), 400) })).decision).toBe("deny");
  });

  test("says that it cannot tell, instead of deny or allow, and does not remember it", async () => {
    await domain.moveToPresent();
    const inner = asyncSource(domain.source);
    let down = true;
    const source: Source = {
      ...inner,
      metadata: (role, version, maxLength) =>
        down ? Promise.reject(new Error("down")) : inner.metadata(role, version, maxLength),
    };
    const client = new Client({ root: domain.root, source });
    await expect(client.verify(question())).rejects.toThrow("down");
    down = false;
    expect((await client.verify(question())).decision).toBe("allow");
  });

  test("denies metadata that TUF refuses, as a verdict with its reason", async () => {
    const client = new Client({ root: domain.root, source: asyncSource(domain.source) });
    const late = await client.verify({ ...question(), time: days(domain.now, 2) });
    expect(late).toMatchObject({ decision: "deny", reasons: [{ code: "expired" }] });
  });
});

describe("the cache on disk", () => {
  const client = () =>
    new Client({ root: domain.root, source: asyncSource(domain.source), cache: fileCache(folder) });
  const verify = () => client().verify({ ...question(), time: domain.now });

  test("keeps exact bytes under the names that TUF clients use, and nothing else", async () => {
    await verify();
    const names = await readdir(folder);
    expect(names.filter((name) => !name.startsWith("bin-")).sort()).toEqual([
      "app.json",
      "artifacts.json",
      "snapshot.json",
      "targets.json",
      "timestamp.json",
    ]);
    expect(Uint8Array.from(await readFile(join(folder, "timestamp.json")))).toEqual(
      Uint8Array.from(domain.metadata.get("timestamp") as Uint8Array),
    );
  });

  test("refuses metadata that was rolled back, though the mirror has it properly signed (N-10)", async () => {
    const old = new Map(domain.metadata);
    await domain.publish();
    expect((await verify()).decision).toBe("allow");
    for (const [name, bytes] of old) domain.metadata.set(name, bytes);
    expect(await verify()).toMatchObject({ decision: "deny", reasons: [{ code: "rollback" }] });
  });

  test("remembers the roots, and verifies them from the pinned one every time", async () => {
    domain.versions.root = 2;
    await domain.signRoot();
    expect((await verify()).decision).toBe("allow");
    expect(await readdir(folder)).toContain("2.root.json");
    domain.metadata.delete("2.root");
    const found = await verify();
    expect(found.freshness.roles[0]).toMatchObject({ role: "root", version: 2 });
  });

  test("damage costs a download and never trust, whatever was cut off (F10)", async () => {
    await verify();
    for (const name of await readdir(folder)) {
      const bytes = await readFile(join(folder, name));
      for (const damaged of [
        Buffer.alloc(0),
        bytes.subarray(0, bytes.length >> 1),
        Buffer.from("{}"),
        Buffer.from([0xff]),
      ]) {
        await writeFile(join(folder, name), damaged);
        expect((await verify()).decision).toBe("allow");
      }
    }
  });

  test("a failed step is not remembered (N-12)", async () => {
    const good = domain.metadata.get("timestamp") as Uint8Array;
    domain.metadata.set("timestamp", utf8('{"signed":{},"signatures":[]}'));
    expect((await verify()).decision).toBe("deny");
    domain.metadata.set("timestamp", good);
    expect((await verify()).decision).toBe("allow");
  });

  test("does not follow a symbolic link out of the folder (N-27)", async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), "stemma-outside-"));
    const outside = join(elsewhere, "secret");
    await writeFile(outside, domain.metadata.get("timestamp") as Uint8Array);
    await symlink(outside, join(folder, "timestamp.json"));
    expect(await fileCache(folder).load("timestamp", undefined, 100_000)).toBeUndefined();
    await rm(elsewhere, { recursive: true });
  });

  test("says so when it cannot be written", async () => {
    await writeFile(join(folder, "file"), "");
    const cache = fileCache(join(folder, "file"));
    await expect(cache.keep("root", 1, utf8("x"))).rejects.toThrow(refused("cache_unusable"));
  });
});
