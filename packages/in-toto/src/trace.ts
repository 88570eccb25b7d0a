import type { Artifacts } from "./artifacts.ts";
import { digestTexts } from "./artifacts.ts";
import type { CollectedEvidence } from "./collect.ts";
import type { Functionary } from "./functionaries.ts";
import type { Layout } from "./layout.ts";
import type { InTotoLimits } from "./limits.ts";
import type { SignedLayout } from "./open-layout.ts";
import type { Assignment, StepOutcome } from "./search.ts";
import type {
  ArtifactListTrace,
  AttestationTrace,
  InspectionTrace,
  LayoutTrace,
  SignerTrace,
  StepTrace,
  SublayoutTrace,
} from "./verdict.ts";

/** The owners of a layout and its expiry, for a verdict. */
export function traceLayout({ layout, signers }: SignedLayout): LayoutTrace {
  return {
    signers: signers.map(traceSigner),
    expires: layout.expires.toISOString().replace(".000Z", "Z"),
  };
}

/** What stands for each step, in the layout's order; empty where nothing does. */
export function traceSteps(
  layout: Layout,
  collected: CollectedEvidence | undefined,
  assignment: Assignment,
  outcomes: readonly StepOutcome[],
  limits: InTotoLimits,
): StepTrace[] {
  return layout.steps.map(({ name, threshold }, index) => {
    const candidate = assignment[index];
    const reports = candidate?.reports ?? [];
    const attestations = [
      ...reports.flatMap(({ sha256, predicateType, functionaries }): AttestationTrace[] =>
        predicateType === undefined
          ? []
          : [{ sha256, predicateType, functionaries: functionaries.map(traceSigner) }],
      ),
      ...(candidate?.companions ?? nearest(collected, index)).map(
        ({ sha256, statement, functionaries }): AttestationTrace => ({
          sha256,
          predicateType: statement.predicateType,
          functionaries: functionaries.map(traceSigner),
        }),
      ),
    ];
    const sublayouts = reports.flatMap(({ sublayout }): SublayoutTrace[] =>
      sublayout === undefined ? [] : [sublayout()],
    );
    return {
      name,
      threshold,
      functionaries: (candidate?.functionaries ?? []).map(traceSigner),
      links: reports.map(({ sha256 }) => sha256),
      ...(attestations.length === 0 ? {} : { attestations }),
      ...(sublayouts.length === 0 ? {} : { sublayouts }),
      materials: traceArtifacts(candidate?.report.materials, limits),
      products: traceArtifacts(candidate?.report.products, limits),
      command: candidate?.report.command ?? [],
      rules: outcomes[index]?.trace ?? [],
    };
  });
}

/** In a denial, what was attested although nothing stands for the step. */
function nearest(collected: CollectedEvidence | undefined, index: number) {
  return collected?.steps[index]?.attestations.slice(1).flat() ?? [];
}

/** What the inspections found, and what their rules made of it. */
export function traceInspections(
  { steps, inspections }: Layout,
  assignment: Assignment,
  outcomes: readonly StepOutcome[],
  limits: InTotoLimits,
): InspectionTrace[] {
  return inspections.flatMap(({ name, run }, index): InspectionTrace[] => {
    const report = assignment[steps.length + index]?.report;
    if (report === undefined) return [];
    return [
      {
        name,
        run,
        materials: traceArtifacts(report.materials, limits),
        products: traceArtifacts(report.products, limits),
        rules: outcomes[steps.length + index]?.trace ?? [],
      },
    ];
  });
}

function traceSigner({ kind, keyId, fingerprint, name, issuer, anchors }: Functionary): SignerTrace {
  return {
    keyId,
    fingerprint,
    ...(kind === "key" ? {} : { kind }),
    ...(name === undefined ? {} : { name }),
    ...(issuer === undefined ? {} : { issuer }),
    ...(anchors === undefined ? {} : { anchors }),
  };
}

function traceArtifacts(artifacts: Artifacts | undefined, limits: InTotoLimits): ArtifactListTrace {
  const entries: ArtifactListTrace["entries"][number][] = [];
  for (const [name, digests] of artifacts ?? []) {
    if (entries.length === limits.traceArtifacts) break;
    entries.push({ name, digests: digestTexts(digests) });
  }
  return { count: artifacts?.size ?? 0, entries };
}
