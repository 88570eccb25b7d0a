import type { Sha256Hex } from "@stemma/encoding";
import type { PoolClient, Queryable } from "./pool.ts";

/** One published metadata document, exactly as signed. */
export interface StoredMetadata {
  readonly role: string;
  readonly version: number;
  readonly bytes: Uint8Array;
  /** Of `bytes`, as the database checked it when they were stored; whoever serves them checks again. */
  readonly sha256: Sha256Hex;
  readonly epoch: number;
  readonly publishedAt: Date;
}

const COLUMNS = 'role, version, bytes, sha256, epoch, published_at AS "publishedAt"';

export async function readMetadata(
  database: Queryable,
  domainId: number,
  role: string,
  version: number,
): Promise<StoredMetadata | undefined> {
  const { rows } = await database.query<StoredMetadata>({
    name: "read-metadata",
    text: `SELECT ${COLUMNS} FROM metadata WHERE domain_id = $1 AND role = $2 AND version = $3`,
    values: [domainId, role, version],
  });
  return rows[0];
}

/** Many documents in one round trip; those that are not there are missing from the answer. */
export async function readMetadataOf(
  database: Queryable,
  domainId: number,
  wanted: Iterable<readonly [role: string, version: number]>,
): Promise<readonly StoredMetadata[]> {
  const pairs = [...wanted];
  const { rows } = await database.query<StoredMetadata>(
    `SELECT ${COLUMNS} FROM metadata
     JOIN unnest($2::text[], $3::bigint[]) AS wanted (role, version) USING (role, version)
     WHERE domain_id = $1`,
    [domainId, pairs.map(([role]) => role), pairs.map(([, version]) => version)],
  );
  return rows;
}

/** Every published version of a role, oldest first, from `from` on. */
export async function readVersions(
  database: Queryable,
  domainId: number,
  role: string,
  from = 1,
): Promise<readonly StoredMetadata[]> {
  const { rows } = await database.query<StoredMetadata>(
    `SELECT ${COLUMNS} FROM metadata WHERE domain_id = $1 AND role = $2 AND version >= $3 ORDER BY version`,
    [domainId, role, from],
  );
  return rows;
}

/** The highest published version of a role; undefined when there is none. */
export async function latestVersion(
  database: Queryable,
  domainId: number,
  role: string,
): Promise<number | undefined> {
  const { rows } = await database.query<{ version: number | null }>(
    "SELECT max(version::bigint) AS version FROM metadata WHERE domain_id = $1 AND role = $2",
    [domainId, role],
  );
  return rows[0]?.version ?? undefined;
}

export interface NewMetadata {
  readonly role: string;
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** Stores documents of one publish. A second body for a (role, version) is a unique violation (23505). */
export async function insertMetadata(
  client: PoolClient,
  domainId: number,
  epoch: number,
  documents: readonly NewMetadata[],
): Promise<void> {
  await client.query({
    name: "insert-metadata",
    text: `INSERT INTO metadata (domain_id, role, version, bytes, sha256, epoch)
           SELECT $1, role, version, bytes, encode(sha256(bytes), 'hex'), $2
           FROM unnest($3::text[], $4::bigint[], $5::bytea[]) AS document (role, version, bytes)`,
    values: [
      domainId,
      epoch,
      documents.map(({ role }) => role),
      documents.map(({ version }) => version),
      documents.map(({ bytes }) => asBuffer(bytes)),
    ],
  });
}

/** That version of the root of every other domain; few ever ask, and only when a root is published. */
export async function readOtherRoots(
  database: Queryable,
  domainId: number,
  version: number,
): Promise<readonly Uint8Array[]> {
  const { rows } = await database.query<{ bytes: Buffer }>(
    "SELECT bytes FROM metadata WHERE role = 'root' AND version = $2 AND domain_id <> $1",
    [domainId, version],
  );
  return rows.map(({ bytes }) => bytes);
}

/** pg writes a Buffer as bytea, also inside of an array; a plain Uint8Array there it would misread. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
