import type { Command } from "commander";
import { act, leaf, withDomain, withRoot } from "../command.ts";
import { writeOutput } from "../files.ts";
import { graphDocument, layoutGraph } from "../layout-graph.ts";
import { pictureLines } from "../layout-picture.ts";
import { openLayoutSource } from "../layout-source.ts";
import { layoutSvg } from "../layout-svg.ts";
import { layoutWords } from "../layout-words.ts";
import { type Outcome, styled } from "../output.ts";
import type { TrustOptions } from "../trust.ts";

/** `stemma layout explain`: what a layout asks for, in words. */
export function addExplainCommand(layout: Command): void {
  const explain = leaf(layout, "explain <file-or-project>", "Say in plain words what a layout asks for");
  act(withRoot(withDomain(explain)), explainLayout);
}

async function explainLayout(options: TrustOptions, what: string): Promise<Outcome> {
  const { origin, layout, time } = await openLayoutSource(options, what);
  const { lines, document } = layoutWords(layout, time);
  return { document: { ...origin, ...document }, lines };
}

/** `stemma layout graph`: the steps of a layout and what flows between them, as a picture. */
export function addGraphCommand(layout: Command): void {
  const graph = withRoot(
    withDomain(leaf(layout, "graph <file-or-project>", "Draw the steps and what flows between them")),
  ).option("--svg <file>", "write the picture as SVG");
  act(graph, drawLayout);
}

interface GraphOptions extends TrustOptions {
  readonly svg?: string;
}

async function drawLayout(options: GraphOptions, what: string): Promise<Outcome> {
  const { origin, layout } = await openLayoutSource(options, what);
  const graph = layoutGraph(layout);
  const { svg } = options;
  if (svg !== undefined) await writeOutput(svg, layoutSvg(graph));
  return {
    document: { ...origin, ...graphDocument(graph), ...(svg === undefined ? {} : { svg }) },
    lines: svg === undefined ? pictureLines(graph) : [["Wrote ", styled("bold", svg)]],
  };
}
