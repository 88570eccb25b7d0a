import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryRegistry } from "../../test/support/registry.ts";
import { type RunningService, repositoryRoot, startService } from "../../test/support/service.ts";

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
  private readonly service: RunningService;
  private readonly environment: NodeJS.ProcessEnv;
  token = "";

  private constructor(
    folder: string,
    service: RunningService,
    registries: readonly [MemoryRegistry, MemoryRegistry],
  ) {
    this.folder = folder;
    this.service = service;
    this.server = service.url;
    this.dataDirectory = join(folder, "data");
    [this.registryA, this.registryB] = registries;
    this.environment = {
      ...process.env,
      STEMMA_SERVER: service.url,
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
    return new Stage(folder, await startService(join(folder, "data")), registries);
  }

  async close(): Promise<void> {
    await this.registryA.stop();
    await this.registryB.stop();
    await this.service.stop();
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
