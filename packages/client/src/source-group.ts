import { ClientError } from "./error.ts";
import type { Source } from "./source.ts";

/** Milliseconds for which a source that failed is not asked again. */
const LEFT_ALONE_MS = 30_000;

/** Several sources that are asked one after the other. One that failed is left alone for a while. */
export class SourceGroup {
  /** In which they are asked. */
  order: readonly Source[];
  readonly #failed = new Map<Source, { readonly until: number; readonly error: ClientError }>();

  constructor(sources: readonly Source[]) {
    this.order = sources;
  }

  /**
   * The first answer that is right. Where none is: throws what a source failed with, or else gives an answer that is wrong,
   * unless only right ones are of use here.
   */
  async first(
    ask: (source: Source) => Promise<Uint8Array | undefined>,
    isRight: (bytes: Uint8Array) => boolean = () => true,
    use: "ours" | "theirs" = "theirs",
  ): Promise<Uint8Array | undefined> {
    let absent = false;
    let failure: ClientError | undefined;
    let wrong: Uint8Array | undefined;
    for (const source of this.order) {
      const answer = await this.ask(source, () => ask(source));
      if (answer instanceof ClientError) failure ??= answer;
      else if (answer === undefined) absent = true;
      else if (isRight(answer)) return answer;
      else wrong ??= answer;
    }
    // The end of the chain of roots is where any source that can be reached has no next.
    if (use === "ours" && (absent || wrong !== undefined)) return undefined;
    if (failure !== undefined) throw failure;
    return wrong;
  }

  /** Asks, unless the source has just failed. What a source fails with is an answer here. */
  async ask<T>(source: Source, question: () => Promise<T>): Promise<T | ClientError> {
    const failed = this.#failed.get(source);
    if (failed !== undefined && performance.now() < failed.until) return failed.error;
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      // An answer that is too large is wrong, and says nothing about the next.
      if (error.code !== "source_too_large") {
        this.#failed.set(source, { until: performance.now() + LEFT_ALONE_MS, error });
      }
      return error;
    }
  }
}
