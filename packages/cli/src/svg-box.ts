import { type GraphNode, thresholdText } from "./layout-graph.ts";
import type { Spot } from "./layout-placement.ts";
import { CHARACTER, round, textAt } from "./svg-text.ts";
import { clip, wrap } from "./text-width.ts";

/** Width of the boxes. */
export const BOX_WIDTH = 310;
const PADDING = 14;
const TITLE_HEIGHT = 24;
const LINE_HEIGHT = 17;
const BOX_COLUMNS = Math.floor((BOX_WIDTH - 2 * PADDING) / CHARACTER);
const TITLE_COLUMNS = 30;
const SIGNER_LINES = 3;
const MAX_SIGNERS = 8;

/** What stands in a box, line by line. */
export interface Box {
  readonly kind: "box" | "box last" | "box inspection";
  readonly title: string;
  readonly lines: readonly { readonly style: string; readonly text: string }[];
  readonly height: number;
}

/** The box of a step or an inspection. */
export function boxOf(node: GraphNode): Box {
  const isInspection = node.kind === "inspection";
  const role = isInspection ? "inspection" : node.isLast ? "makes the artifact" : undefined;
  const lines = [
    ...(role === undefined ? [] : [{ style: "small", text: role }]),
    ...node.signers.flatMap((group) => [
      ...wrap(thresholdText(group), BOX_COLUMNS).map((text) => ({ style: "small", text })),
      ...group.who
        .slice(0, MAX_SIGNERS)
        .flatMap((who) => inBox(who).map((text) => ({ style: "code", text }))),
      ...(group.who.length > MAX_SIGNERS
        ? [{ style: "small", text: `and ${group.who.length - MAX_SIGNERS} more` }]
        : []),
    ]),
    ...node.loose.flatMap((text) => inBox(text).map((line) => ({ style: "code bad", text: line }))),
  ];
  return {
    kind: isInspection ? "box inspection" : node.isLast ? "box last" : "box",
    title: clip(node.name, TITLE_COLUMNS),
    lines,
    height: 2 * PADDING + TITLE_HEIGHT + lines.length * LINE_HEIGHT - 6,
  };
}

/** A text over a few lines of a box. */
function inBox(text: string): readonly string[] {
  const lines = wrap(text, BOX_COLUMNS);
  const rest = lines.slice(SIGNER_LINES - 1).join(" ");
  return lines.length <= SIGNER_LINES
    ? lines
    : [...lines.slice(0, SIGNER_LINES - 1), clip(rest, BOX_COLUMNS)];
}

/** Draws a box below a height; nothing for a bend. */
export function drawBox({ node, x, width }: Spot, boxes: readonly Box[], top: number): string[] {
  const box = node === undefined ? undefined : boxes[node];
  if (box === undefined) return [];
  const left = x - width / 2;
  const baseline = top + PADDING + TITLE_HEIGHT - 8;
  return [
    `<rect class="${box.kind}" x="${round(left)}" y="${round(top)}" width="${width}" height="${box.height}" rx="8"/>`,
    textAt("title", left + PADDING, baseline, box.title),
    ...box.lines.map(({ style, text }, index) =>
      textAt(style, left + PADDING, baseline + (index + 1) * LINE_HEIGHT + 2, text),
    ),
  ];
}
