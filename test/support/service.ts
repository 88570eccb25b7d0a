import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const repositoryRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** All of Stemma, as `npm start` starts it, in processes of its own. */
export interface RunningService {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly dataDirectory: string;
  stop(): Promise<void>;
}

/** Starts the service on a free port. Without a folder, its data is in one that `stop` removes. */
export async function startService(folder?: string): Promise<RunningService> {
  const dataDirectory = folder ?? (await mkdtemp(join(tmpdir(), "stemma-service-")));
  const child = spawn(process.execPath, [join(repositoryRoot, "services/standalone/src/main.ts")], {
    cwd: repositoryRoot,
    env: { ...process.env, STEMMA_DATA_DIR: dataDirectory, STEMMA_PORT: "0", STEMMA_LOG_LEVEL: "error" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) child.kill("SIGTERM");
    await ended;
    if (folder === undefined) await rm(dataDirectory, { recursive: true, force: true });
  };
  let text = "";
  const started = new Promise<string>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const address = /Stemma is running at (\S+)/.exec(text)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
  const url = await Promise.race([started, ended.then(() => undefined)]);
  if (url === undefined) throw new Error(`Stemma did not start:\n${text}`);
  return { url, dataDirectory, stop };
}

/** Runs `stemma` and answers what it printed as JSON. Throws when it does not succeed. */
export async function stemmaJson<T>(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<T> {
  const child = spawn(
    process.execPath,
    [join(repositoryRoot, "packages/cli/src/main.ts"), ...args, "--json"],
    {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  const [exitCode] = await once(child, "close");
  if (exitCode !== 0) throw new Error(`stemma ${args.join(" ")} ended with ${exitCode}:\n${stderr}${stdout}`);
  return JSON.parse(stdout) as T;
}
