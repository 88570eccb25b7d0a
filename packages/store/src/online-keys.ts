import type { Queryable } from "./pool.ts";

/** A public key that a running signer holds. A new root names it for timestamp, snapshot and artifacts. */
export interface OnlineKey {
  readonly keyId: string;
  /** `{keytype, scheme, keyval: {public}}`, the key object of TUF and in-toto. */
  readonly publicKey: unknown;
  readonly announcedAt: Date;
}

/** Signers announce their keys again and again; one that nobody has announced for a day is gone. */
export async function announceOnlineKey(
  database: Queryable,
  keyId: string,
  publicKey: unknown,
): Promise<void> {
  await database.query(
    `INSERT INTO online_key (key_id, public_key) VALUES ($1, $2)
     ON CONFLICT (key_id) DO UPDATE SET announced_at = now()`,
    [keyId, JSON.stringify(publicKey)],
  );
  await database.query("DELETE FROM online_key WHERE announced_at < now() - interval '1 day'");
}

/** The keys of the signers that are running, the freshest first. */
export async function listOnlineKeys(database: Queryable): Promise<readonly OnlineKey[]> {
  const { rows } = await database.query<OnlineKey>(
    `SELECT key_id AS "keyId", public_key AS "publicKey", announced_at AS "announcedAt" FROM online_key
     WHERE announced_at > now() - interval '1 day' ORDER BY announced_at DESC, key_id`,
  );
  return rows;
}
