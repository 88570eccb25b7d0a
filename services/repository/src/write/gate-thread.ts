import { JobThread } from "@stemma/client";
import { ServiceError } from "@stemma/contract";
import type { GateAnswer, GateQuestion } from "./gate-reader.ts";

/** The thread that judges evidence with Sigstore bundles. */
export class GateThread {
  readonly #thread = new JobThread<GateQuestion, GateAnswer>({
    module: new URL("./gate-reader.ts", import.meta.url),
    does: "verifies Sigstore bundles",
    // Each with the most bundles that there may be: together they take half of a request's time.
    mostJobs: 16,
    busy: () =>
      new ServiceError("too_busy", "Many Sigstore bundles are being verified already; try again shortly."),
  });

  /** Given up once the signal is aborted. Throws `too_busy`. */
  offer(question: GateQuestion, signal?: AbortSignal): Promise<GateAnswer> {
    return this.#thread.run((ask) => ask(question), signal);
  }

  stop(): Promise<void> {
    return this.#thread.stop();
  }
}
