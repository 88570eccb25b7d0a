import { type Source, VerdictThread } from "@stemma/client";
import { METADATA_BYTES } from "@stemma/contract";
import type { Signer } from "@stemma/crypto";
import { type Sha256Hex, toPlain } from "@stemma/encoding";
import { signStatement } from "@stemma/in-toto";
import { layoutPath, verdictSummary } from "@stemma/lineage";
import {
  announceVerifierKey,
  databaseSource,
  type Pool,
  type RequestedSummary,
  readHead,
  readRequestedSummaries,
  storeSummary,
} from "@stemma/store";
import type { Logger } from "pino";
import { VERSION } from "./version.ts";

/** Who signs summaries: a URI, and a key for nothing else. */
export interface SummarySigner {
  readonly id: string;
  readonly signer: Signer;
}

export interface SummariesOptions {
  readonly pool: Pool;
  readonly verifier: SummarySigner;
  readonly clock: () => Date;
  readonly log: Logger;
}

const BATCH = 64;

/**
 * Issues verification summaries. That somebody has asked is all that is taken from the repository: the verdict is reached
 * here, from the domain's first root, over what is published, as of our own clock.
 */
export class Summaries {
  readonly #options: SummariesOptions;
  /** One verdict may take seconds, and publishing must not wait for it. */
  readonly #verdicts = new VerdictThread({
    mostJobs: 1,
    busy: () => new Error("Another verdict is being reached."),
  });
  /** Why summaries could not be issued when they were last tried, by their ids: each reason is reported once. */
  #failures: ReadonlyMap<number, string> = new Map();
  #pass: Promise<void> | undefined;
  #again = false;
  #stopping = false;

  constructor(options: SummariesOptions) {
    this.#options = options;
  }

  /** Tells the repository who verifies. */
  announce(): Promise<void> {
    const { pool, verifier } = this.#options;
    const { keyId } = verifier.signer.publicKey;
    const publicKey = toPlain(verifier.signer.publicKey.toJson());
    return announceVerifierKey(pool, { verifierId: verifier.id, keyId, publicKey });
  }

  /** Issues what waits. One pass at a time: what is asked for meanwhile is found by the next. */
  issue(): Promise<void> {
    if (this.#pass !== undefined) {
      this.#again = true;
      return this.#pass;
    }
    this.#pass = this.#passes();
    return this.#pass;
  }

  /** A verdict that is being reached is given up: it waits, as all the others do, for the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#verdicts.stop();
  }

  async #passes(): Promise<void> {
    try {
      do {
        this.#again = false;
        await this.#onePass();
      } while (this.#again && !this.#stopping);
    } finally {
      // In the same turn as the last look at `#again`: nothing can be asked for between the two.
      this.#pass = undefined;
    }
  }

  async #onePass(): Promise<void> {
    const failures = new Map<number, string>();
    let after = 0;
    let waiting: readonly RequestedSummary[];
    do {
      waiting = await readRequestedSummaries(this.#options.pool, after, BATCH);
      for (const request of waiting) {
        if (this.#stopping) return;
        await this.#tryOne(request, failures);
        after = request.id;
      }
    } while (waiting.length === BATCH);
    this.#failures = failures;
  }

  /** One that cannot be issued must not keep the others waiting; the timer tries it again. */
  async #tryOne(request: RequestedSummary, failures: Map<number, string>): Promise<void> {
    const { log } = this.#options;
    const { id, domainId, digest, project } = request;
    try {
      const envelope = await this.#sign(request);
      if (envelope !== undefined && (await storeSummary(this.#options.pool, request, envelope))) {
        log.info({ domain: domainId, digest, project }, "Issued a summary.");
      }
    } catch (error) {
      if (this.#stopping) return;
      const text = error instanceof Error ? error.message : String(error);
      failures.set(id, text);
      if (this.#failures.get(id) === text) return;
      log.error({ domain: domainId, digest, project, err: error }, "A summary could not be issued.");
    }
  }

  /** Undefined while there is nothing published that a client would take: the publisher's turn comes first. */
  async #sign({ domainId, digest, project }: RequestedSummary): Promise<Uint8Array | undefined> {
    const { pool, verifier, clock } = this.#options;
    const time = clock();
    const head = await readHead(pool, domainId);
    if (head?.expiresAt === undefined || head.expiresAt <= time) return undefined;
    const layouts = new Map<string, Sha256Hex>();
    const source = noting(layouts, databaseSource(pool, domainId, head));
    const root = await source.metadata("root", 1, METADATA_BYTES.root);
    if (root === undefined) throw new Error(`The domain ${domainId} lacks its first root.`);
    if (this.#stopping) return undefined;
    const verdict = await this.#verdicts.verify(root, { digest, project }, time, source);
    const layout = layouts.get(layoutPath(project));
    const statement = verdictSummary(verdict, { id: verifier.id, version: VERSION }, layout);
    return signStatement(statement, [verifier.signer]);
  }
}

/** The same source, with a note of the digests by which metadata lists the files that are asked for. */
function noting(files: Map<string, Sha256Hex>, source: Source): Source {
  return {
    ...source,
    target(path, digest, length) {
      files.set(path, digest);
      return source.target(path, digest, length);
    },
  };
}
