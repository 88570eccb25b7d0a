import { parseDigest } from "@stemma/encoding";
import { createPool, type Pool, readDescendants } from "@stemma/store";
import { type Figure, percentile } from "./report.ts";

const IMAGES = 100_000;
/** With the edge to the base, ten for each image: a million in all. */
const OTHER_EDGES = 9;
const PAGES = 400;

/**
 * Pages of the descendants of one base, in a domain where a hundred thousand images rest on it over a million edges: directly, or
 * by way of a thousand images in between. Beside it, as many reads of a row by its primary key as a page has.
 */
export async function lineageFigures(databaseUrl: string): Promise<Figure[]> {
  const pool = createPool({
    connectionString: databaseUrl,
    max: 1,
    applicationName: "stemma-bench",
    statementTimeoutMs: 0,
  });
  try {
    const { domainId, base } = await fill(pool);
    const times = await pageTimes(pool, domainId, base);
    const reads = await readTimes(pool);
    const row = (name: string, share: number, goal?: number): Figure => {
      const value = percentile(times, share);
      return {
        group: "lineage",
        name,
        value,
        unit: "ms",
        reference: { name: "100 rows by primary key", value: percentile(reads, share) },
        ...(goal === undefined ? {} : { goal: { words: `under ${goal} ms`, met: value < goal } }),
      };
    };
    return [
      row("100 descendants of a base with 100,000 (1M edges), p50", 0.5),
      row("100 descendants of a base with 100,000 (1M edges), p95", 0.95, 50),
    ];
  } finally {
    await pool.end();
  }
}

/** Writes the graph as the service would have written it, edge by edge, only faster. */
async function fill(pool: Pool): Promise<{ domainId: number; base: ReturnType<typeof parseDigest> }> {
  const name = `bench-lineage-${Date.now()}`;
  const { rows } = await pool.query<{ id: number }>("INSERT INTO domain (name) VALUES ($1) RETURNING id", [
    name,
  ]);
  const domainId = rows[0]?.id ?? 0;
  await pool.query(
    `INSERT INTO lineage_node (domain_id, kind, name)
     SELECT $1::integer, 'artifact', 'sha256:' || encode(sha256(convert_to('image ' || n, 'UTF8')), 'hex') FROM generate_series(0, $2::integer) AS n
     UNION ALL
     SELECT $1::integer, 'functionary', encode(sha256(convert_to('key ' || n, 'UTF8')), 'hex') FROM generate_series(1, $3::integer) AS n`,
    [domainId, IMAGES, OTHER_EDGES],
  );
  await pool.query(
    `CREATE TEMPORARY TABLE numbered AS
     SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) - 1 AS n FROM lineage_node WHERE domain_id = $1`,
    [domainId],
  );
  await pool.query("CREATE INDEX ON numbered (kind, n)");
  // Number 0 is the base; every hundredth image is built upon it, and carries the ninety-nine after it.
  await pool.query(
    `INSERT INTO lineage_edge (descendant_id, ancestor_id, relation, grade)
     SELECT image.id, below.id, 'base', 'proven' FROM numbered AS image
     JOIN numbered AS below ON below.kind = 'artifact'
       AND below.n = CASE WHEN image.n % 100 = 1 THEN 0 ELSE (image.n - 1) / 100 * 100 + 1 END
     WHERE image.kind = 'artifact' AND image.n > 0
     UNION ALL
     SELECT image.id, key.id, 'step', NULL FROM numbered AS image, numbered AS key
     WHERE image.kind = 'artifact' AND image.n > 0 AND key.kind = 'functionary'`,
  );
  await pool.query(
    `INSERT INTO lineage_reach (ancestor_id, descendant_id)
     SELECT id, id FROM numbered
     UNION SELECT ancestor_id, descendant_id FROM lineage_edge JOIN numbered ON id = descendant_id
     UNION SELECT (SELECT id FROM numbered WHERE kind = 'artifact' AND n = 0), id FROM numbered WHERE kind = 'artifact'
     ON CONFLICT DO NOTHING`,
  );
  await pool.query("DROP TABLE numbered");
  await pool.query("ANALYZE lineage_node, lineage_edge, lineage_reach");
  const { rows: first } = await pool.query<{ name: string }>(
    "SELECT name FROM lineage_node WHERE domain_id = $1 AND kind = 'artifact' ORDER BY id LIMIT 1",
    [domainId],
  );
  return { domainId, base: parseDigest(first[0]?.name ?? "") };
}

/** Pages from all over the list, in an order that no cache could guess. */
async function pageTimes(pool: Pool, domainId: number, base: string): Promise<number[]> {
  const { rows } = await pool.query<{ least: number; most: number }>(
    "SELECT min(id) AS least, max(id) AS most FROM lineage_node WHERE domain_id = $1 AND kind = 'artifact'",
    [domainId],
  );
  const { least = 0, most = 0 } = rows[0] ?? {};
  const times: number[] = [];
  for (let page = 0; page < PAGES; page += 1) {
    const after = least + ((page * 7_919) % PAGES) * Math.floor((most - least - 200) / PAGES);
    const start = performance.now();
    const found = await readDescendants(
      pool,
      domainId,
      { kind: "artifact", name: base },
      { after, limit: 100 },
    );
    times.push(performance.now() - start);
    if (found?.length !== 100) throw new Error(`A page has ${found?.length} descendants.`);
  }
  return times;
}

async function readTimes(pool: Pool): Promise<number[]> {
  const { rows } = await pool.query<{ id: number }>("SELECT id FROM lineage_node ORDER BY id DESC LIMIT 100");
  const times: number[] = [];
  for (let round = 0; round < 40; round += 1) {
    const start = performance.now();
    for (const { id } of rows) {
      await pool.query({
        name: "bench-node",
        text: "SELECT name FROM lineage_node WHERE id = $1",
        values: [id],
      });
    }
    times.push(performance.now() - start);
  }
  return times;
}
