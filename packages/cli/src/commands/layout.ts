import { checkLayoutForPublish } from "@stemma/in-toto";
import { asProjectName, layoutPath } from "@stemma/lineage";
import type { Command } from "commander";
import { act, leaf, withDomain, withRoot, withSigner } from "../command.ts";
import { describeLayout } from "../describe.ts";
import { CliError } from "../error.ts";
import { readInput } from "../files.ts";
import type { SignerOptions } from "../keys.ts";
import { ownersOf, readProjectLayout } from "../layout-source.ts";
import type { Outcome } from "../output.ts";
import { nextProject } from "../project-file.ts";
import { openDomain, type TrustOptions } from "../trust.ts";
import { addLintCommand, findingLines } from "./layout-lint.ts";
import { addExplainCommand, addGraphCommand } from "./layout-look.ts";
import { addNewCommand } from "./layout-new.ts";
import { addTryCommand } from "./layout-try.ts";
import { signAndOpen } from "./project.ts";

/** `stemma layout`: what a project's owners demand of the making of its artifacts. */
export function addLayoutCommands(program: Command): void {
  const layout = program.command("layout").description("Write, check, publish and look at in-toto layouts");

  addNewCommand(layout);
  addLintCommand(layout);
  addExplainCommand(layout);
  addGraphCommand(layout);
  addTryCommand(layout);

  const publish = withSigner(
    withRoot(
      withDomain(leaf(layout, "publish <project> <file>", "Put a signed layout into force, by a ceremony")),
    ),
  ).option("--expires <time>", "expiry of the project's metadata: time from now, or a moment", "28d");
  act(publish, publishLayout);

  act(withRoot(withDomain(leaf(layout, "show <project>", "Show the layout in force"))), showLayout);
}

interface PublishOptions extends TrustOptions, SignerOptions {
  readonly expires: string;
}

async function publishLayout(options: PublishOptions, text: string, file: string): Promise<Outcome> {
  const project = asProjectName(text);
  const bytes = await readInput(file);
  const at = await openDomain(options);
  const { errors, warnings } = checkLayoutForPublish(bytes, ownersOf(at, project), at.time);
  const [first] = errors;
  if (first !== undefined) {
    const more = errors.length > 1 ? ` And ${errors.length - 1} more: stemma layout lint ${file}.` : "";
    throw new CliError("layout_not_publishable", `${first.message} (${first.code})${more}`);
  }
  const draft = await nextProject(at, project, [{ path: layoutPath(project), bytes }], options.expires);
  const outcome = await signAndOpen(
    options,
    project,
    draft,
    [bytes],
    `Published: the layout of ${project} is in force.`,
  );
  return { ...outcome, lines: [...outcome.lines, ...findingLines(warnings)] };
}

async function showLayout(options: TrustOptions, project: string): Promise<Outcome> {
  const { layout, time } = await readProjectLayout(options, project);
  const { lines, document } = describeLayout(layout, time);
  return { document: { project, ...document }, lines };
}
