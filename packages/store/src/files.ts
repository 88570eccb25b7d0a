import type { Sha256Hex } from "@stemma/encoding";
import { asBuffer } from "./metadata.ts";
import type { Queryable } from "./pool.ts";

/**
 * Bytes that are named by their own sha256: files that project roles list as TUF targets, and evidence.
 * Both tables have the same shape, and storing the same bytes twice is nothing new.
 */
type Table = "target_file" | "evidence";

async function read(database: Queryable, table: Table, domainId: number, sha256: string) {
  const { rows } = await database.query<{ bytes: Buffer }>({
    name: `read-${table}`,
    text: `SELECT bytes FROM ${table} WHERE domain_id = $1 AND sha256 = $2`,
    values: [domainId, sha256],
  });
  return rows[0]?.bytes;
}

async function readMany(database: Queryable, table: Table, domainId: number, wanted: Iterable<Sha256Hex>) {
  const { rows } = await database.query<{ sha256: Sha256Hex; bytes: Buffer }>(
    `SELECT sha256, bytes FROM ${table} WHERE domain_id = $1 AND sha256 = ANY($2::text[])`,
    [domainId, [...wanted]],
  );
  return new Map<Sha256Hex, Uint8Array>(rows.map(({ sha256, bytes }) => [sha256, bytes]));
}

/** Inserts files of the domain $1 out of $2, in the order of their bytes, so that two who do it never wait for each other. */
function insertText(table: Table): string {
  return `INSERT INTO ${table} (domain_id, sha256, bytes)
          SELECT DISTINCT ON (bytes) $1::integer, encode(sha256(bytes), 'hex'), bytes FROM unnest($2::bytea[]) AS file (bytes)
          ON CONFLICT DO NOTHING`;
}

/** Stores evidence of the domain $1 out of $2, as a part of a larger statement. */
export const INSERT_EVIDENCE = insertText("evidence");

/** A file as metadata names it. */
export interface FileReference {
  readonly sha256: Sha256Hex;
  readonly length: number;
}

/** Those of the files that are not stored, or are stored with another length. */
async function missing<F extends FileReference>(
  database: Queryable,
  table: Table,
  domainId: number,
  wanted: readonly F[],
): Promise<readonly F[]> {
  if (wanted.length === 0) return [];
  const { rows } = await database.query<{ sha256: Sha256Hex; length: number }>({
    name: `missing-${table}`,
    text: `SELECT sha256, length FROM ${table} WHERE domain_id = $1 AND sha256 = ANY($2::text[])`,
    values: [domainId, wanted.map(({ sha256 }) => sha256)],
  });
  const stored = new Map(rows.map(({ sha256, length }) => [sha256, length]));
  return wanted.filter(({ sha256, length }) => stored.get(sha256) !== length);
}

export function missingTargetFiles<F extends FileReference>(
  database: Queryable,
  domainId: number,
  wanted: readonly F[],
): Promise<readonly F[]> {
  return missing(database, "target_file", domainId, wanted);
}

export function missingEvidence<F extends FileReference>(
  database: Queryable,
  domainId: number,
  wanted: readonly F[],
): Promise<readonly F[]> {
  return missing(database, "evidence", domainId, wanted);
}

/** The bytes of a project's file (layout, revocations), or undefined. */
export function readTargetFile(
  database: Queryable,
  domainId: number,
  sha256: string,
): Promise<Uint8Array | undefined> {
  return read(database, "target_file", domainId, sha256);
}

export function readTargetFiles(
  database: Queryable,
  domainId: number,
  wanted: Iterable<Sha256Hex>,
): Promise<ReadonlyMap<Sha256Hex, Uint8Array>> {
  return readMany(database, "target_file", domainId, wanted);
}

export async function insertTargetFiles(
  database: Queryable,
  domainId: number,
  files: readonly Uint8Array[],
): Promise<void> {
  if (files.length === 0) return;
  await database.query(insertText("target_file"), [domainId, files.map(asBuffer)]);
}

/** The bytes of one piece of evidence, exactly as received, or undefined. */
export function readEvidence(
  database: Queryable,
  domainId: number,
  sha256: string,
): Promise<Uint8Array | undefined> {
  return read(database, "evidence", domainId, sha256);
}

/** Many pieces in one round trip; those that are not there are missing from the answer. */
export function readEvidences(
  database: Queryable,
  domainId: number,
  wanted: Iterable<Sha256Hex>,
): Promise<ReadonlyMap<Sha256Hex, Uint8Array>> {
  return readMany(database, "evidence", domainId, wanted);
}
