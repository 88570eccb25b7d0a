import {
  BUNDLE_ARTIFACT_TYPE,
  BUNDLE_LIMITS,
  bundleBlobs,
  ClientError,
  type OpenBundle,
  openBundle,
  readBundle,
  readBundleManifest,
  TIME_HINT,
} from "@stemma/client";
import { type Digest, parseDigest } from "@stemma/encoding";
import { type ContentStore, type Document, parseReference, readDocumentOf, readWholeBlob } from "@stemma/oci";
import { readInput } from "./files.ts";
import { openRegistry, type PlaceOptions } from "./open-place.ts";

/**
 * Opens a bundle from a file, or from `oci:HOST/REPOSITORY:TAG`. Where that names no bundle but an image, the newest bundle is
 * taken that refers to it; newest by its own word, as everything here is for the verdict to judge.
 *
 * Throws `file_unreadable`, `usage`, ClientError, OciError.
 */
export async function openBundleAt(place: string, options: PlaceOptions): Promise<OpenBundle> {
  if (!place.startsWith("oci:")) return readBundle(await readInput(place, BUNDLE_LIMITS.fileBytes));
  const reference = parseReference(place.slice("oci:".length));
  const store = openRegistry(reference, options);
  const named = await readDocumentOf(store, reference.digest ?? reference.tag ?? "");
  const found = named.artifactType === BUNDLE_ARTIFACT_TYPE ? named : await newestBundle(store, named.digest);
  return pullBundle(store, found);
}

async function newestBundle(store: ContentStore, subject: Digest): Promise<Document> {
  const listed = await store.listReferrers(subject, { artifactType: BUNDLE_ARTIFACT_TYPE });
  const timeOf = ({ annotations }: { readonly annotations: ReadonlyMap<string, string> }): number =>
    Date.parse(annotations.get(TIME_HINT) ?? "") || 0;
  const [newest] = [...listed].sort((a, b) => timeOf(b) - timeOf(a));
  if (newest === undefined) {
    throw new ClientError(
      "bundle_missing",
      `${store.place} has no bundle that refers to ${subject}; attach one with stemma bundle attach.`,
    );
  }
  return readDocumentOf(store, newest.digest);
}

async function pullBundle(store: ContentStore, document: Document): Promise<OpenBundle> {
  const manifest = readBundleManifest(document.bytes);
  const blobs = new Map<string, Uint8Array>();
  const queue = bundleBlobs(manifest).values();
  const worker = async (): Promise<void> => {
    for (const blob of queue) {
      blobs.set(blob.digest, await readWholeBlob(store, blob, BUNDLE_LIMITS.contentBytes));
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return openBundle(manifest, (sha256) => blobs.get(parseDigest(`sha256:${sha256}`)));
}
