import { checkLayoutForPublish, type Finding, lintLayout, type Owners } from "@stemma/in-toto";
import { asProjectName } from "@stemma/lineage";
import { decodeTargets } from "@stemma/tuf";
import type { Command } from "commander";
import { act, leaf, withDomain, withRoot } from "../command.ts";
import { CliError } from "../error.ts";
import { readInput } from "../files.ts";
import { type LayoutSource, openLayoutSource, ownersIn } from "../layout-source.ts";
import { type Line, type Outcome, type Style, styled } from "../output.ts";
import { plural } from "../text.ts";
import type { TrustOptions } from "../trust.ts";

/** `stemma layout lint`: what is wrong with a layout, or probably is. */
export function addLintCommand(layout: Command): void {
  const lint = withRoot(
    withDomain(
      leaf(
        layout,
        "lint <file-or-project>",
        "Say whether a layout can be published, and what may be a mistake in it",
      ),
    ),
  )
    .option("--targets <file>", "targets.json that names the project's owners")
    .option("--project <project>", "project whose owners must have signed")
    .option("--strict", "fail on warnings as well");
  act(lint, lintCommand);
}

interface LintOptions extends TrustOptions {
  readonly targets?: string;
  readonly project?: string;
  readonly strict?: boolean;
}

/** Where nobody said who the owners are, everything but their signatures is checked. */
async function lintCommand(options: LintOptions, what: string): Promise<Outcome> {
  const source = await openLayoutSource(options, what);
  const owners = await ownersFor(options, source);
  const { envelope, time } = source;
  const findings =
    owners === undefined ? lintLayout(source.layout, time) : publishFindings(envelope, owners, time);
  const of = (severity: Finding["severity"]) => findings.filter((one) => one.severity === severity);
  const [errors, warnings, notes] = [of("error"), of("warning"), of("note")];
  const failed = errors.length > 0 || (options.strict === true && warnings.length > 0);
  return {
    code: failed ? 1 : 0,
    document: {
      ...source.origin,
      publishable: errors.length === 0,
      ownersChecked: owners !== undefined,
      errors,
      warnings,
      notes,
    },
    lines: [
      [
        styled("bold", `layout of ${plural(source.layout.steps.length, "step")}`),
        `: ${plural(errors.length, "error")}, ${plural(warnings.length, "warning")}, ${plural(notes.length, "note")}`,
      ],
      ...findingLines(findings),
      conclusion(errors.length === 0, owners !== undefined),
    ],
  };
}

function publishFindings(envelope: LayoutSource["envelope"], owners: Owners, time: Date): readonly Finding[] {
  const { errors, warnings, notes } = checkLayoutForPublish(envelope, owners, time);
  return [...errors, ...warnings, ...notes];
}

async function ownersFor(options: LintOptions, source: LayoutSource): Promise<Owners | undefined> {
  if (options.targets === undefined) return source.owners;
  if (options.project === undefined)
    throw new CliError("usage", "With --targets, name the --project as well.");
  const { signed } = decodeTargets(await readInput(options.targets));
  return ownersIn(signed.delegations, asProjectName(options.project));
}

function conclusion(publishable: boolean, ownersChecked: boolean): Line {
  if (!publishable) return [styled("bad", "This layout cannot be published.")];
  return ownersChecked
    ? [styled("good", "This layout can be published.")]
    : [styled("good", "This layout can be published"), " once enough owners have signed it."];
}

const STYLES: Readonly<Record<Finding["severity"], Style>> = { error: "bad", warning: "warn", note: "dim" };

/** Findings for people, each with what to do about it. */
export function findingLines(findings: readonly Finding[]): Line[] {
  return findings.flatMap(({ severity, code, message, advice }): Line[] => [
    [styled(STYLES[severity], `  ${severity}: `.padEnd(11)), `${message} (${code})`],
    [styled("dim", `           ${advice}`)],
  ]);
}
