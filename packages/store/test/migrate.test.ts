import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import { checkSchema, MIGRATIONS, migrate } from "../src/migrate.ts";
import { checkServer } from "../src/server-check.ts";

let database: TestDatabase;
let folder: string;
beforeEach(async () => {
  database = await testDatabase({ migrated: false });
  folder = mkdtempSync(path.join(tmpdir(), "stemma-migrations-"));
  cpSync(MIGRATIONS, folder, { recursive: true });
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await database.close();
});

const files = () => readdirSync(MIGRATIONS).filter((name) => name.endsWith(".sql"));

describe("migrations", () => {
  test("are applied once, in order, and then there is nothing to do", async () => {
    expect(await migrate(database.ownerUrl)).toEqual(files().sort());
    expect(await migrate(database.ownerUrl)).toEqual([]);
    await checkSchema(database.signer);
  });

  test("by four processes at once: each file by one of them", async () => {
    const script = new URL("./support/migrate-now.ts", import.meta.url).pathname;
    const outputs = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const child = spawn(process.execPath, [script, database.ownerUrl], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        let output = "";
        child.stdout.on("data", (chunk: Buffer) => {
          output += chunk.toString();
        });
        const [code] = await once(child, "exit");
        expect(code).toBe(0);
        return JSON.parse(output) as string[];
      }),
    );
    expect(outputs.flat()).toEqual(files().sort());
  });

  test("a database newer than the code is refused, and not touched", async () => {
    const next = `${String(files().length + 1).padStart(4, "0")}-later.sql`;
    writeFileSync(path.join(folder, next), "CREATE TABLE later ();");
    await migrate(database.ownerUrl, folder);
    await expect(migrate(database.ownerUrl)).rejects.toMatchObject({ code: "database_newer" });
    await expect(checkSchema(database.signer)).rejects.toMatchObject({
      code: "database_newer",
      message: expect.stringContaining(next),
    });
  });

  test("an applied file that was edited is refused", async () => {
    await migrate(database.ownerUrl, folder);
    const first = files().sort()[0] as string;
    writeFileSync(path.join(folder, first), "-- edited");
    await expect(migrate(database.ownerUrl, folder)).rejects.toMatchObject({ code: "migration_changed" });
  });

  test("a file that fails leaves nothing behind, not even those before it", async () => {
    const next = `${String(files().length + 1).padStart(4, "0")}-broken.sql`;
    writeFileSync(path.join(folder, next), "CREATE TABLE half (); SELECT nonsense;");
    await expect(migrate(database.ownerUrl, folder)).rejects.toMatchObject({
      code: "migration_failed",
      message: expect.stringMatching(new RegExp(`^${next} failed, and nothing was changed`)),
    });
    await expect(database.owner.query("SELECT 1 FROM stemma_migration")).rejects.toMatchObject({
      code: "42P01",
    });
    await expect(checkSchema(database.signer)).rejects.toMatchObject({ code: "database_not_migrated" });
  });

  test("a gap in the numbers is refused", async () => {
    writeFileSync(path.join(folder, "0099-far.sql"), "SELECT 1;");
    await expect(migrate(database.ownerUrl, folder)).rejects.toThrow(/should have the number/);
  });

  test("a server that cannot be reached is one sentence without the password", async () => {
    const error = await migrate("postgres://u:secret@127.0.0.1:1/d").catch((e: Error) => e);
    expect(error).toMatchObject({ code: "database_unreachable" });
    expect(String(error)).not.toMatch(/secret/);
  });
});

describe("the server", () => {
  test("that is durable passes", async () => {
    await checkServer(database.owner);
  });

  test("whose database gives durability up is refused", async () => {
    await database.owner.query(`ALTER DATABASE ${database.name} SET synchronous_commit = off`);
    await database.owner.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'stemma_signer_login' AND datname = current_database()",
    );
    await expect(checkServer(database.signer)).rejects.toMatchObject({
      code: "database_not_durable",
      message: expect.stringContaining("synchronous_commit = off"),
    });
  });
});
