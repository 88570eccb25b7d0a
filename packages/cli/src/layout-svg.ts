import { type Graph, type GraphEdge, type GraphNode, thresholdText } from "./layout-graph.ts";
import { type Placement, placeGraph, type Route, type Spot } from "./layout-placement.ts";
import { clip, widthOf, wrap } from "./text-width.ts";

const BOX_WIDTH = 310;
const PADDING = 14;
const MARGIN = 24;
const TITLE_HEIGHT = 24;
const LINE_HEIGHT = 17;
const LABEL_HEIGHT = 22;
/** Room for lines to change sides between two layers, and for their tips. */
const BEND_HEIGHT = 44;
const TIP_HEIGHT = 18;
/** Width of a character of the labels and of the text in boxes, in a typeface where all have the same. */
const CHARACTER = 7.3;
const BOX_COLUMNS = Math.floor((BOX_WIDTH - 2 * PADDING) / CHARACTER);
const TITLE_COLUMNS = 30;
const LABEL_COLUMNS = 44;
const SIGNER_LINES = 3;
const MAX_SIGNERS = 8;

const STYLE = `
    .box { fill: #f6f8fa; stroke: #57606a; }
    .last { fill: #ddf4e4; stroke: #1a7f37; }
    .inspection { fill: #fff8e6; stroke: #9a6700; stroke-dasharray: 5 4; }
    .title { font: bold 15px system-ui, sans-serif; fill: #1f2328; }
    .small { font: 12px system-ui, sans-serif; fill: #57606a; }
    .code { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
    .bad { fill: #cf222e; }
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
  const down = labelsDown(placement);
  const tops = layerTops(placement, boxes, down);
  const lines = placement.routes
    .filter(({ spots }) => spots.length > 0)
    .map((route) => lineDown(route, placement, boxes, tops, down));
  const up = linesUp(placement, boxes, tops);
  const drawnBoxes = placement.layers.flatMap((layer) =>
    layer.flatMap((spot) => drawBox(spot, boxes, tops[spot.layer] ?? 0)),
  );
  const labels = [...down.labels.map((label) => placedLabel(label, tops, down)), ...up.labels];

  const edges = [
    ...placement.layers.flat().flatMap(({ x, width }) => [x - width / 2, x + width / 2]),
    ...labels.flatMap(({ left, width }) => [left, left + width]),
    up.right,
  ];
  const [left, right] = [Math.min(0, ...edges) - MARGIN, Math.max(0, ...edges) + MARGIN];
  const last = placement.layers.length - 1;
  const bottom = (tops[last] ?? 0) + heightOf(placement.layers[last] ?? [], boxes) + MARGIN;
  const frame = [left, -MARGIN, right - left, bottom + MARGIN].map(round);
  const [x, y, width, height] = frame;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${frame.join(" ")}" role="img" aria-label="Steps of a layout and what flows between them">
  <style>${STYLE}
  </style>
  <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#57606a"/></marker></defs>
  <rect x="${x}" y="${y}" width="${width}" height="${height}" fill="#ffffff"/>
${[...lines, ...up.lines, ...drawnBoxes, ...labels.map(drawLabel)].map((element) => `  ${element}`).join("\n")}
</svg>
`;
}

/** What stands in a box, line by line. */
interface Box {
  readonly kind: "box" | "box last" | "box inspection";
  readonly title: string;
  readonly lines: readonly { readonly style: string; readonly text: string }[];
  readonly height: number;
}

function boxOf(node: GraphNode): Box {
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

function drawBox({ node, x, width }: Spot, boxes: readonly Box[], top: number): string[] {
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

function heightOf(layer: readonly Spot[], boxes: readonly Box[]): number {
  return Math.max(0, ...layer.map(({ node }) => (node === undefined ? 0 : (boxes[node]?.height ?? 0))));
}

/** A label of a line, in one of the rows above the layer that it leads to. */
interface LabelDown {
  readonly layer: number;
  readonly row: number;
  readonly x: number;
  readonly text: string;
}

interface LabelsDown {
  readonly labels: readonly LabelDown[];
  /** How many rows there are above each layer. */
  readonly rows: ReadonlyMap<number, number>;
}

/** Puts every label over the end of its line, in the first row where no other one is in its way. */
function labelsDown({ routes }: Placement): LabelsDown {
  const labels: LabelDown[] = [];
  const rows = new Map<number, number>();
  for (const route of routes) {
    const target = route.spots.at(-1);
    if (target === undefined) continue;
    const x = entranceOf(route, routes);
    for (const edge of route.edges) {
      const text = labelText(edge);
      const { layer } = target;
      let row = 0;
      const isTaken = (): boolean =>
        labels.some(
          (other) =>
            other.layer === layer &&
            other.row === row &&
            Math.abs(other.x - x) < (labelWidth(other.text) + labelWidth(text)) / 2 + 8,
        );
      while (isTaken()) row += 1;
      labels.push({ layer, row, x, text });
      rows.set(layer, Math.max(rows.get(layer) ?? 0, row + 1));
    }
  }
  return { labels, rows };
}

/** `src/*`; where it is not about products that become materials, that is said as well. */
function labelText({ list, type, patterns }: GraphEdge): string {
  const usual = list === "materials" && type === "products";
  return clip(`${usual ? "" : `${list} = ${type}: `}${patterns.join(", ")}`, LABEL_COLUMNS);
}

function labelWidth(text: string): number {
  return widthOf(text) * CHARACTER + 14;
}

/** Where the layers begin. */
function layerTops({ layers }: Placement, boxes: readonly Box[], { rows }: LabelsDown): readonly number[] {
  const tops: number[] = [];
  let top = 0;
  for (const [index, layer] of layers.entries()) {
    if (index > 0) top += BEND_HEIGHT + (rows.get(index) ?? 0) * LABEL_HEIGHT + TIP_HEIGHT;
    tops.push(top);
    top += heightOf(layer, boxes);
  }
  return tops;
}

/** Where a line meets the top of its last box: side by side with the others, in the order that they come in. */
function entranceOf(route: Route, routes: readonly Route[]): number {
  const target = route.spots.at(-1);
  const others = routes.filter(({ spots }) => spots.length > 0 && spots.at(-1) === target);
  return portOf(route, others, target, (one) => one.spots.at(-2)?.x ?? 0);
}

/** Where a line leaves its first box. */
function exitOf(route: Route, routes: readonly Route[]): number {
  const [source] = route.spots;
  const others = routes.filter(({ spots }) => spots.length > 0 && spots[0] === source);
  return portOf(route, others, source, (one) => one.spots[1]?.x ?? 0);
}

function portOf(
  route: Route,
  others: readonly Route[],
  box: Spot | undefined,
  position: (route: Route) => number,
): number {
  const sorted = [...others].sort((a, b) => position(a) - position(b) || a.from - b.from || a.to - b.to);
  const place = (sorted.indexOf(route) + 1) / (sorted.length + 1);
  return (box?.x ?? 0) + (box?.width ?? 0) * (place - 0.5);
}

/** A line from box to box: straight past the layers in between, bent only in the room between two layers. */
function lineDown(
  route: Route,
  { routes, layers }: Placement,
  boxes: readonly Box[],
  tops: readonly number[],
  { rows }: LabelsDown,
): string {
  const { spots } = route;
  let x = exitOf(route, routes);
  const [source] = spots;
  const box = source?.node === undefined ? undefined : boxes[source.node];
  let path = `M${round(x)} ${round((tops[source?.layer ?? 0] ?? 0) + (box?.height ?? 0))}`;
  for (const [index, spot] of spots.entries()) {
    if (index === 0) continue;
    const above = spot.layer - 1;
    const start = (tops[above] ?? 0) + heightOf(layers[above] ?? [], boxes);
    const end = start + BEND_HEIGHT;
    const next = index === spots.length - 1 ? entranceOf(route, routes) : spot.x;
    const half = round((start + end) / 2);
    path += ` V${round(start)} C${round(x)} ${half} ${round(next)} ${half} ${round(next)} ${round(end)}`;
    x = next;
    const rest = (rows.get(spot.layer) ?? 0) * LABEL_HEIGHT + TIP_HEIGHT;
    path += ` V${round(end + rest)}`;
  }
  return `<path class="line" d="${path}"/>`;
}

interface Label {
  readonly left: number;
  readonly middle: number;
  readonly width: number;
  readonly text: string;
}

function placedLabel(
  { layer, row, x, text }: LabelDown,
  tops: readonly number[],
  { rows }: LabelsDown,
): Label {
  const count = rows.get(layer) ?? 0;
  const middle = (tops[layer] ?? 0) - TIP_HEIGHT - (count - row - 0.5) * LABEL_HEIGHT;
  const width = labelWidth(text);
  return { left: x - width / 2, middle, width, text };
}

function drawLabel({ left, middle, width, text }: Label): string {
  const rect = `<rect class="label" x="${round(left)}" y="${round(middle - 9)}" width="${round(width)}" height="18" rx="4"/>`;
  return rect + textAt("code", left + 7, middle + 4, text);
}

interface LinesUp {
  readonly lines: readonly string[];
  readonly labels: readonly Label[];
  /** How far they reach. */
  readonly right: number;
}

/** What leads upwards, or back to the same step, goes round on the right. */
function linesUp({ layers, routes }: Placement, boxes: readonly Box[], tops: readonly number[]): LinesUp {
  const spots = new Map(layers.flat().map((spot) => [spot.node, spot]));
  const back = routes.flatMap(({ from, to, edges, spots: { length } }) => {
    const [source, target] = [spots.get(from), spots.get(to)];
    return length > 0 || source === undefined || target === undefined ? [] : [{ source, target, edges }];
  });
  const ends = back.flatMap(({ source, target }) => [target.layer, source.layer]);
  const edge = Math.max(0, ...layers.flat().map(({ x, width }) => x + width / 2));
  const labelLeft = edge + 20 + back.length * 14;
  const lines: string[] = [];
  const labels: Label[] = [];
  let free = Number.NEGATIVE_INFINITY;
  for (const [index, { source, target, edges }] of back.entries()) {
    const end = portBeside(2 * index, ends, layers, boxes, tops);
    const start = portBeside(2 * index + 1, ends, layers, boxes, tops);
    const lane = edge + 16 + index * 14;
    const path = `M${round(source.x + source.width / 2)} ${round(start)} H${round(lane)} V${round(end)} H${round(target.x + target.width / 2)}`;
    lines.push(`<path class="line up" d="${path}"/>`);
    const text = clip(edges.map(labelText).join(", "), LABEL_COLUMNS);
    const middle = Math.max(end, free);
    free = middle + LABEL_HEIGHT;
    labels.push({ left: labelLeft, middle, width: labelWidth(text), text });
  }
  return { lines, labels, right: back.length === 0 ? edge : labelLeft };
}

/** Ends of such lines stand one below the other beside a layer, where even its lowest box has a side. */
function portBeside(
  end: number,
  ends: readonly number[],
  layers: Placement["layers"],
  boxes: readonly Box[],
  tops: readonly number[],
): number {
  const layer = ends[end] ?? 0;
  const before = ends.slice(0, end).filter((other) => other === layer).length;
  const all = ends.filter((other) => other === layer).length;
  const heights = (layers[layer] ?? []).flatMap(({ node }) =>
    node === undefined ? [] : [boxes[node]?.height ?? 0],
  );
  return (tops[layer] ?? 0) + (Math.min(...heights) * (before + 1)) / (all + 1);
}

function textAt(style: string, x: number, y: number, text: string): string {
  return `<text class="${style}" x="${round(x)}" y="${round(y)}">${escapeXml(text)}</text>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for XML 1.0, which does not take every character even as a reference. */
function escapeXml(text: string): string {
  return text.replace(/[\ufffe\uffff]/g, "").replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
