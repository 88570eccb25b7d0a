import { type ChangeState, type Pool, readChanges } from "@stemma/store";

interface Look {
  readonly found: Promise<ReadonlyMap<number, ChangeState>>;
  readonly ids: Set<number>;
}

/**
 * What became of changes. Many requests wait for one publish and look at the same moment when they hear of it: those
 * that begin together are answered by one query.
 */
export class Decisions {
  readonly #pool: Pool;
  #next: Look | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** The change as it is now, or undefined when there is none of this id. */
  async look(id: number): Promise<ChangeState | undefined> {
    this.#next ??= this.#begin();
    const look = this.#next;
    look.ids.add(id);
    return (await look.found).get(id);
  }

  #begin(): Look {
    const ids = new Set<number>();
    const found = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      // Whoever comes from now on wants to know how it is then.
      this.#next = undefined;
      return readChanges(this.#pool, [...ids]);
    });
    return { found, ids };
  }
}
