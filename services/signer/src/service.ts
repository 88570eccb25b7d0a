import type { Signer } from "@stemma/crypto";
import { checkSchema, checkServer, createPool } from "@stemma/store";
import type { Logger } from "pino";
import type { SignerConfig } from "./config.ts";
import { Publisher, type PublisherOptions } from "./publish.ts";
import { Summaries, type SummarySigner } from "./summaries.ts";
import { Worker } from "./worker.ts";

/** The keys of a signer. */
export interface SignerKeys {
  readonly online: Signer;
  /** Undefined: no summaries are issued. */
  readonly verifier?: SummarySigner | undefined;
}

/** What a test replaces: time, and what happens between the steps of a publish. */
export interface Overrides {
  readonly clock?: () => Date;
  readonly onStep?: PublisherOptions["onStep"];
}

export interface SignerService {
  readonly publisher: Publisher;
  /** Ends after the publishes that are under way. */
  stop(): Promise<void>;
}

/** Checks the database, announces the keys and begins to publish. */
export async function startSigner(
  config: SignerConfig,
  { online, verifier }: SignerKeys,
  log: Logger,
  overrides: Overrides = {},
): Promise<SignerService> {
  const clock = overrides.clock ?? (() => new Date());
  const pool = createPool({
    connectionString: config.databaseUrl,
    max: config.poolSize,
    applicationName: "stemma signer",
    onError: (error) => log.warn({ err: error }, "An idle database connection broke; it is replaced."),
  });
  try {
    await checkServer(pool);
    await checkSchema(pool);
    const publisher = new Publisher({
      pool,
      signers: [online],
      periods: config.periods,
      bitLength: config.bitLength,
      clock,
      ...(overrides.onStep && { onStep: overrides.onStep }),
    });
    const worker = new Worker({
      pool,
      connectionString: config.databaseUrl,
      publisher,
      signers: [online],
      summaries: verifier && new Summaries({ pool, verifier, clock, log }),
      instance: config.instance,
      clock,
      tickMs: config.tickMs,
      // One connection stays free for the looks at all domains.
      concurrency: Math.max(1, config.poolSize - 1),
      log,
    });
    await worker.start();
    return {
      publisher,
      async stop() {
        await worker.stop();
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}
