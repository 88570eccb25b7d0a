import { ClientError } from "@stemma/client";
import { StemmaError } from "@stemma/encoding";
import { OciError } from "@stemma/oci";
import { CommanderError } from "commander";
import { adviceFor } from "./advice.ts";
import { CLI_CODES, CliError, type ExitCode, ServerProblem } from "./error.ts";
import { jsonText, note, styled } from "./output.ts";

/** Says what went wrong, and gives the exit code for it. Nothing that is thrown ever makes 0 (N-53). */
export function reportFault(error: unknown, json: boolean): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const code = exitCodeOf(error);
  const { name, message, advice } = describe(error);
  if (json) {
    process.stdout.write(`${jsonText({ error: { code: name, message, advice } })}\n`);
    return code;
  }
  note([styled("bad", "stemma: "), message, styled("dim", ` (${name})`)]);
  if (advice !== undefined) note(`  ${advice}`);
  return code;
}

/** Refusals of an image that say "it is not there", which is not the same as "it is not what it says". */
const CANNOT_TELL: ReadonlySet<string> = new Set([
  "registry_unreachable",
  "registry_refused",
  "registry_login_refused",
  "credentials_unreadable",
  "manifest_not_found",
]);

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return 2;
  if (error instanceof CliError) return CLI_CODES[error.code];
  if (error instanceof ServerProblem) {
    return error.status >= 500 || error.status === 429 || error.status === 408 ? 3 : 1;
  }
  // None of a source's errors is a verdict.
  if (error instanceof ClientError) return 3;
  if (error instanceof OciError) {
    if (error.code === "bad_reference" || error.code === "ambiguous_reference") return 2;
    return CANNOT_TELL.has(error.code) ? 3 : 1;
  }
  return error instanceof StemmaError ? 1 : 3;
}

function describe(error: unknown): { name: string; message: string; advice?: string | undefined } {
  if (error instanceof CommanderError) {
    if (error.code === "commander.help") return { name: "usage", message: "A subcommand is needed." };
    return { name: "usage", message: error.message.replace(/^error: /, "") };
  }
  if (error instanceof ServerProblem) {
    return { name: error.code, message: error.message, advice: error.advice };
  }
  if (error instanceof StemmaError) {
    return { name: error.code, message: error.message, advice: adviceFor(error.code) };
  }
  return { name: "internal_error", message: error instanceof Error ? error.message : String(error) };
}
