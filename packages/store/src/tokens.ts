import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Queryable } from "./pool.ts";

/**
 * API tokens: `stemma_` and 256 random bits. The prefix lets scanners of leaked secrets find them; only the sha256 is
 * stored, which is enough because nobody can guess 256 bits.
 */
const PREFIX = "stemma_";
const FORM = /^stemma_[A-Za-z0-9_-]{43}$/;

/** A token as the list of tokens shows it; the token itself is seen once, when it is made. */
export interface ApiToken {
  readonly id: number;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date | undefined;
  readonly revokedAt: Date | undefined;
  readonly lastUsedAt: Date | undefined;
}

export interface NewToken {
  /** What the token is for, for people. 1 to 100 characters. */
  readonly name: string;
  readonly scopes: readonly string[];
  /** Undefined: until it is revoked. */
  readonly expiresAt?: Date;
}

interface TokenRow {
  readonly id: number;
  readonly name: string;
  readonly scopes: string[];
  readonly sha256: Buffer;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

const COLUMNS = `id, name, scopes, sha256, created_at AS "createdAt", expires_at AS "expiresAt",
  revoked_at AS "revokedAt", last_used_at AS "lastUsedAt"`;

function toToken(row: TokenRow): ApiToken {
  const { sha256: _hash, expiresAt, revokedAt, lastUsedAt, ...rest } = row;
  return {
    ...rest,
    expiresAt: expiresAt ?? undefined,
    revokedAt: revokedAt ?? undefined,
    lastUsedAt: lastUsedAt ?? undefined,
  };
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}

/** Makes a token. The returned `secret` is the only copy there will ever be. */
export async function createToken(
  database: Queryable,
  token: NewToken,
): Promise<{ readonly secret: string; readonly token: ApiToken }> {
  const secret = PREFIX + randomBytes(32).toString("base64url");
  const { rows } = await database.query<TokenRow>(
    `INSERT INTO api_token (name, sha256, scopes, expires_at) VALUES ($1, $2, $3, $4) RETURNING ${COLUMNS}`,
    [token.name, hashOf(secret), [...new Set(token.scopes)], token.expiresAt ?? null],
  );
  return { secret, token: toToken(rows[0] as TokenRow) };
}

/** All tokens, the newest first, without their secrets. */
export async function listTokens(database: Queryable): Promise<readonly ApiToken[]> {
  const { rows } = await database.query<TokenRow>(`SELECT ${COLUMNS} FROM api_token ORDER BY id DESC`);
  return rows.map(toToken);
}

/** Ends a token at once. False: there is no such token, or it was revoked before. */
export async function revokeToken(database: Queryable, id: number): Promise<boolean> {
  const { rowCount } = await database.query(
    "UPDATE api_token SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL",
    [id],
  );
  return rowCount === 1;
}

/**
 * The valid token with this secret: of the right form, known, not revoked and not expired. What is not of the form costs
 * one bounded comparison and no query (N-58). Notes the use, at most once a minute.
 */
export async function findToken(database: Queryable, secret: string): Promise<ApiToken | undefined> {
  if (secret.length > 64 || !FORM.test(secret)) return undefined;
  const hash = hashOf(secret);
  const { rows } = await database.query<TokenRow>({
    name: "find-token",
    text: `SELECT ${COLUMNS} FROM api_token
           WHERE sha256 = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
    values: [hash],
  });
  const row = rows[0];
  // The index compares hashes, of which a caller controls no chosen prefix; this one takes the same time in any case.
  if (row === undefined || !timingSafeEqual(row.sha256, hash)) return undefined;
  await database.query(
    `UPDATE api_token SET last_used_at = now()
     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
    [row.id],
  );
  return toToken(row);
}
