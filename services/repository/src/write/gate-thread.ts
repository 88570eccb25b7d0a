import { type Ask, JobThread, Places } from "@stemma/client";
import { ServiceError } from "@stemma/contract";
import type { GateAnswer, GateQuestion } from "./gate-reader.ts";

/** What was recorded before, of as many requests at a time. */
const RECORDED_HELD = 2;

/** The thread that judges evidence with Sigstore bundles, or with what was recorded before. */
export class GateThread {
  readonly #places = new Places(RECORDED_HELD);
  readonly #thread = new JobThread<GateQuestion, GateAnswer>({
    module: new URL("./gate-reader.ts", import.meta.url),
    does: "verifies Sigstore bundles",
    // Each with the most bundles that there may be, as signers make them: together they take half of a request's time.
    // Those that are stuffed with proofs take longer, and are given up with their requests.
    mostJobs: 16,
    busy: () =>
      new ServiceError("too_busy", "Many Sigstore bundles are being verified already; try again shortly."),
  });

  /** Given up once the signal is aborted. Throws `too_busy`. */
  offer(question: GateQuestion, signal?: AbortSignal): Promise<GateAnswer> {
    return this.#thread.run((ask) => ask(question), signal);
  }

  /** The same, by the sublayouts among what was recorded before, too. */
  offerAfter(
    question: GateQuestion,
    recorded: () => Promise<GateQuestion["evidence"]>,
    signal: AbortSignal,
  ): Promise<GateAnswer> {
    const offer = (ask: Ask<GateQuestion, GateAnswer>) => async () => {
      signal.throwIfAborted();
      return ask({ ...question, recorded: await recorded() });
    };
    return this.#thread.run((ask) => this.#places.hold(offer(ask)), signal);
  }

  stop(): Promise<void> {
    return this.#thread.stop();
  }
}
