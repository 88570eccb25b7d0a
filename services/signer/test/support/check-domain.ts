import { expect } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { type Pool, readHead, readMetadataOf, readVersions } from "@stemma/store";
import { decodeSnapshot, decodeTimestamp } from "@stemma/tuf";

/**
 * What must hold after anything that can happen (a small fsck): versions of every role without a gap, epochs without
 * a gap, each snapshot refers only to what is stored, and no published version ever went back.
 */
export async function checkDomain(pool: Pool, domainId: number): Promise<void> {
  const { rows } = await pool.query<{ role: string; least: number; most: number; count: number }>(
    `SELECT role, min(version::bigint) AS least, max(version::bigint) AS most, count(*) AS count
     FROM metadata WHERE domain_id = $1 GROUP BY role`,
    [domainId],
  );
  for (const { role, least, most, count } of rows) {
    expect({ role, least, most }).toEqual({ role, least: 1, most: count });
  }
  const epochs = await pool.query<{ epoch: number }>(
    "SELECT DISTINCT epoch FROM metadata WHERE domain_id = $1 ORDER BY epoch",
    [domainId],
  );
  const head = await readHead(pool, domainId);
  expect(epochs.rows.map(({ epoch }) => epoch)).toEqual(
    Array.from({ length: head?.epoch ?? 0 }, (_, i) => i + 1),
  );
  const seen = new Map<string, number>();
  for (const row of await readVersions(pool, domainId, "timestamp")) {
    expect(sha256(row.bytes)).toBe(row.sha256);
    const { version } = decodeTimestamp(row.bytes).signed.snapshot;
    const [snapshot] = await readMetadataOf(pool, domainId, [["snapshot", version]]);
    if (!snapshot)
      throw new Error(`Timestamp ${row.version} points to snapshot ${version}, which is not stored.`);
    const meta = [...decodeSnapshot(snapshot.bytes).signed.meta].map(
      ([role, { version: v }]) => [role, v] as const,
    );
    const stored = await readMetadataOf(pool, domainId, meta);
    expect(stored).toHaveLength(meta.length);
    expect(Math.max(...stored.map(({ epoch }) => epoch))).toBeLessThanOrEqual(row.epoch);
    for (const [role, v] of meta) {
      expect(v).toBeGreaterThanOrEqual(seen.get(role) ?? 0);
      seen.set(role, v);
    }
  }
}
