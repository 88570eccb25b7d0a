import { createHash } from "node:crypto";
import { ServiceError } from "@stemma/contract";
import type { Sha256Hex } from "@stemma/encoding";
import {
  type Pool,
  readEvidence,
  readEvidences,
  readMetadata,
  readMetadataOf,
  readTargetFile,
  readTargetFiles,
  type StoredMetadata,
} from "@stemma/store";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { Lru } from "./lru.ts";

/** Bytes as stored, with their sha256 checked on the way in. */
export interface StoredBytes {
  readonly bytes: Uint8Array;
  readonly sha256: Sha256Hex;
}

/**
 * Stored bytes through a bounded cache. Everything here is named by version or digest and append-only, so an entry never
 * gets old. The sha256 of what the database returns is checked before anybody sees it: a flipped bit on a disk becomes an
 * alarm, never an answer (F24).
 */
export class StoredFiles {
  readonly #pool: Pool;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #cache: Lru<StoredBytes>;

  constructor(pool: Pool, log: Logger, metrics: Metrics, maxBytes: number) {
    this.#pool = pool;
    this.#log = log;
    this.#metrics = metrics;
    this.#cache = new Lru(maxBytes);
  }

  /** One version of a role, or undefined when it was never published. */
  async metadata(domainId: number, role: string, version: number): Promise<StoredBytes | undefined> {
    const key = `${domainId} m ${version}.${role}`;
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const row = await readMetadata(this.#pool, domainId, role, version);
    return row && this.#admitMetadata(domainId, row);
  }

  /** Several of them in one round trip, by `<version>.<role>`; what was never published is missing. */
  async metadataOf(
    domainId: number,
    wanted: readonly (readonly [role: string, version: number])[],
  ): Promise<ReadonlyMap<string, StoredBytes>> {
    const found = new Map<string, StoredBytes>();
    const missing: (readonly [string, number])[] = [];
    for (const [role, version] of wanted) {
      const known = this.#cache.get(`${domainId} m ${version}.${role}`);
      if (known === undefined) missing.push([role, version]);
      else found.set(`${version}.${role}`, known);
    }
    if (missing.length > 0) {
      for (const row of await readMetadataOf(this.#pool, domainId, missing)) {
        found.set(`${row.version}.${row.role}`, this.#admitMetadata(domainId, row));
      }
    }
    return found;
  }

  /** A target file of a project, or undefined. */
  async target(domainId: number, sha256: string): Promise<StoredBytes | undefined> {
    const key = `${domainId} t ${sha256}`;
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const bytes = await readTargetFile(this.#pool, domainId, sha256);
    return bytes && this.#admit(key, bytes, sha256 as Sha256Hex);
  }

  /** Several target files in one round trip, past the cache: for histories. What is not there is missing. */
  async targets(domainId: number, wanted: readonly Sha256Hex[]): Promise<ReadonlyMap<Sha256Hex, Uint8Array>> {
    const found = await readTargetFiles(this.#pool, domainId, wanted);
    for (const [sha256, bytes] of found) this.checkBytes(`${domainId} t ${sha256}`, bytes, sha256);
    return found;
  }

  /** Checks a document that was read past the cache. Throws `stored_bytes_damaged`. */
  check({ role, version, bytes, sha256 }: StoredMetadata): void {
    this.checkBytes(`${version}.${role}`, bytes, sha256);
  }

  /** Checks bytes that were read past the cache, under a name for the alarm. Throws `stored_bytes_damaged`. */
  checkBytes(key: string, bytes: Uint8Array, sha256: Sha256Hex): void {
    if (createHash("sha256").update(bytes).digest("hex") !== sha256) {
      this.#metrics.damaged.inc();
      this.#log.fatal({ stored: key, sha256 }, "stored bytes do not have their sha256");
      throw new ServiceError("stored_bytes_damaged", "The stored bytes are not those that were published.");
    }
  }

  /** One piece of evidence, or undefined. */
  async evidence(domainId: number, sha256: string): Promise<StoredBytes | undefined> {
    const key = `${domainId} e ${sha256}`;
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const bytes = await readEvidence(this.#pool, domainId, sha256);
    return bytes && this.#admit(key, bytes, sha256 as Sha256Hex);
  }

  /** Several pieces of evidence in one round trip; what is not there is missing from the answer. */
  async evidences(
    domainId: number,
    wanted: readonly Sha256Hex[],
  ): Promise<ReadonlyMap<Sha256Hex, Uint8Array>> {
    const found = new Map<Sha256Hex, Uint8Array>();
    const missing: Sha256Hex[] = [];
    for (const sha256 of wanted) {
      const known = this.#cache.get(`${domainId} e ${sha256}`);
      if (known === undefined) missing.push(sha256);
      else found.set(sha256, known.bytes);
    }
    if (missing.length > 0) {
      for (const [sha256, bytes] of await readEvidences(this.#pool, domainId, missing)) {
        found.set(sha256, this.#admit(`${domainId} e ${sha256}`, bytes, sha256).bytes);
      }
    }
    return found;
  }

  #admitMetadata(domainId: number, row: StoredMetadata): StoredBytes {
    return this.#admit(`${domainId} m ${row.version}.${row.role}`, row.bytes, row.sha256);
  }

  #admit(key: string, bytes: Uint8Array, sha256: Sha256Hex): StoredBytes {
    this.checkBytes(key, bytes, sha256);
    const stored = { bytes, sha256 };
    this.#cache.set(key, stored, bytes.length + key.length + 256);
    return stored;
  }
}
