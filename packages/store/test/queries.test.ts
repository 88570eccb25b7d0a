import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { asSha256Hex, parseDigest, utf8 } from "@stemma/encoding";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import { enqueueRecord, readChange, readWaiting, waitingSummary } from "../src/changes.ts";
import { databaseSource } from "../src/database-source.ts";
import { createDomain, findDomain, listDomains, moveHead, readHead } from "../src/domains.ts";
import { missingEvidence, readEvidences } from "../src/files.ts";
import { insertMetadata, readMetadata } from "../src/metadata.ts";
import { withTransaction } from "../src/pool.ts";

let database: TestDatabase;
let domainId: number;
beforeAll(async () => {
  database = await testDatabase();
  const domain = await withTransaction(database.repository, (client) => createDomain(client, "queries"));
  domainId = domain?.id ?? 0;
});
afterAll(() => database.close());

describe("domains", () => {
  test("a name is taken once", async () => {
    expect(
      await withTransaction(database.repository, (client) => createDomain(client, "queries")),
    ).toBeUndefined();
    expect((await findDomain(database.repository, "queries"))?.id).toBe(domainId);
    expect(await findDomain(database.repository, "nobody")).toBeUndefined();
  });

  test("are listed in pages, by name", async () => {
    await withTransaction(database.repository, (client) => createDomain(client, "another"));
    expect((await listDomains(database.repository, { limit: 1 })).map(({ name }) => name)).toEqual([
      "another",
    ]);
    expect((await listDomains(database.repository, { after: "another" })).map(({ name }) => name)).toEqual([
      "queries",
    ]);
  });

  for (const name of ["V", "-a", "a_b", "a/b", "v1", "docs", "metrics", "a".repeat(64), ""]) {
    test(`the database itself refuses the name ${JSON.stringify(name)}`, async () => {
      const creating = withTransaction(database.repository, (client) => createDomain(client, name));
      await expect(creating).rejects.toMatchObject({ code: "23514" });
    });
  }
});

describe("the head", () => {
  const next = { rootVersion: 1, targetsVersion: 1, snapshotVersion: 1, timestampVersion: 1 };
  const at = (n: number) => ({ signedAt: new Date(n * 1000), expiresAt: new Date(n * 1000 + 500) });

  test("moves from the epoch that was seen, and only from that", async () => {
    const move = (epoch: number, head: Omit<Parameters<typeof moveHead>[2], "domainId">) =>
      withTransaction(database.signer, (client) => moveHead(client, epoch, { domainId, ...head }));
    expect(await move(0, { ...next, ...at(10) })).toBe(true);
    expect(await move(0, { ...next, timestampVersion: 2, ...at(11) })).toBe(false);
    await expect(move(1, { ...next, ...at(11) })).rejects.toMatchObject({ code: "23514" });
    await expect(move(1, { ...next, timestampVersion: 2, ...at(9) })).rejects.toMatchObject({
      code: "23514",
    });
    await expect(
      move(1, { ...next, timestampVersion: 2, snapshotVersion: 0, ...at(12) }),
    ).rejects.toMatchObject({
      code: "23514",
    });
    expect(await readHead(database.repository, domainId)).toMatchObject({ epoch: 1, timestampVersion: 1 });
  });

  test("cannot be moved, nor be made at another epoch, by the repository", async () => {
    await expect(database.repository.query("UPDATE head SET epoch = 9")).rejects.toMatchObject({
      code: "42501",
    });
    await database.owner.query("INSERT INTO domain (name) VALUES ('headless')");
    await expect(
      database.repository.query("INSERT INTO head (domain_id, epoch) SELECT max(id), 5 FROM domain"),
    ).rejects.toMatchObject({ code: "23514" });
  });
});

const RECORD = {
  digest: parseDigest(`sha256:${"a".repeat(64)}`),
  descriptor: { mediaType: "text/plain", size: 1 },
  projects: ["app"],
  evidence: [],
};

describe("bytes", () => {
  const store = (items: readonly Uint8Array[]) => enqueueRecord(database.repository, domainId, items, RECORD);

  test("come back exactly, and the same item twice is one", async () => {
    const items = [Buffer.from([0, 255, 10, 92]), utf8("text \\x00"), utf8("text \\x00")];
    await store(items);
    await store(items);
    const hashes = items.map((bytes) => asSha256Hex(sha256(bytes), "test"));
    const stored = await readEvidences(database.repository, domainId, hashes);
    expect(stored.size).toBe(2);
    for (const [index, hash] of hashes.entries())
      expect(Buffer.from(stored.get(hash) ?? [])).toEqual(Buffer.from(items[index] as Uint8Array));
  });

  test("are missing when they are not there, or have another length", async () => {
    const bytes = utf8("here");
    await store([bytes]);
    const here = { sha256: asSha256Hex(sha256(bytes), "test"), length: 4 };
    const gone = { sha256: asSha256Hex(sha256(utf8("gone")), "test"), length: 4 };
    const wrong = { ...here, length: 5 };
    expect(await missingEvidence(database.repository, domainId, [here, gone, wrong])).toEqual([gone, wrong]);
  });

  test("with another hash than their own cannot be stored, by the owner either", async () => {
    await expect(
      database.owner.query("INSERT INTO evidence (domain_id, sha256, bytes) VALUES ($1, $2, 'x')", [
        domainId,
        "0".repeat(64),
      ]),
    ).rejects.toMatchObject({ code: "23514" });
  });

  test("of a version are stored once: a second body is refused", async () => {
    const store = (text: string) =>
      withTransaction(database.signer, (client) =>
        insertMetadata(client, domainId, 1, [{ role: "root", version: 1, bytes: utf8(text) }]),
      );
    await store("first");
    await expect(store("second")).rejects.toMatchObject({ code: "23505" });
    expect(
      Buffer.from((await readMetadata(database.repository, domainId, "root", 1))?.bytes ?? []).toString(),
    ).toBe("first");
  });

  test("that rot are not handed out (F24)", async () => {
    await withTransaction(database.signer, (client) =>
      insertMetadata(client, domainId, 1, [{ role: "targets", version: 1, bytes: utf8("sound") }]),
    );
    // Only who may switch triggers and checks off can do this.
    await database.owner.query(`
      ALTER TABLE metadata DROP CONSTRAINT metadata_check;
      ALTER TABLE metadata DISABLE TRIGGER append_only_rows;
      UPDATE metadata SET bytes = 'rotten' WHERE role = 'targets'`);
    const head = await readHead(database.repository, domainId);
    if (!head) throw new Error("no head");
    const source = databaseSource(database.repository, domainId, head);
    await expect(source.metadata("targets", 1, 1000)).rejects.toMatchObject({ code: "stored_bytes_damaged" });
  });
});

describe("changes", () => {
  test("wait in order, and are decided once", async () => {
    const first = await enqueueRecord(database.repository, domainId, [], RECORD);
    const second = await enqueueRecord(database.repository, domainId, [], RECORD);
    const waiting = (await readWaiting(database.signer, domainId, 10)).map(({ id }) => id);
    expect(waiting.slice(-2)).toEqual([first, second]);
    expect(await waitingSummary(database.repository)).toMatchObject({
      count: waiting.length,
      oldest: expect.any(Date),
    });
    const refuse = "UPDATE change SET outcome = 'refused', refusal = 'x', decided_at = now() WHERE id = $1";
    await expect(database.repository.query(refuse, [first])).rejects.toMatchObject({ code: "42501" });
    await database.signer.query(refuse, [first]);
    await expect(database.signer.query(refuse, [first])).rejects.toMatchObject({ code: "23514" });
    expect(await readChange(database.repository, first)).toMatchObject({
      outcome: "refused",
      refusal: "x",
      epoch: undefined,
    });
  });

  test("cannot be made by the signer", async () => {
    await expect(enqueueRecord(database.signer, domainId, [], RECORD)).rejects.toMatchObject({
      code: "42501",
    });
  });
});

describe("a transaction", () => {
  test("starts again when PostgreSQL says so, and 32 of them come out as if one after the other (F3)", async () => {
    await database.owner.query("CREATE TABLE counter AS SELECT 0 AS n");
    const add = () =>
      withTransaction(
        database.owner,
        async (client) => {
          const { rows } = await client.query<{ n: number }>("SELECT n FROM counter");
          await client.query("UPDATE counter SET n = $1", [(rows[0]?.n ?? 0) + 1]);
        },
        { isolation: "serializable", attempts: 100 },
      );
    await Promise.all(Array.from({ length: 32 }, add));
    expect((await database.owner.query("SELECT n FROM counter")).rows).toEqual([{ n: 32 }]);
  });

  test("that throws leaves nothing", async () => {
    await expect(
      withTransaction(database.repository, async (client) => {
        await createDomain(client, "never");
        throw new Error("as asked");
      }),
    ).rejects.toThrow("as asked");
    expect(await findDomain(database.repository, "never")).toBeUndefined();
  });
});
