import { type Finding, finding, type Severity } from "./finding.ts";
import type { Layout } from "./layout.ts";
import { functionaryFindings, keyFindings } from "./lint-keys.ts";
import { predicateFindings } from "./lint-predicates.ts";
import { isolatedSteps, matchFindings, ruleFindings } from "./lint-rules.ts";
import { quote } from "./names.ts";
import { isExpired } from "./open-layout.ts";

const DAY = 86_400_000;
const SOON = 14 * DAY;
/** A year, and the day that a leap year has more. */
const LATE = 366 * DAY;

/** The worst first. */
const ORDER: readonly Severity[] = ["error", "warning", "note"];

/**
 * What is wrong with a layout, or probably is: keys, thresholds, expiry, rules that can never do what they say. Errors
 * keep it from being published. Where a parameter or a pattern leaves room for doubt, nothing is said. Whether its owners
 * signed it is for `checkLayoutForPublish` to say.
 */
export function lintLayout(layout: Layout, time: Date): readonly Finding[] {
  const findings = [
    ...lifeFindings(layout, time),
    ...keyFindings(layout),
    ...layout.steps.flatMap((step) => functionaryFindings(layout, step)),
    ...matchFindings(layout),
    ...inspectionFindings(layout),
    ...layout.steps.flatMap((step) => ruleFindings(step, true)),
    ...layout.inspections.flatMap((inspection) => ruleFindings(inspection, false)),
    ...layout.steps.flatMap(predicateFindings),
    ...isolatedSteps(layout),
  ];
  return ORDER.flatMap((severity) => findings.filter((one) => one.severity === severity));
}

function lifeFindings(layout: Layout, time: Date): Finding[] {
  const findings: Finding[] = [];
  const { expires } = layout;
  const left = expires.getTime() - time.getTime();
  if (isExpired(layout, time)) {
    findings.push(finding("layout_expired", `The layout expired at ${expires.toISOString()}.`));
  } else if (left < SOON) {
    const days = Math.floor(left / DAY);
    findings.push(
      finding("expires_soon", `The layout expires at ${expires.toISOString()}: ${days} whole days are left.`),
    );
  } else if (left > LATE) {
    findings.push(
      finding("expires_late", `The layout expires at ${expires.toISOString()}, in more than a year.`),
    );
  }
  if (layout.steps.length === 0) {
    findings.push(finding("vacuous_policy", "The layout has no steps, so nothing can satisfy it."));
  }
  return findings;
}

function inspectionFindings({ inspections }: Layout): Finding[] {
  return inspections.map(({ name }) =>
    finding(
      "unsupported_inspection",
      `The layout has the inspection ${quote(name)}. Nothing that a layout names is run by a service, so verdicts deny unless the person who verifies has it carried out.`,
      { step: name },
    ),
  );
}
