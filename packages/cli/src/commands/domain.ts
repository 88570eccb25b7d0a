import type { Command } from "commander";
import { act, atLeastOne, leaf, withServer } from "../command.ts";
import { initDomain } from "./domain-init.ts";

/** `stemma domain`: trust domains, their roots and their targets. */
export function addDomainCommands(program: Command): void {
  const domain = program
    .command("domain")
    .description("Create trust domains, and change who may sign in them");

  const init = withServer(
    leaf(domain, "init <folder>", "Draft root.json and targets.json of a new trust domain"),
  )
    .requiredOption("--root-key <file...>", "public keys that may sign root")
    .requiredOption("--root-threshold <n>", "how many of them must", atLeastOne)
    .requiredOption("--targets-key <file...>", "public keys that may sign targets")
    .requiredOption("--targets-threshold <n>", "how many of them must", atLeastOne)
    .option("--online-key <file>", "public key of the signer service (default: asked from the server)")
    .option("--root-expires <time>", "time from now, or a moment", "365d")
    .option("--targets-expires <time>", "time from now, or a moment", "90d");
  act(init, initDomain);
}
