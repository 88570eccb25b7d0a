import { spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { checkoutFolder } from "../checkout.ts";
import { act, leaf } from "../command.ts";
import { CliError } from "../error.ts";
import type { Outcome } from "../output.ts";

/** `stemma serve`: the whole service on this machine, as `npm start` runs it. */
export function addServeCommand(program: Command): void {
  const serve = leaf(program, "serve", "Run the service on this machine (only from a checkout)");
  act(serve, runService);
}

async function runService(options: { readonly json?: boolean }): Promise<Outcome> {
  const checkout = checkoutFolder();
  const main = checkout === undefined ? undefined : join(checkout, "services/standalone/src/main.ts");
  if (main === undefined || !(await stat(main).catch(() => undefined))) {
    throw new CliError(
      "part_not_here",
      "The service is not part of the packed command; run it from a checkout of Stemma.",
    );
  }
  // Everything that the service says goes where the user sees it; with --json our own document is alone on stdout.
  const child = spawn(process.execPath, [...process.execArgv, main], {
    stdio: ["inherit", options.json === true ? 2 : "inherit", "inherit"],
  });
  const forward = (signal: NodeJS.Signals): void => {
    // The terminal sends SIGINT to the whole group: the service has it already.
    if (signal !== "SIGINT" || process.stdin.isTTY !== true) child.kill(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, forward);
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
  return { exitCode, document: { exitCode }, lines: [] };
}
