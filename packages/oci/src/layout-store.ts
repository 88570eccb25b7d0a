import { type Digest, digestParts, EncodingError, parseDigest } from "@stemma/encoding";
import { type Descriptor, describeDocument, MANIFEST_TYPES } from "@stemma/image";
import type { BlobName, BlobOutcome, BlobReader, ContentStore, Document } from "./content-store.ts";
import { OciError } from "./error.ts";
import { LayoutIndex, MAX_INDEX_BYTES, OCI_LAYOUT, tagOf } from "./layout-index.ts";
import { isTag } from "./reference.ts";
import { ofType, tooMany } from "./referrers.ts";
import { blobsOf, documentOf, readAtMost, readManifestBytes, verified } from "./verified.ts";

/** The files of an image layout, wherever they lie. Paths are those of the specification, with `/`. */
export interface LayoutFiles {
  readonly place: string;
  readonly sequential: boolean;
  /** The size of a file in bytes; undefined when there is none. */
  size(path: string): Promise<number | undefined>;
  /** The content of a file that is there. */
  read(path: string): AsyncIterable<Uint8Array>;
  /** Writes a whole file of known size; it is not seen before it is complete. */
  write(path: string, size: number, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** Does work while nobody else changes what is in it, as far as they ask here too. */
  alone(work: () => Promise<void>): Promise<void>;
  /** Writes the files that say that this is a layout, and what is in it. What is read afterwards is that. */
  writeIndex(index: Uint8Array, layout: Uint8Array): Promise<void>;
  finish(): Promise<void>;
}

const FALLBACK_TAG = /^sha(?:256|512)-[0-9a-f]{64}$/;
const COMPANION_TAG = /^sha(?:256|512)-[0-9a-f]{64}\.[a-z]{1,16}$/;
const MAX_REFERRERS = 4_096;

/** Where a blob lies in a layout. */
export function blobPath(digest: Digest): string {
  const { algorithm, hex } = digestParts(digest);
  return `blobs/${algorithm}/${hex}`;
}

/**
 * An image layout (image specification, "Image Layout") with several artifacts, by tag. What refers to another is found by
 * its subject, whether index.json lists it or the tag `sha256-<hex>` does, as tools differ there; written is the former.
 */
export class LayoutStore implements ContentStore {
  private readonly files: LayoutFiles;
  private loaded: Promise<LayoutIndex> | undefined;
  private subjects: Promise<ReadonlyMap<string, readonly Descriptor[]>> | undefined;
  private changes: Promise<void> = Promise.resolve();

  constructor(files: LayoutFiles) {
    this.files = files;
  }

  get place(): string {
    return this.files.place;
  }

  get sequential(): boolean {
    return this.files.sequential;
  }

  async onlyName(): Promise<string> {
    const { entries } = await this.index();
    const digests = new Set<Digest>();
    for (const { descriptor } of entries) {
      const tag = tagOf(descriptor);
      if (tag !== undefined && (FALLBACK_TAG.test(tag) || COMPANION_TAG.test(tag))) continue;
      const document = await this.findDocument(descriptor.digest);
      if (document?.subject === undefined) digests.add(descriptor.digest);
    }
    const [only, ...others] = digests;
    if (only !== undefined && others.length === 0) return only;
    const tags = entries.map(({ descriptor }) => tagOf(descriptor)).filter((tag) => tag !== undefined);
    throw new OciError(
      "ambiguous_reference",
      only === undefined
        ? `${this.place} holds no artifact.`
        : `${this.place} holds several artifacts; name one by its digest${tags.length === 0 ? "" : `, or by a tag: ${tags.slice(0, 8).join(", ")}`}.`,
    );
  }

  async findDocument(name: string): Promise<Document | undefined> {
    const digest = isTag(name) ? (await this.index()).find(name) : digestOf(name);
    if (digest === undefined || (await this.files.size(blobPath(digest))) === undefined) return undefined;
    const bytes = await readManifestBytes(this.files.read(blobPath(digest)));
    return documentOf(bytes, digest, this.place);
  }

  async *readBlob(blob: BlobName): AsyncGenerator<Uint8Array> {
    const path = blobPath(blob.digest);
    if ((await this.files.size(path)) === undefined) {
      throw new OciError("blob_missing", `${this.place} has no blob ${blob.digest}.`);
    }
    yield* verified(this.files.read(path), blob, this.place);
  }

  findBlobSize(digest: Digest): Promise<number | undefined> {
    return this.files.size(blobPath(digest));
  }

  async listReferrers(
    subject: Digest,
    { artifactType }: { readonly artifactType?: string } = {},
  ): Promise<readonly Descriptor[]> {
    this.subjects ??= this.findSubjects();
    return ofType((await this.subjects).get(subject) ?? [], artifactType);
  }

  /** Every referrer in the layout, by its subject. What is listed and not there refers to nothing. */
  private async findSubjects(): Promise<ReadonlyMap<string, readonly Descriptor[]>> {
    const found = new Map<string, Descriptor[]>();
    const seen = new Set<Digest>();
    const add = async (digest: Digest): Promise<void> => {
      if (seen.has(digest)) return;
      seen.add(digest);
      const document = await this.findDocument(digest);
      if (document?.subject === undefined) return;
      if (seen.size > MAX_REFERRERS) throw tooMany(this.place, document.subject.digest);
      const list = found.get(document.subject.digest) ?? [];
      found.set(document.subject.digest, [...list, describeDocument(document)]);
    };
    for (const { descriptor } of (await this.index()).entries) {
      if (!MANIFEST_TYPES.includes(descriptor.mediaType)) continue;
      await add(descriptor.digest);
      if (!FALLBACK_TAG.test(tagOf(descriptor) ?? "")) continue;
      const list = await this.findDocument(descriptor.digest);
      for (const { digest } of list?.kind === "index" ? list.manifests : []) await add(digest);
    }
    return found;
  }

  async writeBlob(blob: BlobName, from: BlobReader): Promise<BlobOutcome> {
    if (await this.hasBlob(blob)) return "there";
    const content = verified(from.readBlob(blob), blob, this.place);
    await this.files.write(blobPath(blob.digest), blob.size, content);
    return "written";
  }

  /** Whether a blob is there, by its bytes: a file of the right name and size may be broken. */
  private async hasBlob(blob: BlobName): Promise<boolean> {
    if ((await this.files.size(blobPath(blob.digest))) !== blob.size) return false;
    try {
      for await (const _ of this.readBlob(blob));
      return true;
    } catch (error) {
      if (error instanceof OciError && error.code === "blob_digest_mismatch") return false;
      throw error;
    }
  }

  async writeDocument(document: Document, listing?: { readonly tag?: string | undefined }): Promise<void> {
    const { digest, bytes } = document;
    await this.writeBlob({ digest, size: bytes.length }, blobsOf(bytes));
    if (listing === undefined && document.subject === undefined) return;
    await this.change((index) => index.with(document, listing?.tag));
  }

  async hasDocument(digest: Digest): Promise<boolean> {
    return (await this.findDocument(digest)) !== undefined;
  }

  async finish(): Promise<void> {
    await this.changes;
    await this.files.finish();
  }

  private async index(): Promise<LayoutIndex> {
    this.loaded ??= this.load();
    return this.loaded;
  }

  private async load(): Promise<LayoutIndex> {
    if ((await this.files.size("index.json")) === undefined) return LayoutIndex.empty;
    const tooLarge = () =>
      new OciError("bad_image_layout", `index.json of ${this.place} is larger than any index.`);
    return LayoutIndex.read(
      await readAtMost(this.files.read("index.json"), MAX_INDEX_BYTES, tooLarge),
      this.place,
    );
  }

  /** One change after the other: each is written before the next is made, and made of what is there by then. */
  private change(make: (index: LayoutIndex) => LayoutIndex): Promise<void> {
    const work = async (): Promise<void> => {
      const before = await this.load();
      const index = make(before);
      if (index !== before) await this.files.writeIndex(index.write(), OCI_LAYOUT);
      this.loaded = Promise.resolve(index);
      this.subjects = undefined;
    };
    this.changes = this.changes.catch(() => undefined).then(() => this.files.alone(work));
    return this.changes;
  }
}

function digestOf(name: string): Digest | undefined {
  try {
    return parseDigest(name);
  } catch (error) {
    if (error instanceof EncodingError) return undefined;
    throw error;
  }
}
