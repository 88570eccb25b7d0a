import { type Digest, digestParts, type Sha256Hex, StemmaError } from "@stemma/encoding";
import { type Artifacts, digestTexts } from "./artifacts.ts";
import { type Candidate, type CollectedLinks, collectLinks } from "./candidates.ts";
import type { Envelope } from "./envelope.ts";
import { InTotoError } from "./error.ts";
import { finalProductReason, ruleReasons, thresholdReasons } from "./explain.ts";
import type { Layout } from "./layout.ts";
import { checkLimit, DEFAULT_LIMITS, type InTotoLimits, Meter } from "./limits.ts";
import { quote } from "./names.ts";
import { isExpired, type Owners, openLayout, type SignedLayout } from "./open-layout.ts";
import { type Assignment, findAssignment, type StepOutcome } from "./search.ts";
import { type Parameters, substituteParameters } from "./substitute.ts";
import { unsupportedParts } from "./unsupported.ts";
import type {
  ArtifactListTrace,
  LayoutTrace,
  LayoutVerdict,
  Reason,
  SetAside,
  StepTrace,
  Warning,
} from "./verdict.ts";

/** All that a verdict depends on. */
export interface LayoutRequest {
  readonly layoutEnvelope: Envelope | Uint8Array;
  readonly owners: Owners;
  /** Envelopes by the sha256 of their bytes, which the caller has checked. */
  readonly evidence: ReadonlyMap<Sha256Hex, Uint8Array>;
  /** The artifact that the last step must have produced. */
  readonly digest: Digest;
  /** The moment for which the layout must hold. */
  readonly time: Date;
  readonly parameters?: Parameters;
  readonly limits?: Partial<InTotoLimits>;
}

/**
 * Verifies that an artifact was made as its layout asks (in-toto 5.2).
 *
 * In the order of the reference implementation: the owners' signatures, expiry, parameters, links and their
 * signatures, thresholds, commands (a warning), rules. Then, what in-toto leaves open: a product of the last step must
 * be the digest that was asked about, so links of another artifact cannot be used again (N-18). A layout without steps
 * verifies nothing and is refused.
 *
 * **Monotone.** There may be any number of links per step. Links of a step that agree form a group, a group signed by
 * enough distinct keys is a candidate, and the answer is `ok` if one candidate per step satisfies all rules together.
 * More evidence can therefore never turn an allow into a deny, nor less a deny into an allow, within the limits on
 * evidence and search.
 *
 * Never throws for anything that comes from outside: a document that cannot be read is a reason to deny.
 */
export function verifyLayout(request: LayoutRequest): LayoutVerdict {
  const limits: InTotoLimits = { ...DEFAULT_LIMITS, ...request.limits };
  const findings: Findings = {
    reasons: [],
    warnings: [],
    setAside: [],
    products: [],
    chosen: [],
    outcomes: [],
  };
  let signed: SignedLayout | undefined;
  try {
    signed = checkedLayout(request, limits);
    const unsupported = unsupportedParts(signed.layout);
    if (unsupported.length > 0) findings.reasons.push(...unsupported);
    else verifyLinks(signed.layout, request, limits, findings);
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    findings.reasons.push({ code: error.code, message: error.message });
  }
  const { reasons, warnings, setAside, products, chosen, outcomes } = findings;
  return {
    ok: reasons.length === 0,
    reasons,
    warnings,
    layout: signed === undefined ? undefined : describeLayout(signed),
    steps: signed === undefined ? [] : describeSteps(signed.layout, chosen, outcomes, limits),
    products,
    setAside,
  };
}

/** What the parts of the verification find out, until it becomes a verdict. */
interface Findings {
  readonly reasons: Reason[];
  readonly warnings: Warning[];
  setAside: readonly SetAside[];
  products: readonly string[];
  /** Per step, what stands for it; in a denial, what came nearest. */
  chosen: Assignment;
  outcomes: readonly StepOutcome[];
}

/** The layout, signed by its owners, of age, with its parameters in place. */
function checkedLayout(request: LayoutRequest, limits: InTotoLimits): SignedLayout {
  const signed = openLayout(request.layoutEnvelope, request.owners, limits);
  if (isExpired(signed.layout, request.time)) {
    throw new InTotoError(
      "layout_expired",
      `The layout expired at ${signed.layout.expires.toISOString()}; it is asked about for ${isoTime(request.time)}.`,
    );
  }
  if (signed.layout.steps.length === 0) {
    throw new InTotoError(
      "vacuous_policy",
      "The layout has no steps, so there is nothing that it could verify.",
    );
  }
  let bytes = 0;
  for (const envelope of request.evidence.values()) bytes += envelope.length;
  checkLimit(request.evidence.size, limits.evidence, "The evidence", "items");
  checkLimit(bytes, limits.evidenceBytes, "The evidence", "bytes");
  return { ...signed, layout: substituteParameters(signed.layout, request.parameters, limits) };
}

function verifyLinks(layout: Layout, request: LayoutRequest, limits: InTotoLimits, findings: Findings): void {
  const collected = collectLinks(layout, request.evidence, limits);
  const candidates = candidatesOf(layout, collected);
  findings.setAside = collected.setAside;
  findings.chosen = candidates.map((list) => list[0]);

  findings.reasons.push(...thresholdReasons(layout, collected, candidates));
  if (findings.reasons.length > 0) return;

  const last = layout.steps.length - 1;
  const ofThisArtifact = (candidates[last] ?? []).filter(
    (candidate) => productsWith(candidate.link.products, request.digest).length > 0,
  );
  if (ofThisArtifact.length === 0) {
    findings.reasons.push(finalProductReason(layout, candidates[last] ?? [], request.digest, limits));
    return;
  }

  const choices = candidates.map((list, index) => (index === last ? ofThisArtifact : list));
  const result = findAssignment(layout, choices, new Meter(limits), limits);
  findings.chosen = result.assignment.map((candidate, index) => candidate ?? choices[index]?.[0]);
  if (!result.found) {
    const { reasons, outcomes } = ruleReasons(layout, findings.chosen, limits);
    findings.reasons.push(...reasons);
    findings.outcomes = outcomes;
    return;
  }
  findings.outcomes = result.outcomes;
  findings.products = productsWith(findings.chosen[last]?.link.products ?? new Map(), request.digest);
  findings.warnings.push(...commandWarnings(layout, findings.chosen));
}

/** Per step, the groups of agreeing links that enough distinct public keys signed. */
function candidatesOf(layout: Layout, collected: CollectedLinks): readonly (readonly Candidate[])[] {
  return layout.steps.map((step, index) =>
    (collected.groups[index] ?? []).filter((group) => group.functionaries.length >= step.threshold),
  );
}

function productsWith(products: Artifacts, digest: Digest): string[] {
  const { algorithm, hex } = digestParts(digest);
  const names: string[] = [];
  for (const [name, digests] of products) if (digests.get(algorithm) === hex) names.push(name);
  return names;
}

/** Command alignment (in-toto 4.3.1) is the functionary's word about itself, hence a warning; no expectation, none. */
function commandWarnings(layout: Layout, assignment: Assignment): Warning[] {
  const warnings: Warning[] = [];
  for (const [index, step] of layout.steps.entries()) {
    if (step.expectedCommand.length === 0) continue;
    for (const { link } of assignment[index]?.links ?? []) {
      const same =
        link.command.length === step.expectedCommand.length &&
        link.command.every((word, at) => word === step.expectedCommand[at]);
      if (same) continue;
      warnings.push({
        code: "command_differs",
        message: `Step ${quote(step.name)} ran ${quote(link.command.join(" "))}; the layout expects ${quote(step.expectedCommand.join(" "))}.`,
        step: step.name,
      });
      break;
    }
  }
  return warnings;
}

function describeLayout({ layout, signers }: SignedLayout): LayoutTrace {
  return {
    signers: signers.map(({ keyId, fingerprint }) => ({ keyId, fingerprint })),
    expires: layout.expires.toISOString().replace(".000Z", "Z"),
  };
}

function describeSteps(
  layout: Layout,
  assignment: Assignment,
  outcomes: readonly StepOutcome[],
  limits: InTotoLimits,
): StepTrace[] {
  return layout.steps.map(({ name, threshold }, index) => {
    const candidate = assignment[index];
    return {
      name,
      threshold,
      functionaries: (candidate?.functionaries ?? []).map(({ keyId, fingerprint }) => ({
        keyId,
        fingerprint,
      })),
      links: (candidate?.links ?? []).map((link) => link.sha256),
      materials: describeArtifacts(candidate?.link.materials, limits),
      products: describeArtifacts(candidate?.link.products, limits),
      command: candidate?.link.command ?? [],
      rules: outcomes[index]?.trace ?? [],
    };
  });
}

function describeArtifacts(artifacts: Artifacts | undefined, limits: InTotoLimits): ArtifactListTrace {
  const entries: ArtifactListTrace["entries"][number][] = [];
  for (const [name, digests] of artifacts ?? []) {
    if (entries.length === limits.traceArtifacts) break;
    entries.push({ name, digests: digestTexts(digests) });
  }
  return { count: artifacts?.size ?? 0, entries };
}

function isoTime(time: Date): string {
  return Number.isNaN(time.getTime()) ? "a time that is not one" : time.toISOString();
}
