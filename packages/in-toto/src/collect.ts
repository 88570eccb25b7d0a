import { sha256 } from "@stemma/crypto";
import { canonicalJson, type Sha256Hex, StemmaError } from "@stemma/encoding";
import type { Artifacts } from "./artifacts.ts";
import { authorize, checkAttestation, type Place, placesOf } from "./authorize.ts";
import type { Evidence } from "./evidence.ts";
import { type Functionary, mergeFunctionaries } from "./functionaries.ts";
import type { Layout } from "./layout.ts";
import type { Meter } from "./limits.ts";
import { comparesNames } from "./predicates/index.ts";
import type { FoundAttestation, FoundReport, Report } from "./report.ts";
import type { ArtifactType } from "./rule.ts";
import type { SigningTrust } from "./signatures.ts";
import type { SetAside, SublayoutTrace } from "./verdict.ts";

/** Reports of one step that agree on materials and products, and who signed them together. */
export interface Candidate {
  readonly report: Report;
  readonly reports: readonly FoundReport[];
  readonly functionaries: readonly Functionary[];
  /** What was attested about its products, for each further predicate of the step that was satisfied. */
  readonly companions: readonly FoundAttestation[];
}

/** What the evidence says of one step. */
export interface StepEvidence {
  /** Groups of agreeing reports, whether they reach the threshold or not. */
  readonly groups: readonly Candidate[];
  /** Attestations by the place of their predicate in the step; the first predicate's are in the groups. */
  readonly attestations: readonly (readonly FoundAttestation[])[];
  /** Evidence that may have been meant for the step and did not count. */
  readonly setAside: readonly SetAside[];
}

export interface CollectedEvidence {
  /** Per step of the layout, in its order. */
  readonly steps: readonly StepEvidence[];
  /** Evidence that counts for nothing, each with its reason. Never a reason to deny by itself. */
  readonly setAside: readonly SetAside[];
}

/** What a sublayout comes to: everything that it may be summed up as. Throws when it is not satisfied. */
export type SumUp = (
  evidence: Evidence,
) => readonly { readonly report: Report; readonly trace: () => SublayoutTrace }[];

/** What it costs to look at a piece of evidence in one place, signatures aside, in comparisons. */
const PLACE_WORK = 1000;

/**
 * Sorts the evidence by step and by what it reports (in-toto 4.4.1).
 *
 * Whether a piece counts depends on that piece alone, and for a sublayout on the evidence for its own steps: more evidence
 * adds reports and groups and never takes one away, which is what makes verdicts monotone.
 */
export function collectEvidence(
  layout: Layout,
  pool: readonly Evidence[],
  trust: SigningTrust,
  meter: Meter,
  sumUp: SumUp,
): CollectedEvidence {
  const collected = layout.steps.map((step) => ({
    reports: [] as FoundReport[],
    attestations: step.expectedPredicates.map((): FoundAttestation[] => []),
    setAside: [] as SetAside[],
  }));
  const setAside: SetAside[] = [];
  for (const evidence of pool) {
    const faults: SetAside[] = [];
    let counts = false;
    let places: readonly Place[] = [];
    const attempt = (place: Place | undefined, work: () => void): void => {
      try {
        work();
        counts ||= place !== undefined;
      } catch (error) {
        if (!(error instanceof StemmaError)) throw error;
        const fault = aside(evidence.sha256, error, place);
        faults.push(fault);
        // With several places, only what somebody of the place signed was meant for it.
        if (place === undefined || (places.length > 1 && promise(fault) > 0)) return;
        collected[layout.steps.indexOf(place.step)]?.setAside.push(fault);
      }
    };
    attempt(undefined, () => {
      places = placesOf(layout, evidence);
    });
    for (const place of places) {
      const step = collected[layout.steps.indexOf(place.step)];
      if (step === undefined) continue;
      // Not in the attempt: once there is too much of it, nothing more is looked at.
      meter.spend(PLACE_WORK + evidence.envelope.signatures.length);
      attempt(place, () => {
        const functionaries = authorize(layout, place, evidence, trust);
        if (place.predicate === undefined) {
          step.reports.push(...reportsOf(evidence, functionaries, sumUp));
          return;
        }
        checkAttestation(place, evidence, meter);
        const { statement } = evidence;
        step.attestations[place.predicate]?.push({ sha256: evidence.sha256, statement, functionaries });
        if (place.predicate === 0) step.reports.push(attestedReport(evidence, functionaries));
      });
    }
    const [fault] = [...faults].sort((a, b) => promise(a) - promise(b));
    if (!counts && fault !== undefined) setAside.push(faults.length === 1 ? fault : withoutStep(fault));
  }
  return {
    steps: collected.map(({ reports, attestations, setAside: aside }) => ({
      groups: groupByReport(reports),
      attestations,
      setAside: aside,
    })),
    setAside,
  };
}

function reportsOf(evidence: Evidence, functionaries: readonly Functionary[], sumUp: SumUp): FoundReport[] {
  const { sha256 } = evidence;
  if (evidence.kind === "link") return [{ sha256, report: evidence.link, functionaries }];
  return sumUp(evidence).map(({ report, trace }) => ({ sha256, report, functionaries, sublayout: trace }));
}

function attestedReport(evidence: Evidence, functionaries: readonly Functionary[]): FoundReport {
  const { predicateType } = evidence.statement;
  const { materials, products } = evidence.reported;
  const labels: readonly ArtifactType[] = comparesNames(predicateType) ? [] : ["materials", "products"];
  const report: Report = { materials, products, command: [], labels };
  return { sha256: evidence.sha256, report, functionaries, predicateType };
}

function aside(sha256: Sha256Hex, error: StemmaError, place: Place | undefined): SetAside {
  return {
    sha256,
    code: error.code,
    message: error.message,
    ...(place === undefined ? {} : { step: place.step.name }),
  };
}

function withoutStep({ step: _, ...rest }: SetAside): SetAside {
  return rest;
}

/** Evidence that nobody of a place signed was hardly meant for it; any other fault says more. */
function promise(fault: SetAside): number {
  return fault.code === "functionary_not_authorized" ? 1 : 0;
}

function groupByReport(reports: readonly FoundReport[]): readonly Candidate[] {
  if (reports.length === 1) return reports.map((one) => candidate([one]));
  const groups = new Map<string, FoundReport[]>();
  // The sums of a sublayout share the artifacts that they put together.
  const known = new Map<Artifacts, string>();
  const textOf = (artifacts: Artifacts): string => {
    const text = known.get(artifacts) ?? sha256(canonicalJson(artifacts));
    known.set(artifacts, text);
    return text;
  };
  for (const one of reports) {
    const { materials, products, labels } = one.report;
    const said = `${labels?.join(" ") ?? ""}: ${textOf(materials)} ${textOf(products)}`;
    const group = groups.get(said);
    if (group === undefined) groups.set(said, [one]);
    else group.push(one);
  }
  return [...groups.values()].map(candidate);
}

function candidate(reports: readonly FoundReport[]): Candidate {
  const [first] = reports;
  if (first === undefined) throw new RangeError("A group of reports is never empty.");
  return {
    report: first.report,
    reports,
    functionaries: mergeFunctionaries(reports.map((one) => one.functionaries)),
    companions: [],
  };
}
