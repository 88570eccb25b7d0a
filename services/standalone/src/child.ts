import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** One of the two services, as a process of its own: the online key is never in the one that faces the network. */
export interface Child {
  readonly name: string;
  /** Settles when it has ended. */
  readonly ended: Promise<Ending>;
  /** Asks it to end, and kills it when it does not within 15 s. */
  stop(): Promise<Ending>;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const FOLLOW_PARENT = fileURLToPath(new URL("./follow-parent.ts", import.meta.url));
const PATIENCE_MS = 15_000;

/** Starts `services/<name>/src/main.ts` with exactly this environment. */
export function startChild(name: "signer" | "repository", env: NodeJS.ProcessEnv): Child {
  const main = fileURLToPath(new URL(`../../${name}/src/main.ts`, import.meta.url));
  const child = spawn(process.execPath, ["--import", FOLLOW_PARENT, main], {
    env,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // A process group of its own: Ctrl-C reaches us alone, and we end the services in order.
    detached: true,
  });
  const ended = new Promise<Ending>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", () => resolve({ code: null, signal: null }));
  });
  return { name, ended, stop: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<Ending>): Promise<Ending> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const ending = await ended;
  clearTimeout(timer);
  return ending;
}
