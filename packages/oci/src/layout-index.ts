import {
  asArray,
  asObject,
  type Digest,
  EncodingError,
  type JsonObject,
  jsonObject,
  parseJson,
  utf8,
  writeJson,
} from "@stemma/encoding";
import {
  type Descriptor,
  describeDocument,
  descriptorJson,
  IMAGE_INDEX,
  ImageError,
  readDescriptor,
} from "@stemma/image";
import type { Document } from "./content-store.ts";
import { OciError } from "./error.ts";

export const OCI_LAYOUT = utf8('{"imageLayoutVersion":"1.0.0"}');
const REF_NAME = "org.opencontainers.image.ref.name";
export const MAX_INDEX_BYTES = 4 * 1024 * 1024;
const MAX_ENTRIES = 4_096;

/** One line of index.json: a manifest that is something of its own, or a referrer. */
export interface LayoutEntry {
  readonly descriptor: Descriptor;
  /** What stands there, with members that nobody here knows. */
  readonly json: JsonObject;
}

/** index.json of an image layout (image specification, "Image Layout"): what is in it, and under which tags. */
export class LayoutIndex {
  readonly entries: readonly LayoutEntry[];
  private readonly rest: JsonObject;

  private constructor(rest: JsonObject, entries: readonly LayoutEntry[]) {
    this.rest = rest;
    this.entries = entries;
  }

  static readonly empty = new LayoutIndex(jsonObject({ schemaVersion: 2, mediaType: IMAGE_INDEX }), []);

  /** Reads index.json. Throws `bad_image_layout`. */
  static read(bytes: Uint8Array, place: string): LayoutIndex {
    const bad = (why: string) =>
      new OciError("bad_image_layout", `index.json of ${place} is no image index: ${why}`);
    try {
      const limits = { maxBytes: MAX_INDEX_BYTES, fractions: true };
      const index = asObject(parseJson(bytes, limits), "the index");
      if (index.get("schemaVersion") !== 2) throw bad("its schema version is not 2.");
      const list = asArray(index.get("manifests"), "manifests");
      if (list.length > MAX_ENTRIES) throw bad(`it has more than ${MAX_ENTRIES} entries.`);
      const entries = list.map((json, at) => ({
        descriptor: readDescriptor(json, `manifests[${at}]`),
        json: asObject(json, `manifests[${at}]`),
      }));
      return new LayoutIndex(index, entries);
    } catch (error) {
      if (error instanceof EncodingError || error instanceof ImageError) throw bad(error.message);
      throw error;
    }
  }

  /** The digest under a tag. */
  find(tag: string): Digest | undefined {
    return this.entries.find(({ descriptor }) => tagOf(descriptor) === tag)?.descriptor.digest;
  }

  /** The same index with a document in it, under a tag that may have been another's. */
  with(document: Document, tag: string | undefined): LayoutIndex {
    const isSame = ({ descriptor }: LayoutEntry) =>
      descriptor.digest === document.digest && (tag === undefined || tagOf(descriptor) === undefined);
    if (tag === undefined ? this.entries.some(isSame) : this.find(tag) === document.digest) return this;
    const described = describeDocument(document);
    const descriptor =
      tag === undefined
        ? described
        : { ...described, annotations: new Map([...described.annotations, [REF_NAME, tag] as const]) };
    const kept = this.entries.filter(
      (entry) => !isSame(entry) && (tag === undefined || tagOf(entry.descriptor) !== tag),
    );
    if (kept.length >= MAX_ENTRIES) {
      throw new OciError("bad_image_layout", `The layout lists ${MAX_ENTRIES} artifacts; no more are read.`);
    }
    return new LayoutIndex(this.rest, [...kept, { descriptor, json: descriptorJson(descriptor) }]);
  }

  /** index.json. */
  write(): Uint8Array {
    return writeJson(new Map([...this.rest, ["manifests", this.entries.map(({ json }) => json)]]), 2);
  }
}

/** The tag of an entry. */
export function tagOf(descriptor: Descriptor): string | undefined {
  return descriptor.annotations.get(REF_NAME);
}
