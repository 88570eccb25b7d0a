import type { Digest } from "@stemma/encoding";
import type { Descriptor, Index, Manifest } from "@stemma/image";
import type { Reference } from "./reference.ts";

/** A manifest or an index, as it was read from the bytes that were received. */
export type Document = Manifest | Index;

/** Which blob is meant: its digest, and its size in bytes, which is how much of it is ever read. */
export type BlobName = Pick<Descriptor, "digest" | "size">;

/** Whoever hands out blobs. */
export interface BlobReader {
  /** The repository, where it is one of a registry: another repository there may be lent its blobs. */
  readonly origin?: Pick<Reference, "host" | "repository"> | undefined;
  /**
   * The bytes of a blob, streamed and checked on the way: the last piece is only handed out when digest and size are right.
   * Throws, while it is read, `blob_missing`, `blob_digest_mismatch` and what goes for the place.
   */
  readBlob(blob: BlobName): AsyncIterable<Uint8Array>;
}

/** What became of a blob that should be written: it was there, it was taken from a neighbour, or it was written. */
export type BlobOutcome = "there" | "mounted" | "written";

/**
 * A place that holds OCI content: a repository in a registry, an image layout in a folder, or one in a tarball. No place is
 * believed: what comes out of it was checked against the digest that it was asked for, and what has no digest yet (a tag)
 * gets the one that its bytes have.
 *
 * Besides their own, all methods throw `registry_unreachable`, `registry_refused`, `registry_login_refused`,
 * `credentials_unreadable` (registries) and `bad_image_layout` (folders and tarballs).
 */
export interface ContentStore extends BlobReader {
  /** The place as people know it, for messages. It never holds a secret. */
  readonly place: string;

  /** Whether it takes one blob at a time, in the order in which they come. */
  readonly sequential: boolean;

  /**
   * A manifest or an index by digest or tag; undefined when it is not there. Throws `bad_manifest`, and
   * `manifest_digest_mismatch` when the bytes are others than those of the digest.
   */
  findDocument(name: string): Promise<Document | undefined>;

  /**
   * The name of the one artifact in a place that needs no name: a layout that holds only one. Throws `bad_reference` for a
   * registry and `ambiguous_reference` for a layout with none or several.
   */
  onlyName(): Promise<string>;

  /**
   * What refers to a digest: manifests whose `subject` it is (distribution 1.1, "Listing Referrers"), by the API or by the
   * tag `sha256-<hex>`. With `artifactType`, those of that type, and those whose type the place does not tell. The list is the
   * place's own claim; read each one and look at its subject. Throws `too_many_referrers`, `bad_manifest`.
   */
  listReferrers(
    subject: Digest,
    options?: { readonly artifactType?: string },
  ): Promise<readonly Descriptor[]>;

  /** The size of a blob in bytes, as the place says; undefined when it is not there. For those who know only its digest. */
  findBlobSize(digest: Digest): Promise<number | undefined>;

  /** Writes a blob unless it is there. Throws also what the reader throws. */
  writeBlob(blob: BlobName, from: BlobReader): Promise<BlobOutcome>;

  /**
   * Writes a manifest or an index, byte for byte. With `listing` it is something of its own, under a tag if there is one;
   * without, it is part of something else: an entry of an index, or what refers to a subject. A place that does not list
   * referrers by itself gets the tag `sha256-<hex>` of the subject brought up to date, keeping what it lists already.
   */
  writeDocument(document: Document, listing?: { readonly tag?: string | undefined }): Promise<void>;

  /** Whether exactly this manifest or index is there. */
  hasDocument(digest: Digest): Promise<boolean>;

  /** Completes what was written. A tarball comes into being only now. */
  finish(): Promise<void>;
}
