import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";

/** A pool or one client of it: whatever can run one parameterised query. */
export interface Queryable {
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string | pg.QueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<R>>;
}

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;

export interface PoolOptions {
  /** `postgres://user:password@host:port/database`; the password never appears in a message of ours. */
  readonly connectionString: string;
  /** Connections at most (10). */
  readonly max?: number;
  /** The server stops a statement after this long (10 s), so that nothing waits for ever. 0: never. */
  readonly statementTimeoutMs?: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Told of errors on idle connections; the pool replaces those by itself. */
  readonly onError?: (error: Error) => void;
}

/**
 * A connection pool. `bigint` columns come back as numbers: versions, epochs and ids stay below 2^53
 * (the schema says so), and one beyond is an error instead of a rounded number.
 */
export function createPool(options: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.max ?? 10,
    application_name: options.applicationName,
    statement_timeout: options.statementTimeoutMs ?? 10_000,
    idle_in_transaction_session_timeout: 60_000,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    types: { getTypeParser },
  });
  pool.on("error", options.onError ?? (() => undefined));
  return pool;
}

const INT8 = 20;

/** pg's own parsers, except for `bigint`. Also for clients that are not of a pool. */
export const getTypeParser: typeof pg.types.getTypeParser = ((oid: number, format?: "text" | "binary") =>
  oid === INT8 && format !== "binary"
    ? parseInt8
    : pg.types.getTypeParser(oid, format as "text")) as typeof pg.types.getTypeParser;

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`The database holds ${text}, which is beyond 2^53.`);
  return value;
}

export interface TransactionOptions {
  /** `read committed` (default) is enough where UNIQUE and the epoch decide. */
  readonly isolation?: "read committed" | "repeatable read" | "serializable";
  readonly readOnly?: boolean;
  /** Tries at most (10) when PostgreSQL asks to start again: serialization failure, deadlock. */
  readonly attempts?: number;
}

/**
 * Runs `work` in one transaction: commits when it returns, rolls back when it throws, and starts again
 * from the beginning when PostgreSQL says so (40001, 40P01). `work` must do nothing outside of the
 * transaction that must not happen twice.
 */
export async function withTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const begin = `BEGIN ISOLATION LEVEL ${options.isolation ?? "read committed"}${options.readOnly ? " READ ONLY" : ""}`;
  const attempts = options.attempts ?? 10;
  for (let attempt = 1; ; attempt++) {
    try {
      return await oneTransaction(pool, begin, work);
    } catch (error) {
      if (attempt >= attempts || !isRetryable(error)) throw error;
      // Jitter, so that those who collided do not collide again.
      await pause(Math.random() * 10 * 2 ** Math.min(attempt, 6));
    }
  }
}

async function oneTransaction<T>(
  pool: Pool,
  begin: string,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  // A pool listens to its idle clients only. The query that is under way, or the next one, reports the same.
  const onError = (): void => {
    broken = true;
  };
  client.on("error", onError);
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.off("error", onError);
    client.release(broken);
  }
}

function isRetryable(error: unknown): boolean {
  const code = sqlState(error);
  return code === "40001" || code === "40P01";
}

/** The SQLSTATE of an error that came from PostgreSQL. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}
