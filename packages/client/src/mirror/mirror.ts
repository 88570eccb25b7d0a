/**
 * Copies the whole of a trust domain to a place that knows nothing of TUF: a folder for a web server, a registry.
 *
 * - Everything is verified from the pinned root before it is written: the tree by the client workflow (TUF 5), and all that it
 *   lists by digest. What is written is what any client would accept.
 * - A role is written after the files that it lists, the snapshot after every role, and the timestamp last: whoever reads the
 *   mirror meanwhile sees the state before.
 * - What is there already and verifies is not fetched again, so an interrupted copy goes on where it stopped. A mirror that is
 *   newer than the source is refused like any rollback.
 */
import { sha256 } from "@stemma/crypto";
import { MAX_EVIDENCE_BYTES } from "@stemma/lineage";
import {
  decodeTimestamp,
  isBinName,
  loadDelegated,
  type Metadata,
  refresh,
  type Snapshot,
  type Targets,
  TrustedMetadata,
} from "@stemma/tuf";
import { drive } from "../drive.ts";
import { ClientError } from "../error.ts";
import { rootsUpTo } from "../root-chain.ts";
import type { Cache, Source } from "../source.ts";
import { filesOf, type MirrorFile } from "./files.ts";
import { inParallel } from "./in-parallel.ts";

/** Where a trust domain is copied to. */
export interface MirrorDestination {
  /** What it holds already, which is believed no more than any source. */
  readonly source: Pick<Source, "metadata">;
  /** Whether the right bytes of a file are there. */
  hasFile(file: MirrorFile): Promise<boolean>;
  putFile(file: MirrorFile, bytes: Uint8Array): Promise<void>;
  /** Writes metadata whose files are all there. Readers see the old bytes or the new. */
  putMetadata(
    role: string,
    version: number | undefined,
    bytes: Uint8Array,
    files: readonly MirrorFile[],
  ): Promise<void>;
}

export interface MirrorOptions {
  /** The pinned root.json. */
  readonly root: Uint8Array;
  readonly source: Source;
  readonly destination: MirrorDestination;
  readonly time: Date;
  /** Told after every role how many are done. */
  readonly progress?: (done: number, all: number) => void;
}

/** What was copied. */
export interface MirrorReport {
  readonly versions: { readonly root: number; readonly timestamp: number; readonly snapshot: number };
  /** Roles below and including targets. */
  readonly roles: number;
  readonly files: { readonly written: number; readonly kept: number; readonly bytes: number };
  /** Records that no client can read, and so have nothing to copy; and files whose paths lead out of a folder. */
  readonly unreadable: number;
}

interface Delegated {
  readonly role: string;
  readonly delegator: string;
}

/** Roles that are worked on at a time, and items of evidence that one of them asks for at a time. */
const PARALLEL = 4;
const BATCH = 32;

/**
 * Copies a trust domain.
 *
 * @throws TufError what the source's metadata is refused for; `rollback` where the destination has newer
 * @throws ClientError mirror_incomplete when the source lacks what its own metadata lists, and what sources throw
 */
export async function mirrorDomain(options: MirrorOptions): Promise<MirrorReport> {
  return new Copy(options).run();
}

class Copy {
  readonly #options: MirrorOptions;
  readonly #trusted: TrustedMetadata;
  #written = 0;
  #kept = 0;
  #bytes = 0;
  #unreadable = 0;

  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#trusted = TrustedMetadata.create(options.root, { time: options.time });
  }

  async run(): Promise<MirrorReport> {
    const { root, source, destination } = this.#options;
    const trusted = this.#trusted;
    const chain = await rootsUpTo(root, source);
    if (chain === undefined) throw incomplete("the roots before the pinned one");
    for (const [index, bytes] of chain.entries()) await this.#putRoot(index + 1, bytes);
    const cache = cacheOf(destination, (version, bytes) => this.#putRoot(version, bytes));
    await drive(refresh(trusted), source, cache);
    const { snapshot, timestamp } = trusted;
    const targets = trusted.targets("targets");
    if (snapshot === undefined || timestamp === undefined || targets === undefined) {
      throw new TypeError("A refreshed domain has a timestamp, a snapshot and targets.");
    }
    const roles = await this.#putRoles(targets, snapshot.signed, cache);
    await destination.putMetadata("snapshot", snapshot.signed.version, snapshot.bytes, []);
    await destination.putMetadata("timestamp", undefined, timestamp.bytes, []);
    return {
      versions: {
        root: trusted.root.signed.version,
        timestamp: timestamp.signed.version,
        snapshot: snapshot.signed.version,
      },
      roles,
      files: { written: this.#written, kept: this.#kept, bytes: this.#bytes },
      unreadable: this.#unreadable,
    };
  }

  /**
   * Copies targets and every role below it, level by level; returns how many there are. Roles that delegate to nobody are most of
   * them, and are let go of at once: a domain may be larger than memory.
   */
  async #putRoles(targets: Metadata<Targets>, snapshot: Snapshot, cache: Cache): Promise<number> {
    const { source, progress } = this.#options;
    const seen = new Set(["targets"]);
    let done = 0;
    const put = async (role: string, metadata: Metadata<Targets>): Promise<Delegated[]> => {
      await this.#putRole(role, metadata);
      const below = rolesBelow(metadata.signed, snapshot).filter((name) => !seen.has(name) && seen.add(name));
      if (below.length === 0 && role !== "targets") this.#trusted.forget(role);
      done += 1;
      progress?.(done, seen.size);
      return below.map((name) => ({ role: name, delegator: role }));
    };
    let level = await put("targets", targets);
    while (level.length > 0) {
      const next: Delegated[] = [];
      await inParallel(PARALLEL, level, async ({ role, delegator }) => {
        const metadata = await drive(loadDelegated(this.#trusted, role, delegator), source, cache);
        next.push(...(await put(role, metadata)));
      });
      level = next;
    }
    return done;
  }

  async #putRoot(version: number, bytes: Uint8Array): Promise<void> {
    await this.#options.destination.putMetadata("root", version, bytes, []);
  }

  async #putRole(role: string, { signed, bytes }: Metadata<Targets>): Promise<void> {
    const { destination } = this.#options;
    const { files, unreadable } = filesOf(signed);
    this.#unreadable += unreadable;
    const missing: MirrorFile[] = [];
    await inParallel(BATCH, files, async (file) => {
      if (await destination.hasFile(file)) this.#kept += 1;
      else missing.push(file);
    });
    await this.#copyEvidence(missing.filter(({ kind }) => kind === "evidence"));
    for (const file of missing) {
      if (file.kind === "target") await this.#copyTarget(file);
    }
    await destination.putMetadata(role, signed.version, bytes, files);
  }

  async #copyEvidence(files: readonly MirrorFile[]): Promise<void> {
    for (let at = 0; at < files.length; at += BATCH) {
      const batch = files.slice(at, at + BATCH);
      const wanted = batch.map((file) => file.sha256);
      const found = await this.#options.source.evidence(wanted, MAX_EVIDENCE_BYTES);
      await inParallel(PARALLEL, batch, (file) => this.#put(file, found.get(file.sha256)));
    }
  }

  async #copyTarget(file: MirrorFile): Promise<void> {
    await this.#put(file, await this.#options.source.target(file.path ?? "", file.sha256, file.length));
  }

  async #put(file: MirrorFile, bytes: Uint8Array | undefined): Promise<void> {
    if (bytes === undefined || bytes.length !== file.length || sha256(bytes) !== file.sha256) {
      throw incomplete(`${file.path ?? "the evidence"} with the sha256 ${file.sha256}`);
    }
    await this.#options.destination.putFile(file, bytes);
    this.#written += 1;
    this.#bytes += bytes.length;
  }
}

/** What a role delegates to and the snapshot lists. A role that is delegated no more stays in the snapshot, and is not reached. */
function rolesBelow({ delegations }: Targets, { meta }: Snapshot): readonly string[] {
  if (delegations === undefined) return [];
  const { succinct, roles } = delegations;
  if (succinct !== undefined) return [...meta.keys()].filter((name) => isBinName(succinct, name));
  return roles.map(({ name }) => name).filter((name) => meta.has(name));
}

/**
 * The destination as what a client remembers: it is verified when it is read, keeps the source from going back behind it, and
 * spares the fetch. Only roots are kept at once; the rest is written in the order that readers need.
 */
function cacheOf(
  { source }: MirrorDestination,
  keepRoot: (version: number, bytes: Uint8Array) => Promise<void>,
): Cache {
  return {
    load: async (role, version, maxLength) => {
      if (role !== "snapshot")
        return source.metadata(role, role === "timestamp" ? undefined : version, maxLength);
      const timestamp = await source.metadata("timestamp", undefined, maxLength);
      const listed = timestamp === undefined ? undefined : snapshotListedBy(timestamp);
      return listed === undefined ? undefined : source.metadata("snapshot", listed, maxLength);
    },
    keep: async (role, version, bytes) => {
      if (role === "root") await keepRoot(version, bytes);
    },
  };
}

function snapshotListedBy(timestamp: Uint8Array): number | undefined {
  try {
    return decodeTimestamp(timestamp).signed.snapshot.version;
  } catch {
    return undefined;
  }
}

function incomplete(what: string): ClientError {
  return new ClientError(
    "mirror_incomplete",
    `The source does not have ${what}, which its metadata lists; the mirror stays as it was.`,
  );
}
