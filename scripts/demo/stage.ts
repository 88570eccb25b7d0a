import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MemoryRegistry } from "../../test/support/registry.ts";

export const repositoryRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CLI = join(repositoryRoot, "packages/cli/src/main.ts");

/** What a command said. */
export interface Said {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Where the demo plays: a folder of its own, Stemma as its own processes, two registries, and the command `stemma`
 * as people run it. Everything is stopped and removed at the end.
 */
export class Stage {
  readonly folder: string;
  readonly server: string;
  readonly dataDirectory: string;
  readonly registryA: MemoryRegistry;
  readonly registryB: MemoryRegistry;
  private readonly stopService: () => Promise<void>;
  private readonly environment: NodeJS.ProcessEnv;
  token = "";

  private constructor(
    folder: string,
    server: string,
    stopService: () => Promise<void>,
    registries: readonly [MemoryRegistry, MemoryRegistry],
  ) {
    this.folder = folder;
    this.server = server;
    this.stopService = stopService;
    this.dataDirectory = join(folder, "data");
    [this.registryA, this.registryB] = registries;
    this.environment = {
      ...process.env,
      STEMMA_SERVER: server,
      STEMMA_DATA_DIR: this.dataDirectory,
      STEMMA_DOMAIN: "example",
      STEMMA_CACHE: join(folder, "cache"),
      STEMMA_ROOT: join(folder, "domain", "root.json"),
      // The owners of these keys are all this one person; real ones type theirs.
      STEMMA_PASSPHRASE: "correct horse battery staple",
      NO_COLOR: "1",
    };
  }

  static async open(): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), "stemma-demo-"));
    await mkdir(join(folder, "keys"));
    const registries = [await MemoryRegistry.start(), await MemoryRegistry.start()] as const;
    const { server, stop } = await startService(join(folder, "data"));
    return new Stage(folder, server, stop, registries);
  }

  async close(): Promise<void> {
    await this.registryA.stop();
    await this.registryB.stop();
    await this.stopService();
    await rm(this.folder, { recursive: true, force: true });
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** A private key by its owner's name; the public half lies beside it, with `.pub`. */
  key(owner: string): string {
    return this.path("keys", `${owner}.pem`);
  }

  publicKey(owner: string): string {
    return `${this.key(owner)}.pub`;
  }

  /** Runs `stemma`, whatever its exit code. */
  async run(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Said> {
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd: repositoryRoot,
      env: { ...this.environment, STEMMA_TOKEN: this.token, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said.stderr += text;
    });
    const [exitCode] = (await once(child, "close")) as [number | null];
    return { exitCode: exitCode ?? 3, ...said };
  }

  /** Runs `stemma` and expects it to succeed. */
  async stemma(...args: string[]): Promise<string> {
    const said = await this.run(args);
    if (said.exitCode !== 0) {
      throw new Error(`stemma ${args.join(" ")} ended with ${said.exitCode}:\n${said.stderr}${said.stdout}`);
    }
    return said.stdout;
  }

  /** The same, read as JSON. */
  async stemmaJson<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.stemma(...args, "--json")) as T;
  }
}

/** Starts `npm start` on a free port, as a process of its own. */
async function startService(dataDirectory: string): Promise<{ server: string; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [join(repositoryRoot, "services/standalone/src/main.ts")], {
    cwd: repositoryRoot,
    env: { ...process.env, STEMMA_DATA_DIR: dataDirectory, STEMMA_PORT: "0", STEMMA_LOG_LEVEL: "error" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) child.kill("SIGTERM");
    await ended;
  };
  let text = "";
  const started = new Promise<string>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const address = /Stemma is running at (\S+)/.exec(text)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
  const server = await Promise.race([started, ended.then(() => undefined)]);
  if (server !== undefined) return { server, stop };
  throw new Error(`Stemma did not start:\n${text}`);
}
