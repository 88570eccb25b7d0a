import type { PoolClient, Queryable } from "./pool.ts";

/** A ceremony with everything it has collected. */
export interface Ceremony {
  readonly id: string;
  readonly domain: string;
  /** The domain does not exist before this ceremony is finished. */
  readonly createsDomain: boolean;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** The change that the finished ceremony became. */
  readonly changeId: number | undefined;
  readonly roles: readonly CeremonyRole[];
}

/** One document that is being signed. */
export interface CeremonyRole {
  readonly role: string;
  readonly version: number;
  /** As first uploaded; the bytes to sign are the canonical form of its `signed`. */
  readonly document: Uint8Array;
  readonly signatures: readonly CeremonySignature[];
}

export interface CeremonySignature {
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/**
 * One writer at a time for what a domain accepts, until the transaction ends. By name, because a domain that is being
 * created has no row yet. Only an ordering: what must never happen twice is forbidden by constraints.
 */
export async function lockDomainName(client: PoolClient, domain: string): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended('stemma domain ' || $1, 0))", [domain]);
}

/** Stores a new ceremony; its signatures are added separately. Call it in a transaction. */
export async function insertCeremony(
  client: PoolClient,
  ceremony: Pick<Ceremony, "id" | "domain" | "createsDomain" | "expiresAt"> & {
    readonly roles: readonly Omit<CeremonyRole, "signatures">[];
    readonly files: readonly Uint8Array[];
  },
): Promise<void> {
  const { id, domain, createsDomain, expiresAt, roles, files } = ceremony;
  await client.query(
    "INSERT INTO ceremony (id, domain_name, creates_domain, expires_at) VALUES ($1, $2, $3, $4)",
    [id, domain, createsDomain, expiresAt],
  );
  await client.query(
    `INSERT INTO ceremony_role (ceremony_id, role, version, document)
     SELECT $1::uuid, * FROM unnest($2::text[], $3::bigint[], $4::bytea[])`,
    [
      id,
      roles.map(({ role }) => role),
      roles.map(({ version }) => version),
      roles.map(({ document }) => Buffer.from(document)),
    ],
  );
  if (files.length === 0) return;
  await client.query(
    `INSERT INTO ceremony_file (ceremony_id, sha256, bytes)
     SELECT DISTINCT ON (bytes) $1::uuid, encode(sha256(bytes), 'hex'), bytes FROM unnest($2::bytea[]) AS file (bytes)`,
    [id, files.map((bytes) => Buffer.from(bytes))],
  );
}

/** Adds verified signatures; a key that has signed before keeps its first one. */
export async function addSignatures(
  client: PoolClient,
  id: string,
  signatures: readonly (CeremonySignature & { readonly role: string })[],
): Promise<void> {
  if (signatures.length === 0) return;
  await client.query(
    `INSERT INTO ceremony_signature (ceremony_id, role, key_id, signature)
     SELECT DISTINCT ON (role, key_id) $1::uuid, role, key_id, signature
     FROM unnest($2::text[], $3::text[], $4::bytea[]) AS given (role, key_id, signature)
     ON CONFLICT DO NOTHING`,
    [
      id,
      signatures.map(({ role }) => role),
      signatures.map(({ keyId }) => keyId),
      signatures.map(({ signature }) => Buffer.from(signature)),
    ],
  );
}

/** Notes that a ceremony became a change. False: it had become one before. */
export async function finishCeremony(client: PoolClient, id: string, changeId: number): Promise<boolean> {
  const { rowCount } = await client.query(
    "UPDATE ceremony SET change_id = $2 WHERE id = $1 AND change_id IS NULL",
    [id, changeId],
  );
  return rowCount === 1;
}

interface CeremonyRow {
  readonly id: string;
  readonly domain: string;
  readonly createsDomain: boolean;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly changeId: number | null;
}

const COLUMNS = `id, domain_name AS domain, creates_domain AS "createsDomain", created_at AS "createdAt",
  expires_at AS "expiresAt", change_id AS "changeId"`;

/** The ceremony of this domain with this id. */
export async function readCeremony(
  database: Queryable,
  domain: string,
  id: string,
): Promise<Ceremony | undefined> {
  const { rows } = await database.query<CeremonyRow>(
    `SELECT ${COLUMNS} FROM ceremony WHERE domain_name = $1 AND id = $2`,
    [domain, id],
  );
  return (await withRoles(database, rows))[0];
}

/** The latest ceremonies of a domain, the newest first. */
export async function listCeremonies(
  database: Queryable,
  domain: string,
  limit: number,
): Promise<readonly Ceremony[]> {
  const { rows } = await database.query<CeremonyRow>(
    `SELECT ${COLUMNS} FROM ceremony WHERE domain_name = $1 ORDER BY created_at DESC, id LIMIT $2`,
    [domain, limit],
  );
  return withRoles(database, rows);
}

/** Ceremonies that still collect signatures: not finished and not past their time. Some may be stale. */
export async function openCeremonies(
  database: Queryable,
  domain: string,
  now: Date,
): Promise<readonly Ceremony[]> {
  const { rows } = await database.query<CeremonyRow>(
    `SELECT ${COLUMNS} FROM ceremony
     WHERE domain_name = $1 AND change_id IS NULL AND expires_at > $2 ORDER BY created_at, id`,
    [domain, now],
  );
  return withRoles(database, rows);
}

/** The target files that came with a ceremony. */
export async function readCeremonyFiles(database: Queryable, id: string): Promise<readonly Uint8Array[]> {
  const { rows } = await database.query<{ bytes: Buffer }>(
    "SELECT bytes FROM ceremony_file WHERE ceremony_id = $1 ORDER BY sha256",
    [id],
  );
  return rows.map(({ bytes }) => bytes);
}

async function withRoles(
  database: Queryable,
  ceremonies: readonly CeremonyRow[],
): Promise<readonly Ceremony[]> {
  if (ceremonies.length === 0) return [];
  const ids = ceremonies.map(({ id }) => id);
  const [roles, signatures] = [
    await database.query<{ ceremony: string; role: string; version: number; document: Buffer }>(
      `SELECT ceremony_id AS ceremony, role, version, document FROM ceremony_role
       WHERE ceremony_id = ANY($1::uuid[]) ORDER BY ceremony_id, role`,
      [ids],
    ),
    await database.query<{ ceremony: string; role: string; keyId: string; signature: Buffer }>(
      `SELECT ceremony_id AS ceremony, role, key_id AS "keyId", signature FROM ceremony_signature
       WHERE ceremony_id = ANY($1::uuid[]) ORDER BY ceremony_id, role, received_at, key_id`,
      [ids],
    ),
  ];
  return ceremonies.map(({ changeId, ...ceremony }) => ({
    ...ceremony,
    changeId: changeId ?? undefined,
    roles: roles.rows
      .filter((row) => row.ceremony === ceremony.id)
      .map(({ role, version, document }) => ({
        role,
        version,
        document,
        signatures: signatures.rows
          .filter((row) => row.ceremony === ceremony.id && row.role === role)
          .map(({ keyId, signature }) => ({ keyId, signature })),
      })),
  }));
}
