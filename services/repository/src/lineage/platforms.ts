import { ImageError, type Index, type Manifest, readDocument } from "@stemma/image";
import { imagesOf, MAX_INDEXES, type Verdict } from "@stemma/lineage";
import type { RecordChange } from "@stemma/store";
import type { Published } from "../domain/domains.ts";
import { lookUp } from "../read/artifacts.ts";
import type { Context } from "../service.ts";

/**
 * What lets the platforms of an index be found by it: a record of each, that points to the index, with its own manifest and
 * configuration out of the index's contents. The index holds, and its bytes list the platform; nobody's signature is needed for that. The
 * signer puts the pointer into the tree like any other change.
 *
 * What a platform is, its own bytes say, and not the index: a record with another size or type would keep the true one out. Where its
 * bytes are not there, or are no manifest's, it gets none; a verdict would need them anyhow.
 */
export async function platformRecords(
  context: Context,
  published: Published,
  verdict: Verdict,
): Promise<readonly RecordChange[]> {
  const { ancestry, record, digest, project } = verdict;
  if (verdict.decision !== "allow" || ancestry?.kind !== "index" || record === undefined) return [];
  if (ancestry.platforms === "itself" || ancestry.platforms === "platform") return [];
  const { domains } = context;
  const { domain } = published;
  const stored = await domains.files.evidences(
    domain.id,
    (record.contents ?? []).map(({ sha256 }) => sha256),
  );
  const contents = new Map([...stored].map(([sha256, bytes]) => [`sha256:${sha256}`, { sha256, bytes }]));
  const document = documentOf(contents.get(digest)?.bytes);
  if (document?.kind !== "index") return [];
  const records: RecordChange[] = [];
  const current = await domains.published(domain.name);
  for (const entry of imagesOf(document)) {
    const manifest = contents.get(entry.digest);
    const image = documentOf(manifest?.bytes);
    if (manifest === undefined || image?.kind !== "manifest") continue;
    const known = (await lookUp(context, current, entry.digest))?.record;
    const pointing = known?.indexes ?? [];
    if (pointing.includes(digest) || pointing.length >= MAX_INDEXES) continue;
    const own = [manifest, contents.get(image.config.digest)].filter((one) => one !== undefined);
    records.push({
      digest: entry.digest,
      descriptor: {
        mediaType: image.mediaType,
        size: manifest.bytes.length,
        ...(image.artifactType === undefined ? {} : { artifactType: image.artifactType }),
      },
      projects: [project],
      evidence: [],
      contents: own.map(({ sha256, bytes: { length } }) => ({ sha256, length })),
      indexes: [digest],
    });
  }
  return records;
}

/** Undefined for what is not there, and for what is no manifest: anybody may list anything in an index. */
function documentOf(bytes: Uint8Array | undefined): Manifest | Index | undefined {
  if (bytes === undefined) return undefined;
  try {
    return readDocument(bytes);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return undefined;
  }
}
