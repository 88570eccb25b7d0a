import type { CertificateConstraint } from "@stemma/crypto";
import { type Digest, digestParts, StemmaError } from "@stemma/encoding";
import { candidatesOf } from "./candidates.ts";
import type { Candidate, CollectedEvidence, StepEvidence } from "./collect.ts";
import type { InTotoCode } from "./error.ts";
import { countDistinct, type FunctionarySet } from "./functionaries.ts";
import type { Layout, Step } from "./layout.ts";
import { type InTotoLimits, Meter } from "./limits.ts";
import { quote } from "./names.ts";
import type { RuleFailure } from "./rules.ts";
import { type Assignment, evaluateItem, type Item, type StepOutcome } from "./search.ts";
import type { Reason, SetAside } from "./verdict.ts";

/**
 * Why nothing stands for steps, one reason per step, the most telling one: how far it got when anybody authorised
 * signed, otherwise what was wrong with what was offered, otherwise that nothing was.
 */
export function thresholdReasons(
  layout: Layout,
  collected: CollectedEvidence,
  candidates: readonly (readonly Candidate[])[],
  digest: Digest | undefined,
  meter: Meter,
): Reason[] {
  const reasons: Reason[] = [];
  const last = layout.steps.length - 1;
  for (const [index, step] of layout.steps.entries()) {
    const found = collected.steps[index];
    if ((candidates[index] ?? []).length > 0 || found === undefined) continue;
    reasons.push(stepReason(step, found, index === last ? digest : undefined, meter));
  }
  return reasons;
}

function stepReason(step: Step, found: StepEvidence, digest: Digest | undefined, meter: Meter): Reason {
  const [first] = step.expectedPredicates;
  const principal = first === undefined ? step : { ...step, expectedPredicates: [first] };
  return candidatesOf(principal, found, digest, meter).length > 0
    ? companionReason(step, found, digest, meter)
    : thresholdReason(step, found);
}

/** From the most telling. Other codes of evidence set aside come after these, and before that there is none. */
const TELLING: readonly string[] = [
  "bad_signature",
  "attribute_failed",
  "vsa_not_passed",
  "sublayout_failed",
  "certificate_not_trusted",
  "certificate_constraint_unmet",
  "functionary_not_authorized",
] satisfies InTotoCode[];

function thresholdReason(step: Step, { groups, setAside }: StepEvidence): Reason {
  const name = quote(step.name);
  const [expected] = step.expectedPredicates;
  const set = expected ?? step;
  const kind = expected === undefined ? "links" : `attestations of ${quote(expected.predicateType)}`;
  const base = {
    step: step.name,
    ...(expected === undefined ? {} : { predicateType: expected.predicateType }),
    functionaries: whoMaySign(set),
  };
  const needs = `${kind} by ${step.threshold} distinct functionaries`;
  if (groups.length > 0) {
    const signers = countDistinct(groups.flatMap((group) => group.functionaries));
    const evidence = groups.flatMap((group) => group.reports.map((one) => one.sha256));
    const others = setAside.length === 0 ? "" : ` ${setAside.length} more did not count: ${codes(setAside)}.`;
    if (signers >= step.threshold) {
      return {
        ...base,
        code: "links_disagree",
        message: `Step ${name} needs ${step.threshold} distinct functionaries who report the same; ${signers} signed, but their ${expected === undefined ? "links" : "attestations"} differ in materials or products.${others}`,
        evidence,
        expected: `${step.threshold} who report the same`,
        found: `${signers} who report ${groups.length} different things`,
        advice:
          "Find out who built something else; the one that is right needs one more functionary to report the same.",
      };
    }
    return {
      ...base,
      code: "threshold_not_met",
      message: `Step ${name} needs ${needs}; it has them by ${signers}.${others}`,
      evidence,
      expected: `${step.threshold} distinct functionaries`,
      found: String(signers),
      advice: `Ask another functionary of the step to carry it out and to record what they sign.`,
    };
  }
  const worst = mostTelling(setAside);
  if (worst !== undefined) {
    return {
      ...base,
      code: worst.code,
      message: worst.message,
      evidence: [worst.sha256],
      expected: needs,
      found: `${setAside.length} that did not count: ${codes(setAside)}`,
    };
  }
  return {
    ...base,
    code: expected === undefined ? "link_missing" : "no_matching_attestation",
    message: `There is no ${expected === undefined ? "link" : `attestation of ${quote(expected.predicateType)}`} for step ${name}; it needs ${needs}.`,
    expected: needs,
    found: "none",
    advice:
      expected === undefined
        ? `Run the step under \`stemma run --step ${step.name}\` with a functionary's key, and record the link.`
        : "Have a functionary attest it with `stemma attest`, and record the attestation.",
  };
}

/** The step's first predicate is there; one of the others is not. */
function companionReason(step: Step, found: StepEvidence, digest: Digest | undefined, meter: Meter): Reason {
  const missing = step.expectedPredicates.findIndex((_, index) => {
    if (index === 0) return false;
    const kept = step.expectedPredicates.map((one, at) => (at === 0 || at === index ? one : undefined));
    return (
      candidatesOf(onlyPredicates(step, kept), onlyAttestations(found, kept), digest, meter).length === 0
    );
  });
  const expected = step.expectedPredicates[missing] ?? step.expectedPredicates[1];
  const predicateType = expected?.predicateType ?? "";
  const offered = found.attestations[missing] ?? [];
  const worst = mostTelling(found.setAside);
  const about = digest ?? "every product of the step";
  const needs = `attestations of ${quote(predicateType)} about ${about} by ${expected?.threshold ?? 1} distinct functionaries`;
  const base = {
    step: step.name,
    predicateType,
    functionaries: expected === undefined ? [] : whoMaySign(expected),
    expected: needs,
  };
  if (offered.length === 0 && worst !== undefined) {
    return {
      ...base,
      code: worst.code,
      message: worst.message,
      evidence: [worst.sha256],
      found: codes(found.setAside),
    };
  }
  return {
    ...base,
    code: offered.length === 0 ? "no_matching_attestation" : "threshold_not_met",
    message: `Step ${quote(step.name)} needs ${needs}; ${offered.length === 0 ? "there is none" : `of ${offered.length} that were found, too few are about it`}.`,
    evidence: offered.map((one) => one.sha256),
    found: offered.length === 0 ? "none" : `${offered.length} about other artifacts, or by too few`,
    advice:
      "Have a functionary attest it with `stemma attest`, about this very digest, and record the attestation.",
  };
}

type Kept<T> = readonly (T | undefined)[];

function onlyPredicates(step: Step, kept: Kept<Step["expectedPredicates"][number]>): Step {
  return { ...step, expectedPredicates: kept.filter((one) => one !== undefined) };
}

function onlyAttestations(found: StepEvidence, kept: Kept<unknown>): StepEvidence {
  return { ...found, attestations: found.attestations.filter((_, at) => kept[at] !== undefined) };
}

/** Who a layout lets sign, in words. */
export function whoMaySign(set: FunctionarySet): string[] {
  return set.keyIds
    .map((keyId) => {
      const identity = set.identities.get(keyId);
      if (identity !== undefined) return `${identity.identity} of ${identity.issuer}`;
      return set.keys.has(keyId) ? `key ${keyId}` : `key ${keyId}, which cannot be used`;
    })
    .concat(set.constraints.map(constraintText));
}

/** `a certificate with common_name "builder", uris "spiffe://…", under the root "a"`. */
function constraintText(constraint: CertificateConstraint): string {
  const attributes = [
    ["common_name", [constraint.commonName]],
    ["dns_names", constraint.dnsNames],
    ["emails", constraint.emails],
    ["organizations", constraint.organizations],
    ["uris", constraint.uris],
  ] as const;
  const words = attributes.flatMap(([name, values]) => {
    const named = values.filter((value) => value !== "");
    if (named.length === 0) return [`no ${name}`];
    return named[0] === "*" ? [] : [`${name} ${named.map(quote).join(" and ")}`];
  });
  const { roots } = constraint;
  const under = roots.includes("*") ? "any root of the layout" : `the root ${roots.map(quote).join(" or ")}`;
  return `a certificate ${words.length === 0 ? "of anybody" : `with ${words.join(", ")}`}, under ${under}`;
}

function mostTelling(setAside: readonly SetAside[]): SetAside | undefined {
  return [...setAside].sort((a, b) => rank(a) - rank(b))[0];
}

function rank(item: SetAside): number {
  const at = TELLING.indexOf(item.code);
  return at < 0 ? TELLING.length : at;
}

function codes(setAside: readonly SetAside[]): string {
  return [...new Set(setAside.map((item) => item.code))].sort().join(", ");
}

/** The evidence is sound, but of another artifact. */
export function finalProductReason(
  layout: Layout,
  candidates: readonly Candidate[],
  digest: Digest,
  limits: InTotoLimits,
): Reason {
  const name = layout.steps.at(-1)?.name ?? "";
  const { algorithm } = digestParts(digest);
  const found: string[] = [];
  for (const { report } of candidates) {
    for (const [product, digests] of report.products) {
      if (found.length === limits.traceNames) break;
      found.push(`${product} (${algorithm}:${digests.get(algorithm) ?? "not recorded"})`);
    }
  }
  const list = `${found.length === 0 ? "none" : found.slice(0, 4).map(quote).join(", ")}${found.length > 4 ? " and more" : ""}`;
  return {
    code: "product_mismatch",
    message: `No product of the last step ${quote(name)} is ${digest}; its products are ${list}.`,
    step: name,
    artifacts: found,
    evidence: candidates.flatMap((candidate) => candidate.reports.map((one) => one.sha256)),
    expected: digest,
    found: list,
    advice: "This evidence is of another artifact. Record what was signed when this one was made.",
  };
}

/** The rules that fail for the combination of evidence that went furthest, in the layout's order. */
export function ruleReasons(
  layout: Layout,
  items: readonly Item[],
  assignment: Assignment,
  limits: InTotoLimits,
): { readonly reasons: readonly Reason[]; readonly outcomes: readonly StepOutcome[] } {
  const reasons: Reason[] = [];
  const outcomes: StepOutcome[] = [];
  const meter = new Meter(limits);
  try {
    for (const [index, item] of items.entries()) {
      const outcome = evaluateItem(items, index, assignment, meter, limits);
      outcomes.push(outcome);
      if (outcome.failure === undefined) continue;
      const kind = index < layout.steps.length ? "step" : "inspection";
      const evidence = assignment[index]?.reports.map((one) => one.sha256) ?? [];
      reasons.push({ ...ruleReason(kind, item.name, outcome.failure), evidence });
    }
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    reasons.push({ code: error.code, message: error.message });
  }
  return { reasons, outcomes };
}

function ruleReason(kind: "step" | "inspection", step: string, failure: RuleFailure): Reason {
  const { list, index, text, artifacts, artifactCount, mismatches } = failure;
  const names = artifacts.slice(0, 4).map(quote).join(", ");
  const more = artifactCount > 4 ? ` and ${artifactCount - 4} more` : "";
  const isRequire = text.toUpperCase().startsWith("REQUIRE");
  const what = isRequire ? "which is not there" : "which no rule before it allowed";
  const [first] = mismatches;
  const there = first === undefined || first.expected.length > 0 ? first?.expected.join(" ") : undefined;
  const why =
    first === undefined
      ? ""
      : ` ${quote(first.rule)} found ${first.found.join(" ")} and expected ${there ?? "an artifact that the other step does not have"}.`;
  return {
    code: "rule_failed",
    message: `Rule ${index + 1} of the ${list} of ${kind} ${quote(step)}, ${quote(text)}, fails for ${names}${more}, ${what}.${why}`,
    step,
    rule: text,
    ruleList: list,
    ruleIndex: index,
    artifacts,
    mismatches,
    ...(first === undefined
      ? {}
      : { expected: there ?? "nothing of that name or digest", found: first.found.join(" ") }),
    advice: isRequire
      ? "The step must have this artifact: carry it out again, or correct the rule and publish the layout."
      : first === undefined
        ? "Something came in or out that the layout does not speak about: find out what put it there, or allow it in the layout."
        : "The artifact changed between the two steps: build again from what the earlier step made, and record that.",
  };
}
