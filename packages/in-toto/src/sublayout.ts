/**
 * Sublayouts (in-toto 4.3.1, 4.5): a functionary may answer for a step with a layout of their own. It is verified with
 * that functionary as its owner and summed up as a link: the materials of its first step, the products of its last.
 *
 * One that is not satisfied counts for nothing, like a link that nobody signed: it is set aside, and the step's threshold
 * says whether that matters. (Python and Go give up on everything; in-toto-golang issues 23 and 471.)
 */
import type { SumUp } from "./collect.ts";
import { InTotoError } from "./error.ts";
import type { Evidence } from "./evidence.ts";
import { ruleReasons } from "./explain.ts";
import { type Layout, readLayout } from "./layout.ts";
import { quote } from "./names.ts";
import { isExpired } from "./open-layout.ts";
import type { Report } from "./report.ts";
import { findAssignment } from "./search.ts";
import { type Choices, choicesFor, requireSteps, type Work } from "./solve.ts";
import { substituteParameters } from "./substitute.ts";
import { traceSteps } from "./trace.ts";
import type { Reason, SublayoutTrace } from "./verdict.ts";

/**
 * Verifies sublayouts for the layout that stands in `within`, from the outermost on. A layout that is being verified
 * already cannot stand for one of its own steps.
 */
export function sublayouts(work: Work, within: readonly Evidence[]): SumUp {
  return (evidence) => {
    const { limits, trust } = work;
    if (within.includes(evidence)) {
      throw new InTotoError(
        "sublayout_failed",
        "The sublayout would have to stand for one of its own steps.",
      );
    }
    if (within.length >= limits.sublayoutDepth) {
      throw new InTotoError(
        "limit_exceeded",
        `Sublayouts may stand at most ${limits.sublayoutDepth} deep in one another.`,
      );
    }
    work.sublayouts += 1;
    if (work.sublayouts > limits.sublayouts) {
      work.meter.stop(
        `Sublayouts were verified ${limits.sublayouts} times without an answer; there must be fewer of them.`,
      );
    }
    // Whoever signed it was found to be a functionary of the step: its owner (in-toto 4.5).
    const layout = substituteParameters(readLayout(evidence.envelope, limits), undefined, limits);
    if (isExpired(layout, trust.time)) {
      throw new InTotoError("layout_expired", `The sublayout expired at ${layout.expires.toISOString()}.`);
    }
    requireSteps(layout);
    return sumUp(layout, evidence, choicesFor(layout, work, [...within, evidence], undefined), work);
  };
}

/** Every summary that the evidence supports. Which one is right depends on the rules of the layout around it. */
function sumUp(layout: Layout, evidence: Evidence, choices: Choices, work: Work): ReturnType<SumUp> {
  const { collected, items, candidates, reasons } = choices;
  if (reasons.length > 0) throw failed(reasons);
  const last = layout.steps.length - 1;
  const summaries: { report: Report; trace: () => SublayoutTrace }[] = [];
  let nearest: readonly Reason[] = [];
  for (const begin of candidates[0] ?? []) {
    // With one step, the first and the last are the same choice.
    for (const end of last === 0 ? [begin] : (candidates[last] ?? [])) {
      const fixed = candidates.map((list, index) => (index === 0 ? [begin] : index === last ? [end] : list));
      const result = findAssignment(items, fixed, work.meter, work.limits);
      if (!result.found) {
        const chosen = result.assignment.map((candidate, index) => candidate ?? fixed[index]?.[0]);
        if (nearest.length === 0) nearest = ruleReasons(layout, items, chosen, work.limits).reasons;
        continue;
      }
      // Each list keeps its own kind of names: that an attestation began it makes no labels of the paths at its end.
      const labels = [
        ...(begin.report.labels ?? []).filter((list) => list === "materials"),
        ...(end.report.labels ?? []).filter((list) => list === "products"),
      ];
      summaries.push({
        report: {
          materials: begin.report.materials,
          products: end.report.products,
          command: end.report.command,
          labels,
        },
        trace: () => ({
          sha256: evidence.sha256,
          expires: layout.expires.toISOString().replace(".000Z", "Z"),
          steps: traceSteps(layout, collected, result.assignment, result.outcomes, work.limits),
        }),
      });
    }
  }
  if (summaries.length === 0) throw failed(nearest);
  return summaries;
}

function failed(reasons: readonly Reason[]): InTotoError {
  const [first] = reasons;
  const more = reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : "";
  return new InTotoError(
    "sublayout_failed",
    `The sublayout is not satisfied: ${first === undefined ? "nothing stands for its steps." : `${quote(first.code)}: ${first.message}`}${more}`,
  );
}
