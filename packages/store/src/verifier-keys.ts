import type { Queryable } from "./pool.ts";

/** Who signs verification summaries, and with which key. */
export interface VerifierKey {
  /** The URI of the verifier. */
  readonly verifierId: string;
  readonly keyId: string;
  /** The key object of TUF and in-toto. */
  readonly publicKey: unknown;
}

/** Signers announce their verifier again and again; one that nobody has announced for a day is gone. */
export async function announceVerifierKey(
  database: Queryable,
  { verifierId, keyId, publicKey }: VerifierKey,
): Promise<void> {
  await database.query(
    `INSERT INTO verifier_key (key_id, verifier_id, public_key) VALUES ($1, $2, $3)
     ON CONFLICT (key_id) DO UPDATE SET verifier_id = excluded.verifier_id, announced_at = now()`,
    [keyId, verifierId, JSON.stringify(publicKey)],
  );
  await database.query("DELETE FROM verifier_key WHERE announced_at < now() - interval '1 day'");
}

/** The verifier of the signer that is running, the freshest one; undefined when no signer has a key for it. */
export async function readVerifierKey(database: Queryable): Promise<VerifierKey | undefined> {
  const { rows } = await database.query<VerifierKey>(
    `SELECT verifier_id AS "verifierId", key_id AS "keyId", public_key AS "publicKey" FROM verifier_key
     WHERE announced_at > now() - interval '1 day' ORDER BY announced_at DESC, key_id LIMIT 1`,
  );
  return rows[0];
}
