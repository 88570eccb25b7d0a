import { answerEffect, type Source } from "@stemma/client";
import type { Verdict, VerifyRequest } from "@stemma/lineage";
import { JobThread } from "../thread/job-thread.ts";
import type { VerdictAnswer, VerdictQuestion } from "./reader.ts";

/** The thread that reaches the service's own verdicts. */
export class VerdictThread {
  readonly #thread = new JobThread<VerdictQuestion, VerdictAnswer>({
    module: new URL("./reader.ts", import.meta.url),
    does: "reaches verdicts",
    mostJobs: 64,
    busy: "Many verdicts are being reached already; try again shortly.",
  });

  /** The verdict from a first root, over a source. Throws `too_busy`, and what the source throws. */
  verify(root: Uint8Array, request: VerifyRequest, time: Date, source: Source): Promise<Verdict> {
    return this.#thread.run(async (ask) => {
      let step = await ask({ root, request, time });
      while ("effect" in step) step = await ask({ answer: await answerEffect(step.effect, source) });
      return step.verdict;
    });
  }

  stop(): Promise<void> {
    return this.#thread.stop();
  }
}
