import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { VerdictThread } from "@stemma/client";
import { ServiceError } from "@stemma/contract";
import { checkSchema, checkServer, createPool, type Pool } from "@stemma/store";
import { Canary } from "./canary/canary.ts";
import type { Config } from "./config.ts";
import { Decisions } from "./domain/decisions.ts";
import { Domains } from "./domain/domains.ts";
import { Heads } from "./domain/heads.ts";
import { Publications } from "./domain/publications.ts";
import { StoredFiles } from "./domain/stored.ts";
import { createHandlers } from "./handlers.ts";
import { HistoryThread } from "./history/thread.ts";
import { createListener } from "./http/app.ts";
import { createAuthenticator } from "./http/authenticate.ts";
import { createHttpServer } from "./http/server.ts";
import { Indexer } from "./lineage/indexer.ts";
import { createLogger, type Logger } from "./observe/log.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { Referrers } from "./registry/referrers.ts";
import { VERSION } from "./version.ts";
import { GateThread } from "./write/gate-thread.ts";

/** Everything that handlers work with. */
export interface Context {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly pool: Pool;
  readonly publications: Publications;
  readonly decisions: Decisions;
  readonly domains: Domains;
  readonly histories: HistoryThread;
  readonly gate: GateThread;
  readonly referrers: Referrers;
  readonly verdicts: VerdictThread;
  /** The time as of which uploads are judged. */
  readonly clock: () => Date;
  /** True from the first moment of a shutdown. */
  readonly isDraining: () => boolean;
  /** Undefined while it is turned off. */
  readonly canary: () => Canary | undefined;
}

export interface Overrides {
  readonly log?: Logger;
  readonly clock?: () => Date;
}

/** A running repository service. */
export interface RepositoryService {
  /** `http://<host>:<port>`, with the port that was really taken. */
  readonly url: string;
  readonly context: Context;
  /**
   * Ends it in order: readiness turns false, no new connections, requests under way get `shutdownMs`, then the database
   * connections close. Safe to call twice.
   */
  stop(): Promise<void>;
}

/** Connects, checks what must hold, and listens. Rejects with one clear sentence when it cannot. */
export async function startRepository(config: Config, overrides: Overrides = {}): Promise<RepositoryService> {
  const log = overrides.log ?? createLogger(config);
  const metrics = createMetrics();
  const pool = createPool({
    connectionString: config.databaseUrl,
    max: config.poolSize,
    applicationName: "stemma repository",
    statementTimeoutMs: config.deadlineMs,
    onError: (error) => log.warn({ err: error }, "an idle database connection was lost"),
  });
  let publications: Publications | undefined;
  try {
    await checkServer(pool);
    await checkSchema(pool);
    publications = new Publications(config.databaseUrl, log);
    const heads = new Heads(pool, publications);
    const files = new StoredFiles(pool, log, metrics, config.cacheBytes / 2);
    let draining = false;
    let canary: Canary | undefined;
    const context: Context = {
      config,
      log,
      metrics,
      pool,
      publications,
      decisions: new Decisions(pool),
      domains: new Domains(heads, files),
      histories: new HistoryThread(),
      gate: new GateThread(),
      referrers: new Referrers(pool, files),
      verdicts: new VerdictThread({
        mostJobs: 64,
        busy: () =>
          new ServiceError("too_busy", "Many verdicts are being reached already; try again shortly."),
      }),
      clock: overrides.clock ?? (() => new Date()),
      isDraining: () => draining,
      canary: () => canary,
    };
    const listener = createListener({
      config,
      log,
      metrics,
      handlers: createHandlers(context),
      authenticate: createAuthenticator(pool),
      isDraining: () => draining,
    });
    const server = createHttpServer(config, log, metrics, listener);
    const url = await listenOn(server, config);
    log.info({ url, version: VERSION }, "listening");
    const connection = publications;
    if (config.canarySeconds > 0) {
      const everyMs = config.canarySeconds * 1000;
      canary = new Canary({ pool, publications, metrics, log, baseUrl: localUrl(url), everyMs });
      await canary.start();
    }
    const indexer = new Indexer(context);
    indexer.start();
    let stopping: Promise<void> | undefined;
    return {
      url,
      context,
      stop() {
        draining = true;
        stopping ??= stop(server, config, log).then(async () => {
          await canary?.stop();
          await indexer.stop();
          const { histories, gate, referrers, verdicts } = context;
          await Promise.all([histories.stop(), gate.stop(), referrers.stop(), verdicts.stop()]);
          await connection.close();
          await pool.end();
          log.info("stopped");
        });
        return stopping;
      },
    };
  } catch (error) {
    await publications?.close();
    await pool.end();
    throw error;
  }
}

function listenOn(server: Server, { host, port }: Config): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      const { port: taken } = server.address() as AddressInfo;
      resolve(`http://${host.includes(":") ? `[${host}]` : host}:${taken}`);
    });
  });
}

/** The address at which this machine reaches itself: one cannot connect to "all addresses". */
function localUrl(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}

async function stop(server: Server, config: Config, log: Logger): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const late = setTimeout(() => {
    log.warn({ afterMs: config.shutdownMs }, "requests were still under way and were cut off");
    server.closeAllConnections();
  }, config.shutdownMs);
  await closed;
  clearTimeout(late);
}
