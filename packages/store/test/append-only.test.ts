import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await database.owner.query("INSERT INTO domain (name) VALUES ('one')");
  await database.owner.query("INSERT INTO head (domain_id) VALUES (1)");
  await database.owner.query(
    `INSERT INTO metadata (domain_id, role, version, bytes, sha256, epoch)
     VALUES (1, 'root', 1, 'x', encode(sha256('x'), 'hex'), 1)`,
  );
  for (const table of ["target_file", "evidence"]) {
    await database.owner.query(
      `INSERT INTO ${table} (domain_id, sha256, bytes) VALUES (1, encode(sha256('x'), 'hex'), 'x')`,
    );
  }
  await database.owner.query(
    `INSERT INTO referrer (domain_id, sha256, subject, evidence_sha256, manifest)
     VALUES (1, encode(sha256('{}'), 'hex'), 'sha256:' || encode(sha256('a'), 'hex'), encode(sha256('x'), 'hex'), '{}')`,
  );
  await database.owner.query(
    `INSERT INTO referrer_list (domain_id, sha256, subject)
     VALUES (1, encode(sha256('l'), 'hex'), 'sha256:' || encode(sha256('a'), 'hex'))`,
  );
  await database.owner.query("INSERT INTO change (domain_id, kind) VALUES (1, 'metadata')");
  await database.owner.query(
    "INSERT INTO change_metadata (change_id, role, version, bytes) VALUES (1, 'root', 1, 'x')",
  );
  await database.owner.query(
    "INSERT INTO outbox (domain_id, epoch, kind, payload) VALUES (1, 1, 'published', '{}')",
  );
});
afterAll(() => database.close());

const STATEMENTS = [
  "domain",
  "metadata",
  "head",
  "target_file",
  "evidence",
  "referrer",
  "referrer_list",
  "change",
  "change_metadata",
  "outbox",
]
  .flatMap((table) => [
    ...(table === "head" || table === "change"
      ? []
      : [`UPDATE ${table} SET ${table === "domain" ? "name = 'x'" : "domain_id = 2"}`]),
    `DELETE FROM ${table}`,
    `TRUNCATE ${table} CASCADE`,
  ])
  .map((sql) =>
    sql.replace("UPDATE change_metadata SET domain_id = 2", "UPDATE change_metadata SET bytes = 'y'"),
  );

describe("published history cannot be changed (N-77)", () => {
  for (const user of ["owner", "repository", "signer"] as const) {
    for (const sql of STATEMENTS) {
      test(`${user}: ${sql}`, async () => {
        await expect(database[user].query(sql)).rejects.toMatchObject({ code: "42501" });
      });
    }
  }
});
