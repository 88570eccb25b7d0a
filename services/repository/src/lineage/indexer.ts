import { VerdictThread } from "@stemma/client";
import { StemmaError } from "@stemma/encoding";
import { type ArtifactRecord, factsOf, type Verdict } from "@stemma/lineage";
import {
  type Domain,
  enqueueRecord,
  listLineageBehind,
  lockLineage,
  moveLineageCursor,
  noteFacts,
  type PublishedRecord,
  type RecordChange,
  readHead,
  readLineageCursor,
  readPublishedRecords,
  withTransaction,
} from "@stemma/store";
import type { Published } from "../domain/domains.ts";
import type { Context } from "../service.ts";
import { platformRecords } from "./platforms.ts";

/** Records that are followed in one transaction. */
const BATCH = 16;
/** Times that a verdict is tried when the fault is ours; a record that ends the thread each time must not stop all others. */
const MOST_FAULTS = 3;
/** Publishes are heard of; this is for those that were missed. */
const LOOK_AGAIN_MS = 30_000;

/**
 * Follows what is published: reaches a verdict about each record that is new or has grown, and enters what it has shown into the
 * index of lineage. An artifact that is denied enters nothing. Platforms of an index that holds get a record that points to it,
 * where their owners let an index speak for them.
 *
 * Any number of processes may do this at once: each works ahead, and only the one that finds the cursor where it began may write.
 */
export class Indexer {
  readonly #context: Context;
  /** Of its own: those who ask for a verdict must not wait for the ones that nobody waits for. */
  readonly #verdicts = new VerdictThread({
    mostJobs: 1,
    busy: () => new Error("Another verdict is being reached."),
  });
  /** How often no verdict could be reached, by what was asked. */
  readonly #faults = new Map<string, number>();
  #pass: Promise<void> | undefined;
  #again = false;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  start(): void {
    const { publications } = this.#context;
    publications.onPublish(() => this.#look());
    publications.onGap(() => this.#look());
    this.#timer = setInterval(() => this.#look(), LOOK_AGAIN_MS);
    this.#timer.unref();
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#verdicts.stop();
    await this.#pass;
  }

  #look(): void {
    if (this.#stopping) return;
    this.#again = true;
    this.#pass ??= this.#passes().finally(() => {
      this.#pass = undefined;
    });
  }

  async #passes(): Promise<void> {
    while (this.#again && !this.#stopping) {
      this.#again = false;
      await this.#orLog(() => this.#followAll());
    }
  }

  /** A fault is logged, and the next look begins where this one stood. */
  async #orLog(work: () => Promise<void>, domain?: Domain): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#stopping) return;
      const { log } = this.#context;
      log.warn({ err: error, domain: domain?.name }, "the index of lineage could not be brought up to date");
    }
  }

  async #followAll(): Promise<void> {
    let after = 0;
    let page: readonly Domain[];
    do {
      page = await listLineageBehind(this.#context.pool, after, 100);
      for (const domain of page) await this.#orLog(() => this.#follow(domain), domain);
      after = page.at(-1)?.id ?? after;
    } while (page.length > 0 && !this.#stopping);
  }

  async #follow(domain: Domain): Promise<void> {
    while (!this.#stopping && (await this.#followSome(domain)));
  }

  /** Follows a few records; false when nothing is left to do. */
  async #followSome(domain: Domain): Promise<boolean> {
    const { pool, domains } = this.#context;
    const head = await readHead(pool, domain.id);
    if (head === undefined || head.epoch === 0) return false;
    const cursor = await readLineageCursor(pool, domain.id);
    const records = await readPublishedRecords(pool, domain.id, cursor, head.epoch, BATCH);
    const last = records.at(-1);
    if (last === undefined) return false;
    // What is in memory may be older than what the database just said, and would know nothing of the newest records.
    domains.heads.seen(domain.id, head.epoch);
    const published = await domains.published(domain.name);
    const verdicts: Verdict[] = [];
    const platforms: RecordChange[] = [];
    // Everything is read before the transaction: with one connection in it, nothing may wait for a second.
    for (const asked of distinct(records)) {
      const verdict = await this.#verdict(published, asked);
      if (verdict !== undefined) {
        verdicts.push(verdict);
        platforms.push(...(await platformRecords(this.#context, published, verdict)));
      }
      if (this.#stopping) return false;
    }
    await withTransaction(pool, async (client) => {
      // An edge between much and much costs its product, and nobody waits for it.
      await client.query("SET LOCAL statement_timeout = 0");
      const now = await lockLineage(client, domain.id);
      // Somebody else was faster, and what they noted is the same.
      if (now.epoch !== cursor.epoch || now.changeId !== cursor.changeId) return;
      for (const verdict of verdicts) await noteFacts(client, domain.id, factsOf(verdict));
      for (const record of platforms) await enqueueRecord(client, domain.id, [], record);
      await moveLineageCursor(client, domain.id, last);
    });
    return true;
  }

  /**
   * Undefined when it cannot be told, such as while another trust domain is not to be had, or when the fault is ours time and again:
   * asking for its lineage tries again.
   */
  async #verdict(
    published: Published,
    { digest, project }: { readonly digest: ArtifactRecord["digest"]; readonly project: string },
  ): Promise<Verdict | undefined> {
    const { domains, clock, log } = this.#context;
    const root = await domains.firstRoot(published.domain);
    const asked = `${published.domain.id} ${digest} ${project}`;
    try {
      const verdict = await this.#verdicts.verify(
        root,
        { digest, project, explore: true },
        clock(),
        domains.source(published),
      );
      this.#faults.delete(asked);
      return verdict;
    } catch (error) {
      if (this.#stopping) return undefined;
      const faults = (this.#faults.get(asked) ?? 0) + 1;
      if (!(error instanceof StemmaError) && faults < MOST_FAULTS) {
        this.#faults.set(asked, faults);
        throw error;
      }
      this.#faults.delete(asked);
      log.warn(
        { err: error, domain: published.domain.name, digest, project },
        "no verdict, so no lineage yet",
      );
      return undefined;
    }
  }
}

/** Each artifact once for each project. */
function distinct(
  records: readonly PublishedRecord[],
): readonly { readonly digest: ArtifactRecord["digest"]; readonly project: string }[] {
  const asked = records.flatMap(({ record: { digest, projects } }) =>
    projects.map((project) => [`${digest} ${project}`, { digest, project }] as const),
  );
  return [...new Map(asked).values()];
}
