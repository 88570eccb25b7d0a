import { ROUTES } from "@stemma/contract";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Methods that may be a label: any other text from the wire becomes OTHER, so series stay constant (N-57). */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** What is counted. One registry per service instance, so that two instances in one process do not mix. */
export interface Metrics {
  readonly registry: Registry;
  /** Counts one answered request. `route` is a template of the table, or undefined when none matched. */
  request(method: string, route: string | undefined, status: number, seconds: number): void;
  /** Counts one refusal by its stable code. */
  refusal(code: string): void;
  readonly hot: Counter<"result">;
  readonly damaged: Counter;
  readonly accepted: Counter<"kind">;
  readonly canaryOk: Gauge<"domain">;
  readonly canaryAt: Gauge<"domain">;
  readonly canaryDomains: Gauge;
  readonly canaryFailing: Gauge;
  readonly signers: Gauge;
  readonly signerLastPublish: Gauge;
  readonly signerFailures: Gauge;
  readonly waiting: Gauge;
  readonly oldestWaiting: Gauge;
  readonly lineageBehind: Gauge;
  readonly ready: Gauge;
}

const TEMPLATES: ReadonlySet<string> = new Set(Object.values(ROUTES).map((route) => route.path));

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const requests = new Counter({
    name: "stemma_http_requests_total",
    help: "Answered requests.",
    labelNames: ["method", "route", "status"] as const,
    registers,
  });
  const duration = new Histogram({
    name: "stemma_http_request_seconds",
    help: "Time from the first byte of a request to the end of its answer.",
    labelNames: ["route"] as const,
    buckets: [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1, 5, 10],
    registers,
  });
  const refusals = new Counter({
    name: "stemma_refusals_total",
    help: "Refused requests by stable code.",
    labelNames: ["code"] as const,
    registers,
  });

  // Looked up once per pair instead of hashing the labels on every request of a hot path.
  const counters = new Map<string, Counter.Internal>();
  const timers = new Map<string, Histogram.Internal<"route">>();

  return {
    registry,
    request(method, route, status, seconds) {
      const template = route !== undefined && TEMPLATES.has(route) ? route : "unmatched";
      const verb = METHODS.has(method) ? method : "OTHER";
      const name = `${verb} ${status} ${template}`;
      let counter = counters.get(name);
      if (counter === undefined) {
        counter = requests.labels({ method: verb, route: template, status: String(status) });
        counters.set(name, counter);
      }
      counter.inc();
      let timer = timers.get(template);
      if (timer === undefined) {
        timer = duration.labels({ route: template });
        timers.set(template, timer);
      }
      timer.observe(seconds);
    },
    refusal(code) {
      refusals.inc({ code });
    },
    hot: new Counter({
      name: "stemma_hot_answers_total",
      help: "Reads answered from memory (hit) or composed anew (miss).",
      labelNames: ["result"] as const,
      registers,
    }),
    damaged: new Counter({
      name: "stemma_stored_bytes_damaged_total",
      help: "Stored rows whose bytes did not have their sha256. Anything above zero is an alarm.",
      registers,
    }),
    accepted: new Counter({
      name: "stemma_changes_accepted_total",
      help: "Changes accepted for publishing.",
      labelNames: ["kind"] as const,
      registers,
    }),
    canaryOk: new Gauge({
      name: "stemma_canary_ok",
      help: "1 when the stock TUF client could follow the domain in its last round, else 0.",
      labelNames: ["domain"] as const,
      registers,
    }),
    canaryAt: new Gauge({
      name: "stemma_canary_success_timestamp_seconds",
      help: "When the stock TUF client last followed the domain.",
      labelNames: ["domain"] as const,
      registers,
    }),
    signerLastPublish: new Gauge({
      name: "stemma_signer_last_publish_timestamp_seconds",
      help: "When any signer last published.",
      registers,
    }),
    canaryDomains: new Gauge({
      name: "stemma_canary_domains",
      help: "Domains that the stock TUF client follows.",
      registers,
    }),
    canaryFailing: new Gauge({
      name: "stemma_canary_failing_domains",
      help: "Domains that it could not follow in its last round.",
      registers,
    }),
    signers: new Gauge({
      name: "stemma_signers",
      help: "Signers that have reported within a day.",
      registers,
    }),
    signerFailures: new Gauge({
      name: "stemma_signer_failures",
      help: "Publishes that failed, all signers since they started.",
      registers,
    }),
    waiting: new Gauge({
      name: "stemma_changes_waiting",
      help: "Accepted changes that are not published yet.",
      registers,
    }),
    oldestWaiting: new Gauge({
      name: "stemma_changes_oldest_waiting_seconds",
      help: "For how long the oldest of them has waited.",
      registers,
    }),
    lineageBehind: new Gauge({
      name: "stemma_lineage_domains_behind",
      help: "Domains with published records that the index of lineage has not followed yet.",
      registers,
    }),
    ready: new Gauge({ name: "stemma_ready", help: "1 when /readyz answers 200, else 0.", registers }),
  };
}
