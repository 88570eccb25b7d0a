import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, open, readFile, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { type Account, findPlace, type Place, type PlaceOptions } from "./embedded-place.ts";
import { StoreError } from "./error.ts";

/** A real PostgreSQL that runs for as long as this process does. */
export interface EmbeddedServer {
  readonly port: number;
  /** Where the data is; not always below the directory asked for (see `findPlace`). */
  readonly directory: string;
  /** Connection strings of the owner, and of the login users of the two services. */
  url(user: "owner" | "repository" | "signer", database?: string): string;
  /** Settles when the server has ended by itself or by `stop`. */
  readonly ended: Promise<void>;
  /** Stops it, and waits until all is on disk. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions extends PlaceOptions {
  /** Remove the data once the server has stopped, however that came about. For tests. */
  readonly ephemeral?: boolean;
}

const PASSWORDS = ["owner", "repository", "signer"] as const;
type Passwords = Readonly<Record<(typeof PASSWORDS)[number], string>>;

/** Login users; each service is a member of its group role and of nothing else. */
const LOGINS = {
  owner: "stemma",
  repository: "stemma_repository_login",
  signer: "stemma_signer_login",
} as const;

/**
 * Starts PostgreSQL on a random free loopback port. The directory is initialised when it is empty: in
 * full, or not at all. Passwords are random and stay in a file that only we can read.
 *
 * However this process ends, the server stops: it hangs on a pipe from us, and the end of that pipe
 * makes it shut down cleanly, even after `kill -9`.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  if (process.platform === "win32") {
    throw new StoreError("embedded_unsupported", "On Windows set DATABASE_URL to a PostgreSQL of yours.");
  }
  const place = await findPlace(options);
  const cluster = path.join(place.directory, "cluster");
  await initialise(place, cluster);
  await refuseOtherVersion(place, cluster);
  await waitUntilFree(cluster);
  const passwords = JSON.parse(await readFile(path.join(cluster, PASSWORD_FILE), "utf8")) as Passwords;
  // At the end the account removes what it owns.
  if (options.ephemeral) await give(place, place.directory, cluster);
  const { child, port } = await launch(place, cluster, options.ephemeral === true);

  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url: EmbeddedServer["url"] = (user, database = "stemma") =>
    `postgres://${LOGINS[user]}:${passwords[user]}@127.0.0.1:${port}/${database}`;
  const server: EmbeddedServer = {
    port,
    directory: place.directory,
    url,
    ended,
    stop: () => stop(child, ended),
  };
  try {
    await prepareLogins(url("owner", "postgres"), passwords);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** Initialises beside the final name and renames: a crash leaves no half-made cluster. */
async function initialise(place: Place, cluster: string): Promise<void> {
  if (await stat(cluster).catch(() => undefined)) return;
  await mkdir(place.directory, { recursive: true });
  const draft = path.join(place.directory, `new-${randomBytes(6).toString("hex")}`);
  const passwordInput = path.join(draft, "password-for-initdb");
  const passwords = Object.fromEntries(
    PASSWORDS.map((user) => [user, randomBytes(24).toString("base64url")]),
  );
  try {
    await makeReachable(draft);
    await mkdir(path.join(draft, "data"), { mode: 0o700 });
    await writeFile(passwordInput, `${passwords.owner}\n`, { mode: 0o600, flag: "wx" });
    await give(place, path.join(draft, "data"), passwordInput);
    await run(place, "initdb", [
      `--pgdata=${path.join(draft, "data")}`,
      `--username=${LOGINS.owner}`,
      `--pwfile=${passwordInput}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
    ]);
    await rm(passwordInput);
    await writeFile(path.join(draft, PASSWORD_FILE), JSON.stringify(passwords), { mode: 0o600, flag: "wx" });
    await rename(draft, cluster);
  } catch (error) {
    // Another starter was faster: its cluster is as good as ours.
    if (!(await stat(cluster).catch(() => undefined))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

const PASSWORD_FILE = "passwords.json";

/** Others may pass through, whatever our umask; what must stay private has its own mode. */
async function makeReachable(directory: string): Promise<void> {
  await mkdir(directory);
  await chmod(directory, 0o711);
}

async function give(place: Place, ...files: readonly string[]): Promise<void> {
  const { account } = place;
  if (account) for (const file of files) await chown(file, account.uid, account.gid);
}

async function refuseOtherVersion(place: Place, cluster: string): Promise<void> {
  const found = (await readFile(path.join(cluster, "data/PG_VERSION"), "utf8")).trim();
  const ours = /PostgreSQL\) (\d+)/.exec(await run(place, "postgres", ["--version"]))?.[1];
  if (found !== ours) {
    throw new StoreError(
      "embedded_failed",
      `${cluster} was made by PostgreSQL ${found}, and PostgreSQL ${ours} comes along; dump it with the old version and restore it into a new folder.`,
    );
  }
}

/**
 * A server of an earlier start may still be shutting down (its starter was killed): wait for it. A
 * postmaster.pid whose process is gone, or is by now something else, is removed: PostgreSQL itself would
 * refuse to start when the number has been given to another process of the same account.
 */
async function waitUntilFree(cluster: string): Promise<void> {
  const file = path.join(cluster, "data/postmaster.pid");
  const start = Date.now();
  for (;;) {
    const lines = (await readFile(file, "utf8").catch(() => "")).split("\n");
    const pid = Number(lines[0]);
    if (!(pid > 0)) return;
    if (!(await isServerOf(pid, cluster))) {
      await rm(file, { force: true });
      return;
    }
    // One that takes connections a second later has a starter that is alive; one that stops needs its time.
    const patience = lines[7]?.trim() === "ready" ? 1_000 : 30_000;
    if (Date.now() > start + patience) {
      throw new StoreError(
        "embedded_in_use",
        `Another Stemma is already running on ${path.dirname(cluster)} (process ${pid}); stop it first, or choose another data folder.`,
      );
    }
    await pause(50);
  }
}

/** PostgreSQL's working directory is its data directory. Where /proc is not there, the process decides. */
async function isServerOf(pid: number, cluster: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  if (!(await stat("/proc/self/cwd").catch(() => undefined))) return true;
  return (await readlink(`/proc/${pid}/cwd`).catch(() => "")) === path.join(cluster, "data");
}

/**
 * $1: remove the data at the end ("yes"); $2: the folder; then the server and its arguments. The shell
 * waits for the end of its standard input, which is the end of our process, and stops the server.
 */
const GUARD = `
ephemeral=$1; folder=$2; shift 2
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
trap '' INT TERM HUP
( while read -r _ <&3; do :; done; kill -INT "$server" ) 2>/dev/null &
watch=$!
wait "$server"; result=$?
kill "$watch" 2>/dev/null
[ "$ephemeral" = yes ] && rm -rf "$folder"
exit "$result"
`;

async function launch(
  place: Place,
  cluster: string,
  ephemeral: boolean,
): Promise<{ child: ChildProcess; port: number }> {
  const logFile = path.join(cluster, "server.log");
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const log = await open(logFile, "w", 0o600);
    const child = spawn(
      "/bin/sh",
      [
        "-c",
        GUARD,
        "stemma-postgres",
        ephemeral ? "yes" : "no",
        place.directory,
        path.join(place.programs, "bin/postgres"),
        "-D",
        path.join(cluster, "data"),
        "-p",
        String(port),
        ...SETTINGS,
      ],
      {
        ...identity(place.account),
        stdio: ["pipe", log.fd, log.fd],
        // A session of its own: Ctrl-C in the terminal reaches us, and we decide when the server stops.
        detached: true,
      },
    );
    await log.close();
    // Neither the child nor the pipe keeps us alive.
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    child.stdin?.on("error", () => undefined);
    if (await becomesReady(child, cluster)) return { child, port };
    const report = await readFile(logFile, "utf8").catch(() => "");
    if (attempt < 3 && /could not bind|Address already in use/.test(report)) continue;
    if (/lock file "postmaster.pid" already exists/.test(report)) await waitUntilFree(cluster);
    throw new StoreError("embedded_failed", `PostgreSQL did not start in ${cluster}: ${lastLines(report)}`);
  }
}

/** Durable (all three are PostgreSQL's defaults, and stay written down here); loopback only. */
const SETTINGS = [
  "listen_addresses=127.0.0.1",
  "unix_socket_directories=",
  "password_encryption=scram-sha-256",
  "fsync=on",
  "full_page_writes=on",
  "synchronous_commit=on",
  "max_connections=100",
  "shared_buffers=64MB",
  "log_min_messages=warning",
].flatMap((setting) => ["-c", setting]);

/** The last line of postmaster.pid says when the server takes connections (as pg_ctl does it). */
async function becomesReady(child: ChildProcess, cluster: string): Promise<boolean> {
  let failed = false;
  child.once("error", () => {
    failed = true;
  });
  const patience = Date.now() + 60_000;
  while (!failed && child.exitCode === null && child.signalCode === null && Date.now() < patience) {
    const state = await readFile(path.join(cluster, "data/postmaster.pid"), "utf8").catch(() => "");
    if (state.split("\n")[7]?.trim() === "ready") return true;
    await pause(15);
  }
  child.stdin?.destroy();
  return false;
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.ref(); // wait for the end, even when nothing else is left to do
  child.stdin?.destroy();
  await ended;
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string")
    throw new StoreError("embedded_failed", "No free port.");
  return address.port;
}

/** The database `stemma`, the group roles and one login user for each service, with today's passwords. */
async function prepareLogins(ownerUrl: string, passwords: Passwords): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = 'stemma'");
    if (rowCount === 0) await client.query("CREATE DATABASE stemma");
    for (const service of ["repository", "signer"] as const) {
      const group = `stemma_${service}`;
      const login = LOGINS[service];
      const existing = await client.query("SELECT rolname FROM pg_roles WHERE rolname = ANY($1)", [
        [group, login],
      ]);
      const names = new Set(existing.rows.map((row: { rolname: string }) => row.rolname));
      if (!names.has(group)) await client.query(`CREATE ROLE ${group} NOLOGIN`);
      if (!names.has(login)) await client.query(`CREATE ROLE ${login} LOGIN IN ROLE ${group}`);
      await client.query(`ALTER ROLE ${login} PASSWORD ${client.escapeLiteral(passwords[service])}`);
    }
  } finally {
    await client.end();
  }
}

function identity(account: Account | undefined): {
  uid?: number;
  gid?: number;
  cwd: string;
  env: NodeJS.ProcessEnv;
} {
  // PGxxx variables of the user's shell would change what the server does; nothing else is needed.
  const env = { PATH: "/usr/bin:/bin", LC_ALL: "C", LANG: "C" };
  return account ? { uid: account.uid, gid: account.gid, cwd: "/", env } : { cwd: "/", env };
}

/** Runs one of PostgreSQL's programs to its end; its output, or an error with the last of it. */
async function run(place: Place, program: string, args: readonly string[]): Promise<string> {
  const child = spawn(path.join(place.programs, "bin", program), args, {
    ...identity(place.account),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new StoreError("embedded_failed", `${program} failed: ${lastLines(output)}`);
  return output;
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-3).join(" ");
}
