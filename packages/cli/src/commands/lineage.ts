import { type Command, Option } from "commander";
import { act, leaf, withDomain, withRoot } from "../command.ts";
import { readParameters, type SourceOptions, sourceOf, withSources } from "../evidence-source.ts";
import { writeOutput } from "../files.ts";
import { type JudgeOptions, judge, momentOf, withJudgement } from "../judge.ts";
import { lineageLines } from "../lineage-lines.ts";
import { lineageMermaid } from "../lineage-mermaid.ts";
import { lineageSvg } from "../lineage-svg.ts";
import { lineageTree } from "../lineage-tree.ts";
import { type Outcome, render, styled } from "../output.ts";
import { findSubject, type SubjectOptions } from "../subject.ts";
import { pinnedRoot, type TrustOptions } from "../trust.ts";

const FORMATS = ["tree", "mermaid", "svg"] as const;

/** `stemma lineage`: what an artifact rests on, down to where it begins. Verified here, from the pinned root. */
export function addLineageCommand(program: Command): void {
  const lineage = withJudgement(
    withSources(
      withRoot(
        withDomain(
          leaf(
            program,
            "lineage <what>",
            "Draw what a digest, a file, an OCI image layout or oci:HOST/REPOSITORY:TAG rests on",
          ),
        ),
      ),
    ),
  )
    .addOption(new Option("--format <format>", "how to draw it").choices(FORMATS).default("tree"))
    .option("-o, --output <file>", "write the picture to a file");
  act(lineage, drawLineage);
}

interface LineageOptions extends TrustOptions, SubjectOptions, SourceOptions, JudgeOptions {
  readonly format: (typeof FORMATS)[number];
  readonly output?: string;
}

async function drawLineage(options: LineageOptions, what: string): Promise<Outcome> {
  const root = await pinnedRoot(options);
  const time = momentOf(options);
  const parameters = readParameters(options.param ?? []);
  const place = await sourceOf(options, root, () => time);
  const { digest, kind } = await findSubject(what, options);
  const file = kind === "file" ? { path: what, digest } : undefined;
  const verdict = await judge(options, { root, place, digest, file, time, parameters, explore: true });
  const tree = lineageTree(verdict);
  const { format, output } = options;
  const picture =
    format === "svg" ? lineageSvg(tree) : format === "mermaid" ? lineageMermaid(tree) : undefined;
  if (output !== undefined) await writeOutput(output, picture ?? textOf(lineageLines(tree)));
  return {
    code: verdict.decision === "allow" ? 0 : 1,
    document: { ...verdict, tree, ...(output === undefined ? {} : { output }) },
    lines:
      output !== undefined
        ? [["Wrote ", styled("bold", output)]]
        : picture === undefined
          ? lineageLines(tree)
          : picture.trimEnd().split("\n"),
  };
}

function textOf(lines: ReturnType<typeof lineageLines>): string {
  return `${lines.map((line) => render(line, false)).join("\n")}\n`;
}
