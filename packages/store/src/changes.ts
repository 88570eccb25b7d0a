import type { Digest } from "@stemma/encoding";
import { type FileReference, INSERT_EVIDENCE } from "./files.ts";
import { asBuffer, type NewMetadata } from "./metadata.ts";
import type { PoolClient, Queryable } from "./pool.ts";

/** What the repository asks the signer to put into an artifact's record; records only ever grow. */
export interface RecordChange {
  readonly digest: Digest;
  readonly descriptor: { readonly mediaType: string; readonly size: number; readonly artifactType?: string };
  readonly projects: readonly string[];
  readonly evidence: readonly FileReference[];
  /** Manifests, indexes and configurations that lineage is followed by. */
  readonly contents?: readonly FileReference[];
  /** Indexes that hold and list it. */
  readonly indexes?: readonly Digest[];
}

/** A change that waits to be published. */
export type WaitingChange =
  | { readonly id: number; readonly kind: "record"; readonly record: RecordChange }
  | { readonly id: number; readonly kind: "metadata"; readonly documents: readonly NewMetadata[] };

/** What became of a change; undefined `outcome`: it still waits. */
export interface ChangeState {
  readonly id: number;
  readonly domainId: number;
  readonly outcome: "published" | "refused" | undefined;
  /** The publish that carries it. */
  readonly epoch: number | undefined;
  /** Why it was refused: a stable code, and a sentence. */
  readonly refusal: string | undefined;
  readonly refusalDetail: string | undefined;
}

/**
 * Stores the evidence and the contents of a record, enqueues the record and tells the signer: one statement, so all of it or nothing.
 * Returns the change's id.
 */
export async function enqueueRecord(
  database: Queryable,
  domainId: number,
  files: readonly Uint8Array[],
  record: RecordChange,
): Promise<number> {
  const { rows } = await database.query<{ id: number }>({
    name: "enqueue-record",
    text: `WITH stored AS (${INSERT_EVIDENCE}),
                added AS (INSERT INTO change (domain_id, kind, body) VALUES ($1, 'record', $3) RETURNING id)
           SELECT id, pg_notify('stemma_work', $4) FROM added`,
    values: [domainId, files.map(asBuffer), JSON.stringify(record), String(domainId)],
  });
  return (rows[0] as { id: number }).id;
}

/** Enqueues offline-signed documents that are to be published together, or not at all. */
export async function enqueueMetadata(
  client: PoolClient,
  domainId: number,
  documents: readonly NewMetadata[],
): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    `WITH added AS (INSERT INTO change (domain_id, kind) VALUES ($1, 'metadata') RETURNING id)
     SELECT id, pg_notify('stemma_work', $2) FROM added`,
    [domainId, String(domainId)],
  );
  const { id } = rows[0] as { id: number };
  await client.query(
    `INSERT INTO change_metadata (change_id, role, version, bytes)
     SELECT $1::bigint, * FROM unnest($2::text[], $3::bigint[], $4::bytea[])`,
    [
      id,
      documents.map(({ role }) => role),
      documents.map(({ version }) => version),
      documents.map(({ bytes }) => asBuffer(bytes)),
    ],
  );
  return id;
}

/** The oldest waiting changes of a domain, in the order of their acceptance. */
export async function readWaiting(
  database: Queryable,
  domainId: number,
  limit: number,
): Promise<readonly WaitingChange[]> {
  const { rows } = await database.query<{ id: number; kind: "metadata" | "record"; body: RecordChange }>({
    name: "read-waiting",
    text: "SELECT id, kind, body FROM change WHERE domain_id = $1 AND outcome IS NULL ORDER BY id LIMIT $2",
    values: [domainId, limit],
  });
  const batches = rows.filter(({ kind }) => kind === "metadata").map(({ id }) => id);
  const documents =
    batches.length > 0 ? await readDocuments(database, batches) : new Map<number, NewMetadata[]>();
  return rows.map(({ id, kind, body }) =>
    kind === "record" ? { id, kind, record: body } : { id, kind, documents: documents.get(id) ?? [] },
  );
}

async function readDocuments(
  database: Queryable,
  changes: readonly number[],
): Promise<Map<number, NewMetadata[]>> {
  const { rows } = await database.query<NewMetadata & { changeId: number }>(
    `SELECT change_id AS "changeId", role, version, bytes FROM change_metadata
     WHERE change_id = ANY($1::bigint[]) ORDER BY change_id, role, version`,
    [changes],
  );
  const byChange = new Map<number, NewMetadata[]>();
  for (const { changeId, role, version, bytes } of rows) {
    const list = byChange.get(changeId) ?? [];
    list.push({ role, version, bytes });
    byChange.set(changeId, list);
  }
  return byChange;
}

/** The domains that have something waiting. */
export async function domainsWithWork(database: Queryable): Promise<readonly number[]> {
  const { rows } = await database.query<{ domain_id: number }>(
    "SELECT DISTINCT domain_id FROM change WHERE outcome IS NULL ORDER BY domain_id",
  );
  return rows.map(({ domain_id }) => domain_id);
}

/** How much waits, and since when: for metrics. */
export async function waitingSummary(
  database: Queryable,
): Promise<{ readonly count: number; readonly oldest: Date | undefined }> {
  const { rows } = await database.query<{ count: number; oldest: Date | null }>(
    "SELECT count(*) AS count, min(accepted_at) AS oldest FROM change WHERE outcome IS NULL",
  );
  return { count: rows[0]?.count ?? 0, oldest: rows[0]?.oldest ?? undefined };
}

interface ChangeRow {
  readonly id: number;
  readonly domainId: number;
  readonly outcome: "published" | "refused" | null;
  readonly epoch: number | null;
  readonly refusal: string | null;
  readonly refusalDetail: string | null;
}

/** What became of a change; undefined for one that there is not. */
export async function readChange(database: Queryable, id: number): Promise<ChangeState | undefined> {
  return (await readChanges(database, [id])).get(id);
}

/** What became of changes, by id, in one round trip. */
export async function readChanges(
  database: Queryable,
  ids: readonly number[],
): Promise<ReadonlyMap<number, ChangeState>> {
  const { rows } = await database.query<ChangeRow>({
    name: "read-changes",
    text: `SELECT id, domain_id AS "domainId", outcome, epoch, refusal, refusal_detail AS "refusalDetail"
           FROM change WHERE id = ANY($1::bigint[])`,
    values: [ids],
  });
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        domainId: row.domainId,
        outcome: row.outcome ?? undefined,
        epoch: row.epoch ?? undefined,
        refusal: row.refusal ?? undefined,
        refusalDetail: row.refusalDetail ?? undefined,
      },
    ]),
  );
}

/** Marks changes as carried by this publish. False: another signer has decided one of them. */
export async function markPublished(
  client: PoolClient,
  ids: readonly number[],
  epoch: number,
): Promise<boolean> {
  if (ids.length === 0) return true;
  const { rowCount } = await client.query({
    name: "mark-published",
    text: `UPDATE change SET outcome = 'published', epoch = $2, decided_at = now()
           WHERE id = ANY($1::bigint[]) AND outcome IS NULL`,
    values: [ids, epoch],
  });
  return rowCount === ids.length;
}

/** Marks a change as refused. False: another signer has decided it. */
export async function markRefused(
  client: Queryable,
  id: number,
  refusal: string,
  detail: string,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE change SET outcome = 'refused', refusal = $2, refusal_detail = $3, decided_at = now()
     WHERE id = $1 AND outcome IS NULL`,
    [id, refusal, detail],
  );
  return rowCount === 1;
}
