import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { repositoryRoot } from "../support/service.ts";

/** A real registry that runs, on this machine only. */
export interface RealRegistry {
  readonly name: string;
  readonly host: string;
  readonly process: ChildProcess;
}

/** A tool that copies, as its users call it. */
export interface CopyTool {
  readonly name: string;
  copy(from: string, to: string): readonly string[];
}

/** What is there of programs, by name: whatever the script could not get is left out. */
export class Toolbox {
  readonly bin: string;
  readonly work: string;

  constructor(bin: string, work: string) {
    this.bin = bin;
    this.work = work;
  }

  has(program: string): boolean {
    return existsSync(join(this.bin, program));
  }

  /** Runs a program with nobody's logins and a home of its own. */
  async run(program: string, args: readonly string[]): Promise<string> {
    const folder = join(this.work, "home");
    await mkdir(folder, { recursive: true });
    const file = program === "stemma" ? process.execPath : join(this.bin, program);
    const command = join(repositoryRoot, "dist/stemma.mjs");
    const { stdout } = await promisify(execFile)(
      file,
      program === "stemma" ? [command, ...args] : [...args],
      {
        cwd: this.work,
        maxBuffer: 64 * 1024 * 1024,
        env: {
          PATH: `${this.bin}:/usr/bin:/bin`,
          HOME: folder,
          XDG_DATA_HOME: folder,
          XDG_CACHE_HOME: folder,
          DOCKER_CONFIG: folder,
          COSIGN_PASSWORD: "",
          // The registries are on this machine.
          NO_PROXY: "*",
        },
      },
    );
    return stdout;
  }

  /** Starts the registries that are there. */
  async registries(): Promise<readonly RealRegistry[]> {
    const started: RealRegistry[] = [];
    if (this.has("docker-registry")) started.push(await this.distribution("docker-registry", "docker 2.8.2"));
    started.push(await this.distribution("registry", "distribution 3.1.1"));
    const port = await freePort();
    started.push(
      await this.start("referrers-registry", [`127.0.0.1:${port}`], "ggcr 0.21.9 + referrers", port),
    );
    return started;
  }

  private async distribution(program: string, name: string): Promise<RealRegistry> {
    const port = await freePort();
    const config = join(this.work, `${program}.yml`);
    const storage = {
      filesystem: { rootdirectory: join(this.work, `${program}-data`) },
      delete: { enabled: true },
    };
    const content = { version: 0.1, log: { level: "error" }, storage, http: { addr: `127.0.0.1:${port}` } };
    // JSON is YAML.
    await writeFile(config, JSON.stringify(content));
    return this.start(program, ["serve", config], name, port);
  }

  private async start(
    program: string,
    args: readonly string[],
    name: string,
    port: number,
  ): Promise<RealRegistry> {
    const child = spawn(join(this.bin, program), args, {
      stdio: "ignore",
      env: { PATH: process.env.PATH, OTEL_TRACES_EXPORTER: "none" },
    });
    const host = `127.0.0.1:${port}`;
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const there = await fetch(`http://${host}/v2/`).catch(() => undefined);
      await there?.body?.cancel();
      if (there?.ok === true) return { name, host, process: child };
      await sleep(100);
    }
    child.kill();
    throw new Error(`${name} does not answer.`);
  }

  /** The tools that are there. None of them is told where referrers are, beyond what its own options say. */
  copyTools(): readonly CopyTool[] {
    const tools: CopyTool[] = [
      { name: "stemma", copy: (from, to) => ["copy", `oci:${from}`, `oci:${to}`, "--plain-http"] },
      { name: "crane", copy: (from, to) => ["copy", "--insecure", from, to] },
      { name: "oras", copy: (from, to) => ["cp", "-r", "--from-plain-http", "--to-plain-http", from, to] },
      {
        name: "regctl",
        copy: (from, to) => ["image", "copy", ...tlsOff(from, to), "--referrers", "--digest-tags", from, to],
      },
      { name: "cosign", copy: (from, to) => ["copy", "--allow-http-registry", from, to] },
      {
        name: "skopeo",
        copy: (from, to) => [
          ...["--insecure-policy", "copy", "--all", "--preserve-digests", "--src-tls-verify=false"],
          ...["--dest-tls-verify=false", `docker://${from}`, `docker://${to}`],
        ],
      },
    ];
    return tools.filter(({ name }) => name === "stemma" || this.has(name));
  }
}

function tlsOff(...references: readonly string[]): string[] {
  const hosts = new Set(references.map((reference) => reference.slice(0, reference.indexOf("/"))));
  return [...hosts].flatMap((host) => ["--host", `reg=${host},tls=disabled`]);
}

export async function stop({ process: child }: RealRegistry): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, "exit");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
