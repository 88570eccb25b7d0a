import type { Digest, Sha256Hex } from "@stemma/encoding";
import { asBuffer } from "./metadata.ts";
import type { Queryable } from "./pool.ts";

/** The manifest that presents one item of evidence as a referrer of its artifact (OCI distribution 1.1). */
export interface StoredReferrer {
  readonly evidence: Sha256Hex;
  readonly manifest: Uint8Array;
  /** Of `manifest`, as the database checked it when it was stored; whoever serves it checks again. */
  readonly sha256: Sha256Hex;
}

/** The referrers of an artifact that have been made, by their evidence: at most as many as a record has evidence. */
export async function readReferrers(
  database: Queryable,
  domainId: number,
  subject: Digest,
): Promise<ReadonlyMap<Sha256Hex, StoredReferrer>> {
  const { rows } = await database.query<StoredReferrer>({
    name: "read-referrers",
    text: `SELECT evidence_sha256 AS evidence, manifest, sha256 FROM referrer WHERE domain_id = $1 AND subject = $2`,
    values: [domainId, subject],
  });
  return new Map(rows.map((row) => [row.evidence, row]));
}

/** The manifest of this digest, or undefined. */
export async function readReferrer(
  database: Queryable,
  domainId: number,
  sha256: string,
): Promise<Uint8Array | undefined> {
  const { rows } = await database.query<{ manifest: Buffer }>({
    name: "read-referrer",
    text: "SELECT manifest FROM referrer WHERE domain_id = $1 AND sha256 = $2",
    values: [domainId, sha256],
  });
  return rows[0]?.manifest;
}

/** The manifest of an item of evidence, to be stored. */
export type NewReferrer = Pick<StoredReferrer, "evidence" | "manifest">;

/** Stores manifests of an artifact's evidence. Those that are there already stay. */
export async function insertReferrers(
  database: Queryable,
  domainId: number,
  subject: Digest,
  referrers: readonly NewReferrer[],
): Promise<void> {
  if (referrers.length === 0) return;
  await database.query({
    name: "insert-referrers",
    text: `INSERT INTO referrer (domain_id, sha256, subject, evidence_sha256, manifest)
           SELECT $1::integer, encode(sha256(manifest), 'hex'), $2::text, evidence, manifest
           FROM unnest($3::text[], $4::bytea[]) AS made (evidence, manifest)
           ORDER BY evidence
           ON CONFLICT DO NOTHING`,
    values: [
      domainId,
      subject,
      referrers.map(({ evidence }) => evidence),
      referrers.map(({ manifest }) => asBuffer(manifest)),
    ],
  });
}

/** Whether a manifest presents this evidence: then it is published. */
export async function isReferrerBlob(
  database: Queryable,
  domainId: number,
  evidence: string,
): Promise<boolean> {
  const { rowCount } = await database.query({
    name: "is-referrer-blob",
    text: "SELECT FROM referrer WHERE domain_id = $1 AND evidence_sha256 = $2 LIMIT 1",
    values: [domainId, evidence],
  });
  return rowCount === 1;
}

/** Notes whose list of referrers has this digest. */
export async function insertReferrerList(
  database: Queryable,
  domainId: number,
  sha256: Sha256Hex,
  subject: Digest,
): Promise<void> {
  await database.query({
    name: "insert-referrer-list",
    text: "INSERT INTO referrer_list (domain_id, sha256, subject) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    values: [domainId, sha256, subject],
  });
}

/** The artifact whose list of referrers has, or had, this digest. */
export async function readReferrerList(
  database: Queryable,
  domainId: number,
  sha256: string,
): Promise<Digest | undefined> {
  const { rows } = await database.query<{ subject: Digest }>({
    name: "read-referrer-list",
    text: "SELECT subject FROM referrer_list WHERE domain_id = $1 AND sha256 = $2",
    values: [domainId, sha256],
  });
  return rows[0]?.subject;
}
