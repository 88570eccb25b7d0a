import type { Digest } from "@stemma/encoding";
import { candidatesOf, productsWith } from "./candidates.ts";
import { type Candidate, type CollectedEvidence, collectEvidence, type SumUp } from "./collect.ts";
import { InTotoError } from "./error.ts";
import type { Evidence } from "./evidence.ts";
import { finalProductReason, ruleReasons, thresholdReasons } from "./explain.ts";
import type { Inspection, Layout } from "./layout.ts";
import type { InTotoLimits, Meter } from "./limits.ts";
import { quote } from "./names.ts";
import type { ItemArtifacts } from "./rules.ts";
import { type Assignment, findAssignment, type Item, type SearchResult, type StepOutcome } from "./search.ts";
import type { SigningTrust } from "./signatures.ts";
import type { Reason } from "./verdict.ts";

/**
 * Carries out an inspection, or says by undefined that it cannot: then the layout is not satisfied. It is asked about
 * layouts that owners or functionaries signed, and about no others.
 */
export type Inspector = (inspection: Inspection) => ItemArtifacts | undefined;

/** What one verdict works with, in the layout and in all its sublayouts. */
export interface Work {
  readonly pool: readonly Evidence[];
  readonly trust: SigningTrust;
  readonly limits: InTotoLimits;
  /** Counts the work of everything together. */
  readonly meter: Meter;
  readonly inspect: Inspector | undefined;
  /** How sublayouts are verified in the layouts that they stand in, from the outermost on. */
  readonly sumUpWithin: (within: readonly Evidence[]) => SumUp;
  /** Counts how often sublayouts were verified. */
  sublayouts: number;
}

/** What came of a layout: what stands for each step and inspection, or why nothing does. */
export interface Solution {
  readonly reasons: readonly Reason[];
  readonly collected: CollectedEvidence;
  readonly items: readonly Item[];
  /** Per item; in a denial, what came nearest. */
  readonly chosen: Assignment;
  readonly outcomes: readonly StepOutcome[];
  /** Names of the last step's products that have the digest. */
  readonly products: readonly string[];
}

/** What may stand for each item of a layout, when there is something for every one. */
export interface Choices {
  readonly collected: CollectedEvidence;
  readonly items: readonly Item[];
  readonly candidates: readonly (readonly Candidate[])[];
  /** Why there is nothing to choose from; empty when there is. */
  readonly reasons: readonly Reason[];
}

/** Sorts the evidence under the steps of a layout, sublayouts verified on the way. */
export function choicesFor(
  layout: Layout,
  work: Work,
  within: readonly Evidence[],
  digest: Digest | undefined,
): Choices {
  const { pool, trust, meter } = work;
  const collected = collectEvidence(layout, pool, trust, meter, work.sumUpWithin(within));
  const last = layout.steps.length - 1;
  const ofSteps = layout.steps.map((step, index) =>
    candidatesOf(
      step,
      collected.steps[index] ?? { groups: [], attestations: [], setAside: [] },
      index === last ? digest : undefined,
      meter,
    ),
  );
  const inspected = layout.inspections.map((inspection) => inspectedBy(work, inspection));
  const reasons = [
    ...layout.inspections.filter((_, index) => inspected[index]?.length === 0).map(inspectionReason),
    ...thresholdReasons(layout, collected, ofSteps, digest, meter),
  ];
  return { collected, items: itemsOf(layout), candidates: [...ofSteps, ...inspected], reasons };
}

function itemsOf({ steps, inspections }: Layout): readonly Item[] {
  const all = steps.length + inspections.length;
  return [
    ...steps.map((step) => ({ ...step, sees: steps.length })),
    ...inspections.map((inspection) => ({ ...inspection, sees: all })),
  ];
}

/** An inspection has one candidate: what it found. It needs no signature, because the verifier did it. */
function inspectedBy({ inspect }: Work, inspection: Inspection): readonly Candidate[] {
  const artifacts = inspect?.(inspection);
  if (artifacts === undefined) return [];
  const report = { ...artifacts, command: inspection.run };
  return [{ report, reports: [], functionaries: [], companions: [] }];
}

function inspectionReason({ name, run }: Inspection): Reason {
  const command = quote(run.join(" "));
  return {
    code: "unsupported_inspection",
    message: `The layout has the inspection ${quote(name)}, ${command}, which was not carried out. Nothing that a layout names is run unless the person who verifies asks for it.`,
    step: name,
    expected: `the inspection ${command}`,
    found: "nothing that carries it out",
  };
}

/** Finds evidence that satisfies a layout for an artifact, or says what is missing. */
export function solve(layout: Layout, work: Work, digest: Digest): Solution {
  const { limits, meter } = work;
  const { collected, items, candidates, reasons } = choicesFor(layout, work, [], digest);
  const base = { collected, items, outcomes: [], products: [] };
  const nearest = candidates.map((list, index) => list[0] ?? collected.steps[index]?.groups[0]);
  if (reasons.length > 0) return { ...base, reasons, chosen: nearest };

  const last = layout.steps.length - 1;
  const ofThisArtifact = (candidates[last] ?? []).filter(
    ({ report }) => productsWith(report.products, digest).length > 0,
  );
  if (ofThisArtifact.length === 0) {
    const reason = finalProductReason(layout, candidates[last] ?? [], digest, limits);
    return { ...base, reasons: [reason], chosen: nearest };
  }

  const choices = candidates.map((list, index) => (index === last ? ofThisArtifact : list));
  const result = findAssignment(items, choices, meter, limits);
  const chosen = filled(result, choices);
  if (!result.found) {
    return { ...base, ...ruleReasons(layout, items, chosen, limits), chosen };
  }
  return {
    ...base,
    reasons: [],
    chosen,
    outcomes: result.outcomes,
    products: productsWith(chosen[last]?.report.products ?? new Map(), digest),
  };
}

function filled(result: SearchResult, choices: readonly (readonly Candidate[])[]): Assignment {
  return result.assignment.map((candidate, index) => candidate ?? choices[index]?.[0]);
}

/** Throws when a layout has nothing that could be verified. */
export function requireSteps(layout: Layout): void {
  if (layout.steps.length > 0) return;
  throw new InTotoError(
    "vacuous_policy",
    "The layout has no steps, so there is nothing that it could verify.",
  );
}
