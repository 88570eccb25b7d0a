import type { Candidate } from "./collect.ts";
import type { InTotoLimits, Meter } from "./limits.ts";
import type { ArtifactRule } from "./rule.ts";
import { applyRules, type RuleFailure, type RuleTrace } from "./rules.ts";

/** Something with rules: a step, or an inspection. */
export interface Item {
  readonly name: string;
  readonly expectedMaterials: readonly ArtifactRule[];
  readonly expectedProducts: readonly ArtifactRule[];
  /** How many items, from the first, its MATCH rules may speak about: the steps, and for inspections everything. */
  readonly sees: number;
}

/** One candidate per item, by the item's place; undefined while it is not chosen. */
export type Assignment = readonly (Candidate | undefined)[];

export interface StepOutcome {
  readonly trace: readonly RuleTrace[];
  readonly failure: RuleFailure | undefined;
}

export type SearchResult =
  | { readonly found: true; readonly assignment: Assignment; readonly outcomes: readonly StepOutcome[] }
  /** `assignment` is the one that went furthest, for the explanation. */
  | { readonly found: false; readonly assignment: Assignment };

/**
 * Finds one candidate per item such that the rules of every item hold. The items are the steps of a layout and then its
 * inspections; what is said of steps here goes for both.
 *
 * Steps are chosen from the last one backwards, along the MATCH rules. The rules of a step are evaluated as soon as it
 * and every step that they speak about are chosen. After a dead end the search goes back to the latest step that had a
 * part in it (conflict-directed backjumping), so steps that have nothing to do with each other are not tried in all
 * combinations. It is complete: when it finds nothing, there is nothing.
 *
 * Throws `search_limit` through the meter.
 */
export function findAssignment(
  steps: readonly Item[],
  candidates: readonly (readonly Candidate[])[],
  meter: Meter,
  limits: InTotoLimits,
): SearchResult {
  const { order, scopes, dueAt } = planOf(steps);
  const assignment: (Candidate | undefined)[] = steps.map(() => undefined);
  const outcomes: StepOutcome[] = steps.map(() => ({ trace: [], failure: undefined }));
  let furthest = { depth: -1, assignment: [...assignment] };

  /** The scope of the first failing step among those that can be evaluated now, or undefined when all hold. */
  const failing = (depth: number): ReadonlySet<number> | undefined => {
    for (const step of dueAt[depth] ?? []) {
      meter.evaluation();
      const outcome = evaluateItem(steps, step, assignment, meter, limits);
      outcomes[step] = outcome;
      if (outcome.failure === undefined) continue;
      if (depth > furthest.depth) furthest = { depth, assignment: [...assignment] };
      return scopes[step];
    }
    return undefined;
  };

  /** Chooses from `depth` on. Undefined: done. Otherwise the steps that made it fail. */
  const choose = (depth: number): Set<number> | undefined => {
    const step = order[depth];
    if (step === undefined) return undefined;
    const conflicts = new Set<number>();
    for (const candidate of candidates[step] ?? []) {
      assignment[step] = candidate;
      const conflict = failing(depth) ?? choose(depth + 1);
      if (conflict === undefined) return undefined;
      if (!conflict.has(step)) {
        // Whatever went wrong below has nothing to do with this step: no other candidate of it can help.
        assignment[step] = undefined;
        return new Set(conflict);
      }
      for (const other of conflict) if (other !== step) conflicts.add(other);
    }
    assignment[step] = undefined;
    return conflicts;
  };

  return choose(0) === undefined
    ? { found: true, assignment, outcomes }
    : { found: false, assignment: furthest.assignment };
}

/** In which order items are chosen, which of them decide about each, and whose rules are due after each choice. */
interface Plan {
  readonly order: readonly number[];
  readonly scopes: readonly ReadonlySet<number>[];
  readonly dueAt: readonly (readonly number[])[];
}

/** A sublayout is searched once for every sum that it may come to, and the plan costs more than a search. */
const plans = new WeakMap<readonly Item[], Plan>();

function planOf(steps: readonly Item[]): Plan {
  const known = plans.get(steps);
  if (known !== undefined) return known;
  const order = searchOrder(steps);
  const scopes = steps.map((step) => scopeOf(step, steps));
  const dueAt = order.map((_, depth) => {
    const chosen = new Set(order.slice(0, depth + 1));
    const before = new Set(order.slice(0, depth));
    return order.filter((step) => isWithin(scopes[step], chosen) && !isWithin(scopes[step], before));
  });
  const plan = { order, scopes, dueAt };
  plans.set(steps, plan);
  return plan;
}

/** Applies the rules of one item to what is chosen (in-toto 4.3.3): first those for materials, then for products. */
export function evaluateItem(
  items: readonly Item[],
  index: number,
  assignment: Assignment,
  meter: Meter,
  limits: InTotoLimits,
): StepOutcome {
  const item = items[index];
  const report = assignment[index]?.report;
  if (item === undefined || report === undefined) return { trace: [], failure: undefined };
  const reportOf = (name: string) => {
    const at = placeOf(name, items, item.sees);
    return at < 0 ? undefined : assignment[at]?.report;
  };
  const materials = applyRules("materials", item.expectedMaterials, report, reportOf, meter, limits);
  if (materials.failure !== undefined) return materials;
  const products = applyRules("products", item.expectedProducts, report, reportOf, meter, limits);
  return { trace: [...materials.trace, ...products.trace], failure: products.failure };
}

function placeOf(name: string, items: readonly Item[], sees: number): number {
  const at = items.findIndex((candidate) => candidate.name === name);
  return at < sees ? at : -1;
}

/** From the last step along its MATCH rules, nearest first; then, from the end, whatever is left. */
function searchOrder(steps: readonly Item[]): readonly number[] {
  const order: number[] = [];
  const seen = new Set<number>();
  for (let start = steps.length - 1; start >= 0; start -= 1) {
    const waiting = [start];
    for (const step of waiting) {
      if (seen.has(step)) continue;
      seen.add(step);
      order.push(step);
      const next = steps[step];
      if (next !== undefined) waiting.push(...[...scopeOf(next, steps)].sort((a, b) => b - a));
    }
  }
  return order;
}

/** The steps whose links decide whether the rules of a step hold: itself, and every one that it MATCHes. */
function scopeOf(step: Item, steps: readonly Item[]): ReadonlySet<number> {
  const scope = new Set([steps.indexOf(step)]);
  for (const rule of [...step.expectedMaterials, ...step.expectedProducts]) {
    if (rule.kind !== "match") continue;
    const other = placeOf(rule.step, steps, step.sees);
    if (other >= 0) scope.add(other);
  }
  return scope;
}

function isWithin(scope: ReadonlySet<number> | undefined, chosen: ReadonlySet<number>): boolean {
  return scope !== undefined && [...scope].every((step) => chosen.has(step));
}
