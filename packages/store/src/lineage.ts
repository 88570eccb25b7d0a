import type { Digest } from "@stemma/encoding";
import type { LineageFact, LineageNode, Relation } from "@stemma/lineage";
import type { RecordChange } from "./changes.ts";
import type { Domain } from "./domains.ts";
import type { PoolClient, Queryable } from "./pool.ts";

/** How far the published records of a domain are followed. */
export interface LineageCursor {
  readonly epoch: number;
  readonly changeId: number;
}

/** A record that was published, with its place in the order of publishing. */
export interface PublishedRecord extends LineageCursor {
  readonly record: RecordChange;
}

const START: LineageCursor = { epoch: 0, changeId: 0 };

/** Where following goes on. */
export async function readLineageCursor(database: Queryable, domainId: number): Promise<LineageCursor> {
  const { rows } = await database.query<LineageCursor>({
    name: "read-lineage-cursor",
    text: 'SELECT epoch, change_id AS "changeId" FROM lineage_cursor WHERE domain_id = $1',
    values: [domainId],
  });
  return rows[0] ?? START;
}

/** Records published after a place, up to an epoch, in order. All changes of an epoch are decided in one transaction, so none comes late. */
export async function readPublishedRecords(
  database: Queryable,
  domainId: number,
  after: LineageCursor,
  epoch: number,
  limit: number,
): Promise<readonly PublishedRecord[]> {
  const { rows } = await database.query<PublishedRecord>({
    name: "read-published-records",
    text: `SELECT epoch, id AS "changeId", body AS record FROM change
           WHERE domain_id = $1 AND kind = 'record' AND outcome = 'published'
             AND (epoch, id) > ($2, $3) AND epoch <= $4
           ORDER BY epoch, id LIMIT $5`,
    values: [domainId, after.epoch, after.changeId, epoch, limit],
  });
  return rows;
}

/** Domains with published records that were not followed yet: one look into an index for each domain. */
const BEHIND = `FROM domain LEFT JOIN lineage_cursor AS cursor ON cursor.domain_id = domain.id
  WHERE EXISTS (
    SELECT FROM change WHERE change.domain_id = domain.id AND kind = 'record' AND outcome = 'published'
      AND (change.epoch, change.id) > (coalesce(cursor.epoch, 0), coalesce(cursor.change_id, 0)))`;

/** How many domains have published records that were not followed yet: for metrics. */
export async function countLineageBehind(database: Queryable): Promise<number> {
  const { rows } = await database.query<{ behind: number }>(`SELECT count(*) AS behind ${BEHIND}`);
  return rows[0]?.behind ?? 0;
}

/** The domains themselves, by id, after one of them. */
export async function listLineageBehind(
  database: Queryable,
  after: number,
  limit: number,
): Promise<readonly Domain[]> {
  const { rows } = await database.query<Domain>({
    name: "list-lineage-behind",
    text: `SELECT id, name, created_at AS "createdAt" ${BEHIND} AND id > $1 ORDER BY id LIMIT $2`,
    values: [after, limit],
  });
  return rows;
}

/**
 * Holds the lineage of a domain until the transaction ends: what an edge reaches depends on the edges before it, so two writers
 * must not work side by side. Returns where following stands.
 */
export async function lockLineage(client: PoolClient, domainId: number): Promise<LineageCursor> {
  await client.query("INSERT INTO lineage_cursor (domain_id) VALUES ($1) ON CONFLICT DO NOTHING", [domainId]);
  const { rows } = await client.query<LineageCursor>(
    'SELECT epoch, change_id AS "changeId" FROM lineage_cursor WHERE domain_id = $1 FOR UPDATE',
    [domainId],
  );
  return rows[0] ?? START;
}

/** The same without waiting: false while somebody else holds it. */
export async function tryLockLineage(client: PoolClient, domainId: number): Promise<boolean> {
  const { rowCount } = await client.query(
    "SELECT FROM lineage_cursor WHERE domain_id = $1 FOR UPDATE SKIP LOCKED",
    [domainId],
  );
  return rowCount === 1;
}

/** Notes that everything up to a place was followed. */
export async function moveLineageCursor(
  client: PoolClient,
  domainId: number,
  to: LineageCursor,
): Promise<void> {
  await client.query("UPDATE lineage_cursor SET epoch = $2, change_id = $3 WHERE domain_id = $1", [
    domainId,
    to.epoch,
    to.changeId,
  ]);
}

/** Enters facts. What is known already is nothing new, and a grade only gets better. Hold `lockLineage` meanwhile. */
export async function noteFacts(
  client: PoolClient,
  domainId: number,
  facts: readonly LineageFact[],
): Promise<void> {
  if (facts.length === 0) return;
  const nodes = facts.flatMap(({ descendant, ancestor }) => [
    { kind: "artifact", name: descendant },
    ancestor,
  ]);
  const ids = await nodeIds(client, domainId, nodes);
  const idOf = (kind: string, name: string): number => ids.get(`${kind} ${name}`) as number;
  const edges = facts.map(({ descendant, ancestor, relation, grade }) => ({
    descendant: idOf("artifact", descendant),
    ancestor: idOf(ancestor.kind, ancestor.name),
    relation,
    grade: grade ?? null,
  }));
  const { rows } = await client.query<{ descendant: number; ancestor: number }>({
    name: "note-lineage-edges",
    text: `INSERT INTO lineage_edge (descendant_id, ancestor_id, relation, grade)
           SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])
           ON CONFLICT (descendant_id, ancestor_id, relation) DO UPDATE SET grade = excluded.grade
             WHERE array_position(ARRAY['claimed', 'contained', 'proven'], excluded.grade)
                 > array_position(ARRAY['claimed', 'contained', 'proven'], lineage_edge.grade)
           RETURNING descendant_id AS descendant, ancestor_id AS ancestor`,
    values: [
      edges.map(({ descendant }) => descendant),
      edges.map(({ ancestor }) => ancestor),
      edges.map(({ relation }) => relation),
      edges.map(({ grade }) => grade),
    ],
  });
  // One after another: what an edge reaches takes in what the edges before it reach.
  for (const { descendant, ancestor } of rows) {
    await client.query({
      name: "note-lineage-reach",
      text: `INSERT INTO lineage_reach (ancestor_id, descendant_id)
             SELECT above.ancestor_id, below.descendant_id
             FROM lineage_reach AS above, lineage_reach AS below
             WHERE above.descendant_id = $1 AND below.ancestor_id = $2
             ON CONFLICT DO NOTHING`,
      values: [ancestor, descendant],
    });
  }
}

async function nodeIds(
  client: PoolClient,
  domainId: number,
  nodes: readonly { readonly kind: string; readonly name: string }[],
): Promise<ReadonlyMap<string, number>> {
  const kinds = nodes.map(({ kind }) => kind);
  const names = nodes.map(({ name }) => name);
  await client.query({
    name: "note-lineage-nodes",
    text: `WITH added AS (
             INSERT INTO lineage_node (domain_id, kind, name)
             SELECT DISTINCT $1::integer, kind, name FROM unnest($2::text[], $3::text[]) AS node (kind, name)
             ON CONFLICT DO NOTHING RETURNING id)
           INSERT INTO lineage_reach (ancestor_id, descendant_id) SELECT id, id FROM added`,
    values: [domainId, kinds, names],
  });
  const { rows } = await client.query<{ id: number; kind: string; name: string }>({
    name: "find-lineage-nodes",
    text: `SELECT id, node.kind, node.name FROM unnest($2::text[], $3::text[]) AS wanted (kind, name)
           JOIN lineage_node AS node ON node.domain_id = $1 AND node.kind = wanted.kind AND node.name = wanted.name`,
    values: [domainId, kinds, names],
  });
  return new Map(rows.map(({ id, kind, name }) => [`${kind} ${name}`, id]));
}

/** An artifact that rests on something. */
export interface Descendant {
  /** Its place in the order of discovery, for the next page. */
  readonly id: number;
  readonly digest: Digest;
  /** How it rests on it directly; empty when something lies between. */
  readonly relations: readonly { readonly relation: Relation; readonly grade: LineageFact["grade"] | null }[];
}

/**
 * One page of everything that rests on something, directly or not. Its cost is that of the page: the pairs are kept sorted by
 * ancestor and then by descendant. Undefined when nothing is known of it.
 */
export async function readDescendants(
  database: Queryable,
  domainId: number,
  { kind, name }: LineageNode,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly Descendant[] | undefined> {
  const { rows: found } = await database.query<{ id: number }>({
    name: "find-lineage-node",
    text: "SELECT id FROM lineage_node WHERE domain_id = $1 AND kind = $2 AND name = $3",
    values: [domainId, kind, name],
  });
  const ancestor = found[0]?.id;
  if (ancestor === undefined) return undefined;
  const { rows } = await database.query<Descendant>({
    name: "read-descendants",
    text: `SELECT node.id, node.name AS digest,
             coalesce((SELECT json_agg(json_build_object('relation', relation, 'grade', grade) ORDER BY relation)
                       FROM lineage_edge AS edge
                       WHERE edge.descendant_id = node.id AND edge.ancestor_id = $1), '[]') AS relations
           FROM (SELECT descendant_id FROM lineage_reach
                 WHERE ancestor_id = $1 AND descendant_id > $2 AND descendant_id <> $1
                 ORDER BY descendant_id LIMIT $3) AS page
           JOIN lineage_node AS node ON node.id = page.descendant_id
           ORDER BY node.id`,
    values: [ancestor, page.after, page.limit],
  });
  return rows;
}
