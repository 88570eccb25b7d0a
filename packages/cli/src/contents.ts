import { sha256 } from "@stemma/crypto";
import type { Digest } from "@stemma/encoding";
import { type Descriptor, DOCKER_CONFIG, IMAGE_CONFIG, MAX_MANIFEST_BYTES } from "@stemma/image";
import { annotatedBase, imagesOf, namedDigests, reachableContents } from "@stemma/lineage";
import type { ContentStore, Document } from "@stemma/oci";
import { CliError } from "./error.ts";
import type { Subject } from "./subject.ts";

/**
 * What lineage is followed by, out of a place that holds an image: its manifest and configuration, for an index those of every
 * image that it lists, and those of the base that an image names, where the same place has it. Checked by digest.
 */
export async function contentsOf(
  store: ContentStore,
  name: string,
): Promise<ReadonlyMap<Digest, Uint8Array>> {
  const contents = new Map<Digest, Uint8Array>();
  const waiting: string[] = [name];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (contents.has(next as Digest)) continue;
    const document = await store.findDocument(next);
    if (document === undefined || contents.has(document.digest)) continue;
    contents.set(document.digest, document.bytes);
    if (document.kind === "index") waiting.push(...imagesOf(document).map(({ digest }) => digest));
    else await addConfig(store, document, contents);
    const base = annotatedBase(document);
    if (base !== undefined) waiting.push(base);
  }
  return contents;
}

async function addConfig(
  store: ContentStore,
  document: Document & { readonly config: Descriptor },
  contents: Map<Digest, Uint8Array>,
): Promise<void> {
  const { mediaType, digest, size } = document.config;
  // The configuration of what is no image says nothing of layers.
  if ((mediaType !== IMAGE_CONFIG && mediaType !== DOCKER_CONFIG) || size > MAX_MANIFEST_BYTES) return;
  const pieces: Uint8Array[] = [];
  for await (const piece of store.readBlob({ digest, size })) pieces.push(piece);
  contents.set(digest, Buffer.concat(pieces));
}

/**
 * The manifests and configurations that are recorded with an image, when some of the evidence is about it: with evidence of earlier
 * steps alone the service would not take them. Throws `usage` for a base that nothing leads to.
 */
export async function recordContents(
  { digest, store }: Subject,
  evidence: readonly Uint8Array[],
  bases: readonly Subject[],
): Promise<readonly Uint8Array[]> {
  const about = evidence.map((bytes) => namedDigests(sha256(bytes), bytes));
  if (store === undefined || !about.some(({ products }) => products.includes(digest))) {
    if (bases.length === 0) return [];
    throw new CliError(
      "usage",
      "--base goes with an image, and with evidence that the image is a product of.",
    );
  }
  const contents = new Map(await contentsOf(store, digest));
  for (const base of bases) {
    if (base.store === undefined)
      throw new CliError("usage", "--base names an image in a registry or a layout.");
    for (const [name, bytes] of await contentsOf(base.store, base.digest)) contents.set(name, bytes);
  }
  const reached = reachableContents(
    digest,
    contents,
    about.flatMap(({ materials }) => materials),
  );
  const stray = bases.find((base) => !reached.has(base.digest));
  if (stray !== undefined) {
    throw new CliError(
      "usage",
      `Neither an annotation of the image nor the evidence names ${stray.digest}, so nobody would look for it as its base.`,
    );
  }
  return [...contents].filter(([name]) => reached.has(name)).map(([, bytes]) => bytes);
}
