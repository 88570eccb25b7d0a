import type { Digest } from "@stemma/encoding";
import { type Descriptor, MANIFEST_TYPES } from "@stemma/image";
import type { ContentStore, Document } from "./content-store.ts";
import { OciError } from "./error.ts";

/** Bounds for what one artifact may be made of: what somebody else's manifests say must not fill the memory. */
const MAX_DOCUMENTS = 4_096;
const MAX_BYTES = 128 * 1024 * 1024;
const MAX_DEPTH = 8;

/** Layers that are never in a registry, but elsewhere by their URL (image specification, "Non-Distributable Layers"). */
const ELSEWHERE =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable|docker\.image\.rootfs\.foreign)\./;

/** Counts what is read, whichever part of it. Throws `too_many_manifests`. */
export class Budget {
  private documents = 0;
  private bytes = 0;

  take(document: Document, depth: number): void {
    this.documents += 1;
    this.bytes += document.bytes.length;
    if (this.documents > MAX_DOCUMENTS || this.bytes > MAX_BYTES || depth > MAX_DEPTH) {
      throw new OciError(
        "too_many_manifests",
        `More than ${MAX_DOCUMENTS} manifests, ${MAX_BYTES / 1024 / 1024} MiB of them or ${MAX_DEPTH} levels belong to this.`,
      );
    }
  }
}

/** Reads what must be there. Throws `manifest_not_found`, and as the store. */
export async function readDocumentOf(store: ContentStore, name: string): Promise<Document> {
  const found = await store.findDocument(name);
  if (found !== undefined) return found;
  throw new OciError("manifest_not_found", `${store.place} has no ${name}.`);
}

/**
 * A document and everything that its indexes list, each once, those that are listed before those that list them. Throws
 * `too_many_manifests`, `manifest_not_found`, and as the store.
 */
export async function readTree(
  store: ContentStore,
  root: Document,
  budget = new Budget(),
): Promise<readonly Document[]> {
  const found = new Map<Digest, Document>();
  const visit = async (document: Document, depth: number): Promise<void> => {
    if (found.has(document.digest)) return;
    budget.take(document, depth);
    for (const child of document.kind === "index" ? document.manifests : []) {
      if (!MANIFEST_TYPES.includes(child.mediaType) || found.has(child.digest)) continue;
      await visit(await readDocumentOf(store, child.digest), depth + 1);
    }
    found.set(document.digest, document);
  };
  await visit(root, 0);
  return [...found.values()];
}

/** The blobs that documents list, each once; without those that are not meant to be there. */
export function blobsIn(documents: Iterable<Document>): readonly Descriptor[] {
  const found = new Map<Digest, Descriptor>();
  for (const document of documents) {
    const listed =
      document.kind === "manifest"
        ? [document.config, ...document.layers]
        : document.manifests.filter(({ mediaType }) => !MANIFEST_TYPES.includes(mediaType));
    for (const blob of listed) if (!ELSEWHERE.test(blob.mediaType)) found.set(blob.digest, blob);
  }
  return [...found.values()];
}
