import type { Prepared } from "./prepared.ts";

interface Entry {
  readonly prepared: Prepared;
  readonly route: string;
  readonly keepWhile: () => boolean;
  readonly bytes: number;
}

/**
 * Answers that were given before and still hold, by exact request target. It stands in front of Express
 * because the route of a hot timestamp costs more than the answer itself. Only successful answers of routes in the
 * table get in, so it grants nothing that the table does not. Bounded by bytes; least recently used goes first.
 */
export class HotAnswers {
  readonly #entries = new Map<string, Entry>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The answer for this request target if there is one that still holds. */
  find(target: string): Entry | undefined {
    const entry = this.#entries.get(target);
    if (entry === undefined) return undefined;
    this.#entries.delete(target);
    if (!entry.keepWhile()) {
      this.#bytes -= entry.bytes;
      return undefined;
    }
    this.#entries.set(target, entry);
    return entry;
  }

  /** Keeps an answer. One answer may take at most an eighth of the room. */
  keep(target: string, route: string, prepared: Prepared, keepWhile: () => boolean): void {
    // Twice the body: the compressed forms that may join it are never larger than that.
    const bytes = 2 * prepared.answer.body.length + target.length + 1024;
    if (bytes > this.#maxBytes / 8) return;
    this.#drop(target);
    this.#entries.set(target, { prepared, route, keepWhile, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  #drop(target: string): void {
    const entry = this.#entries.get(target);
    if (entry === undefined) return;
    this.#entries.delete(target);
    this.#bytes -= entry.bytes;
  }
}
