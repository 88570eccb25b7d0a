import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  asyncSource,
  Client,
  directorySource,
  folderDestination,
  freshestSource,
  type MirrorDestination,
  mirrorDomain,
  type Source,
  staticSource,
} from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { type Digest, utf8 } from "@stemma/encoding";
import { checkRecord, type recordTarget } from "@stemma/lineage";
import { DomainFixture, digestOf } from "../../../test/support/domain.ts";
import { StaticServer } from "../../../test/support/static-server.ts";

let domain: DomainFixture;
let folder: string;
beforeEach(async () => {
  domain = await DomainFixture.create();
  folder = await mkdtemp(join(tmpdir(), "stemma-mirror-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** The domain as it is now, with a count of what is fetched from it. */
function home(): Source & { fetched: string[] } {
  const inner = asyncSource(domain.source);
  const fetched: string[] = [];
  return {
    fetched,
    metadata: async (role, version, maxLength) => {
      const bytes = await inner.metadata(role, version, maxLength);
      if (bytes !== undefined) fetched.push(`${version ?? ""}.${role}`);
      return bytes;
    },
    target: (path, digest, length) => {
      fetched.push(path);
      return inner.target(path, digest, length);
    },
    evidence: (wanted, maxLength) => {
      fetched.push(...wanted);
      return inner.evidence(wanted, maxLength);
    },
  };
}

const copy = (
  source: Source = home(),
  destination: MirrorDestination = folderDestination(folder),
  root = domain.root,
) => mirrorDomain({ root, source, destination, time: domain.now });

const verdict = (source: Source, digest: Digest = domain.digest, root = domain.root) =>
  new Client({ root, source }).verify({ digest, project: "app", time: domain.now });

const timestampThere = () => readFile(join(folder, "metadata", "timestamp.json"));
const timestampNow = () => Buffer.from(domain.metadata.get("timestamp") as Uint8Array);

describe("a mirror in a folder", () => {
  test("gives the verdict of the domain, from the folder and from a plain web server", async () => {
    const report = await copy();
    expect(report).toMatchObject({
      versions: { root: 1, timestamp: 1, snapshot: 1 },
      files: { written: 4, kept: 0 },
      unreadable: 0,
    });
    const expected = await verdict(home());
    expect(expected.decision).toBe("allow");
    expect(await verdict(directorySource(folder))).toEqual(expected);
    const server = await StaticServer.start(folder);
    try {
      expect(await verdict(staticSource(server.url))).toEqual(expected);
    } finally {
      await server.stop();
    }
    // Whoever serves the folder is somebody else.
    expect((await stat(join(folder, "metadata", "timestamp.json"))).mode & 0o044).toBe(0o044);
    expect((await readdir(join(folder, "metadata"))).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("holds every bin, every root from the first on, and the contents of records", async () => {
    const config = utf8('{"rootfs":{}}');
    domain.blobs.set(sha256(config), config);
    const more = utf8("another artifact");
    const record = {
      ...(domain.records.get(domain.digest) as Parameters<typeof checkRecord>[0]),
      digest: digestOf(more),
    };
    const contents = [{ sha256: sha256(config), length: config.length }];
    domain.records.set(record.digest, checkRecord({ ...record, size: more.length, contents }));
    domain.versions.root = 2;
    await domain.signRoot();
    await domain.publish();
    const second = domain.metadata.get("2.root") as Uint8Array;
    await copy(home(), folderDestination(folder), second);
    const names = await readdir(join(folder, "metadata"));
    for (const name of ["1.root.json", "2.root.json", "2.bin-0.json", "2.bin-3.json", "2.snapshot.json"]) {
      expect(names).toContain(name);
    }
    expect(await readdir(join(folder, "evidence"))).toContain(sha256(config));
    for (const root of [domain.root, second]) {
      expect((await verdict(directorySource(folder), domain.digest, root)).decision).toBe("allow");
    }
  });

  test("follows a domain that goes on, and fetches only what is new", async () => {
    await copy();
    const unchanged = home();
    const report = await copy(unchanged);
    expect(report.files).toMatchObject({ written: 0, kept: 4 });
    expect(unchanged.fetched).toEqual([".timestamp"]);
    domain.versions.project += 1;
    await domain.revoke(domain.digest, "it leaks");
    await domain.publish();
    const changed = home();
    await copy(changed);
    expect(changed.fetched.filter((name) => domain.blobs.has(name as never))).toEqual([]);
    expect((await verdict(directorySource(folder))).reasons).toMatchObject([{ code: "artifact_revoked" }]);
  });
});

describe("a copy that was interrupted", () => {
  /** A folder whose disk is full after so many writes. */
  function full(after: number): MirrorDestination {
    const inner = folderDestination(folder);
    let writes = 0;
    const write = (): void => {
      writes += 1;
      if (writes > after) throw new Error("The disk is full.");
    };
    return {
      source: inner.source,
      hasFile: (file) => inner.hasFile(file),
      putFile: async (...given) => {
        write();
        await inner.putFile(...given);
      },
      putMetadata: async (...given) => {
        write();
        await inner.putMetadata(...given);
      },
    };
  }

  test("leaves the old state readable at every moment, and goes on where it stopped", async () => {
    await copy();
    domain.versions.project += 1;
    await domain.setLayout(domain.layout());
    await domain.publish();
    let finished = false;
    for (let after = 0; !finished; after += 1) {
      finished = await copy(home(), full(after)).then(
        () => true,
        () => false,
      );
      const found = await verdict(directorySource(folder));
      expect(found.decision).toBe("allow");
      if (!finished) expect(await timestampThere()).not.toEqual(timestampNow());
    }
    expect(await timestampThere()).toEqual(timestampNow());
    expect((await copy()).files.written).toBe(0);
  });

  test("does not fetch again what arrived", async () => {
    await expect(copy(home(), full(10))).rejects.toThrow("full");
    const there = (await readdir(folder)).includes("evidence") ? await readdir(join(folder, "evidence")) : [];
    const rest = home();
    await copy(rest);
    expect(there.length).toBeGreaterThan(0);
    expect(rest.fetched.filter((name) => there.includes(name))).toEqual([]);
  });

  test("writes again what is damaged there", async () => {
    await copy();
    for (const [part, name] of [
      ["evidence", (await readdir(join(folder, "evidence")))[0] ?? ""],
      ["metadata", "1.targets.json"],
      ["metadata", "1.root.json"],
      ["metadata", "timestamp.json"],
    ] as const) {
      await writeFile(join(folder, part, name), "damage");
    }
    const link = join(folder, "evidence", (await readdir(join(folder, "evidence")))[1] ?? "");
    await rm(link);
    await symlink("/etc/hostname", link);
    expect((await copy()).files.written).toBe(2);
    expect((await verdict(directorySource(folder))).decision).toBe("allow");
  });
});

describe("nothing is mirrored that does not verify", () => {
  test("a source that went back behind the mirror", async () => {
    const old = { metadata: new Map(domain.metadata), blobs: domain.blobs };
    await domain.publish();
    await copy();
    const before = await timestampThere();
    await expect(
      copy(
        asyncSource({
          ...domain.source,
          metadata: (role, version) => old.metadata.get(version === undefined ? role : `${version}.${role}`),
        }),
      ),
    ).rejects.toMatchObject({ code: "rollback" });
    expect(await timestampThere()).toEqual(before);
  });

  test.each(["missing", "broken"])("evidence that is %s", async (how) => {
    const [name] = [...domain.blobs.keys()].slice(-1);
    if (how === "missing") domain.blobs.delete(name as never);
    else domain.blobs.set(name as never, utf8("broken"));
    await expect(copy()).rejects.toMatchObject({ code: "mirror_incomplete" });
    expect(await readdir(join(folder, "metadata"))).not.toContain("timestamp.json");
  });

  test("a bin that somebody else signed", async () => {
    const stranger = await DomainFixture.create();
    const bins = [...domain.metadata.keys()].filter((name) => name.includes("bin-"));
    const [bin = ""] = bins;
    domain.metadata.set(bin, stranger.metadata.get(bin) as Uint8Array);
    await expect(copy()).rejects.toMatchObject({ name: "TufError" });
    expect(await readdir(join(folder, "metadata"))).not.toContain("timestamp.json");
  });

  test("roots that lead to another root than the pinned one, or that are not there", async () => {
    domain.versions.root = 2;
    await domain.signRoot();
    const pinned = domain.metadata.get("2.root") as Uint8Array;
    // The same version once more, signed by the same people, with other bytes.
    await domain.signRoot(domain.rootSigners.slice(1));
    await expect(copy(home(), folderDestination(folder), pinned)).rejects.toMatchObject({
      code: "roots_do_not_lead_here",
    });
    domain.metadata.delete("1.root");
    await expect(copy(home(), folderDestination(folder), pinned)).rejects.toMatchObject({
      code: "mirror_incomplete",
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test("an expired domain", async () => {
    const late = new Date("2099-01-01T00:00:00Z");
    await expect(
      mirrorDomain({ root: domain.root, source: home(), destination: folderDestination(folder), time: late }),
    ).rejects.toMatchObject({ code: "expired" });
  });
});

test("records that nobody can read are counted, and do not stop the rest", async () => {
  const strange = digestOf(utf8("strange"));
  const record = domain.records.get(domain.digest) as Parameters<typeof recordTarget>[0];
  domain.records.set(strange, { ...record, digest: strange, mediaType: "no media type" });
  await domain.publish();
  expect(await copy()).toMatchObject({ unreadable: 1 });
  expect((await verdict(directorySource(folder))).decision).toBe("allow");
});

test.each([
  ["above the folder", "../../escaped"],
  ["at the root", "/escaped"],
  ["in two ways", "a/./b"],
  ["too long", `${"n".repeat(300)}/x`],
])(
  "a file that a project lists %s is never written out of the folder, nor read from there",
  async (_where, path) => {
    const bytes = utf8("owned");
    await domain.setProjectFile(path, bytes);
    await domain.publish();
    const inner = join(folder, "a", "mirror");
    expect(await copy(home(), folderDestination(inner))).toMatchObject({ unreadable: 1 });
    const everything = await readdir(folder, { recursive: true });
    expect(everything.filter((name) => name.includes(sha256(bytes)))).toEqual([]);
    expect(await directorySource(inner).target(path, sha256(bytes), bytes.length)).toBeUndefined();
    expect((await verdict(directorySource(inner))).decision).toBe("allow");
  },
);

test("a pipe in a mirror is refused, and not waited for", async () => {
  await copy();
  await rm(join(folder, "metadata", "timestamp.json"));
  execFileSync("mkfifo", [join(folder, "metadata", "timestamp.json")]);
  await expect(verdict(directorySource(folder))).rejects.toMatchObject({ code: "source_unreachable" });
});

test("a mirror that stands still does no harm beside the domain itself", async () => {
  await copy();
  await domain.publish();
  const sources = [directorySource(folder), home()];
  const source = freshestSource({ root: domain.root, sources, time: () => domain.now });
  const found = await verdict(source);
  expect(found.freshness.roles).toContainEqual(expect.objectContaining({ role: "timestamp", version: 2 }));
});
