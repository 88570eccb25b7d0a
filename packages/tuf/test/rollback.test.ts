import { describe, expect, test } from "@jest/globals";
import { jsonObject } from "@stemma/encoding";
import { Client, codeOf } from "./support/client.ts";
import { Repository } from "./support/repository.ts";
import { newSigner } from "./support/signers.ts";

/* tuf-conformance test_rollback, N-10 and N-12: nothing trusted goes back, and nothing bad stays behind. */

async function start(metaHashes = false) {
  const repository = await Repository.create((made) => {
    made.metaHashes = metaHashes;
  });
  return { repository, client: new Client(repository) };
}

describe("rollback", () => {
  test("new_timestamp_version_rollback", async () => {
    const { client, repository } = await start();
    await repository.publishTimestamp();
    client.refresh();
    repository.versions.timestamp = 1;
    await repository.writeTimestamp();
    expect(codeOf(() => client.refresh())).toBe("rollback");
    expect(client.version("timestamp")).toBe(2);
    expect(repository.requests.at(-1)).toEqual(["timestamp", undefined]);
  });

  test.each([
    ["basic", false],
    ["with hashes", true],
  ])("snapshot_rollback[%s]", async (_name, hashes) => {
    const { client, repository } = await start(hashes);
    await repository.release();
    client.refresh();
    repository.versions.snapshot = 1;
    await repository.publishTimestamp();
    expect(codeOf(() => client.refresh())).toBe("rollback");
    expect(client.version("timestamp")).toBe(2);
    expect(client.version("snapshot")).toBe(2);
    expect(repository.requests.at(-1)).toEqual(["timestamp", undefined]);
  });

  test.each([
    ["basic", false],
    ["with hashes", true],
  ])("targets_rollback[%s]", async (_name, hashes) => {
    const { client, repository } = await start(hashes);
    await repository.release("targets");
    client.refresh();
    repository.role("targets").version = 0;
    await repository.release("targets");
    expect(codeOf(() => client.refresh())).toBe("rollback");
    expect(client.version("snapshot")).toBe(2);
    expect(client.version("targets")).toBe(2);
  });

  test("targets_role_removal: a role that was in the snapshot stays in it", async () => {
    const repository = await Repository.create((made) => made.delegate("targets", "project"));
    const client = new Client(repository);
    client.refresh();
    repository.meta.delete("project");
    await repository.release();
    expect(codeOf(() => client.refresh())).toBe("rollback");
    expect(client.version("snapshot")).toBe(1);
  });

  test("N-10 a delegated role goes back", async () => {
    const repository = await Repository.create((made) => made.delegate("targets", "project"));
    const client = new Client(repository);
    await repository.release("project");
    client.find("x");
    repository.role("project").version = 0;
    await repository.release("project");
    expect(codeOf(() => client.find("x"))).toBe("rollback");
    expect(client.version("project")).toBe(2);
  });

  test("targets_fast_forward_recovery: new snapshot keys forget the versions that old ones listed", async () => {
    const { client, repository } = await start();
    repository.role("targets").version = 99;
    await repository.release("targets");
    client.refresh();
    expect(client.version("targets")).toBe(100);

    repository.top.snapshot.keys = [newSigner()];
    await repository.publishRoot();
    repository.role("targets").version = 0;
    await repository.release("targets");
    client.refresh();
    expect(client.version("targets")).toBe(1);
  });

  test("snapshot_fast_forward_recovery: new timestamp and snapshot keys", async () => {
    const { client, repository } = await start();
    repository.versions.snapshot = 99_999;
    await repository.release();
    client.refresh();
    expect(client.version("snapshot")).toBe(100_000);

    repository.top.snapshot.keys = [newSigner()];
    repository.top.timestamp.keys = [newSigner()];
    await repository.publishRoot();
    repository.versions.snapshot = 0;
    await repository.release();
    client.refresh();
    expect(client.version("snapshot")).toBe(1);
  });

  test("5.3.11 also when only the snapshot keys were rotated", async () => {
    const { client, repository } = await start();
    repository.versions.snapshot = 99_999;
    await repository.release();
    client.refresh();
    repository.versions.snapshot = 0;
    await repository.release();
    expect(codeOf(() => client.refresh())).toBe("rollback");

    repository.top.snapshot.keys = [newSigner()];
    await repository.publishRoot();
    await repository.release();
    client.refresh();
    expect(client.version("snapshot")).toBe(2);
    // The timestamp's own version is still a floor: its keys were not rotated.
    repository.versions.timestamp = 1;
    await repository.writeTimestamp();
    expect(codeOf(() => client.refresh())).toBe("rollback");
  });

  test("timestamp_fast_forward_recovery: new timestamp keys", async () => {
    const { client, repository } = await start();
    repository.versions.timestamp = 99;
    await repository.publishTimestamp();
    client.refresh();
    expect(client.version("timestamp")).toBe(100);

    repository.top.timestamp.keys = [newSigner()];
    await repository.publishRoot();
    repository.versions.timestamp = 0;
    await repository.publishTimestamp();
    client.refresh();
    expect(client.version("timestamp")).toBe(1);
  });

  test("the cached snapshot answers to the timestamp's digests once its version is the current one", async () => {
    const { client, repository } = await start(true);
    client.refresh();
    // The same version, signed again with other content, and a newer timestamp that lists its digest.
    repository.expires.set("snapshot", new Date("2026-07-01T00:00:00Z"));
    await repository.writeSnapshot();
    await repository.publishTimestamp();
    const trusted = client.refresh();
    expect(trusted.snapshot?.bytes).toBe(repository.file("1.snapshot"));
  });
});

describe("N-12 a failed step leaves nothing that the next run would trip over", () => {
  const steps: Record<string, (repository: Repository) => Promise<void> | void> = {
    "unsigned root": (made) => made.tamper("2.root", (document) => document.set("signatures", [])),
    "root of another version": (made) => void made.files.set("2.root", made.file("1.root")),
    "unsigned timestamp": (made) => made.tamper("timestamp", (document) => document.set("signatures", [])),
    "timestamp that rolls the snapshot back": async (made) => {
      made.edits.set("timestamp", (signed) => {
        signed.set("meta", jsonObject({ "snapshot.json": jsonObject({ version: 1 }) }));
      });
      await made.writeTimestamp();
    },
    "expired timestamp": async (made) => {
      made.edits.set("timestamp", (signed) => signed.set("expires", "2026-01-01T00:00:00Z"));
      await made.writeTimestamp();
    },
    "unsigned snapshot": (made) => made.tamper("3.snapshot", (document) => document.set("signatures", [])),
    "snapshot of another version": (made) => void made.files.set("3.snapshot", made.file("2.snapshot")),
    "unsigned targets": (made) => made.tamper("3.targets", (document) => document.set("signatures", [])),
    "unsigned project": (made) => made.tamper("3.project", (document) => document.set("signatures", [])),
    "bytes that are no JSON": (made) => void made.files.set("3.targets", new Uint8Array([0xff, 0])),
  };

  test.each(Object.entries(steps))("%s, then an honest repository", async (_name, spoil) => {
    const repository = await Repository.create((made) => made.delegate("targets", "project"));
    const client = new Client(repository);
    await repository.release("targets", "project");
    client.find("x");
    await repository.publishRoot();
    await repository.release("targets", "project");
    const honest = new Map(repository.files);
    await spoil(repository);

    expect(codeOf(() => client.find("x"))).not.toBe("accepted");
    // Another process, with the same cache and the same pinned root.
    repository.edits.clear();
    repository.files.clear();
    for (const [name, bytes] of honest) repository.files.set(name, bytes);
    expect(codeOf(() => client.find("x"))).toBe("accepted");
    expect(
      ["root", "timestamp", "snapshot", "targets", "project"].map((role) => client.version(role)),
    ).toEqual([2, 3, 3, 3, 3]);
  });

  test("a damaged cache is replaced, whatever it holds", async () => {
    const repository = await Repository.create((made) => made.delegate("targets", "project"));
    const client = new Client(repository);
    await repository.publishRoot();
    client.find("x");
    const junk = [
      new Uint8Array(),
      new Uint8Array([0x7b]),
      repository.file("1.root"),
      repository.file("timestamp"),
    ];
    for (const role of ["timestamp", "snapshot", "targets", "project"]) {
      for (const bytes of junk) {
        client.cache.set(role, bytes);
        client.roots.set(2, bytes);
        expect(codeOf(() => client.find("x"))).toBe("accepted");
        expect(client.version(role)).toBe(1);
        expect(client.roots.get(2)).toBe(repository.file("2.root"));
      }
    }
  });
});
