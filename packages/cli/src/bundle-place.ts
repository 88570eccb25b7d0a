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

const MAX_LOOKED_AT = 64;
const CLOCK_SKEW_MS = 5 * 60_000;

async function newestBundle(store: ContentStore, subject: Digest): Promise<Document> {
  const listed = await store.listReferrers(subject, { artifactType: BUNDLE_ARTIFACT_TYPE });
  const byAge = [...listed].sort((a, b) => timeOf(b) - timeOf(a));
  for (const { digest } of byAge.slice(0, MAX_LOOKED_AT)) {
    const found = await store.findDocument(digest);
    // The list is a claim. A bundle about something else would answer another question than the one that was asked.
    if (found?.artifactType === BUNDLE_ARTIFACT_TYPE && found.subject?.digest === subject) return found;
  }
  throw new ClientError(
    "bundle_missing",
    `${store.place} has no bundle that refers to ${subject}; attach one with stemma bundle attach.`,
  );
}

/** When a bundle was made, by its own word. One from the future would be the newest for ever, and so is the oldest. */
function timeOf({ annotations }: { readonly annotations: ReadonlyMap<string, string> }): number {
  const time = Date.parse(annotations.get(TIME_HINT) ?? "");
  return time <= Date.now() + CLOCK_SKEW_MS ? time : 0;
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
