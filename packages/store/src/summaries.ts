import type { Digest, Sha256Hex } from "@stemma/encoding";
import { asBuffer } from "./metadata.ts";
import type { Queryable } from "./pool.ts";

/** What a verification summary is about: an artifact for a project, when this epoch of the domain was current. */
export interface SummarySubject {
  readonly domainId: number;
  readonly digest: Digest;
  readonly project: string;
  readonly epoch: number;
}

/** A summary that waits for the signer. */
export interface RequestedSummary extends SummarySubject {
  readonly id: number;
}

/** An issued summary: one DSSE envelope, exactly as signed. */
export interface StoredSummary {
  readonly bytes: Uint8Array;
  /** Of `bytes`, as the database checked it when they were stored; whoever serves them checks again. */
  readonly sha256: Sha256Hex;
}

/** Asks the signer for a summary. Asking again is nothing new, and reminds it. */
export async function requestSummary(database: Queryable, subject: SummarySubject): Promise<void> {
  const { domainId, digest, project, epoch } = subject;
  await database.query(
    `WITH asked AS (
       INSERT INTO summary (domain_id, digest, project, epoch) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
     ) SELECT pg_notify('stemma_summary', '')`,
    [domainId, digest, project, epoch],
  );
}

/** The summary; undefined until it is issued. */
export async function readSummary(
  database: Queryable,
  { domainId, digest, project, epoch }: SummarySubject,
): Promise<StoredSummary | undefined> {
  const { rows } = await database.query<StoredSummary>({
    name: "read-summary",
    text: `SELECT envelope AS bytes, sha256 FROM summary
           WHERE domain_id = $1 AND digest = $2 AND project = $3 AND epoch = $4 AND envelope IS NOT NULL`,
    values: [domainId, digest, project, epoch],
  });
  return rows[0];
}

/** Summaries that wait, in the order in which they were asked for, from the one after `after` on. */
export async function readRequestedSummaries(
  database: Queryable,
  after: number,
  limit: number,
): Promise<readonly RequestedSummary[]> {
  const { rows } = await database.query<RequestedSummary>(
    `SELECT id, domain_id AS "domainId", digest, project, epoch FROM summary
     WHERE envelope IS NULL AND id > $1 ORDER BY id LIMIT $2`,
    [after, limit],
  );
  return rows;
}

/** Stores an issued summary, and tells those who wait for it. False: another signer has issued it. */
export async function storeSummary(
  database: Queryable,
  { id, domainId, epoch }: RequestedSummary,
  envelope: Uint8Array,
): Promise<boolean> {
  const { rowCount } = await database.query(
    `WITH issued AS (
       UPDATE summary SET envelope = $2, sha256 = encode(sha256($2), 'hex'), issued_at = now()
       WHERE id = $1 AND envelope IS NULL RETURNING id
     ) SELECT pg_notify('stemma_published', $3) FROM issued`,
    [id, asBuffer(envelope), `${domainId}:${epoch}`],
  );
  return rowCount === 1;
}
