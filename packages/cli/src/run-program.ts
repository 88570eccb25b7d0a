import type { Command } from "commander";
import { reportFault } from "./fault.ts";
import { buildProgram } from "./program.ts";

/** Runs the command line and leaves the exit code in `process.exitCode`. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const json = wantsJson(args);
  const program = buildProgram();
  prepare(program, json);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = reportFault(error, json);
  }
}

/** Commands throw instead of ending the process, and with `--json` the text of usage errors stays off both streams. */
function prepare(command: Command, json: boolean): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => process.stdout.write(text),
    // Only the help of a command that was called without its subcommand; messages come from `reportFault`.
    writeErr: (text) => {
      if (!json && !text.startsWith("error:")) process.stderr.write(text);
    },
  });
  for (const child of command.commands) prepare(child, json);
}

/** Whether `--json` stands among the options of ours: what follows `--` is somebody else's command. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes("--json");
}
