/** Programs of others, run from the PATH and judged by what they say. */
import { spawn } from "node:child_process";

export interface Ran {
  readonly code: number | null;
  readonly text: string;
}

export interface Case {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What the command has to say. */
  readonly says?: readonly string[];
  /** What it says when it has to refuse. */
  readonly refuses?: string;
  /** It ends with a fault whatever it found, so that what it says decides alone. */
  readonly faulty?: boolean;
  /** What must not be said. */
  readonly never?: readonly string[];
}

/** Runs cases one after the other in a folder, and prints what became of each. */
export async function runCases(cases: readonly Case[], folder: string): Promise<boolean> {
  let good = true;
  for (const item of cases) {
    const ran = await runTool(item, folder);
    const holds =
      (item.refuses === undefined
        ? ran.code === 0 || item.faulty === true
        : ran.code !== 0 && ran.text.includes(item.refuses)) &&
      (item.says ?? []).every((words) => ran.text.includes(words)) &&
      !(item.never ?? []).some((words) => ran.text.includes(words));
    good &&= holds;
    process.stdout.write(`${holds ? "ok" : "FAILED"}  ${item.name}\n`);
    if (!holds) process.stdout.write(`${ran.text.slice(-4_000)}\n`);
  }
  return good;
}

/** Runs one of the tools, with nothing of this user's own settings. */
export async function runTool(
  { command, environment = {} }: Pick<Case, "command" | "environment">,
  folder: string,
): Promise<Ran> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", HOME: folder, DOCKER_CONFIG: folder, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  return { code, text };
}
