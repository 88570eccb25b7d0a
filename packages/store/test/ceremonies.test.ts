import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import {
  addSignatures,
  createDomain,
  enqueueMetadata,
  finishCeremony,
  insertCeremony,
  lockDomainName,
  openCeremonies,
  readCeremony,
  readCeremonyFiles,
  withTransaction,
} from "../src/index.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const soon = () => new Date(Date.now() + 60_000);

async function open(domain: string, expiresAt = soon()): Promise<string> {
  const id = randomUUID();
  const roles = [{ role: "targets", version: 2, document: Buffer.from("{}") }];
  const files = [Buffer.from("one"), Buffer.from("two"), Buffer.from("one")];
  await withTransaction(database.repository, (client) =>
    insertCeremony(client, { id, domain, createsDomain: false, expiresAt, roles, files }),
  );
  return id;
}

const add = (id: string, keyId: string, signature: string) =>
  withTransaction(database.repository, (client) =>
    addSignatures(client, id, [{ role: "targets", keyId, signature: Buffer.from(signature) }]),
  );

describe("a ceremony", () => {
  test("comes back with its documents, its files and the first signature of each key", async () => {
    const id = await open("first");
    await add(id, "a", "by a");
    await add(id, "b", "by b");
    await add(id, "a", "by a again");
    const ceremony = await readCeremony(database.repository, "first", id);
    expect(ceremony).toMatchObject({ id, domain: "first", createsDomain: false, changeId: undefined });
    expect(ceremony?.roles).toMatchObject([{ role: "targets", version: 2 }]);
    const signatures = ceremony?.roles[0]?.signatures ?? [];
    expect(signatures.map(({ keyId, signature }) => `${keyId}: ${Buffer.from(signature)}`)).toEqual([
      "a: by a",
      "b: by b",
    ]);
    expect(await readCeremonyFiles(database.repository, id)).toHaveLength(2);
    expect(await readCeremony(database.repository, "second", id)).toBeUndefined();
  });

  test("is open until it is finished, once, or its time is over", async () => {
    const id = await open("third");
    const late = await open("third", new Date(Date.now() + 1_000));
    const isOpen = async (now: Date) =>
      (await openCeremonies(database.repository, "third", now)).map((one) => one.id);
    expect((await isOpen(new Date())).sort()).toEqual([id, late].sort());
    expect(await isOpen(new Date(Date.now() + 30_000))).toEqual([id]);
    await withTransaction(database.repository, async (client) => {
      const domain = await createDomain(client, "third");
      const changeId = await enqueueMetadata(client, domain?.id ?? 0, [
        { role: "targets", version: 2, bytes: Buffer.from("{}") },
      ]);
      expect(await finishCeremony(client, id, changeId)).toBe(true);
      expect(await finishCeremony(client, id, changeId)).toBe(false);
    });
    expect(await isOpen(new Date())).toEqual([late]);
  });

  test("cannot be changed after the fact, by anybody", async () => {
    const id = await open("fourth");
    await add(id, "a", "by a");
    for (const user of ["owner", "repository"] as const) {
      for (const sql of [
        "UPDATE ceremony_role SET document = 'x'",
        "UPDATE ceremony_signature SET signature = 'x'",
        "DELETE FROM ceremony_signature",
        "DELETE FROM ceremony_file",
        "DELETE FROM ceremony",
        "TRUNCATE ceremony CASCADE",
      ]) {
        await expect(database[user].query(sql)).rejects.toMatchObject({ code: "42501" });
      }
    }
    const moved = database.owner.query("UPDATE ceremony SET domain_name = 'fifth' WHERE id = $1", [id]);
    await expect(moved).rejects.toMatchObject({ code: "23514" });
  });
});

test("one writer at a time holds the name of a domain", async () => {
  const order: string[] = [];
  const { promise: held, resolve: hold } = Promise.withResolvers<void>();
  const first = withTransaction(database.repository, async (client) => {
    await lockDomainName(client, "locked");
    hold();
    await new Promise((resolve) => setTimeout(resolve, 100));
    order.push("first");
  });
  await held;
  const second = withTransaction(database.repository, async (client) => {
    await lockDomainName(client, "locked");
    order.push("second");
  });
  const other = withTransaction(database.repository, async (client) => {
    await lockDomainName(client, "another");
    order.push("another");
  });
  await Promise.all([first, second, other]);
  expect(order).toEqual(["another", "first", "second"]);
});
