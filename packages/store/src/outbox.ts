import type { PoolClient, Queryable } from "./pool.ts";

/** Something that happened in a domain, written in the transaction that made it happen. */
export interface OutboxEvent {
  readonly id: number;
  readonly domainId: number;
  readonly epoch: number;
  readonly kind: string;
  readonly payload: unknown;
  readonly createdAt: Date;
}

/** Writes the event of a publish, and tells those who listen (with the commit). */
export async function insertOutbox(
  client: PoolClient,
  event: Pick<OutboxEvent, "domainId" | "epoch" | "kind" | "payload">,
): Promise<void> {
  await client.query({
    name: "insert-outbox",
    text: `WITH event AS (INSERT INTO outbox (domain_id, epoch, kind, payload) VALUES ($1, $2, $3, $4) RETURNING 1)
           SELECT pg_notify('stemma_published', $5) FROM event`,
    values: [
      event.domainId,
      event.epoch,
      event.kind,
      JSON.stringify(event.payload),
      `${event.domainId}:${event.epoch}`,
    ],
  });
}

/** Events of a domain after an epoch, in order. Epochs of a domain have no gaps, so no event is missed. */
export async function readOutbox(
  database: Queryable,
  domainId: number,
  afterEpoch: number,
  limit = 100,
): Promise<readonly OutboxEvent[]> {
  const { rows } = await database.query<OutboxEvent>(
    `SELECT id, domain_id AS "domainId", epoch, kind, payload, created_at AS "createdAt" FROM outbox
     WHERE domain_id = $1 AND epoch > $2 ORDER BY epoch, kind LIMIT $3`,
    [domainId, afterEpoch, limit],
  );
  return rows;
}
