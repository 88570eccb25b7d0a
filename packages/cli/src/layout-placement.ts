import type { Graph, GraphEdge } from "./layout-graph.ts";

/** A point of the picture that edges lead through: a box, or a bend of an edge that passes a layer. */
export interface Spot {
  /** The node's place in the graph; undefined for a bend. */
  readonly node: number | undefined;
  readonly layer: number;
  readonly width: number;
  /** Its middle. */
  x: number;
}

/** All that flows from one step to another, and the spots that it leads through from the one to the other. */
export interface Route {
  readonly from: number;
  readonly to: number;
  readonly edges: readonly GraphEdge[];
  /** Empty for what leads upwards, or back to the same step. */
  readonly spots: readonly Spot[];
}

/** Where boxes stand: layers from the top, each with its spots from the left. */
export interface Placement {
  readonly layers: readonly (readonly Spot[])[];
  readonly routes: readonly Route[];
}

const BEND_WIDTH = 16;
const GAP = 40;
const SWEEPS = 8;

/**
 * Places the steps in layers, each below all that it takes something from (Sugiyama's method in its simplest form): the
 * order within layers follows the neighbours' so that few lines cross, and what passes a layer has a spot of its own there,
 * so that no line runs through a box. The same graph always has the same placement.
 */
export function placeGraph(graph: Graph, boxWidth: number): Placement {
  const levels = levelsOf(graph);
  const layers: Spot[][] = Array.from({ length: Math.max(0, ...levels.map((level) => level + 1)) }, () => []);
  const spotIn = (layer: number, node: number | undefined): Spot => {
    const spot = { node, layer, width: node === undefined ? BEND_WIDTH : boxWidth, x: 0 };
    layers[layer]?.push(spot);
    return spot;
  };
  const boxes = graph.nodes.map((_, node) => spotIn(levels[node] ?? 0, node));
  const routes = routesOf(graph).map(({ from, to, edges }): Route => {
    const [start, end] = [boxes[from], boxes[to]];
    if (start === undefined || end === undefined || start.layer >= end.layer) {
      return { from, to, edges, spots: [] };
    }
    const bends = Array.from({ length: end.layer - start.layer - 1 }, (_, passed) =>
      spotIn(start.layer + 1 + passed, undefined),
    );
    return { from, to, edges, spots: [start, ...bends, end] };
  });
  const neighbours = neighboursOf(routes);
  sortLayers(layers, neighbours);
  spread(layers, neighbours);
  return { layers, routes };
}

/** How far below the top each step stands. What leads upwards in the layout's order does not count. */
function levelsOf({ nodes, edges }: Graph): readonly number[] {
  const levels: number[] = [];
  for (const [index] of nodes.entries()) {
    const above = edges.filter(({ from, to }) => to === index && from < index);
    levels.push(Math.max(0, ...above.map(({ from }) => (levels[from] ?? 0) + 1)));
  }
  return levels;
}

function routesOf({ edges }: Graph): readonly Omit<Route, "spots">[] {
  const routes = new Map<string, { from: number; to: number; edges: GraphEdge[] }>();
  for (const edge of edges) {
    const key = `${edge.from} ${edge.to}`;
    const route = routes.get(key);
    if (route === undefined) routes.set(key, { from: edge.from, to: edge.to, edges: [edge] });
    else route.edges.push(edge);
  }
  return [...routes.values()];
}

interface Neighbours {
  readonly above: ReadonlyMap<Spot, readonly Spot[]>;
  readonly below: ReadonlyMap<Spot, readonly Spot[]>;
}

function neighboursOf(routes: readonly Route[]): Neighbours {
  const above = new Map<Spot, Spot[]>();
  const below = new Map<Spot, Spot[]>();
  for (const { spots } of routes) {
    for (const [index, spot] of spots.entries()) {
      const next = spots[index + 1];
      if (next === undefined) continue;
      below.set(spot, [...(below.get(spot) ?? []), next]);
      above.set(next, [...(above.get(next) ?? []), spot]);
    }
  }
  return { above, below };
}

/** Sorts every layer by the middle of its neighbours, from the top down and back up. */
function sortLayers(layers: readonly Spot[][], { above, below }: Neighbours): void {
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    const ranks = new Map<Spot, number>();
    for (const layer of layers) for (const [rank, spot] of layer.entries()) ranks.set(spot, rank);
    for (const layer of down ? layers : layers.toReversed()) {
      const wanted = new Map(
        layer.map((spot, rank) => {
          const near = (down ? above : below).get(spot) ?? [];
          return [spot, near.length === 0 ? rank : mean(near.map((one) => ranks.get(one) ?? 0))];
        }),
      );
      layer.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
      for (const [rank, spot] of layer.entries()) ranks.set(spot, rank);
    }
  }
}

/** Moves spots towards the middle of their neighbours, as far as those beside them leave room. */
function spread(layers: readonly Spot[][], { above, below }: Neighbours): void {
  for (const layer of layers)
    settle(
      layer,
      layer.map(() => 0),
    );
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const layer of sweep % 2 === 0 ? layers : layers.toReversed()) {
      const wanted = layer.map((spot) => {
        const near = [...(above.get(spot) ?? []), ...(below.get(spot) ?? [])];
        return near.length === 0 ? spot.x : mean(near.map(({ x }) => x));
      });
      settle(layer, wanted);
    }
  }
}

/** The middle between what pushing to the right and what pushing to the left would make of it keeps every distance. */
function settle(layer: readonly Spot[], wanted: readonly number[]): void {
  const distance = (index: number): number =>
    ((layer[index - 1]?.width ?? 0) + (layer[index]?.width ?? 0)) / 2 + GAP;
  const right = [...wanted];
  for (let at = 1; at < right.length; at += 1) {
    right[at] = Math.max(right[at] ?? 0, (right[at - 1] ?? 0) + distance(at));
  }
  const left = [...wanted];
  for (let at = left.length - 2; at >= 0; at -= 1) {
    left[at] = Math.min(left[at] ?? 0, (left[at + 1] ?? 0) - distance(at + 1));
  }
  for (const [at, spot] of layer.entries()) spot.x = ((right[at] ?? 0) + (left[at] ?? 0)) / 2;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
