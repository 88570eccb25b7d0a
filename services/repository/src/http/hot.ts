import { Lru } from "../domain/lru.ts";
import type { Prepared } from "./prepared.ts";

export interface HotAnswer {
  readonly prepared: Prepared;
  readonly route: string;
  readonly keepWhile: () => boolean;
}

/**
 * Answers that were given before and still hold, by exact request target. They stand in front of Express because
 * routing a hot timestamp costs more than answering it. Only successful answers of routes in the table get in, so this
 * grants nothing that the table does not. Bounded by bytes.
 */
export class HotAnswers {
  readonly #answers: Lru<HotAnswer>;

  constructor(maxBytes: number) {
    this.#answers = new Lru(maxBytes);
  }

  /** The answer for this request target if there is one that still holds. */
  find(target: string): HotAnswer | undefined {
    const answer = this.#answers.get(target);
    if (answer === undefined || answer.keepWhile()) return answer;
    this.#answers.delete(target);
    return undefined;
  }

  keep(target: string, answer: HotAnswer): void {
    // Twice the body: the compressed forms that may join it are together no larger than that.
    this.#answers.set(target, answer, 3 * answer.prepared.answer.body.length + target.length + 1024);
  }
}
