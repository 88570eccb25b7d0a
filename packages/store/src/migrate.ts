import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "@stemma/crypto";
import pg from "pg";
import { StoreError } from "./error.ts";
import { type Queryable, sqlState } from "./pool.ts";

/** The folder `migrations/` of this repository. */
export const MIGRATIONS = fileURLToPath(new URL("../../../migrations/", import.meta.url));

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/** "stemma" in ASCII: nobody else on this server takes the same advisory lock by accident. */
const LOCK = "126943972912743";

/** Reads `NNNN-name.sql`, in order. Numbers run 1, 2, 3… without a gap. */
export async function readMigrations(directory: string = MIGRATIONS): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  const migrations = await Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(path.join(directory, name));
      return {
        number: Number(/^(\d{4})-[a-z0-9-]+\.sql$/.exec(name)?.[1]),
        name,
        sql: bytes.toString("utf8"),
        sha256: sha256(bytes),
      };
    }),
  );
  migrations.forEach(({ number, name }, index) => {
    if (number !== index + 1) {
      throw new StoreError(
        "migration_failed",
        `${name} in ${directory} should have the number ${index + 1}.`,
      );
    }
  });
  return migrations;
}

/**
 * Brings the database forward to this code: all that is missing, in one transaction. Several processes
 * may start at once; one migrates, the others wait for it and find nothing to do. A database that is
 * newer than the code, or whose applied files have changed, is refused and left as it is.
 *
 * Returns the names of the files applied now. The user of `connectionString` becomes the owner.
 */
export async function migrate(
  connectionString: string,
  directory: string = MIGRATIONS,
): Promise<readonly string[]> {
  const migrations = await readMigrations(directory);
  // A connection of its own: no statement timeout, and the lock goes away with the transaction.
  const client = new pg.Client({ connectionString, application_name: "stemma migrate" });
  client.on("error", () => undefined); // the query that is under way reports it
  await client.connect().catch(unreachable);
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
    await client.query(
      `CREATE TABLE IF NOT EXISTS stemma_migration (
         number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,
         applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    const missing = pending(await appliedMigrations(client), migrations);
    for (const migration of missing) await apply(client, migration);
    // The services check at boot that they fit to the schema.
    await client.query("GRANT SELECT ON stemma_migration TO PUBLIC");
    await client.query("COMMIT");
    return missing.map(({ name }) => name);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Refuses a database that is not exactly at this code's schema; services do not migrate by themselves. */
export async function checkSchema(database: Queryable, directory: string = MIGRATIONS): Promise<void> {
  const migrations = await readMigrations(directory);
  const applied = await appliedMigrations(database).catch((error: unknown) => {
    if (sqlState(error) === "42P01") return []; // no such table: an empty database
    throw error;
  });
  const missing = pending(applied, migrations);
  if (missing.length > 0) {
    throw new StoreError(
      "database_not_migrated",
      `The database lacks ${missing.map(({ name }) => name).join(", ")}; run the migrations with the user that owns it.`,
    );
  }
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
}

async function appliedMigrations(database: Queryable): Promise<readonly Applied[]> {
  const { rows } = await database.query<{ number: number; name: string; sha256: string }>(
    "SELECT number, name, sha256 FROM stemma_migration ORDER BY number",
  );
  return rows;
}

function pending(applied: readonly Applied[], migrations: readonly Migration[]): readonly Migration[] {
  for (const row of applied) {
    const migration = migrations[row.number - 1];
    if (migration === undefined) {
      throw new StoreError(
        "database_newer",
        `The database has ${row.name}, which this version of Stemma does not know; run the newer version.`,
      );
    }
    if (migration.sha256 !== row.sha256) {
      throw new StoreError(
        "migration_changed",
        `${migration.name} is not the file that was applied to this database as ${row.name}; migrations are never edited.`,
      );
    }
  }
  return migrations.slice(applied.length);
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query(migration.sql);
    await client.query("INSERT INTO stemma_migration (number, name, sha256) VALUES ($1, $2, $3)", [
      migration.number,
      migration.name,
      migration.sha256,
    ]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError("migration_failed", `${migration.name} failed, and nothing was changed: ${reason}`, {
      cause,
    });
  }
}

function unreachable(cause: unknown): never {
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  throw new StoreError("database_unreachable", `The database cannot be reached: ${reason}.`, { cause });
}
