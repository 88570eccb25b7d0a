import { type Verdict, type VerifyRequest, verifyFromRoot } from "@stemma/lineage";
import type { Effect, EffectAnswer } from "@stemma/tuf";
import { serveJobs } from "./serve-jobs.ts";

/**
 * Reaches verdicts in a thread of its own: one may rest on hundreds of Sigstore bundles, or on a layout that takes
 * seconds to satisfy. A job has a turn for each effect of the workflow, because the bytes are where the database is.
 */

/** First turn: what is asked. Then: what came of the effect that was answered with. */
export type VerdictQuestion =
  | { readonly root: Uint8Array; readonly request: VerifyRequest; readonly time: Date }
  | { readonly answer: EffectAnswer };

/** Bytes that are needed, or the verdict. */
export type VerdictAnswer = { readonly effect: Effect } | { readonly verdict: Verdict };

serveJobs<VerdictQuestion, VerdictAnswer>(() => {
  let workflow: ReturnType<typeof verifyFromRoot> | undefined;
  return (question) => {
    let answer: EffectAnswer;
    if ("root" in question) workflow = verifyFromRoot(question.root, question.request, question.time);
    else ({ answer } = question);
    if (workflow === undefined) throw new TypeError("A verdict begins with what is asked.");
    const step = workflow.next(answer);
    return step.done === true ? { verdict: step.value } : { effect: step.value };
  };
});
