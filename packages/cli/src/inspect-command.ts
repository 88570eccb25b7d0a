import { type ChildProcess, spawn } from "node:child_process";
import { access, chmod, constants, copyFile, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ItemArtifacts } from "@stemma/in-toto";
import { hashFile, recordArtifacts } from "./artifacts.ts";
import { INSPECTION_EXCLUDES, InspectionRefusal } from "./inspection-refusal.ts";
import type { InspectedFile } from "./inspections.ts";

/** Where programs are looked for: nowhere that the artifact, or the folder one happens to be in, could put one. */
const PATH = ["/usr/local/bin", "/usr/bin", "/bin"];
/** Bytes that a command may print; nobody reads them. */
const MAX_OUTPUT = 1024 * 1024;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs the command of an inspection (in-toto 4.3.2), which the person who verifies has asked for: in a new folder that
 * holds a copy of the artifact and nothing else, without a shell, without anything of this process's environment, and
 * for no longer than the time limit. What it leaves running is killed with it, and the folder is removed.
 *
 * It runs as this user and is in no sandbox: the folder is where it begins, not where it has to stay.
 *
 * Throws InspectionRefusal, and CliError for a folder that cannot be recorded.
 */
export async function runInspection(
  run: readonly string[],
  name: string,
  file: InspectedFile,
  timeout: number,
): Promise<ItemArtifacts> {
  if (process.platform === "win32") throw new InspectionRefusal("commands run on POSIX systems alone");
  const program = await findProgram(run[0] ?? "");
  const folder = await mkdtemp(join(tmpdir(), "stemma-inspection-"));
  const interrupts = new Interrupts();
  try {
    const copy = join(folder, name);
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(file.path, copy);
    await chmod(copy, 0o600);
    if (`sha256:${await hashFile(copy)}` !== file.digest) {
      throw new InspectionRefusal(`${file.path} is no longer the file whose digest is verified`);
    }
    const recording = { workdir: folder, exclude: INSPECTION_EXCLUDES };
    const materials = await recordArtifacts(["."], recording);
    await carryOut(program, run, folder, timeout, interrupts);
    return { materials, products: await recordArtifacts(["."], recording) };
  } finally {
    await removeFolder(folder);
    interrupts.passOn();
  }
}

/** An absolute path as it is, a bare name as the fixed PATH has it; anything else would be of the folder's making. */
async function findProgram(name: string): Promise<string> {
  const candidates = name.startsWith("/")
    ? [name]
    : name.includes("/")
      ? []
      : PATH.map((at) => join(at, name));
  for (const candidate of name === "" ? [] : candidates) {
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  throw new InspectionRefusal(`${JSON.stringify(name)} is no program in ${PATH.join(", ")}`);
}

function carryOut(
  program: string,
  [argv0 = "", ...args]: readonly string[],
  folder: string,
  timeout: number,
  interrupts: Interrupts,
): Promise<void> {
  const child = spawn(program, args, {
    argv0,
    cwd: folder,
    env: { PATH: PATH.join(":"), HOME: folder, LANG: "C" },
    shell: false,
    // A process group of its own, which can be killed as a whole.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let refusal: string | undefined;
  const stop = (why: string): void => {
    refusal ??= why;
    killGroup(child);
  };
  const timer = setTimeout(() => stop(`it took longer than ${timeout / 1000} seconds`), timeout);
  interrupts.listen(() => stop("it was interrupted"));
  let printed = 0;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      printed += chunk.length;
      if (printed > MAX_OUTPUT) stop("it printed too much");
    });
  }
  return new Promise<void>((resolve, reject) => {
    child.on("error", (error) => reject(new InspectionRefusal(`it cannot be run: ${error.message}`)));
    // Not "close": a process that was left behind could hold the streams open.
    child.on("exit", (code, signal) => {
      killGroup(child);
      child.stdout.destroy();
      child.stderr.destroy();
      if (code !== 0) refusal ??= `it ended with ${signal ?? code}`;
      if (refusal === undefined) resolve();
      else reject(new InspectionRefusal(refusal));
    });
  }).finally(() => clearTimeout(timer));
}

/** Kills the command and all that it started, as far as they stayed in its group. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody of the group is left.
  }
}

/** Holds back signals that end this process until the folder is gone. */
class Interrupts {
  private caught: NodeJS.Signals | undefined;
  private stop: () => void = () => {};
  private readonly take = (signal: NodeJS.Signals): void => {
    this.caught = signal;
    this.stop();
  };

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.take);
  }

  listen(stop: () => void): void {
    this.stop = stop;
    if (this.caught !== undefined) stop();
  }

  passOn(): void {
    for (const signal of SIGNALS) process.off(signal, this.take);
    if (this.caught !== undefined) process.kill(process.pid, this.caught);
  }
}

async function removeFolder(folder: string): Promise<void> {
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 3 });
  await remove().catch(async () => {
    await openFolders(folder);
    await remove();
  });
}

/** A command may have closed folders even to their owner. */
async function openFolders(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(join(folder, entry.name));
  }
}
