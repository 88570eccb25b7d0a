import { type Listener, listen } from "@stemma/store";
import type { Logger } from "../observe/log.ts";

/**
 * Hears of every publish (`stemma_published`, payload `<domain id>:<epoch>`). While the connection is down nothing is
 * known to be current, and whoever asks has to look at the database.
 */
export class Publications {
  readonly #listener: Listener;
  readonly #onPublish = new Set<(domainId: number, epoch: number) => void>();
  readonly #onGap = new Set<() => void>();
  #connected = false;

  constructor(connectionString: string, log: Logger) {
    this.#listener = listen({
      connectionString,
      applicationName: "stemma repository (listen)",
      channels: new Map([["stemma_published", (payload: string) => this.#hear(payload)]]),
      onConnected: () => {
        // What was sent while nobody listened is lost: nothing held in memory is known to be current.
        this.#connected = true;
        for (const tell of this.#onGap) tell();
      },
      onError: (error) => {
        this.#connected = false;
        for (const tell of this.#onGap) tell();
        log.warn({ err: error }, "the connection that listens for publishes was lost");
      },
    });
  }

  /** True while every publish is heard of. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Calls back on each publish; the returned function ends that. */
  onPublish(tell: (domainId: number, epoch: number) => void): () => void {
    this.#onPublish.add(tell);
    return () => this.#onPublish.delete(tell);
  }

  /** Calls back whenever publishes may have been missed. */
  onGap(tell: () => void): void {
    this.#onGap.add(tell);
  }

  /** Resolves at the next publish of the domain, after `ms`, or when the signal is aborted. */
  next(domainId: number, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        stop();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const stop = this.onPublish((published) => {
        if (published === domainId) done();
      });
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }

  close(): Promise<void> {
    this.#connected = false;
    return this.#listener.close();
  }

  #hear(payload: string): void {
    const [domainId, epoch] = payload.split(":", 2).map(Number);
    if (!Number.isSafeInteger(domainId) || !Number.isSafeInteger(epoch)) return;
    for (const tell of [...this.#onPublish]) tell(domainId as number, epoch as number);
  }
}
