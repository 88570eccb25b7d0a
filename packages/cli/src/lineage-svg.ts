import { branchWords, type LineageBranch, sureness } from "./lineage-tree.ts";
import { SVG_STYLE } from "./svg-style.ts";
import { CHARACTER, round, textAt } from "./svg-text.ts";
import { clip, widthOf } from "./text-width.ts";

const MARGIN = 24;
const INDENT = 36;
const ROW = 74;
const HEIGHT = 58;
const COLUMNS = 72;
/** Width of a bold character, near enough. */
const TITLE_CHARACTER = 9.5;

interface Placed {
  readonly branch: LineageBranch;
  readonly depth: number;
  readonly row: number;
  /** Row of the one above. */
  readonly parent: number | undefined;
  readonly width: number;
}

/**
 * The tree of a lineage as SVG: one picture by itself, without scripts or anything from elsewhere, on a light ground. The same
 * verdict always makes the same picture.
 */
export function lineageSvg(tree: LineageBranch): string {
  const placed = place(tree);
  const width = placed.reduce((most, one) => Math.max(most, left(one) + one.width), 0) + MARGIN;
  const height = placed.length * ROW + 2 * MARGIN - (ROW - HEIGHT);
  const elements = [...placed.flatMap(connector), ...placed.flatMap(box)];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${round(width)}" height="${height}" viewBox="0 0 ${round(width)} ${height}" role="img" aria-label="What an artifact rests on">
  <style>${SVG_STYLE}
    .good { fill: #ddf4e4; stroke: #1a7f37; }
    .fair { fill: #fff8e6; stroke: #9a6700; }
    .weak { fill: #f6f8fa; stroke: #57606a; stroke-dasharray: 5 4; }
    .denied { fill: #ffebe9; stroke: #cf222e; }
    .branch { fill: none; stroke: #57606a; stroke-width: 1.5; }
  </style>
  <rect width="${round(width)}" height="${height}" fill="#ffffff"/>
${elements.map((element) => `  ${element}`).join("\n")}
</svg>
`;
}

function place(tree: LineageBranch): readonly Placed[] {
  const placed: Placed[] = [];
  const add = (branch: LineageBranch, depth: number, parent: number | undefined): void => {
    const row = placed.length;
    const longest = linesOf(branch).reduce(
      (most, { style, text }) =>
        Math.max(most, widthOf(text) * (style === "title" ? TITLE_CHARACTER : CHARACTER)),
      0,
    );
    placed.push({ branch, depth, row, parent, width: longest + 28 });
    for (const below of branch.branches) add(below, depth + 1, row);
  };
  add(tree, 0, undefined);
  return placed;
}

function linesOf(branch: LineageBranch): readonly { readonly style: string; readonly text: string }[] {
  return [
    { style: "title", text: clip(branchWords(branch), COLUMNS) },
    {
      style: "code",
      text: clip([branch.digest?.slice(0, 19) ?? "no digest", branch.name ?? ""].join(" "), COLUMNS),
    },
  ];
}

const left = ({ depth }: Placed): number => MARGIN + depth * INDENT;
const top = (row: number): number => MARGIN + row * ROW;

function box(one: Placed): readonly string[] {
  const kind = sureness(one.branch);
  return [
    `<rect class="${kind === "bad" ? "denied" : kind}" x="${round(left(one))}" y="${top(one.row)}" width="${round(one.width)}" height="${HEIGHT}" rx="8"/>`,
    ...linesOf(one.branch).map(({ style, text }, index) =>
      textAt(style, left(one) + 14, top(one.row) + 25 + index * 20, text),
    ),
  ];
}

/** From below the left edge of the one above, down and to the right. */
function connector(one: Placed): readonly string[] {
  if (one.parent === undefined) return [];
  const x = left(one) - INDENT / 2;
  return [
    `<path class="branch" d="M${x} ${top(one.parent) + HEIGHT} V${top(one.row) + HEIGHT / 2} H${left(one)}"/>`,
  ];
}
