import { JobThread } from "@stemma/client";
import { ServiceError } from "@stemma/contract";
import type { Digest, Sha256Hex } from "@stemma/encoding";
import { type Manifest, readManifest } from "@stemma/image";
import type { ArtifactRecord } from "@stemma/lineage";
import { insertReferrers, type NewReferrer, type Pool, readReferrers } from "@stemma/store";
import type { Published } from "../domain/domains.ts";
import { Lru } from "../domain/lru.ts";
import type { StoredFiles } from "../domain/stored.ts";
import type { ReferrerQuestion } from "./referrer-writer.ts";

/** Referrers of an artifact, in the order of their evidence's digests. */
export interface ReferrerList {
  readonly referrers: readonly Manifest[];
  /** The evidence to go on after, when there is more. */
  readonly next: Sha256Hex | undefined;
}

/** Evidence, in bytes, that one request reads for the first time. The next request finds those manifests made. */
const MADE_BYTES = 16 * 1024 * 1024;
/** Manifests that are stored together: what has been made by then is not lost when a client hangs up. */
const STORED_AT_ONCE = 32;
/** Whole lists that are kept in memory, in bytes of their manifests and what they take decoded. */
const KEPT_BYTES = 16 * 1024 * 1024;

/**
 * The referrers of artifacts. The published record says which there are; the database keeps a manifest for each, made when
 * it is first listed. A list costs what the record's evidence counts, whatever else is in the repository.
 */
export class Referrers {
  readonly #pool: Pool;
  readonly #files: StoredFiles;
  /** By artifact and how much evidence it has: records only grow, and manifests stay. */
  readonly #lists = new Lru<readonly Manifest[]>(KEPT_BYTES);
  readonly #writer = new JobThread<ReferrerQuestion, Uint8Array>({
    module: new URL("./referrer-writer.ts", import.meta.url),
    does: "writes manifests of evidence",
    mostJobs: 16,
    busy: () =>
      new ServiceError("too_busy", "Many lists of referrers are being made already; try again shortly."),
  });

  constructor(pool: Pool, files: StoredFiles) {
    this.#pool = pool;
    this.#files = files;
  }

  /** Those of a published record, after this item of evidence. Throws `too_busy`, `stored_bytes_damaged`. */
  async list(
    { domain }: Published,
    record: ArtifactRecord,
    after: Sha256Hex | undefined,
    signal: AbortSignal,
  ): Promise<ReferrerList> {
    if (after !== undefined) return this.#read(domain.id, record, after, signal);
    const key = `${domain.id} ${record.digest} ${record.evidence.length}`;
    const known = this.#lists.get(key);
    if (known !== undefined) return { referrers: known, next: undefined };
    const list = await this.#read(domain.id, record, after, signal);
    const bytes = list.referrers.reduce((sum, manifest) => sum + manifest.bytes.length, 0);
    if (list.next === undefined) this.#lists.set(key, list.referrers, 4 * bytes + key.length);
    return list;
  }

  stop(): Promise<void> {
    return this.#writer.stop();
  }

  async #read(
    domainId: number,
    record: ArtifactRecord,
    after: Sha256Hex | undefined,
    signal: AbortSignal,
  ): Promise<ReferrerList> {
    const wanted = record.evidence.filter(({ sha256 }) => after === undefined || sha256 > after);
    let stored = await readReferrers(this.#pool, domainId, record.digest);
    const missing = wanted.filter(({ sha256 }) => !stored.has(sha256));
    if (missing.length > 0) {
      await this.#make(domainId, record, missing, signal);
      // What is stored is what counts: somebody else may have been there first.
      stored = await readReferrers(this.#pool, domainId, record.digest);
    }
    const referrers: Manifest[] = [];
    let last = after;
    for (const { sha256: evidence } of wanted) {
      const found = stored.get(evidence);
      if (found === undefined) {
        if (last === undefined) throw new Error(`No manifest of ${record.digest} could be made.`);
        return { referrers, next: last };
      }
      this.#files.checkBytes(`${domainId} r ${found.sha256}`, found.manifest, found.sha256);
      referrers.push(readManifest(found.manifest));
      last = evidence;
    }
    return { referrers, next: undefined };
  }

  /** Makes the manifests of the first of these items, at least of one, until enough has been read. */
  async #make(
    domainId: number,
    { mediaType, digest, size }: ArtifactRecord,
    missing: ArtifactRecord["evidence"],
    signal: AbortSignal,
  ): Promise<void> {
    await this.#writer.run(async (ask) => {
      let read = 0;
      let made: NewReferrer[] = [];
      for (const { sha256: evidence, length } of missing) {
        signal.throwIfAborted();
        if (read > 0 && read + length > MADE_BYTES) break;
        read += length;
        const bytes = await this.#evidence(domainId, evidence, digest);
        made.push({
          evidence,
          manifest: await ask({ subject: { mediaType, digest, size }, evidence, bytes }),
        });
        if (made.length < STORED_AT_ONCE) continue;
        await insertReferrers(this.#pool, domainId, digest, made);
        made = [];
      }
      await insertReferrers(this.#pool, domainId, digest, made);
    }, signal);
  }

  async #evidence(domainId: number, evidence: Sha256Hex, digest: Digest): Promise<Uint8Array> {
    const stored = await this.#files.evidence(domainId, evidence);
    if (stored === undefined) throw new Error(`The evidence ${evidence} of ${digest} is not stored.`);
    return stored.bytes;
  }
}
