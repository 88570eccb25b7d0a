import { Command } from "commander";
import { addAttestCommand } from "./commands/attest.ts";
import { addBundleCommands } from "./commands/bundle.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addCopyCommands } from "./commands/copy.ts";
import { addDescendantsCommands } from "./commands/descendants.ts";
import { addDomainCommands } from "./commands/domain.ts";
import { addHistoryCommand } from "./commands/history.ts";
import { addKeyCommands } from "./commands/key.ts";
import { addLayoutCommands } from "./commands/layout.ts";
import { addLineageCommand } from "./commands/lineage.ts";
import { addLineagePolicyCommands } from "./commands/lineage-policy.ts";
import { addMirrorCommand } from "./commands/mirror.ts";
import { addProjectCommands } from "./commands/project.ts";
import { addRecordCommand } from "./commands/record.ts";
import { addRevokeCommand } from "./commands/revoke.ts";
import { addRunCommand } from "./commands/run.ts";
import { addServeCommand } from "./commands/serve.ts";
import { addShowCommand } from "./commands/show.ts";
import { addSignCommand } from "./commands/sign.ts";
import { addTokenCommands } from "./commands/token.ts";
import { addTrustedRootCommands } from "./commands/trusted-root.ts";
import { addVerifyCommand } from "./commands/verify.ts";

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
  addDomainCommands(program);
  addProjectCommands(program);
  addLayoutCommands(program);
  addSignCommand(program);
  addRunCommand(program);
  addAttestCommand(program);
  addRecordCommand(program);
  addVerifyCommand(program);
  addBundleCommands(program);
  addLineageCommand(program);
  addDescendantsCommands(program);
  addCopyCommands(program);
  addMirrorCommand(program);
  addShowCommand(program);
  addHistoryCommand(program);
  addRevokeCommand(program);
  addTrustedRootCommands(program);
  addLineagePolicyCommands(program);
  addTokenCommands(program);
  addServeCommand(program);
  addCompletionCommand(program);
  return program;
}
