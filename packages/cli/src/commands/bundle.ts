import type { Command } from "commander";
import { addBundleAttachCommand } from "./bundle-attach.ts";
import { addBundleCreateCommand } from "./bundle-create.ts";
import { addBundleExtractCommand } from "./bundle-extract.ts";
import { addBundleVerifyCommand } from "./bundle-verify.ts";

/** `stemma bundle`: everything that a verdict about one artifact needs, in one file or beside the image in a registry. */
export function addBundleCommands(program: Command): void {
  const group = program
    .command("bundle")
    .description("Take all that a verdict needs along, in a file or in a registry");
  addBundleCreateCommand(group);
  addBundleVerifyCommand(group);
  addBundleAttachCommand(group);
  addBundleExtractCommand(group);
}
