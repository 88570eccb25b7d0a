import { Command } from "commander";
import { addDomainCommands } from "./commands/domain.ts";
import { addKeyCommands } from "./commands/key.ts";
import { addRunCommand } from "./commands/run.ts";
import { addSignCommand } from "./commands/sign.ts";

/** The whole command tree. `docs/cli.md`, shell completion and the tests all read it from here. */
export function buildProgram(): Command {
  const program = new Command("stemma")
    .description("Where does this digest come from, and may I trust it?")
    .version("0.1.0", "-V, --version")
    .showSuggestionAfterError()
    .addHelpText(
      "after",
      "\nExit codes: 0 ok or allow, 1 deny or refused, 2 wrong usage, 3 cannot tell (server or source out of reach).",
    );
  addKeyCommands(program);
  addSignCommand(program);
  addRunCommand(program);
  addDomainCommands(program);
  return program;
}
