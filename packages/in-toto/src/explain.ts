import { type Digest, digestParts, StemmaError } from "@stemma/encoding";
import type { Candidate, CollectedLinks } from "./candidates.ts";
import type { InTotoCode } from "./error.ts";
import type { Layout, Step } from "./layout.ts";
import { type InTotoLimits, Meter } from "./limits.ts";
import { quote } from "./names.ts";
import type { RuleFailure } from "./rules.ts";
import { type Assignment, evaluateStep, type StepOutcome } from "./search.ts";
import type { Reason, SetAside } from "./verdict.ts";

/**
 * Why steps lack links, one reason per step, the most telling one: how far it got when anybody authorised signed,
 * otherwise what was wrong with what was offered, otherwise that nothing was.
 */
export function thresholdReasons(
  layout: Layout,
  collected: CollectedLinks,
  candidates: readonly (readonly Candidate[])[],
): Reason[] {
  const reasons: Reason[] = [];
  for (const [index, step] of layout.steps.entries()) {
    if ((candidates[index] ?? []).length > 0) continue;
    const setAside = collected.setAsideFor.get(step.name) ?? [];
    reasons.push(thresholdReason(step, collected.groups[index] ?? [], setAside));
  }
  return reasons;
}

/** From the most telling. Other codes of evidence set aside come after these, and before `link_missing`. */
const TELLING: readonly string[] = [
  "bad_signature",
  "functionary_not_authorized",
  "unsupported_sublayout",
] satisfies InTotoCode[];

function thresholdReason(step: Step, groups: readonly Candidate[], setAside: readonly SetAside[]): Reason {
  const name = quote(step.name);
  if (groups.length > 0) {
    const signers = new Set(groups.flatMap((group) => group.functionaries.map((one) => one.fingerprint)));
    const evidence = groups.flatMap((group) => group.links.map((link) => link.sha256));
    const others = setAside.length === 0 ? "" : ` ${setAside.length} more did not count: ${codes(setAside)}.`;
    if (signers.size >= step.threshold) {
      return {
        code: "links_disagree",
        message: `Step ${name} needs ${step.threshold} distinct functionaries who report the same; ${signers.size} signed, but their links differ in materials or products.${others}`,
        step: step.name,
        evidence,
      };
    }
    return {
      code: "threshold_not_met",
      message: `Step ${name} needs links by ${step.threshold} distinct functionaries; it has them by ${signers.size}.${others}`,
      step: step.name,
      evidence,
    };
  }
  const worst = [...setAside].sort((a, b) => rank(a) - rank(b))[0];
  if (worst === undefined) {
    return {
      code: "link_missing",
      message: `There is no link of step ${name}; it needs links by ${step.threshold} distinct functionaries.`,
      step: step.name,
    };
  }
  return { code: worst.code, message: worst.message, step: step.name, evidence: [worst.sha256] };
}

function rank(item: SetAside): number {
  const at = TELLING.indexOf(item.code);
  return at < 0 ? TELLING.length : at;
}

function codes(setAside: readonly SetAside[]): string {
  return [...new Set(setAside.map((item) => item.code))].sort().join(", ");
}

/** The links are sound, but of another artifact. */
export function finalProductReason(
  layout: Layout,
  candidates: readonly Candidate[],
  digest: Digest,
  limits: InTotoLimits,
): Reason {
  const name = layout.steps.at(-1)?.name ?? "";
  const { algorithm } = digestParts(digest);
  const found: string[] = [];
  for (const { link } of candidates) {
    for (const [product, digests] of link.products) {
      if (found.length === limits.traceNames) break;
      found.push(`${product} (${algorithm}:${digests.get(algorithm) ?? "not recorded"})`);
    }
  }
  return {
    code: "product_mismatch",
    message: `No product of the last step ${quote(name)} is ${digest}; its products are ${found.length === 0 ? "none" : found.slice(0, 4).map(quote).join(", ")}${found.length > 4 ? " and more" : ""}.`,
    step: name,
    artifacts: found,
    evidence: candidates.flatMap((candidate) => candidate.links.map((link) => link.sha256)),
  };
}

/** The rules that fail for the combination of links that went furthest, in the layout's order. */
export function ruleReasons(
  layout: Layout,
  assignment: Assignment,
  limits: InTotoLimits,
): { readonly reasons: readonly Reason[]; readonly outcomes: readonly StepOutcome[] } {
  const reasons: Reason[] = [];
  const outcomes: StepOutcome[] = [];
  const meter = new Meter(limits);
  try {
    for (const [index, step] of layout.steps.entries()) {
      const outcome = evaluateStep(layout, index, assignment, meter, limits);
      outcomes.push(outcome);
      if (outcome.failure !== undefined) reasons.push(ruleReason(step, outcome.failure));
    }
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    reasons.push({ code: error.code, message: error.message });
  }
  return { reasons, outcomes };
}

function ruleReason(step: Step, failure: RuleFailure): Reason {
  const { list, index, text, artifacts, artifactCount, mismatches } = failure;
  const names = artifacts.slice(0, 4).map(quote).join(", ");
  const more = artifactCount > 4 ? ` and ${artifactCount - 4} more` : "";
  const what = text.toUpperCase().startsWith("REQUIRE")
    ? "which is not there"
    : "which no rule before it allowed";
  const [first] = mismatches;
  const why =
    first === undefined
      ? ""
      : ` ${quote(first.rule)} found ${first.found.join(" ")} and expected ${first.expected.length === 0 ? "an artifact that the other step does not have" : first.expected.join(" ")}.`;
  return {
    code: "rule_failed",
    message: `Rule ${index + 1} of the ${list} of step ${quote(step.name)}, ${quote(text)}, fails for ${names}${more}, ${what}.${why}`,
    step: step.name,
    rule: text,
    ruleList: list,
    ruleIndex: index,
    artifacts,
    mismatches,
  };
}
