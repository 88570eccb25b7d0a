import type { ArtifactRule, ArtifactType, FunctionarySet, Layout, MatchRule, Step } from "@stemma/in-toto";
import { functionaryWords } from "./functionary-words.ts";

/** A step or an inspection of a layout, as it is drawn. */
export interface GraphNode {
  readonly kind: "step" | "inspection";
  readonly name: string;
  readonly signers: readonly SignerGroup[];
  /** One of its products is the artifact. */
  readonly isLast: boolean;
  /** MATCH rules of steps that are not there. */
  readonly loose: readonly string[];
}

/** Whoever signs for a step, or attests one of its predicates. */
export interface SignerGroup {
  /** What they attest; undefined for links. */
  readonly predicateType: string | undefined;
  readonly threshold: number;
  readonly who: readonly string[];
}

/** Artifacts that must be the same in two steps: those of `to` are compared with those of `from`. By place in `nodes`. */
export interface GraphEdge {
  readonly from: number;
  readonly to: number;
  readonly list: ArtifactType;
  readonly type: ArtifactType;
  readonly patterns: readonly string[];
}

/** A layout as a graph: its steps in their order, then its inspections, and the MATCH rules between them. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  /** By `to`, then by `from`. */
  readonly edges: readonly GraphEdge[];
}

/** Reads the graph out of a layout. */
export function layoutGraph(layout: Layout): Graph {
  const items = [...layout.steps, ...layout.inspections];
  const places = new Map(items.map(({ name }, index) => [name, index]));
  const edges = new Map<string, { readonly edge: GraphEdge; readonly patterns: Set<string> }>();
  const nodes = items.map((item, to): GraphNode => {
    const loose: string[] = [];
    for (const { rule, list } of matchesOf(item)) {
      const from = places.get(rule.step);
      if (from === undefined) {
        loose.push(`${list}: ${matchText(rule)} of ${rule.step}, which is not there`);
        continue;
      }
      const key = JSON.stringify([to, from, list, rule.type]);
      const known = edges.get(key);
      const patterns = known?.patterns ?? new Set();
      patterns.add(matchText(rule));
      if (known === undefined) {
        edges.set(key, { edge: { from, to, list, type: rule.type, patterns: [] }, patterns });
      }
    }
    const isStep = "threshold" in item;
    return {
      kind: isStep ? "step" : "inspection",
      name: item.name,
      signers: isStep ? signersOf(item) : [],
      isLast: to === layout.steps.length - 1,
      loose,
    };
  });
  return {
    nodes,
    edges: [...edges.values()]
      .map(({ edge, patterns }) => ({ ...edge, patterns: [...patterns] }))
      .sort((a, b) => a.to - b.to || a.from - b.from),
  };
}

function matchesOf(item: {
  readonly expectedMaterials: readonly ArtifactRule[];
  readonly expectedProducts: readonly ArtifactRule[];
}): readonly { readonly rule: MatchRule; readonly list: ArtifactType }[] {
  const lists = [
    ["materials", item.expectedMaterials],
    ["products", item.expectedProducts],
  ] as const;
  return lists.flatMap(([list, rules]) =>
    rules.flatMap((rule) => (rule.kind === "match" ? [{ rule, list }] : [])),
  );
}

/** `src/*`, and `src/* = copy/*` where the two steps have it in different folders. */
function matchText({ pattern, sourcePrefix, destinationPrefix }: MatchRule): string {
  const here = `${sourcePrefix}${pattern.pattern}`;
  return sourcePrefix === destinationPrefix ? here : `${here} = ${destinationPrefix}${pattern.pattern}`;
}

function signersOf(step: Step): readonly SignerGroup[] {
  const group = (set: FunctionarySet, threshold: number, predicateType?: string): SignerGroup => ({
    predicateType,
    threshold,
    who: functionaryWords(set),
  });
  if (step.expectedPredicates.length === 0) return [group(step, step.threshold)];
  return step.expectedPredicates.map((expected) =>
    group(expected, expected.threshold, expected.predicateType),
  );
}

/** `materials: src/* from the products of source`. */
export function edgeText({ list, type, patterns, from }: GraphEdge, { nodes }: Graph): string {
  return `${list}: ${patterns.join(", ")} from ${type} of ${nodes[from]?.name ?? ""}`;
}

/** `2 of 3 sign`, `1 of 1 attest https://slsa.dev/provenance/v1`. */
export function thresholdText({ predicateType, threshold, who }: SignerGroup): string {
  return `${threshold} of ${who.length} ${predicateType === undefined ? "sign" : `attest ${predicateType}`}`;
}

/** The graph as plain data, edges by name. */
export function graphDocument({ nodes, edges }: Graph): Record<string, unknown> {
  const nameOf = (index: number): string | undefined => nodes[index]?.name;
  return {
    steps: nodes.map(({ kind, name, signers, loose }) => ({ kind, name, signers, loose })),
    edges: edges.map(({ from, to, ...edge }) => ({ from: nameOf(from), to: nameOf(to), ...edge })),
  };
}
