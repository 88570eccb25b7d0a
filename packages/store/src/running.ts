import { readFileSync, unlinkSync } from "node:fs";
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { StoreError } from "./error.ts";

/** What a running Stemma tells those who are on the same machine and may read its files. */
export interface Running {
  readonly pid: number;
  /** `http://127.0.0.1:8480`; undefined while it starts. */
  readonly address?: string;
  /** The database as its owner, for administration such as API tokens. */
  readonly databaseUrl?: string;
}

/** The data directory is ours until `release`, or until our process is gone. */
export interface Claim {
  /** Writes the rest, once it is known. */
  announce(running: Omit<Running, "pid">): Promise<void>;
  /** Also without waiting, for the last moment of a process. */
  release(): void;
}

/**
 * Makes a data directory ours. A file of a process that is gone counts for nothing. Throws `embedded_in_use`.
 */
export async function claimDirectory(directory: string): Promise<Claim> {
  await mkdir(directory, { recursive: true });
  const file = path.join(directory, FILE);
  for (let attempt = 1; ; attempt++) {
    try {
      const handle = await open(file, "wx", 0o600);
      await handle.writeFile(JSON.stringify({ pid: process.pid }));
      await handle.close();
      return claim(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const other = await readRunning(directory);
    if (other !== undefined || attempt > 3) {
      const who =
        other === undefined ? "" : ` (process ${other.pid}${other.address ? `, ${other.address}` : ""})`;
      throw new StoreError(
        "embedded_in_use",
        `Another Stemma is already running on ${directory}${who}; stop it first, or choose another data folder.`,
      );
    }
    await rm(file, { force: true });
  }
}

/** What runs on a data directory now; undefined when nothing does. */
export async function readRunning(directory: string): Promise<Running | undefined> {
  const text = await readFile(path.join(directory, FILE), "utf8").catch(() => "");
  const running = parse(text);
  return running !== undefined && (await isOurs(running.pid)) ? running : undefined;
}

const FILE = "running.json";

function claim(file: string): Claim {
  return {
    async announce(running) {
      const draft = `${file}.${process.pid}`;
      await writeFile(draft, JSON.stringify({ pid: process.pid, ...running }), { mode: 0o600 });
      await rename(draft, file);
    },
    release() {
      try {
        if (parse(readFileSync(file, "utf8"))?.pid === process.pid) unlinkSync(file);
      } catch {
        // It is gone: somebody has removed the folder.
      }
    },
  };
}

function parse(text: string): Running | undefined {
  try {
    const running = JSON.parse(text) as Running;
    return Number.isSafeInteger(running.pid) && running.pid > 0 ? running : undefined;
  } catch {
    return undefined;
  }
}

/** Process numbers are given again: where /proc is there, the process must be a Node of ours. */
async function isOurs(pid: number): Promise<boolean> {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => undefined);
  return command === undefined || command.includes("node");
}
