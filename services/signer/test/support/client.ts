import { drive, type Source } from "@stemma/client";
import { type Pool, readHead, readMetadata } from "@stemma/store";
import { type FoundTarget, findTarget, refresh, TrustedMetadata } from "@stemma/tuf";

/** Our own client, as somebody who has pinned the first root and reads what the head says is current. */
export async function freshClient(pool: Pool, domainId: number, time = new Date()): Promise<TrustedMetadata> {
  const root = await readMetadata(pool, domainId, "root", 1);
  if (!root) throw new Error("There is no first root.");
  const trusted = TrustedMetadata.create(root.bytes, { time });
  await drive(refresh(trusted), publishedSource(pool, domainId));
  return trusted;
}

export async function lookUp(
  pool: Pool,
  domainId: number,
  path: string,
  time?: Date,
): Promise<FoundTarget | undefined> {
  const trusted = await freshClient(pool, domainId, time);
  return drive(findTarget(trusted, path), publishedSource(pool, domainId));
}

function publishedSource(pool: Pool, domainId: number): Source {
  return {
    async metadata(role, version) {
      const wanted = version ?? (await readHead(pool, domainId))?.timestampVersion ?? 0;
      return (await readMetadata(pool, domainId, role, wanted))?.bytes;
    },
    target: async () => undefined,
    evidence: async () => new Map(),
  };
}
