import type { Queryable } from "./pool.ts";

/** How a signer fares. It has no port, so it leaves this for the repository's /metrics and readiness. */
export interface SignerStatus {
  readonly instance: string;
  readonly startedAt: Date;
  /** The signer's own clock when it wrote this, to be compared with `seenAt`, the database's. */
  readonly clock: Date;
  readonly publishes: number;
  readonly refusedChanges: number;
  readonly failures: number;
  readonly lastPublishAt: Date | undefined;
  readonly lastError: string | undefined;
  readonly lastErrorAt: Date | undefined;
}

export async function reportSigner(database: Queryable, status: SignerStatus): Promise<void> {
  await database.query(
    `INSERT INTO signer_status (instance, started_at, clock, publishes, refused_changes, failures,
       last_publish_at, last_error, last_error_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (instance) DO UPDATE SET started_at = excluded.started_at, clock = excluded.clock,
       seen_at = now(), publishes = excluded.publishes, refused_changes = excluded.refused_changes,
       failures = excluded.failures, last_publish_at = excluded.last_publish_at,
       last_error = excluded.last_error, last_error_at = excluded.last_error_at`,
    [
      status.instance,
      status.startedAt,
      status.clock,
      status.publishes,
      status.refusedChanges,
      status.failures,
      status.lastPublishAt ?? null,
      status.lastError ?? null,
      status.lastErrorAt ?? null,
    ],
  );
}

/** All signers that have reported within the last day, the freshest first. */
export async function readSigners(
  database: Queryable,
): Promise<readonly (SignerStatus & { readonly seenAt: Date })[]> {
  const { rows } = await database.query<
    Omit<SignerStatus, "lastPublishAt" | "lastError" | "lastErrorAt"> & {
      seenAt: Date;
      lastPublishAt: Date | null;
      lastError: string | null;
      lastErrorAt: Date | null;
    }
  >(
    `SELECT instance, started_at AS "startedAt", clock, seen_at AS "seenAt", publishes,
       refused_changes AS "refusedChanges", failures, last_publish_at AS "lastPublishAt",
       last_error AS "lastError", last_error_at AS "lastErrorAt"
     FROM signer_status WHERE seen_at > now() - interval '1 day' ORDER BY seen_at DESC`,
  );
  return rows.map((row) => ({
    ...row,
    lastPublishAt: row.lastPublishAt ?? undefined,
    lastError: row.lastError ?? undefined,
    lastErrorAt: row.lastErrorAt ?? undefined,
  }));
}
