import type { Signer } from "@stemma/crypto";
import { toPlain } from "@stemma/encoding";
import {
  announceOnlineKey,
  domainsWithWork,
  type Listener,
  listen,
  listHeads,
  type Pool,
  reportSigner,
} from "@stemma/store";
import type { Logger } from "pino";
import { SignerError } from "./error.ts";
import type { Published, Publisher } from "./publish.ts";
import type { Summaries } from "./summaries.ts";

export interface WorkerOptions {
  readonly pool: Pool;
  readonly connectionString: string;
  readonly publisher: Publisher;
  readonly signers: readonly Signer[];
  /** Undefined: none are offered. */
  readonly summaries?: Summaries | undefined;
  /** Distinguishes this signer from others on the same database. */
  readonly instance: string;
  readonly clock: () => Date;
  /** Domains that are published at the same time at most (2): each takes a connection of the pool. */
  readonly concurrency?: number;
  /** Between two looks at all domains (30 s): for what is due, and for notifications that were lost. */
  readonly tickMs?: number;
  readonly log: Logger;
}

/**
 * Decides when to publish: when the repository notifies, when the timer finds something waiting or due, and again
 * after a failure. One publish at a time in each domain; what arrives meanwhile goes into the next one together.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #startedAt: Date;
  /** Domains that are being worked on; true: something has arrived since. */
  readonly #running = new Map<number, boolean>();
  /** Domains whose turn has not come, in order. */
  readonly #queue = new Set<number>();
  readonly #retries = new Map<number, { timer: NodeJS.Timeout; pauseMs: number; reason: string }>();
  readonly #busy = new Set<Promise<void>>();
  #listener: Listener | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;
  #publishes = 0;
  #refusedChanges = 0;
  #failures = 0;
  #lastPublishAt: Date | undefined;
  #lastError: { text: string; at: Date } | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#startedAt = options.clock();
  }

  /** Announces the keys, begins to listen and looks at every domain once. */
  async start(): Promise<void> {
    const { connectionString, log, tickMs } = this.#options;
    await this.#report();
    this.#listener = listen({
      connectionString,
      applicationName: "stemma signer (listening)",
      channels: new Map([
        ["stemma_work", (payload: string) => this.#wake(Number(payload))],
        ["stemma_summary", () => this.#issueSummaries()],
      ]),
      onConnected: () => this.#track(this.#lookAround()),
      onError: (error) => log.warn({ err: error }, "Not listening; connecting again."),
    });
    await this.#listener.ready;
    this.#timer = setInterval(() => this.#track(this.#tick()), tickMs ?? 30_000);
  }

  /** Ends after the publishes that are under way; what still waits is for the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    for (const { timer } of this.#retries.values()) clearTimeout(timer);
    await this.#options.summaries?.stop();
    await this.#listener?.close();
    while (this.#busy.size > 0) await Promise.all(this.#busy);
  }

  #wake(domainId: number): void {
    if (this.#stopping || !Number.isSafeInteger(domainId)) return;
    if (this.#running.has(domainId)) {
      this.#running.set(domainId, true);
      return;
    }
    this.#queue.add(domainId);
    this.#next();
  }

  #next(): void {
    for (const domainId of this.#queue) {
      if (this.#stopping || this.#running.size >= (this.#options.concurrency ?? 2)) return;
      this.#queue.delete(domainId);
      this.#running.set(domainId, false);
      this.#track(this.#work(domainId));
    }
  }

  async #work(domainId: number): Promise<void> {
    try {
      const published = await this.#options.publisher.publish(domainId);
      this.#forgetFailure(domainId);
      if (published) this.#note(domainId, published);
      if (published?.more) this.#running.set(domainId, true);
    } catch (error) {
      this.#fail(domainId, error);
      this.#running.set(domainId, false); // the pause before the next try holds for what has arrived, too
    } finally {
      // At the end of the queue: a busy domain does not keep the others waiting.
      if (this.#running.get(domainId) === true) this.#queue.add(domainId);
      this.#running.delete(domainId);
      this.#next();
    }
  }

  #issueSummaries(): void {
    const { summaries } = this.#options;
    if (summaries !== undefined && !this.#stopping) this.#track(summaries.issue());
  }

  #note(domainId: number, { epoch, carried, refused }: Published): void {
    const { log, clock } = this.#options;
    this.#refusedChanges += refused.length;
    for (const refusal of refused) log.warn({ domain: domainId, ...refusal }, "Refused a change.");
    if (epoch === undefined) return;
    this.#publishes += 1;
    this.#lastPublishAt = clock();
    log.info({ domain: domainId, epoch, changes: carried }, "Published.");
    // One of something that had expired may have waited for this.
    this.#issueSummaries();
  }

  #fail(domainId: number, error: unknown): void {
    const { log, clock } = this.#options;
    const retry = this.#retries.get(domainId);
    if (error instanceof SignerError && error.code === "superseded") {
      log.info({ domain: domainId }, error.message);
      this.#retry(domainId, 20, "superseded");
      return;
    }
    const text = error instanceof Error ? error.message : String(error);
    this.#failures += 1;
    // Once for each reason; its repetitions are counted.
    if (retry?.reason !== text) log.error({ domain: domainId, err: error }, "Nothing could be published.");
    this.#lastError = { text, at: clock() };
    this.#retry(domainId, Math.min((retry?.pauseMs ?? 250) * 2, 30_000), text);
  }

  #retry(domainId: number, pauseMs: number, reason: string): void {
    if (this.#stopping) return;
    clearTimeout(this.#retries.get(domainId)?.timer);
    const timer = setTimeout(() => this.#wake(domainId), pauseMs);
    this.#retries.set(domainId, { timer, pauseMs, reason });
  }

  #forgetFailure(domainId: number): void {
    clearTimeout(this.#retries.get(domainId)?.timer);
    this.#retries.delete(domainId);
  }

  async #tick(): Promise<void> {
    try {
      await this.#lookAround();
      await this.#report();
    } catch (error) {
      this.#options.log.warn({ err: error }, "Could not look at the domains; trying again.");
    }
  }

  /** Everything that waits, and every domain with something to sign again. */
  async #lookAround(): Promise<void> {
    const { pool, publisher } = this.#options;
    for (const domainId of await domainsWithWork(pool)) this.#wake(domainId);
    for (const { domainId, epoch } of await listHeads(pool)) {
      if (epoch > 0 && publisher.isDue(domainId, epoch)) this.#wake(domainId);
    }
    this.#issueSummaries();
  }

  async #report(): Promise<void> {
    const { pool, signers, summaries, instance, clock } = this.#options;
    for (const { publicKey } of signers) {
      await announceOnlineKey(pool, publicKey.keyId, toPlain(publicKey.toJson()));
    }
    await summaries?.announce();
    await reportSigner(pool, {
      instance,
      startedAt: this.#startedAt,
      clock: clock(),
      publishes: this.#publishes,
      refusedChanges: this.#refusedChanges,
      failures: this.#failures,
      lastPublishAt: this.#lastPublishAt,
      lastError: this.#lastError?.text,
      lastErrorAt: this.#lastError?.at,
    });
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => this.#options.log.error({ err: error }, "Unexpected."));
    this.#busy.add(tracked);
    tracked.finally(() => this.#busy.delete(tracked));
  }
}
