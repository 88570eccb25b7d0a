import type { GraphEdge } from "./layout-graph.ts";
import type { Placement, Route, Spot } from "./layout-placement.ts";
import type { Box } from "./svg-box.ts";
import { type Label, labelWidth, round } from "./svg-text.ts";
import { clip } from "./text-width.ts";

const LABEL_HEIGHT = 22;
/** Room for lines to change sides between two layers, and for their tips. */
const BEND_HEIGHT = 44;
const TIP_HEIGHT = 18;
const LABEL_COLUMNS = 44;

/** Lines, and the labels that lie on them. */
export interface Lines {
  readonly lines: readonly string[];
  readonly labels: readonly Label[];
}

/** How high a layer stands, and what it has room for. */
export interface Band {
  readonly top: number;
  readonly bottom: number;
  /** Its lowest box is this high. */
  readonly least: number;
  /** Rows of labels above it. */
  readonly rows: number;
}

/** A label of a line, in one of the rows above the layer that the line leads to. */
interface PlacedLabel {
  readonly layer: number;
  readonly row: number;
  readonly x: number;
  readonly text: string;
}

/** What is drawn, except for the boxes themselves. */
export interface Drawing extends Lines {
  readonly bands: readonly Band[];
}

/** Draws all lines of a placement, and finds out how high its layers stand so that there is room for them. */
export function drawLines(placement: Placement, boxes: readonly Box[]): Drawing {
  const down = placement.routes.filter(({ spots }) => spots.length > 0);
  const entrances = portsOf(
    down,
    (route) => route.spots.at(-1),
    (route) => route.spots.at(-2),
  );
  const exits = portsOf(
    down,
    (route) => route.spots[0],
    (route) => route.spots[1],
  );
  const labels = labelsOf(down, entrances);
  const bands = bandsOf(placement, boxes, labels);
  const up = linesUp(placement, bands);
  return {
    bands,
    lines: [
      ...down.map((route) => lineDown(route, exits.get(route) ?? 0, entrances.get(route) ?? 0, boxes, bands)),
      ...up.lines,
    ],
    labels: [...labels.map((label) => heighten(label, bands)), ...up.labels],
  };
}

/** Where lines meet their boxes: side by side, in the order of the spots that they come from or lead to. */
function portsOf(
  routes: readonly Route[],
  boxOf: (route: Route) => Spot | undefined,
  nextTo: (route: Route) => Spot | undefined,
): ReadonlyMap<Route, number> {
  const atBox = new Map<Spot, Route[]>();
  for (const route of routes) {
    const box = boxOf(route);
    const others = box === undefined ? undefined : atBox.get(box);
    if (others !== undefined) others.push(route);
    else if (box !== undefined) atBox.set(box, [route]);
  }
  const ports = new Map<Route, number>();
  for (const [box, all] of atBox) {
    all.sort((a, b) => (nextTo(a)?.x ?? 0) - (nextTo(b)?.x ?? 0) || a.from - b.from || a.to - b.to);
    for (const [index, route] of all.entries()) {
      ports.set(route, box.x + box.width * ((index + 1) / (all.length + 1) - 0.5));
    }
  }
  return ports;
}

/** Puts every label over the end of its line, in the first row where no other one is in its way. */
function labelsOf(routes: readonly Route[], entrances: ReadonlyMap<Route, number>): readonly PlacedLabel[] {
  const rows = new Map<string, PlacedLabel[]>();
  for (const route of routes) {
    const layer = route.spots.at(-1)?.layer ?? 0;
    const x = entrances.get(route) ?? 0;
    for (const edge of route.edges) {
      const text = labelText(edge);
      for (let row = 0; ; row += 1) {
        const key = `${layer} ${row}`;
        const others = rows.get(key) ?? [];
        const isTaken = others.some(
          (other) => Math.abs(other.x - x) < (labelWidth(other.text) + labelWidth(text)) / 2 + 8,
        );
        if (isTaken) continue;
        rows.set(key, [...others, { layer, row, x, text }]);
        break;
      }
    }
  }
  return [...rows.values()].flat();
}

/** `src/*`; where it is not about products that become materials, that is said as well. */
function labelText({ list, type, patterns }: GraphEdge): string {
  const usual = list === "materials" && type === "products";
  return clip(`${usual ? "" : `${list} = ${type}: `}${patterns.join(", ")}`, LABEL_COLUMNS);
}

function bandsOf(
  { layers }: Placement,
  boxes: readonly Box[],
  labels: readonly PlacedLabel[],
): readonly Band[] {
  const rows = layers.map(() => 0);
  for (const { layer, row } of labels) rows[layer] = Math.max(rows[layer] ?? 0, row + 1);
  let top = 0;
  return layers.map((layer, index) => {
    const above = rows[index] ?? 0;
    if (index > 0) top += BEND_HEIGHT + above * LABEL_HEIGHT + TIP_HEIGHT;
    const heights = layer.flatMap(({ node }) => (node === undefined ? [] : [boxes[node]?.height ?? 0]));
    const band = { top, bottom: top + Math.max(0, ...heights), least: Math.min(...heights), rows: above };
    top = band.bottom;
    return band;
  });
}

/** A line from box to box: straight past the layers in between, bent only in the room between two layers. */
function lineDown(
  { spots }: Route,
  exit: number,
  entrance: number,
  boxes: readonly Box[],
  bands: readonly Band[],
): string {
  const [source, ...rest] = spots;
  const height = source?.node === undefined ? 0 : (boxes[source.node]?.height ?? 0);
  let x = exit;
  let path = `M${round(x)} ${round((bands[source?.layer ?? 0]?.top ?? 0) + height)}`;
  for (const [index, spot] of rest.entries()) {
    const start = bands[spot.layer - 1]?.bottom ?? 0;
    const end = start + BEND_HEIGHT;
    const half = round((start + end) / 2);
    const next = index === rest.length - 1 ? entrance : spot.x;
    path += ` V${round(start)} C${round(x)} ${half} ${round(next)} ${half} ${round(next)} ${round(end)} V${round(bands[spot.layer]?.top ?? 0)}`;
    x = next;
  }
  return `<path class="line" d="${path}"/>`;
}

function heighten({ layer, row, x, text }: PlacedLabel, bands: readonly Band[]): Label {
  const { top = 0, rows = 0 } = bands[layer] ?? {};
  const width = labelWidth(text);
  return { left: x - width / 2, middle: top - TIP_HEIGHT - (rows - row - 0.5) * LABEL_HEIGHT, width, text };
}

/** What leads upwards, or back to the same step, goes round on the right. */
function linesUp({ layers, routes }: Placement, bands: readonly Band[]): Lines {
  const spots = new Map(layers.flat().map((spot) => [spot.node, spot]));
  const back = routes.flatMap(({ from, to, edges, spots: { length } }) => {
    const [source, target] = [spots.get(from), spots.get(to)];
    return length > 0 || source === undefined || target === undefined ? [] : [{ source, target, edges }];
  });
  // Ends stand one below the other beside a layer, where even its lowest box has a side.
  const ends = back.flatMap(({ source, target }) => [target.layer, source.layer]);
  const heights = ends.map((layer, index) => {
    const before = ends.slice(0, index).filter((other) => other === layer).length;
    const all = ends.filter((other) => other === layer).length;
    const { top = 0, least = 0 } = bands[layer] ?? {};
    return top + (least * (before + 1)) / (all + 1);
  });
  const edge = layers.flat().reduce((most, { x, width }) => Math.max(most, x + width / 2), 0);
  const lines: string[] = [];
  const labels: Label[] = [];
  let free = Number.NEGATIVE_INFINITY;
  for (const [index, { source, target, edges }] of back.entries()) {
    const [end = 0, start = 0] = [heights[2 * index], heights[2 * index + 1]];
    const lane = edge + 16 + index * 14;
    const path = `M${round(source.x + source.width / 2)} ${round(start)} H${round(lane)} V${round(end)} H${round(target.x + target.width / 2)}`;
    lines.push(`<path class="line up" d="${path}"/>`);
    const text = clip(edges.map(labelText).join(", "), LABEL_COLUMNS);
    const middle = Math.max(end, free);
    free = middle + LABEL_HEIGHT;
    labels.push({ left: edge + 20 + back.length * 14, middle, width: labelWidth(text), text });
  }
  return { lines, labels };
}
