import type { Digest } from "@stemma/encoding";
import { type Belonging, findBelongings } from "./belongings.ts";
import type { BlobName, BlobOutcome, BlobReader, ContentStore, Document } from "./content-store.ts";
import { OciError } from "./error.ts";
import { inParallel } from "./pool.ts";
import { Budget, blobsIn, readDocumentOf, readTree } from "./tree.ts";

/** How far a copy is. Bytes are those of blobs; what is skipped counts as done. */
export interface CopyProgress {
  readonly blobs: number;
  readonly blobsDone: number;
  readonly bytes: number;
  readonly bytesDone: number;
}

export interface CopyOptions {
  /** The artifact at the source, by tag or digest; without one, the only one there. */
  readonly name?: string | undefined;
  /** Its tag at the destination; none unless told. */
  readonly tag?: string | undefined;
  /** The digest that it must have. */
  readonly digest?: Digest | undefined;
  /** Whether what refers to it is left where it is. */
  readonly alone?: boolean;
  /** Blobs at a time; 4 unless told. */
  readonly parallel?: number;
  readonly onProgress?: (progress: CopyProgress) => void;
}

/** What was copied, and what had to be moved for it. */
export interface CopyResult {
  readonly root: Document;
  /** Manifests and indexes of the artifact itself. */
  readonly documents: number;
  /** What belongs to it and its parts: referrers, and manifests under cosign's tags. */
  readonly belongings: readonly Belonging[];
  /** What the source lists and was not copied, with the reason. */
  readonly leftOut: readonly string[];
  readonly blobs: Readonly<Record<BlobOutcome, number>>;
  /** Bytes of the blobs that were not there. */
  readonly bytesWritten: number;
}

/**
 * Copies an artifact with all that belongs to it: index, platforms, configurations and layers, the referrers of each, their
 * referrers, and cosign's tags. Blobs go first, then manifests, those that are listed before those that list them, and the
 * tag last: whoever finds the tag finds everything. What is there already is not sent again, so a copy that broke off is
 * resumed by doing it again. Not a byte of a manifest is changed, and so no digest.
 *
 * Throws as both stores, and `manifest_not_found`, `too_many_manifests`.
 */
export async function copyArtifact(
  source: ContentStore,
  destination: ContentStore,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const budget = new Budget();
  const root = await readDocumentOf(source, options.name ?? (await source.onlyName()));
  if (options.digest !== undefined && options.digest !== root.digest) {
    throw new OciError(
      "manifest_digest_mismatch",
      `${source.place} has ${root.digest} there, and not ${options.digest}; nothing was copied.`,
    );
  }
  const tree = await readTree(source, root, budget);
  const { found, leftOut } =
    options.alone === true ? { found: [], leftOut: [] } : await findBelongings(source, tree, budget);
  const moved = await moveBlobs(source, destination, [...tree, ...found.flatMap((one) => one.tree)], options);
  await writeMissing(destination, tree);
  const kept = await writeBelongings(destination, found);
  await destination.writeDocument(root, { tag: options.tag });
  await destination.finish();
  return { root, documents: tree.length, belongings: found, leftOut: [...leftOut, ...kept], ...moved };
}

/**
 * Copies only what belongs to an artifact that is at the destination already, brought there by a tool that left the rest
 * behind: the referrers and cosign's tags of it and of all its platforms. `name` is that at the destination.
 *
 * Throws as `copyArtifact`; `manifest_not_found` when the artifact is not at the destination.
 */
export async function copyBelongings(
  source: ContentStore,
  destination: ContentStore,
  options: Omit<CopyOptions, "tag" | "alone"> = {},
): Promise<CopyResult> {
  const budget = new Budget();
  const root = await readDocumentOf(destination, options.name ?? (await destination.onlyName()));
  const tree = await readTree(destination, root, budget);
  const { found, leftOut } = await findBelongings(source, tree, budget);
  const moved = await moveBlobs(
    source,
    destination,
    found.flatMap((one) => one.tree),
    options,
  );
  const kept = await writeBelongings(destination, found);
  await destination.finish();
  return { root, documents: tree.length, belongings: found, leftOut: [...leftOut, ...kept], ...moved };
}

async function moveBlobs(
  source: ContentStore,
  destination: ContentStore,
  documents: readonly Document[],
  { parallel = 4, onProgress }: CopyOptions,
): Promise<Pick<CopyResult, "blobs" | "bytesWritten">> {
  const blobs = blobsIn(documents);
  const total = blobs.reduce((sum, { size }) => sum + size, 0);
  const outcomes = { there: 0, mounted: 0, written: 0 };
  let [blobsDone, bytesDone, bytesWritten] = [0, 0, 0];
  const report = () => onProgress?.({ blobs: blobs.length, blobsDone, bytes: total, bytesDone });
  report();
  // The largest first: what is left at the end is short.
  const queue = [...blobs].sort((a, b) => b.size - a.size);
  await inParallel(queue, destination.sequential ? 1 : parallel, async (blob) => {
    let passed = 0;
    const counted = counting(source, (bytes) => {
      passed += bytes;
      bytesDone += bytes;
      report();
    });
    const outcome = await destination.writeBlob(blob, counted);
    outcomes[outcome] += 1;
    blobsDone += 1;
    if (outcome === "written") bytesWritten += blob.size;
    // An upload that began anew has passed more than the blob.
    bytesDone += blob.size - passed;
    report();
  });
  return { blobs: outcomes, bytesWritten };
}

/** The same blobs, with word of every piece that passes. */
function counting(source: BlobReader, onBytes: (bytes: number) => void): BlobReader {
  return {
    origin: source.origin,
    async *readBlob(blob: BlobName) {
      for await (const chunk of source.readBlob(blob)) {
        onBytes(chunk.length);
        yield chunk;
      }
    },
  };
}

/** Documents are written in the order in which they come; those of one artifact list only what came before. */
async function writeMissing(destination: ContentStore, documents: readonly Document[]): Promise<void> {
  for (const document of documents) {
    if (!(await destination.hasDocument(document.digest))) await destination.writeDocument(document);
  }
}

/** Writes what belongs to something, and answers with what was left as it is, and why. */
async function writeBelongings(
  destination: ContentStore,
  belongings: readonly Belonging[],
): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const { document, tree, tag, of } of belongings) {
    await writeMissing(destination, tree.slice(0, -1));
    if (tag === undefined) await writeReferrer(destination, document, of);
    else if (await mayReplace(destination, document, tag)) await destination.writeDocument(document, { tag });
    else kept.push(`${tag} holds something else at the destination, which was left there`);
  }
  return kept;
}

/** That it is there is not enough: a copy that broke off may not have listed it. */
async function writeReferrer(destination: ContentStore, document: Document, of: Digest): Promise<void> {
  const listed = await destination.listReferrers(of);
  const isListed = listed.some(({ digest }) => digest === document.digest);
  if (isListed && (await destination.hasDocument(document.digest))) return;
  await destination.writeDocument(document);
}

/** A signature that was made at the destination must not go: cosign's tags grow, so only what is in the new one may. */
async function mayReplace(destination: ContentStore, document: Document, tag: string): Promise<boolean> {
  const there = await destination.findDocument(tag);
  if (there === undefined || there.digest === document.digest) return true;
  if (there.kind !== "manifest" || document.kind !== "manifest") return false;
  const layers = new Set(document.layers.map(({ digest }) => digest));
  return there.layers.every(({ digest }) => layers.has(digest));
}
