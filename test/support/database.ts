import { chmod, mkdtemp } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { createPool, type EmbeddedServer, migrate, type Pool, startEmbedded } from "@stemma/store";

/** A migrated, empty database on a real PostgreSQL, for one test file or one test. */
export interface TestDatabase {
  readonly name: string;
  /** Connection strings: the owner, and the login users that the services have. */
  readonly ownerUrl: string;
  readonly repositoryUrl: string;
  readonly signerUrl: string;
  /** Pools for the same three; closed with the database. */
  readonly owner: Pool;
  readonly repository: Pool;
  readonly signer: Pool;
  /** Drops the database. Call it in afterAll. */
  close(): Promise<void>;
}

const TEMPLATE = "stemma_template";

/**
 * One PostgreSQL for each Jest worker, started by the first test file that asks and stopped, with its
 * data removed, when the worker's process ends (startEmbedded sees to that, even after `kill -9`).
 * It is kept on a built-in module: Jest loads every other module, and `process`, anew for each test file.
 */
export async function testDatabase(options: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const server = await sharedServer();
  const name = `test_${Math.random().toString(36).slice(2, 12)}`;
  const admin = createPool({
    connectionString: server.url("owner", "postgres"),
    applicationName: "test",
    max: 1,
  });
  await admin.query(
    options.migrated === false ? `CREATE DATABASE ${name}` : `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`,
  );
  const urls = {
    owner: server.url("owner", name),
    repository: server.url("repository", name),
    signer: server.url("signer", name),
  };
  const pool = (connectionString: string): Pool => createPool({ connectionString, applicationName: "test" });
  const pools = { owner: pool(urls.owner), repository: pool(urls.repository), signer: pool(urls.signer) };
  return {
    name,
    ownerUrl: urls.owner,
    repositoryUrl: urls.repository,
    signerUrl: urls.signer,
    ...pools,
    async close() {
      await Promise.all(Object.values(pools).map((each) => each.end()));
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}

const KEY = Symbol.for("stemma.test.database");

function sharedServer(): Promise<EmbeddedServer> {
  const holder = os as unknown as { [KEY]?: Promise<EmbeddedServer> };
  holder[KEY] ??= start();
  return holder[KEY];
}

async function start(): Promise<EmbeddedServer> {
  const directory = await mkdtemp(path.join(os.tmpdir(), "stemma-test-"));
  await chmod(directory, 0o711); // as root PostgreSQL runs under another account, which has to get in
  const server = await startEmbedded({ directory, ephemeral: true });
  const admin = createPool({
    connectionString: server.url("owner", "postgres"),
    applicationName: "test",
    max: 1,
  });
  await admin.query(`CREATE DATABASE ${TEMPLATE}`);
  await admin.end();
  await migrate(server.url("owner", TEMPLATE));
  return server;
}
