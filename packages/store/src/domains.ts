import type { PoolClient, Queryable } from "./pool.ts";

/** A trust domain as stored. */
export interface Domain {
  readonly id: number;
  readonly name: string;
  readonly createdAt: Date;
}

/** What is current in a domain. Epoch 0 with versions 0: accepted, and nothing is published yet. */
export interface Head {
  readonly domainId: number;
  readonly epoch: number;
  readonly rootVersion: number;
  readonly targetsVersion: number;
  readonly snapshotVersion: number;
  readonly timestampVersion: number;
  /** The clock of the last publish; the signer never signs with an earlier one. */
  readonly signedAt: Date | undefined;
  /** When the timestamp expires. */
  readonly expiresAt: Date | undefined;
}

/** Inserts a domain with its empty head; undefined when the name is taken. Call it in a transaction. */
export async function createDomain(client: PoolClient, name: string): Promise<Domain | undefined> {
  const { rows } = await client.query<Domain>(
    `INSERT INTO domain (name) VALUES ($1) ON CONFLICT (name) DO NOTHING
     RETURNING id, name, created_at AS "createdAt"`,
    [name],
  );
  const domain = rows[0];
  if (domain) await client.query("INSERT INTO head (domain_id) VALUES ($1)", [domain.id]);
  return domain;
}

export async function findDomain(database: Queryable, name: string): Promise<Domain | undefined> {
  const { rows } = await database.query<Domain>({
    name: "find-domain",
    text: 'SELECT id, name, created_at AS "createdAt" FROM domain WHERE name = $1',
    values: [name],
  });
  return rows[0];
}

/** A page of all domains, by name. `after` is the last name of the page before. */
export async function listDomains(
  database: Queryable,
  options: { readonly after?: string; readonly limit?: number } = {},
): Promise<readonly Domain[]> {
  const { rows } = await database.query<Domain>(
    'SELECT id, name, created_at AS "createdAt" FROM domain WHERE name > $1 ORDER BY name LIMIT $2',
    [options.after ?? "", options.limit ?? 100],
  );
  return rows;
}

interface HeadRow extends Omit<Head, "signedAt" | "expiresAt"> {
  readonly signedAt: Date | null;
  readonly expiresAt: Date | null;
}

const HEAD_COLUMNS = `domain_id AS "domainId", epoch, root_version AS "rootVersion", targets_version AS "targetsVersion",
  snapshot_version AS "snapshotVersion", timestamp_version AS "timestampVersion", signed_at AS "signedAt",
  expires_at AS "expiresAt"`;

function toHead(row: HeadRow): Head {
  return { ...row, signedAt: row.signedAt ?? undefined, expiresAt: row.expiresAt ?? undefined };
}

export async function readHead(database: Queryable, domainId: number): Promise<Head | undefined> {
  const { rows } = await database.query<HeadRow>({
    name: "read-head",
    text: `SELECT ${HEAD_COLUMNS} FROM head WHERE domain_id = $1`,
    values: [domainId],
  });
  return rows[0] && toHead(rows[0]);
}

export async function listHeads(database: Queryable): Promise<readonly Head[]> {
  const { rows } = await database.query<HeadRow>(`SELECT ${HEAD_COLUMNS} FROM head ORDER BY domain_id`);
  return rows.map(toHead);
}

/**
 * Moves the head from `previousEpoch` to the next one. False: somebody else has published meanwhile, and
 * the caller must roll back. This comparison, not a lock, is what makes two signers safe.
 */
export async function moveHead(
  client: PoolClient,
  previousEpoch: number,
  next: Omit<Head, "epoch">,
): Promise<boolean> {
  const { rowCount } = await client.query({
    name: "move-head",
    text: `UPDATE head SET epoch = epoch + 1, root_version = $3, targets_version = $4, snapshot_version = $5,
             timestamp_version = $6, signed_at = $7, expires_at = $8
           WHERE domain_id = $1 AND epoch = $2`,
    values: [
      next.domainId,
      previousEpoch,
      next.rootVersion,
      next.targetsVersion,
      next.snapshotVersion,
      next.timestampVersion,
      next.signedAt,
      next.expiresAt,
    ],
  });
  return rowCount === 1;
}
