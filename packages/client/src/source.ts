import type { Sha256Hex } from "@stemma/encoding";
import type { ForeignDomain } from "@stemma/tuf";

/**
 * Where bytes come from. A source is never trusted: every byte is verified by the engine, so sources are
 * interchangeable. `undefined` means "certainly not there"; anything else that goes wrong is a ClientError,
 * because a source that cannot be reached must not look like one that has nothing.
 */
export interface Source {
  /** Metadata of a role. Without a version: the timestamp, the only role that clients ask for by name alone. */
  metadata(role: string, version: number | undefined, maxLength: number): Promise<Uint8Array | undefined>;
  /** A target file such as a project's layout, by path and digest (TUF 3.2, consistent snapshots). */
  target(path: string, sha256: Sha256Hex, length: number): Promise<Uint8Array | undefined>;
  /** Items of evidence by digest; those that are not there are left out. */
  evidence(wanted: readonly Sha256Hex[], maxLength: number): Promise<ReadonlyMap<Sha256Hex, Uint8Array>>;
  /** Where another trust domain is to be had from; without it, or where it answers undefined, nowhere. */
  foreign?(domain: ForeignDomain): Source | undefined;
}

/** The same for sources that hold everything in memory. */
export interface SyncSource {
  metadata(role: string, version: number | undefined, maxLength: number): Uint8Array | undefined;
  target(path: string, sha256: Sha256Hex, length: number): Uint8Array | undefined;
  evidence(wanted: readonly Sha256Hex[], maxLength: number): ReadonlyMap<Sha256Hex, Uint8Array>;
  foreign?(domain: ForeignDomain): SyncSource | undefined;
}

/** What a client remembers between runs: the verified metadata that protects it from rollbacks. */
export interface Cache {
  load(role: string, version: number | undefined, maxLength: number): Promise<Uint8Array | undefined>;
  keep(role: string, version: number, bytes: Uint8Array): Promise<void>;
  /** What is remembered of another trust domain. */
  foreign?(domain: ForeignDomain): Cache | undefined;
}

/** File name of metadata with consistent snapshots (TUF 6.2): `3.root.json`, `timestamp.json`. */
export function metadataName(role: string, version: number | undefined): string {
  const name = `${encodeURIComponent(role)}.json`;
  return version === undefined ? name : `${version}.${name}`;
}

/** Path of a target file with consistent snapshots: `dir/<sha256>.name`, each segment encoded for a URL. */
export function targetName(path: string, sha256: Sha256Hex): string {
  const segments = path.split("/").map(encodeURIComponent);
  const last = segments.pop() ?? "";
  return [...segments, `${sha256}.${last}`].join("/");
}
