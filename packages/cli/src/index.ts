export { type CommandNode, commandTree } from "./command-tree.ts";
export type { CliCode, ExitCode } from "./error.ts";
export { CLI_CODES, CliError, ServerProblem } from "./error.ts";
export { buildProgram } from "./program.ts";
export { runProgram } from "./run-program.ts";
