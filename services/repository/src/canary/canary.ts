import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { type Domain, listDomains, listHeads, type Pool } from "@stemma/store";
import type { Publications } from "../domain/publications.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { FollowReply, FollowRequest } from "./follow.ts";

export interface CanaryOptions {
  readonly pool: Pool;
  readonly publications: Publications;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Where the service answers, as seen from this machine. */
  readonly baseUrl: string;
  /** Between two rounds over all domains. */
  readonly everyMs: number;
  /** A publish is followed this much later; those that come meanwhile are followed together. */
  readonly debounceMs?: number;
}

/** A domain as the canary last saw it. */
export interface Sighting {
  readonly domain: string;
  readonly ok: boolean;
  /** What the stock client said. */
  readonly fault: string | undefined;
  readonly at: Date;
}

/** Domains that get metric series of their own; beyond that only the totals tell (N-57). */
const MOST_LABELS = 200;
const ROUND_MS = 30_000;

/**
 * The second opinion: a stock TUF client follows every domain, after each publish and on a timer. What our own client would
 * accept and others would not is seen here first. The sightings feed /metrics and /readyz.
 */
export class Canary {
  readonly #options: CanaryOptions;
  readonly #sightings = new Map<string, Sighting>();
  readonly #names = new Map<number, string>();
  readonly #due = new Set<string>();
  readonly #labelled = new Set<string>();
  readonly #waiting = new Map<number, (fault: string | undefined) => void>();
  #worker: Worker | undefined;
  #folder: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #ids = 0;

  constructor(options: CanaryOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { publications, everyMs } = this.#options;
    this.#folder = await mkdtemp(join(tmpdir(), "stemma-canary-"));
    publications.onPublish((domainId) => this.#publishSeen(domainId));
    this.#timer = setInterval(() => this.#lookAround(), everyMs);
    this.#timer.unref();
    this.#lookAround();
  }

  /** Every domain that was followed so far. */
  get sightings(): readonly Sighting[] {
    return [...this.#sightings.values()];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    await this.#worker?.terminate();
    for (const done of this.#waiting.values()) done("The canary was stopped.");
    await this.#running;
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  #publishSeen(domainId: number): void {
    const name = this.#names.get(domainId);
    if (name === undefined) {
      // A new domain: its name comes with the next look at all of them.
      this.#later(() => this.#lookAround());
      return;
    }
    this.#due.add(name);
    this.#later(() => this.#run());
  }

  #later(work: () => void): void {
    if (this.#soon !== undefined || this.#stopped) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      work();
    }, this.#options.debounceMs ?? 1_000);
    this.#soon.unref();
  }

  #lookAround(): void {
    const { pool, log } = this.#options;
    readNames(pool).then(
      (names) => {
        for (const [id, name] of names) {
          this.#names.set(id, name);
          this.#due.add(name);
        }
        this.#run();
      },
      (error) => log.warn({ err: error }, "the canary could not list the domains"),
    );
  }

  #run(): void {
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = this.#followDue()
      .catch((error) => this.#options.log.error({ err: error }, "the canary failed"))
      .finally(() => {
        this.#running = undefined;
        if (this.#due.size > 0) this.#run();
      });
  }

  async #followDue(): Promise<void> {
    for (const domain of this.#due) {
      if (this.#stopped) return;
      this.#due.delete(domain);
      this.#note(domain, await this.#follow(domain));
    }
  }

  #note(domain: string, fault: string | undefined): void {
    if (this.#stopped) return;
    const { metrics, log } = this.#options;
    const before = this.#sightings.get(domain);
    const ok = fault === undefined;
    const sighting = { domain, ok, fault, at: new Date() };
    this.#sightings.set(domain, sighting);
    const failing = this.sightings.filter((other) => !other.ok).length;
    metrics.canaryFailing.set(failing);
    metrics.canaryDomains.set(this.#sightings.size);
    if (this.#labelled.size < MOST_LABELS || this.#labelled.has(domain)) {
      this.#labelled.add(domain);
      metrics.canaryOk.set({ domain }, ok ? 1 : 0);
      if (ok) metrics.canaryAt.set({ domain }, sighting.at.getTime() / 1000);
    }
    if (!ok && before?.ok !== false) {
      log.error({ domain, fault }, "a stock TUF client cannot follow the domain");
    }
    if (ok && before?.ok === false) log.info({ domain }, "a stock TUF client follows the domain again");
  }

  /** One round in the thread; a thread that hangs or dies is replaced. */
  #follow(domain: string): Promise<string | undefined> {
    const worker = this.#thread();
    this.#ids += 1;
    const id = this.#ids;
    return new Promise((resolve) => {
      const done = (fault: string | undefined) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(fault);
      };
      const timer = setTimeout(() => {
        done(`The round did not end within ${ROUND_MS / 1000} s.`);
        this.#worker = undefined;
        worker.terminate();
      }, ROUND_MS);
      this.#waiting.set(id, done);
      worker.postMessage({ id, domain } satisfies FollowRequest);
    });
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./follow.ts", import.meta.url), {
      workerData: { folder: this.#folder, baseUrl: this.#options.baseUrl },
      // A runaway client must not take the service's memory along.
      resourceLimits: { maxOldGenerationSizeMb: 256 },
    });
    worker.unref();
    worker.on("message", ({ id, fault }: FollowReply) => this.#waiting.get(id)?.(fault));
    const lost = (reason: string) => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const done of [...this.#waiting.values()]) done(reason);
    };
    worker.on("error", (error) => lost(`The canary's thread died: ${error.message}`));
    worker.on("exit", () => lost("The canary's thread ended."));
    this.#worker = worker;
    return worker;
  }
}

const PAGE = 500;

/** Published domains by id. */
async function readNames(pool: Pool): Promise<ReadonlyMap<number, string>> {
  const published = new Set(
    (await listHeads(pool)).filter(({ epoch }) => epoch > 0).map(({ domainId }) => domainId),
  );
  const names = new Map<number, string>();
  for (let after: string | undefined = ""; after !== undefined; ) {
    const page: readonly Domain[] = await listDomains(pool, { after, limit: PAGE });
    for (const { id, name } of page) if (published.has(id)) names.set(id, name);
    after = page.length === PAGE ? page.at(-1)?.name : undefined;
  }
  return names;
}
