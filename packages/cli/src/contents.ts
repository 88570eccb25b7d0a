import { LIMITS } from "@stemma/contract";
import { sha256 } from "@stemma/crypto";
import type { Digest } from "@stemma/encoding";
import { DOCKER_CONFIG, IMAGE_CONFIG } from "@stemma/image";
import { annotatedBase, imagesOf, namedDigests, reachableContents } from "@stemma/lineage";
import { type ContentStore, readWholeBlob } from "@stemma/oci";
import { CliError } from "./error.ts";
import type { Subject } from "./subject.ts";

/** Bytes of contents that go with one upload: with a large piece of evidence they still fit into one request. */
const MAX_CONTENT_BYTES = 1_536 * 1024;

/**
 * What lineage is followed by, out of a place that holds an image: its manifest and configuration, for an index those of every
 * image that it lists, and those of the base that an image names, where the same place has it. Checked by digest. No more than
 * one record may have: bases that name bases have no end of their own, and lineage is not followed into what is left out.
 */
export async function contentsOf(
  store: ContentStore,
  name: string,
): Promise<ReadonlyMap<Digest, Uint8Array>> {
  const contents = new Map<Digest, Uint8Array>();
  let room = MAX_CONTENT_BYTES;
  const add = (digest: Digest, bytes: Uint8Array): boolean => {
    if (contents.size >= LIMITS.contentsPerRecord || bytes.length > room) return false;
    contents.set(digest, bytes);
    room -= bytes.length;
    return true;
  };
  // First come, first served: the image itself goes before what it names.
  const waiting = new Set<string>([name]);
  for (const next of waiting) {
    const document = await store.findDocument(next);
    if (document === undefined || contents.has(document.digest)) continue;
    if (!add(document.digest, document.bytes)) break;
    if (document.kind === "index") for (const { digest } of imagesOf(document)) waiting.add(digest);
    else {
      const { mediaType, digest, size } = document.config;
      // The configuration of what is no image says nothing of layers.
      if ((mediaType === IMAGE_CONFIG || mediaType === DOCKER_CONFIG) && size <= room) {
        add(digest, await readWholeBlob(store, { digest, size }, size));
      }
    }
    const base = annotatedBase(document);
    if (base !== undefined) waiting.add(base);
  }
  return contents;
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
  const taken = reachedBy(
    digest,
    contents,
    about.flatMap(({ materials }) => materials),
  );
  const stray = bases.find((base) => !taken.has(base.digest));
  if (stray !== undefined) {
    throw new CliError(
      "usage",
      `Neither an annotation of the image nor the evidence names ${stray.digest}, so nobody would look for it as its base.`,
    );
  }
  return [...taken.values()];
}

/** What of some contents goes with one piece of evidence: nothing, unless it is about the image. */
export function contentsWith(
  digest: Digest,
  contents: ReadonlyMap<Digest, Uint8Array>,
  evidence: Uint8Array,
): readonly Uint8Array[] {
  const { products, materials } = namedDigests(sha256(evidence), evidence);
  return products.includes(digest) ? [...reachedBy(digest, contents, materials).values()] : [];
}

function reachedBy(
  digest: Digest,
  contents: ReadonlyMap<Digest, Uint8Array>,
  materials: readonly Digest[],
): ReadonlyMap<Digest, Uint8Array> {
  const reached = reachableContents(digest, contents, materials);
  return new Map([...contents].filter(([name]) => reached.has(name)));
}
