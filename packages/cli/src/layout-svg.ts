import type { Graph } from "./layout-graph.ts";
import { placeGraph } from "./layout-placement.ts";
import { BOX_WIDTH, boxOf, drawBox } from "./svg-box.ts";
import { drawLines } from "./svg-lines.ts";
import { SVG_STYLE } from "./svg-style.ts";
import { drawLabel, round } from "./svg-text.ts";

const MARGIN = 24;

const STYLE = `${SVG_STYLE}
    .box { fill: #f6f8fa; stroke: #57606a; }
    .last { fill: #ddf4e4; stroke: #1a7f37; }
    .inspection { fill: #fff8e6; stroke: #9a6700; stroke-dasharray: 5 4; }
    .label { fill: #ffffff; stroke: #d0d7de; }
    .line { fill: none; stroke: #57606a; stroke-width: 1.5; marker-end: url(#tip); }
    .up { stroke-dasharray: 5 4; }`;

/**
 * A graph as SVG: one picture by itself, without scripts or anything from elsewhere, on a light ground. Names come from
 * documents, so all text is cleaned, cut to its place and escaped. The same graph always makes the same picture.
 */
export function layoutSvg(graph: Graph): string {
  const placement = placeGraph(graph, BOX_WIDTH);
  const boxes = graph.nodes.map(boxOf);
  const { lines, labels, bands } = drawLines(placement, boxes);
  const spots = placement.layers.flat();
  const edges = [
    ...spots.flatMap(({ x, width }) => [x - width / 2, x + width / 2]),
    ...labels.flatMap(({ left, width }) => [left, left + width]),
  ];
  // Not as arguments of one call: hostile layouts have more of them than a call can take.
  const left = edges.reduce((least, edge) => Math.min(least, edge), 0) - MARGIN;
  const right = edges.reduce((most, edge) => Math.max(most, edge), 0) + MARGIN;
  const bottom = (bands.at(-1)?.bottom ?? 0) + MARGIN;
  const elements = [
    ...lines,
    ...spots.flatMap((spot) => drawBox(spot, boxes, bands[spot.layer]?.top ?? 0)),
    ...labels.map(drawLabel),
  ];
  const frame = [left, -MARGIN, right - left, bottom + MARGIN].map(round);
  const [x, y, width, height] = frame;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${frame.join(" ")}" role="img" aria-label="Steps of a layout and what flows between them">
  <style>${STYLE}
  </style>
  <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#57606a"/></marker></defs>
  <rect x="${x}" y="${y}" width="${width}" height="${height}" fill="#ffffff"/>
${elements.map((element) => `  ${element}`).join("\n")}
</svg>
`;
}
