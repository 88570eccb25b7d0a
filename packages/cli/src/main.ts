#!/usr/bin/env node
import { reportFault } from "./fault.ts";
import { runProgram, wantsJson } from "./run-program.ts";

// Until a command has come to its end, the answer is "cannot tell": neither a crash nor an event loop that runs dry
// may look like success (N-53).
process.exitCode = 3;

for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => {
    reportFault(error, wantsJson(process.argv.slice(2)));
    process.exit(3);
  });
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read the output has gone: no crash, but nobody was told the answer either.
    if (error.code === "EPIPE") process.exit(3);
    throw error;
  });
}

await runProgram(process.argv.slice(2));
