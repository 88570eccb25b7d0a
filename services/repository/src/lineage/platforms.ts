import { readDocument } from "@stemma/image";
import { imagesOf, MAX_INDEXES, type Verdict } from "@stemma/lineage";
import { enqueueRecord, type Queryable } from "@stemma/store";
import type { Published } from "../domain/domains.ts";
import { lookUp } from "../read/artifacts.ts";
import type { Context } from "../service.ts";

/**
 * Lets the platforms of an index be found by it: a record of each, that points to the index, with its own manifest and configuration
 * out of the index's contents. The index holds, and its bytes list the platform; nobody's signature is needed for that. The
 * signer puts the pointer into the tree like any other change.
 */
export async function pointPlatforms(
  context: Context,
  database: Queryable,
  published: Published,
  verdict: Verdict,
): Promise<void> {
  const { ancestry, record, digest, project } = verdict;
  if (verdict.decision !== "allow" || ancestry?.kind !== "index" || record === undefined) return;
  if (ancestry.platforms === "itself" || ancestry.platforms === "platform") return;
  const { domains } = context;
  const { domain } = published;
  const stored = await domains.files.evidences(
    domain.id,
    (record.contents ?? []).map(({ sha256 }) => sha256),
  );
  const contents = new Map([...stored].map(([sha256, bytes]) => [`sha256:${sha256}`, { sha256, bytes }]));
  const bytes = contents.get(digest)?.bytes;
  const document = bytes === undefined ? undefined : readDocument(bytes);
  if (document?.kind !== "index") return;
  const current = await domains.published(domain.name);
  for (const entry of imagesOf(document)) {
    const known = (await lookUp(context, current, entry.digest))?.record;
    const pointing = known?.indexes ?? [];
    if (pointing.includes(digest) || pointing.length >= MAX_INDEXES) continue;
    const manifest = contents.get(entry.digest);
    const config = manifest && configOf(manifest.bytes);
    const own = [manifest, config === undefined ? undefined : contents.get(config)].filter(
      (one) => one !== undefined,
    );
    await enqueueRecord(database, domain.id, [], {
      digest: entry.digest,
      descriptor: {
        mediaType: entry.mediaType,
        size: entry.size,
        ...(entry.artifactType === undefined ? {} : { artifactType: entry.artifactType }),
      },
      projects: [project],
      evidence: [],
      contents: own.map(({ sha256, bytes: { length } }) => ({ sha256, length })),
      indexes: [digest],
    });
  }
}

function configOf(bytes: Uint8Array): string | undefined {
  const document = readDocument(bytes);
  return document.kind === "manifest" ? document.config.digest : undefined;
}
