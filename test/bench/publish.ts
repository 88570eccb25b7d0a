import { createPool } from "@stemma/store";
import type { LiveDomain } from "../support/live-domain.ts";
import { type Figure, percentile } from "./report.ts";

/** From the POST of a record to the answer that clients can see it, beside one durable insert on the same database. */
export async function publishFigures(domain: LiveDomain, databaseUrl: string): Promise<Figure[]> {
  const insert = await insertTimes(databaseUrl, 300);
  const alone = await publishTimes(domain, 1, 100);
  const together = await publishTimes(domain, 16, 480);
  const row = (name: string, times: readonly number[], share: number, goal?: number): Figure => {
    const value = percentile(times, share);
    return {
      group: "publish",
      name,
      value,
      unit: "ms",
      reference: { name: "one durable INSERT", value: percentile(insert, share) },
      ...(goal === undefined ? {} : { goal: { words: `under ${goal} ms`, met: value < goal } }),
    };
  };
  return [
    row("1 recorder, p50", alone, 0.5, 50),
    row("1 recorder, p95", alone, 0.95),
    row("16 recorders, p50", together, 0.5, 50),
    row("16 recorders, p95", together, 0.95),
  ];
}

async function publishTimes(domain: LiveDomain, recorders: number, count: number): Promise<number[]> {
  // Links are signed beforehand: what is measured is the service.
  const items = await Promise.all(
    Array.from({ length: count }, (_item, index) => domain.link(`${recorders}-${index}-${Date.now()}`)),
  );
  const times: number[] = [];
  const recorder = async (): Promise<void> => {
    for (let item = items.pop(); item !== undefined; item = items.pop()) {
      const start = performance.now();
      await domain.record(item);
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: recorders }, recorder));
  return times;
}

async function insertTimes(databaseUrl: string, count: number): Promise<number[]> {
  const pool = createPool({ connectionString: databaseUrl, max: 1, applicationName: "stemma-bench" });
  try {
    await pool.query(
      "create table if not exists bench_insert (id bigint generated always as identity, body bytea)",
    );
    const body = Buffer.alloc(1_000);
    const times: number[] = [];
    for (let index = 0; index < count; index += 1) {
      const start = performance.now();
      await pool.query("insert into bench_insert (body) values ($1)", [body]);
      times.push(performance.now() - start);
    }
    await pool.query("drop table bench_insert");
    return times;
  } finally {
    await pool.end();
  }
}
