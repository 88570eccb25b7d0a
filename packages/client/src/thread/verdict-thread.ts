import type { Verdict, VerifyRequest } from "@stemma/lineage";
import { answerEffect } from "../drive.ts";
import type { Source } from "../source.ts";
import { JobThread, type JobThreadOptions } from "./job-thread.ts";
import { Places } from "./places.ts";
import type { VerdictAnswer, VerdictQuestion } from "./verdict-reader.ts";

/** The evidence of one verdict may have 64 MB. That of the next one is read while the thread is at the first. */
const EVIDENCE_HELD = 2;

/** A thread that reaches verdicts. */
export class VerdictThread {
  readonly #places = new Places(EVIDENCE_HELD);
  readonly #thread: JobThread<VerdictQuestion, VerdictAnswer>;

  constructor(options: Pick<JobThreadOptions, "mostJobs" | "busy">) {
    this.#thread = new JobThread<VerdictQuestion, VerdictAnswer>({
      ...options,
      module: new URL("./verdict-reader.ts", import.meta.url),
      does: "reaches verdicts",
    });
  }

  /**
   * The verdict from a first root, over a source; given up once the signal is aborted. Throws what `busy` makes, and what
   * the source throws.
   */
  verify(
    root: Uint8Array,
    request: VerifyRequest,
    time: Date,
    source: Source,
    signal?: AbortSignal,
  ): Promise<Verdict> {
    return this.#thread.run(async (ask) => {
      let step = await ask({ root, request, time });
      while ("effect" in step) {
        const { effect } = step;
        const next = async () => {
          signal?.throwIfAborted();
          return ask({ answer: await answerEffect(effect, source) });
        };
        step = await (effect.kind === "evidence" ? this.#places.hold(next) : next());
      }
      return step.verdict;
    }, signal);
  }

  stop(): Promise<void> {
    return this.#thread.stop();
  }
}
