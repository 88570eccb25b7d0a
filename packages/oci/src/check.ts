import type { ContentStore, Document } from "./content-store.ts";
import { inParallel } from "./pool.ts";
import { blobsIn, readDocumentOf, readTree } from "./tree.ts";

const PARALLEL = 4;

/**
 * Reads a whole artifact and checks every byte of it: the document against the digest that was asked for (a tag gets the one
 * that its bytes have), everything that it lists, and every blob of that. What is asked about by the answer's digest
 * afterwards is really what lies there. Nothing is kept. Without a name, the one artifact of the place.
 *
 * Throws `manifest_not_found`, `manifest_digest_mismatch`, `blob_missing`, `blob_digest_mismatch`, `too_many_manifests`,
 * ImageError, and as the store.
 */
export async function checkArtifact(store: ContentStore, name?: string): Promise<Document> {
  const root = await readDocumentOf(store, name ?? (await store.onlyName()));
  await inParallel(blobsIn(await readTree(store, root)), PARALLEL, async (blob) => {
    for await (const _ of store.readBlob(blob));
  });
  return root;
}
