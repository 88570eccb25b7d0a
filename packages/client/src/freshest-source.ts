/**
 * Several sources as one: the freshest metadata that verifies, whichever source has it, and every file from any source whose
 * bytes are right.
 *
 * - Of the timestamps that the sources give, the one with the highest version wins that verifies from the pinned root, is not
 *   expired, and whose snapshot and targets are to be had from any of them. So a mirror that stands still, was rolled back,
 *   is half written or serves broken bytes is passed over as long as another is better.
 * - Every document is checked here before it is handed on, and the next source is asked where it does not verify. Whoever asks
 *   verifies it again: this source is no more trusted than others.
 * - A source that cannot be reached is left alone for a while. Only where no source has what is asked for does it matter that
 *   one of them could not tell.
 * - Where nothing verifies, what the sources gave is handed on, so that the verdict says what is wrong with it.
 */
import { sha256 } from "@stemma/crypto";
import { type Sha256Hex, StemmaError } from "@stemma/encoding";
import { DEFAULT_LIMITS, type ForeignDomain, findDelegation, TrustedMetadata } from "@stemma/tuf";
import { ClientError } from "./error.ts";
import type { Source } from "./source.ts";
import { SourceGroup } from "./source-group.ts";

export interface FreshestOptions {
  /** The pinned root.json, from which everything is checked. */
  readonly root: Uint8Array;
  /** In the order in which they are asked where freshness does not decide. */
  readonly sources: readonly Source[];
  /** The time as of which metadata must not be expired. */
  readonly time: () => Date;
}

/** A pinned root of another domain came as a target file; so many of that size are remembered. */
const FILES_KEPT = 64;

/** Throws the CryptoError, TufError or EncodingError of a pinned root that is none. */
export function freshestSource(options: FreshestOptions): Source {
  return new FreshestSource(options);
}

interface Candidate {
  readonly source: Source;
  readonly bytes: Uint8Array;
  readonly version: number;
}

class FreshestSource implements Source {
  readonly #options: FreshestOptions;
  /** Follows the roots and nothing else. */
  readonly #roots: TrustedMetadata;
  /** The roots after the pinned one, in order. */
  readonly #chain: Uint8Array[] = [];
  /** What the last timestamp led to. */
  #view: TrustedMetadata | undefined;
  #loaded: string[] = [];
  readonly #group: SourceGroup;
  /** Target files that may be pinned roots of other domains: those of a third domain come by in the second. */
  readonly #files: Map<Sha256Hex, Uint8Array>;
  readonly #foreign = new Map<Sha256Hex, Source>();

  constructor(options: FreshestOptions, files = new Map<Sha256Hex, Uint8Array>()) {
    this.#options = options;
    this.#files = files;
    this.#roots = TrustedMetadata.create(options.root, { time: options.time() });
    this.#group = new SourceGroup(options.sources);
  }

  metadata(role: string, version: number | undefined, maxLength: number): Promise<Uint8Array | undefined> {
    if (role === "root" && version !== undefined) return this.#root(version, maxLength);
    if (role === "timestamp" && version === undefined) return this.#newest(maxLength);
    return this.#document(role, version, maxLength);
  }

  target(path: string, digest: Sha256Hex, length: number): Promise<Uint8Array | undefined> {
    const isRight = (bytes: Uint8Array): boolean => bytes.length === length && sha256(bytes) === digest;
    return this.#group.first(
      (source) => source.target(path, digest, length),
      (bytes) => {
        if (!isRight(bytes)) return false;
        if (length <= DEFAULT_LIMITS.rootLength) this.#remember(digest, bytes);
        return true;
      },
    );
  }

  async evidence(
    wanted: readonly Sha256Hex[],
    maxLength: number,
  ): Promise<ReadonlyMap<Sha256Hex, Uint8Array>> {
    const found = new Map<Sha256Hex, Uint8Array>();
    let failure: ClientError | undefined;
    for (const source of this.#group.order) {
      const missing = wanted.filter((digest) => !found.has(digest));
      if (missing.length === 0) break;
      const answer = await this.#group.ask(source, () => source.evidence(missing, maxLength));
      if (answer instanceof ClientError) {
        failure ??= answer;
        continue;
      }
      for (const digest of missing) {
        const bytes = answer.get(digest);
        if (bytes !== undefined && sha256(bytes) === digest) found.set(digest, bytes);
      }
    }
    if (failure !== undefined && wanted.some((digest) => !found.has(digest))) throw failure;
    return found;
  }

  /** The same for another trust domain, whose pinned root has come by as a target file. */
  foreign(domain: ForeignDomain): Source | undefined {
    const known = this.#foreign.get(domain.root);
    if (known !== undefined) return known;
    const sources = this.#options.sources.flatMap((source) => source.foreign?.(domain) ?? []);
    const root = this.#files.get(domain.root);
    if (sources.length === 0 || root === undefined) return sources[0];
    const combined = new FreshestSource({ ...this.#options, root, sources }, this.#files);
    this.#foreign.set(domain.root, combined);
    return combined;
  }

  /** A root after the pinned one is the first that verifies as the next. Earlier ones are nobody's business. */
  async #root(version: number, maxLength: number): Promise<Uint8Array | undefined> {
    const pinned = this.#roots.root.signed.version - this.#chain.length;
    if (version <= pinned) {
      return version === pinned
        ? this.#options.root
        : this.#group.first((source) => source.metadata("root", version, maxLength));
    }
    while (this.#roots.root.signed.version < version) {
      const next = this.#roots.root.signed.version + 1;
      const bytes = await this.#group.first(
        (source) => source.metadata("root", next, maxLength),
        (candidate) => accepts(() => this.#roots.updateRoot(candidate)),
        "ours",
      );
      if (bytes === undefined) return undefined;
      this.#chain.push(bytes);
    }
    return this.#chain[version - pinned - 1];
  }

  async #newest(maxLength: number): Promise<Uint8Array | undefined> {
    const { sources } = this.#options;
    const answers = await Promise.all(
      sources.map((source) =>
        this.#group.ask(source, () => source.metadata("timestamp", undefined, maxLength)),
      ),
    );
    const candidates: Candidate[] = [];
    for (const [index, bytes] of answers.entries()) {
      const source = sources[index];
      if (source === undefined || !(bytes instanceof Uint8Array)) continue;
      const view = this.#start();
      if (accepts(() => view.updateTimestamp(bytes))) {
        candidates.push({ source, bytes, version: view.timestamp?.signed.version ?? 0 });
      }
    }
    candidates.sort((a, b) => b.version - a.version);
    for (const { source, bytes } of candidates) {
      this.#group.order = [source, ...sources.filter((other) => other !== source)];
      const view = await this.#complete(bytes);
      if (view === undefined) continue;
      this.#view = view;
      this.#loaded = ["targets"];
      return bytes;
    }
    this.#view = undefined;
    this.#group.order = sources;
    return candidates[0]?.bytes ?? oneOf(answers);
  }

  /** Metadata from the roots that are known, as of now. */
  #start(): TrustedMetadata {
    const view = TrustedMetadata.create(this.#options.root, { time: this.#options.time() });
    for (const root of this.#chain) view.updateRoot(root);
    return view;
  }

  /** Snapshot and targets to a timestamp, each from whichever source has the right bytes; undefined when none has. */
  async #complete(timestamp: Uint8Array): Promise<TrustedMetadata | undefined> {
    const view = this.#start();
    view.updateTimestamp(timestamp);
    const consistent = view.root.signed.consistentSnapshot;
    const { snapshotLength, targetsLength } = view.limits;
    const version = consistent ? view.timestamp?.signed.snapshot.version : undefined;
    try {
      const snapshot = await this.#group.first(
        (source) => source.metadata("snapshot", version, snapshotLength),
        (bytes) => accepts(() => view.updateSnapshot(bytes)),
        "ours",
      );
      if (snapshot === undefined) return undefined;
      const meta = view.snapshot?.signed.meta.get("targets");
      const targets = await this.#group.first(
        (source) => source.metadata("targets", consistent ? meta?.version : undefined, targetsLength),
        (bytes) => accepts(() => view.updateTargets(bytes, "targets", "root")),
        "ours",
      );
      return targets === undefined ? undefined : view;
    } catch (error) {
      if (error instanceof ClientError) return undefined;
      throw error;
    }
  }

  async #document(
    role: string,
    version: number | undefined,
    maxLength: number,
  ): Promise<Uint8Array | undefined> {
    const view = this.#view;
    const known = role === "snapshot" ? view?.snapshot : view?.targets(role);
    if (known !== undefined && (version === undefined || known.signed.version === version))
      return known.bytes;
    const delegator = this.#loaded.find((name) => {
      const delegations = view?.targets(name)?.signed.delegations;
      return delegations !== undefined && findDelegation(delegations, role) !== undefined;
    });
    if (view === undefined || delegator === undefined) {
      return this.#group.first((source) => source.metadata(role, version, maxLength));
    }
    const bytes = await this.#group.first(
      (source) => source.metadata(role, version, maxLength),
      (candidate) => accepts(() => view.updateTargets(candidate, role, delegator)),
    );
    if (view.targets(role) !== undefined && view === this.#view && !this.#loaded.includes(role)) {
      this.#loaded.push(role);
    }
    return bytes;
  }

  #remember(digest: Sha256Hex, bytes: Uint8Array): void {
    const [oldest] = this.#files.keys();
    if (this.#files.size >= FILES_KEPT && oldest !== undefined) this.#files.delete(oldest);
    this.#files.set(digest, bytes);
  }
}

function oneOf(answers: readonly (Uint8Array | ClientError | undefined)[]): Uint8Array | undefined {
  for (const answer of answers) if (answer instanceof Uint8Array) return answer;
  for (const answer of answers) if (answer instanceof ClientError) throw answer;
  return undefined;
}

/** Whether metadata was accepted; why not is for whoever verifies it. */
function accepts(update: () => unknown): boolean {
  try {
    update();
    return true;
  } catch (error) {
    if (error instanceof StemmaError) return false;
    throw error;
  }
}
