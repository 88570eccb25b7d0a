import type { ExpectedPredicate } from "./expected-predicate.ts";
import { type Finding, finding } from "./finding.ts";
import type { Step } from "./layout.ts";
import { quote } from "./names.ts";
import { TEST_RESULT_TYPE } from "./predicates/test-result.ts";
import { VERIFICATION_SUMMARY_TYPE } from "./predicates/verification-summary.ts";
import { VULNS_01_TYPE, VULNS_TYPE } from "./predicates/vulns.ts";

/** Predicates that report an outcome: that they are there says nothing yet. */
const OUTCOMES: ReadonlySet<string> = new Set([
  TEST_RESULT_TYPE,
  VULNS_TYPE,
  VULNS_01_TYPE,
  VERIFICATION_SUMMARY_TYPE,
]);
const VERIFIER = ["predicate", "verifier", "id"];

/** What is missing in the attestations that a step expects. */
export function predicateFindings(step: Step): Finding[] {
  return step.expectedPredicates.flatMap((expected) => {
    const { predicateType, attributes } = expected;
    const what = `Step ${quote(step.name)} expects an attestation of ${quote(predicateType)}`;
    if (OUTCOMES.has(predicateType) && attributes.length === 0) {
      return [
        finding("predicate_unconstrained", `${what}, but does not say what must stand in it.`, {
          step: step.name,
        }),
      ];
    }
    if (predicateType === VERIFICATION_SUMMARY_TYPE && !constrainsVerifier(expected)) {
      return [
        finding(
          "verifier_unconstrained",
          `${what}, but not of which verifier: whoever signs it may sum up anybody's verification.`,
          { step: step.name },
        ),
      ];
    }
    return [];
  });
}

function constrainsVerifier({ attributes }: ExpectedPredicate): boolean {
  return attributes.some(
    ({ at, test }) =>
      (test.kind === "oneOf" || test.kind === "glob") &&
      at.segments.length === VERIFIER.length &&
      at.segments.every((segment, index) => segment === null || segment === VERIFIER[index]),
  );
}
