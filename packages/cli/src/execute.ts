import { spawn } from "node:child_process";
import { constants } from "node:os";
import { CliError } from "./error.ts";

/** How a command ended. */
export interface Execution {
  /** The command's exit code; 128 and the signal's number when a signal ended it, as in a shell. */
  readonly exitCode: number;
  /** The beginning of what it wrote, when that was asked for. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecuteOptions {
  readonly workdir: string;
  /** Bytes of each stream to keep; 0 leaves the streams alone, so that the command sees the terminal. */
  readonly keep: number;
  /** Where the command's standard output goes: ours, or the standard error when ours is for JSON. */
  readonly stdoutTo: "stdout" | "stderr";
  /** Further variables of the environment that the command does not get. */
  readonly withhold?: readonly string[];
}

/** Secrets that are ours: they do not travel into the command, whose output may be published. */
const OURS = ["STEMMA_PASSPHRASE", "STEMMA_TOKEN"];

/** What CI offers to whoever would sign as this job: a command that has it could sign anything as well. */
export const JOB_IDENTITY: readonly string[] = [
  "SIGSTORE_ID_TOKEN",
  "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
  "ACTIONS_ID_TOKEN_REQUEST_URL",
];

/**
 * Runs a command with its arguments as they are, without a shell, and waits for it. Interrupts reach the command, and it
 * decides what becomes of us. Throws `command_not_found`.
 */
export function execute(command: readonly string[], options: ExecuteOptions): Promise<Execution> {
  const [program = "", ...args] = command;
  const env = { ...process.env };
  for (const name of [...OURS, ...(options.withhold ?? [])]) delete env[name];
  const { keep } = options;
  const direct = options.stdoutTo === "stdout" ? ("inherit" as const) : 2;
  const child = spawn(program, args, {
    cwd: options.workdir,
    env,
    shell: false,
    stdio: keep === 0 ? ["inherit", direct, "inherit"] : ["inherit", "pipe", "pipe"],
  });
  const out = options.stdoutTo === "stdout" ? process.stdout : process.stderr;
  const stdout = new Head(keep);
  const stderr = new Head(keep);
  child.stdout?.on("data", (chunk: Buffer) => stdout.take(chunk));
  child.stderr?.on("data", (chunk: Buffer) => stderr.take(chunk));
  child.stdout?.pipe(out, { end: false });
  child.stderr?.pipe(process.stderr, { end: false });

  const forward = (signal: NodeJS.Signals): void => {
    // The terminal sends SIGINT to the whole group: the command has it already.
    if (signal !== "SIGINT") child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, forward);
  return new Promise<Execution>((resolve, reject) => {
    child.on("error", (error) => {
      reject(
        new CliError("command_not_found", `"${program}" cannot be run: ${error.message}`, { cause: error }),
      );
    });
    child.on("close", (code, signal) => {
      const exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
      resolve({ exitCode, stdout: stdout.text(), stderr: stderr.text() });
    });
  }).finally(() => {
    for (const signal of signals) process.off(signal, forward);
  });
}

/** Keeps the first bytes of a stream. */
class Head {
  private readonly chunks: Buffer[] = [];
  private room: number;

  constructor(room: number) {
    this.room = room;
  }

  take(chunk: Buffer): void {
    if (this.room === 0) return;
    const taken = chunk.subarray(0, this.room);
    this.room -= taken.length;
    this.chunks.push(taken);
  }

  text(): string {
    return Buffer.concat(this.chunks).toString("utf8");
  }
}
