import type { Sha256Hex } from "@stemma/encoding";

/**
 * A question of pure code to whoever drives it. The client workflow and the verdict engine are generators: they yield
 * an effect and are resumed with its answer, so that the same code runs synchronously on a bundle and
 * asynchronously over HTTP. Answers are untrusted, those of the cache too.
 */
export type Effect = (MetadataEffect | KeepEffect | TargetEffect | EvidenceEffect) & {
  /** The trust domain that is asked; without it, the one whose root the caller pinned. */
  readonly domain?: ForeignDomain;
};

/** Another trust domain that a verdict rests on, as the project's owners pinned it. */
export interface ForeignDomain {
  /** What the owners call it: a hint for where it may be found. */
  readonly name: string;
  /** sha256 of the root.json that they pinned. Two domains are the same exactly when this is. */
  readonly root: Sha256Hex;
}

/**
 * Bytes of one metadata file, or undefined when it is not there. `role` comes from metadata and may be any string:
 * the driver must quote it before it becomes part of a URL or a file name (N-27).
 */
export interface MetadataEffect {
  readonly kind: "metadata";
  readonly role: string;
  /**
   * From remote: the version in the file's name; undefined asks for the unversioned name.
   * From the cache: the version wanted; a cache that holds another version may answer undefined or give what it has.
   * Undefined asks for whatever it holds: an older timestamp or snapshot still protects against rollback.
   */
  readonly version: number | undefined;
  /** More bytes than this must not be read: TUF 5.3.3, 5.4.1, 5.5.1, 5.6.1. */
  readonly maxLength: number;
  readonly from: "cache" | "remote";
}

/** Store verified bytes, exactly as they are. The answer is ignored. */
export interface KeepEffect {
  readonly kind: "keep";
  readonly role: string;
  readonly bytes: Uint8Array;
  readonly version: number;
}

/** Bytes of a target file, or undefined. */
export interface TargetEffect {
  readonly kind: "target";
  readonly path: string;
  readonly sha256: Sha256Hex;
  readonly length: number;
}

/** Items of evidence, by the sha256 of their bytes. What is not there is left out of the answer. */
export interface EvidenceEffect {
  readonly kind: "evidence";
  readonly wanted: readonly Sha256Hex[];
  /** Bytes of one item. */
  readonly maxLength: number;
}

/** What a driver answers: bytes or undefined for metadata and targets, a Map for evidence, anything for keep. */
export type EffectAnswer = Uint8Array | ReadonlyMap<Sha256Hex, Uint8Array> | undefined;
