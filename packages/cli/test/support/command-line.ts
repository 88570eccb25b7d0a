import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const mainFile = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "src/main.ts");

/** How a command ended and what it printed. */
export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Options of Node itself, such as `--import`. */
  readonly node?: readonly string[];
  /** Text on its standard input, which is closed unless there is some. */
  readonly stdin?: string;
}

/** A folder of its own in which `stemma` is run as people run it, with nothing of this process's settings. */
export class Desk {
  readonly folder: string;
  /** Environment of every command on this desk. */
  readonly env: Record<string, string> = {};

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Desk> {
    return new Desk(await mkdtemp(join(tmpdir(), "stemma-cli-")));
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** Starts `stemma` as a process. */
  start(args: readonly string[], options: StartOptions = {}) {
    const child = spawn(process.execPath, [...(options.node ?? []), mainFile, ...args], {
      cwd: this.folder,
      env: { PATH: process.env.PATH ?? "", HOME: this.folder, ...this.env, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.end(options.stdin);
    return child;
  }

  /** Runs it to its end. */
  async stemma(args: readonly string[], options: StartOptions = {}): Promise<Said> {
    const child = this.start(args, options);
    const said = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said.stderr += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code, ...said };
  }

  /** Runs it with `--json` and reads its one document. Throws when the exit code is another. */
  async json<T = Record<string, unknown>>(args: readonly string[], expected = 0): Promise<T> {
    const [command = "", ...rest] = args;
    const said = await this.stemma([command, ...insertJson(rest)]);
    if (said.code !== expected) {
      throw new Error(`stemma ${args.join(" ")} ended with ${said.code}:\n${said.stderr}${said.stdout}`);
    }
    return JSON.parse(said.stdout) as T;
  }
}

/** Before `--`, because what follows is somebody else's command. */
function insertJson(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? [...args, "--json"] : [...args.slice(0, end), "--json", ...args.slice(end)];
}
