import { type Digest, type Sha256Hex, StemmaError } from "@stemma/encoding";
import type { Envelope } from "./envelope.ts";
import { InTotoError } from "./error.ts";
import { Evidence, type KeylessVerifier } from "./evidence.ts";
import type { Layout } from "./layout.ts";
import { checkLimit, DEFAULT_LIMITS, type InTotoLimits, Meter } from "./limits.ts";
import { momentText, quote } from "./names.ts";
import { isExpired, type Owners, openLayout, type SignedLayout } from "./open-layout.ts";
import type { Assignment } from "./search.ts";
import { type Inspector, requireSteps, type Solution, solve, type Work } from "./solve.ts";
import { type StatedDependencies, statedDependencies } from "./stated.ts";
import { sublayouts } from "./sublayout.ts";
import { type Parameters, substituteParameters } from "./substitute.ts";
import { traceInspections, traceLayout, traceSteps } from "./trace.ts";
import type { LayoutVerdict, Reason, StepTrace, Warning } from "./verdict.ts";

/** All that a verdict depends on. */
export interface LayoutRequest {
  readonly layoutEnvelope: Envelope | Uint8Array;
  readonly owners: Owners;
  /** Envelopes and bundles by the sha256 of their bytes, which the caller has checked. */
  readonly evidence: ReadonlyMap<Sha256Hex, Uint8Array>;
  /** The artifact that the last step must have produced. */
  readonly digest: Digest;
  /** The moment for which the layout, and every certificate, must hold. */
  readonly time: Date;
  readonly parameters?: Parameters;
  /** Verifies Sigstore bundles; without it no Sigstore identity counts. */
  readonly keyless?: KeylessVerifier;
  /** Carries out inspections; without it, or where it answers undefined, an inspection denies. */
  readonly inspect?: Inspector;
  readonly limits?: Partial<InTotoLimits>;
}

/**
 * Verifies that an artifact was made as its layout asks (in-toto 5.2).
 *
 * In the order of the reference implementation: the owners' signatures, expiry, parameters, links and their
 * signatures, thresholds, sublayouts, commands (a warning), rules, inspections. Then, what in-toto leaves open: a product
 * of the last step must be the digest that was asked about, so evidence of another artifact cannot be used again (N-18).
 * A layout without steps verifies nothing and is refused. Steps that expect attestations are satisfied by them (ITE-10).
 *
 * **Monotone.** There may be any amount of evidence per step. Reports of a step that agree form a group, a group signed
 * by enough distinct functionaries is a candidate, and the answer is `ok` if one candidate per step satisfies all rules
 * together. More evidence can therefore never turn an allow into a deny, nor less a deny into an allow, within the limits
 * on evidence and search.
 *
 * Never throws for anything that comes from outside: a document that cannot be read is a reason to deny.
 */
export function verifyLayout(request: LayoutRequest): LayoutVerdict {
  return examineLayout(request).verdict;
}

/** A verdict, and what the authorised evidence states as dependencies of the artifact; of use whether it is allowed or not. */
export interface Examination {
  readonly verdict: LayoutVerdict;
  readonly stated: readonly StatedDependencies[];
  /** What it cost, in the unit of `InTotoLimits.work`. */
  readonly work: number;
}

/** The same as `verifyLayout`, with what lineage needs beside it. */
export function examineLayout(request: LayoutRequest): Examination {
  const limits: InTotoLimits = { ...DEFAULT_LIMITS, ...request.limits };
  let signed: SignedLayout | undefined;
  let solution: Solution | undefined;
  const meter = new Meter(limits);
  const reasons: Reason[] = [];
  try {
    signed = checkedLayout(request, limits);
    const work = workFor(request, limits, meter);
    solution = solve(signed.layout, work, request.digest);
    reasons.push(...solution.reasons);
    // Said first: what then seems to be missing may be there, and nobody looked at it any more.
    const { reached } = work.meter;
    if (reasons.length > 0 && reached !== undefined && !reasons.some(({ code }) => code === reached.code)) {
      reasons.unshift({ code: reached.code, message: reached.message });
    }
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    reasons.push({ code: error.code, message: error.message });
  }
  const { chosen = [], outcomes = [], products = [], collected } = solution ?? {};
  const steps = signed === undefined ? [] : traceSteps(signed.layout, collected, chosen, outcomes, limits);
  const inSublayouts = evidenceOfSublayouts(steps);
  const verdict: LayoutVerdict = {
    ok: reasons.length === 0,
    reasons,
    warnings: signed !== undefined && reasons.length === 0 ? commandWarnings(signed.layout, chosen) : [],
    layout: signed === undefined ? undefined : traceLayout(signed),
    steps,
    ...(signed === undefined || signed.layout.inspections.length === 0
      ? {}
      : { inspections: traceInspections(signed.layout, chosen, outcomes, limits) }),
    products,
    setAside: (collected?.setAside ?? []).filter(({ sha256 }) => !inSublayouts.has(sha256)),
  };
  const stated =
    signed === undefined || collected === undefined
      ? []
      : statedDependencies(signed.layout, collected, request.digest, limits);
  return { verdict, stated, work: meter.work };
}

/** What stands for steps of sublayouts: it was of use, though not to the layout itself. */
function evidenceOfSublayouts(steps: readonly StepTrace[]): ReadonlySet<Sha256Hex> {
  const used = new Set<Sha256Hex>();
  const add = (inner: readonly StepTrace[]): void => {
    for (const { links, attestations = [], sublayouts = [] } of inner) {
      for (const name of [...links, ...attestations.map(({ sha256 }) => sha256)]) used.add(name);
      for (const sublayout of sublayouts) add(sublayout.steps);
    }
  };
  for (const { sublayouts = [] } of steps) for (const sublayout of sublayouts) add(sublayout.steps);
  return used;
}

function workFor(
  { evidence, time, keyless, inspect }: LayoutRequest,
  limits: InTotoLimits,
  meter: Meter,
): Work {
  // In the order of their names, so that the same evidence gives the same verdict in whatever order it came.
  const names = [...evidence.keys()].sort();
  const work: Work = {
    pool: names.map((name) => new Evidence(name, evidence.get(name) ?? new Uint8Array(), limits)),
    trust: { time, keyless, limits },
    limits,
    meter,
    inspect,
    sumUpWithin: (within) => sublayouts(work, within),
    sublayouts: 0,
  };
  return work;
}

/** The layout, signed by its owners, of age, with its parameters in place. */
function checkedLayout(request: LayoutRequest, limits: InTotoLimits): SignedLayout {
  const signed = openLayout(request.layoutEnvelope, request.owners, limits);
  if (isExpired(signed.layout, request.time)) {
    throw new InTotoError(
      "layout_expired",
      `The layout expired at ${signed.layout.expires.toISOString()}; it is asked about for ${momentText(request.time)}.`,
    );
  }
  requireSteps(signed.layout);
  let bytes = 0;
  for (const item of request.evidence.values()) bytes += item.length;
  checkLimit(request.evidence.size, limits.evidence, "The evidence", "items");
  checkLimit(bytes, limits.evidenceBytes, "The evidence", "bytes");
  return { ...signed, layout: substituteParameters(signed.layout, request.parameters, limits) };
}

/** Command alignment (in-toto 4.3.1) is the functionary's word about itself, hence a warning; no expectation, none. */
function commandWarnings(layout: Layout, assignment: Assignment): Warning[] {
  const warnings: Warning[] = [];
  for (const [index, step] of layout.steps.entries()) {
    if (step.expectedCommand.length === 0) continue;
    for (const { report } of assignment[index]?.reports ?? []) {
      const same =
        report.command.length === step.expectedCommand.length &&
        report.command.every((word, at) => word === step.expectedCommand[at]);
      if (same) continue;
      warnings.push({
        code: "command_differs",
        message: `Step ${quote(step.name)} ran ${quote(report.command.join(" "))}; the layout expects ${quote(step.expectedCommand.join(" "))}.`,
        step: step.name,
      });
      break;
    }
  }
  return warnings;
}
