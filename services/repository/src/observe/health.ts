import { countLineageBehind, readSigners, waitingSummary } from "@stemma/store";
import { jsonAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import type { Context } from "../service.ts";

/** One thing that must hold for the service to do its work. */
interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail?: string;
  /** It fails in part: worth an alarm, but the service is of use to others. */
  readonly partly?: boolean;
}

/** A signer reports much more often than this; one that has not is taken for gone. */
const SIGNER_SILENT_MS = 2 * 60_000;

/** /livez, /readyz and /metrics. */
export function healthHandlers(context: Context): Pick<Handlers, "livez" | "readyz" | "metrics"> {
  return {
    livez: () => ({ status: 200, mediaType: "text/plain", body: Buffer.from("alive\n"), cache: "none" }),

    async readyz() {
      const checks = await runChecks(context);
      const ready = checks.every(({ ok, partly }) => ok || partly === true);
      context.metrics.ready.set(ready ? 1 : 0);
      return jsonAnswer(ready ? 200 : 503, { ready, checks });
    },

    async metrics() {
      await readGauges(context).catch((error) =>
        context.log.warn({ err: error }, "some metrics could not be read"),
      );
      return {
        status: 200,
        mediaType: context.metrics.registry.contentType,
        body: Buffer.from(await context.metrics.registry.metrics()),
        cache: "none",
      };
    },
  };
}

async function runChecks(context: Context): Promise<Check[]> {
  if (context.isDraining()) return [{ check: "running", ok: false, detail: "The service is stopping." }];
  const checks: Check[] = [{ check: "running", ok: true }];
  try {
    const [newest] = await readSigners(context.pool);
    checks.push({ check: "database", ok: true });
    const silent = newest === undefined ? Number.POSITIVE_INFINITY : Date.now() - newest.seenAt.getTime();
    checks.push(
      silent < SIGNER_SILENT_MS
        ? { check: "signer", ok: true }
        : { check: "signer", ok: false, detail: "No signer has reported lately: nothing is published." },
    );
  } catch {
    checks.push({ check: "database", ok: false, detail: "The database does not answer." });
  }
  const { connected } = context.publications;
  checks.push({
    check: "publications",
    ok: connected,
    ...(connected ? {} : { detail: "The connection that listens for publishes is down." }),
  });
  const canary = checkCanary(context);
  return canary === undefined ? checks : [...checks, canary];
}

/**
 * Not ready when the stock client can follow no domain at all: then the service is at fault. Where only some fail, such as
 * one whose owners let their root expire, the others must not lose the service over it.
 */
function checkCanary({ canary }: Context): Check | undefined {
  const sightings = canary()?.sightings;
  if (sightings === undefined) return undefined;
  const failing = sightings.filter(({ ok }) => !ok);
  if (failing.length === 0) return { check: "canary", ok: true };
  const [first] = failing;
  return {
    check: "canary",
    ok: false,
    partly: failing.length < sightings.length,
    detail: `A stock TUF client cannot follow ${failing.length} of ${sightings.length} domains; ${first?.domain}: ${first?.fault}`,
  };
}

/** Gauges that live in the database: the signer has no port, so it tells the database and we tell on. */
async function readGauges({ pool, metrics }: Context): Promise<void> {
  const signers = await readSigners(pool);
  const last = Math.max(0, ...signers.map(({ lastPublishAt }) => lastPublishAt?.getTime() ?? 0));
  metrics.signerLastPublish.set(last / 1000);
  metrics.signers.set(signers.length);
  metrics.signerFailures.set(signers.reduce((sum, { failures }) => sum + failures, 0));
  metrics.lineageBehind.set(await countLineageBehind(pool));
  const { count, oldest } = await waitingSummary(pool);
  metrics.waiting.set(count);
  metrics.oldestWaiting.set(oldest === undefined ? 0 : (Date.now() - oldest.getTime()) / 1000);
}
