import { edgeText, type Graph, type GraphNode, thresholdText } from "./layout-graph.ts";
import { clip, fit, widthOf, wrap } from "./text-width.ts";

/** Columns of the whole picture. */
const COLUMNS = 80;
/** Lines that are drawn beside each other. Beyond them, steps only say in words what they take. */
const MAX_LANES = 16;
const MAX_SIGNERS = 6;

/** A line that leaves one step and leads to all that take something from it. */
interface Lane {
  readonly from: number;
  readonly targets: readonly number[];
  /** Places on the way down the picture: a step's entrance is at twice its number, its exit right after. */
  readonly first: number;
  readonly last: number;
  /** 0 is next to the boxes. */
  readonly column: number;
}

/** One row of a box, and where a lane meets it. */
interface Row {
  readonly text: string;
  readonly end?: { readonly lane: Lane; readonly arrow: boolean };
}

/**
 * A graph for a terminal of 80 columns: one box below the other in the layout's order, and lines on the left from each
 * step to those that take something from it.
 */
export function pictureLines(graph: Graph): readonly string[] {
  const lanes = placeLanes(graph).filter(({ column }) => column < MAX_LANES);
  const columns = Math.max(0, ...lanes.map(({ column }) => column + 1));
  const width = COLUMNS - 4 - (columns === 0 ? 0 : columns * 2 + 1);
  const rows = graph.nodes.flatMap((node, index) => boxRows(graph, node, index, lanes, width));
  const ends = new Map<Lane, readonly [number, number]>();
  for (const [at, { end }] of rows.entries()) {
    if (end === undefined) continue;
    const [first] = ends.get(end.lane) ?? [at];
    ends.set(end.lane, [first, at]);
  }
  return rows.map((row, at) => gutter(row, at, lanes, columns, ends) + row.text);
}

/** Gives every lane a column in which no other stands at the same height: the shortest ones next to the boxes. */
function placeLanes({ nodes, edges }: Graph): readonly Lane[] {
  const wanted = nodes.flatMap((_, from) => {
    const targets = [...new Set(edges.filter((edge) => edge.from === from).map(({ to }) => to))];
    if (targets.length === 0) return [];
    const places = [2 * from + 1, ...targets.map((to) => 2 * to)];
    return [{ from, targets, first: Math.min(...places), last: Math.max(...places) }];
  });
  wanted.sort((a, b) => a.last - a.first - (b.last - b.first) || a.from - b.from);
  const placed: Lane[] = [];
  for (const lane of wanted) {
    const taken = new Set(
      placed
        .filter((other) => other.first <= lane.last && lane.first <= other.last)
        .map(({ column }) => column),
    );
    let column = 0;
    while (taken.has(column)) column += 1;
    placed.push({ ...lane, column });
  }
  return placed;
}

function boxRows(
  graph: Graph,
  node: GraphNode,
  index: number,
  lanes: readonly Lane[],
  width: number,
): readonly Row[] {
  const inside = (text: string): string => `│ ${fit(text, width)} │`;
  const out = lanes.find(({ from }) => from === index);
  const entered = new Set<Lane>();
  const entrances = graph.edges
    .filter(({ to }) => to === index)
    .flatMap((edge): Row[] => {
      const lane = lanes.find(({ from }) => from === edge.from);
      const isNew = lane !== undefined && !entered.has(lane);
      if (lane !== undefined) entered.add(lane);
      return wrap(edgeText(edge, graph), width).map((text, part) => ({
        text: inside(text),
        ...(isNew && part === 0 ? { end: { lane, arrow: true } } : {}),
      }));
    });
  const line = "─".repeat(width + 2);
  return [
    { text: `┌${line}┐` },
    { text: inside(title(node, width)) },
    ...signerTexts(node, width).map((text) => ({ text: inside(text) })),
    ...entrances,
    ...node.loose.flatMap((text) => wrap(text, width)).map((text) => ({ text: inside(text) })),
    out === undefined ? { text: `└${line}┘` } : { text: `┴${line}┘`, end: { lane: out, arrow: false } },
  ];
}

function title({ kind, name, isLast }: GraphNode, width: number): string {
  const right = kind === "inspection" ? "inspection" : isLast ? "makes the artifact" : "";
  return right === "" ? name : `${fit(name, width - widthOf(right) - 2)}  ${right}`;
}

function signerTexts({ signers }: GraphNode, width: number): readonly string[] {
  return signers.flatMap((group) => [
    ...wrap(`${thresholdText(group)}:`, width),
    ...group.who.slice(0, MAX_SIGNERS).map((who) => `  ${clip(who, width - 2)}`),
    ...(group.who.length > MAX_SIGNERS ? [`  and ${group.who.length - MAX_SIGNERS} more`] : []),
  ]);
}

/** What stands left of the boxes in one row: lanes on their way, and the one that meets the box. */
function gutter(
  { end }: Row,
  at: number,
  lanes: readonly Lane[],
  columns: number,
  ends: ReadonlyMap<Lane, readonly [number, number]>,
): string {
  if (columns === 0) return "";
  let text = "";
  let crossing = false;
  for (let column = columns - 1; column >= 0; column -= 1) {
    const lane = lanes.find((one) => {
      const [first, last] = ends.get(one) ?? [0, -1];
      return one.column === column && first <= at && at <= last;
    });
    const [first, last] = (lane === undefined ? undefined : ends.get(lane)) ?? [at, at];
    const meets = lane !== undefined && lane === end?.lane;
    text += laneCharacter(lane !== undefined, first < at, at < last, meets, crossing);
    crossing ||= meets;
    text += crossing ? "─" : " ";
  }
  return text + (end === undefined ? " " : end.arrow ? "▶" : "─");
}

function laneCharacter(
  present: boolean,
  up: boolean,
  down: boolean,
  meets: boolean,
  crossing: boolean,
): string {
  if (!present) return crossing ? "─" : " ";
  if (!meets) return crossing ? "┼" : "│";
  return up && down ? "├" : up ? "└" : "┌";
}
