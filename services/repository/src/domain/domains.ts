import { ClientError, type Source } from "@stemma/client";
import { ServiceError } from "@stemma/contract";
import { StemmaError } from "@stemma/encoding";
import type { Domain, Head } from "@stemma/store";
import {
  decodeRoot,
  decodeSnapshot,
  decodeTargets,
  decodeTimestamp,
  type Metadata,
  type Root,
  rolesForTarget,
  type Snapshot,
  type TargetFile,
  type Targets,
  type Timestamp,
} from "@stemma/tuf";
import type { Heads } from "./heads.ts";
import { Lru } from "./lru.ts";
import type { StoredFiles } from "./stored.ts";

/** The published state of a domain at one epoch, decoded. It never changes; the next publish makes another one. */
export interface Published {
  readonly domain: Domain;
  readonly head: Head;
  readonly root: Metadata<Root>;
  readonly timestamp: Metadata<Timestamp>;
  readonly snapshot: Metadata<Snapshot>;
  readonly targets: Metadata<Targets>;
}

/** A target file and the role that lists it. */
export interface ListedTarget {
  readonly target: TargetFile;
  readonly role: string;
}

/** Decoded documents: each is needed again for as long as its version is current. */
const DECODED_BYTES = 64 * 1024 * 1024;

/**
 * Trust domains as they are published: what writes are compared with, and what reads are answered from. Documents come
 * from our own store, where the signer put them after verifying them; their hashes are checked, their signatures again
 * only where a verdict or a bundle is made.
 */
export class Domains {
  readonly heads: Heads;
  readonly files: StoredFiles;
  readonly #decoded = new Lru<Metadata>(DECODED_BYTES);
  readonly #published = new Lru<{ readonly epoch: number; readonly state: Promise<Published> }>(1_000);

  constructor(heads: Heads, files: StoredFiles) {
    this.heads = heads;
    this.files = files;
  }

  find(name: string): Promise<Domain> {
    return this.heads.domain(name);
  }

  /** What is published now. Throws `unknown_domain`, `domain_not_published`. */
  async published(name: string): Promise<Published> {
    const domain = await this.heads.domain(name);
    const head = await this.heads.head(domain);
    const known = this.#published.get(name);
    if (known?.epoch === head.epoch) return known.state;
    const state = this.#decodeAll(domain, head);
    this.#published.set(name, { epoch: head.epoch, state }, 1);
    // A failure is answered once and not remembered.
    state.catch(() => this.#published.delete(name));
    return state;
  }

  /** A role below targets at this epoch, such as a project; undefined when nothing of it is published yet. */
  async delegated(published: Published, role: string): Promise<Metadata<Targets> | undefined> {
    const meta = published.snapshot.signed.meta.get(role);
    if (meta === undefined) return undefined;
    return this.#decode(published.domain, role, meta.version, decodeTargets);
  }

  /**
   * The target file at a path, and the role that lists it: the walk of TUF 5.6.7 over our own documents. A verdict or a
   * bundle is made by the client's workflow instead, which verifies each of them again.
   */
  async target(published: Published, path: string): Promise<ListedTarget | undefined> {
    const waiting = ["targets"];
    const visited = new Set<string>();
    for (let role = waiting.pop(); role !== undefined; role = waiting.pop()) {
      if (visited.has(role)) continue;
      visited.add(role);
      const metadata = role === "targets" ? published.targets : await this.delegated(published, role);
      const target = metadata?.signed.targets.get(path);
      if (target !== undefined) return { target, role };
      const next: string[] = [];
      const delegations = metadata?.signed.delegations;
      for (const { name, terminating } of delegations === undefined
        ? []
        : rolesForTarget(delegations, path)) {
        next.push(name);
        if (terminating) {
          waiting.length = 0;
          break;
        }
      }
      waiting.push(...next.reverse());
    }
    return undefined;
  }

  /** The first root: where a new client's trust begins. */
  async firstRoot(domain: Domain): Promise<Uint8Array> {
    const stored = await this.files.metadata(domain.id, "root", 1);
    if (stored === undefined) throw damaged(domain, "1.root.json");
    return stored.bytes;
  }

  /** The bytes of this epoch as a source for workflows and verdicts, the same that clients read over HTTP. */
  source({ domain, head }: Published): Source {
    const { files } = this;
    const others = new Map<string, Source>();
    return {
      async metadata(role, version) {
        // A root beyond the head may be stored by a publish that came after this epoch: it is not part of it.
        if (role === "root" && (version ?? 0) > head.rootVersion) return undefined;
        const wanted = version ?? (role === "timestamp" ? head.timestampVersion : undefined);
        return wanted === undefined ? undefined : (await files.metadata(domain.id, role, wanted))?.bytes;
      },
      target: async (_path, sha256) => (await files.target(domain.id, sha256))?.bytes,
      evidence: (wanted) => files.evidences(domain.id, wanted),
      foreign: ({ name }) => {
        const known = others.get(name) ?? this.#foreign(name);
        others.set(name, known);
        return known;
      },
    };
  }

  /**
   * Another trust domain of this service, by its name, as it is published when it is first asked. Whether it is the one that is
   * meant, its pinned root says.
   */
  #foreign(name: string): Source {
    let opened: Promise<Source> | undefined;
    const source = (): Promise<Source> => {
      opened ??= this.#openByName(name);
      return opened;
    };
    return {
      metadata: async (...wanted) => (await source()).metadata(...wanted),
      target: async (...wanted) => (await source()).target(...wanted),
      evidence: async (...wanted) => (await source()).evidence(...wanted),
    };
  }

  async #openByName(name: string): Promise<Source> {
    try {
      return this.source(await this.published(name));
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      throw new ClientError(
        "domain_unreachable",
        `The verdict rests on the trust domain ${name}. ${error.message}`,
        {
          cause: error,
        },
      );
    }
  }

  async #decodeAll(domain: Domain, head: Head): Promise<Published> {
    await this.files.metadataOf(domain.id, [
      ["root", head.rootVersion],
      ["targets", head.targetsVersion],
      ["snapshot", head.snapshotVersion],
      ["timestamp", head.timestampVersion],
    ]);
    return {
      domain,
      head,
      root: await this.#decode(domain, "root", head.rootVersion, decodeRoot),
      timestamp: await this.#decode(domain, "timestamp", head.timestampVersion, decodeTimestamp),
      snapshot: await this.#decode(domain, "snapshot", head.snapshotVersion, decodeSnapshot),
      targets: await this.#decode(domain, "targets", head.targetsVersion, decodeTargets),
    };
  }

  async #decode<T extends Metadata>(
    domain: Domain,
    role: string,
    version: number,
    decode: (bytes: Uint8Array) => T,
  ): Promise<T> {
    const key = `${domain.id} ${version}.${role}`;
    const known = this.#decoded.get(key);
    // The key names the role, and the role decides the decoder: the entry is of the type that is asked for.
    if (known !== undefined) return known as T;
    const stored = await this.files.metadata(domain.id, role, version);
    if (stored === undefined) throw damaged(domain, `${version}.${role}.json`);
    const metadata = ownDocument(() => decode(stored.bytes));
    // Decoded documents take several times the room of their bytes.
    this.#decoded.set(key, metadata, 8 * stored.bytes.length);
    return metadata;
  }
}

/** A refusal of what we published ourselves is our fault: the caller must not be told that theirs is wrong. */
export async function ownDocuments<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asOurFault(error);
  }
}

function ownDocument<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asOurFault(error);
  }
}

function asOurFault(error: unknown): unknown {
  if (!(error instanceof StemmaError) || error instanceof ServiceError) return error;
  return new Error(`The published state cannot be read: ${error.code}: ${error.message}`, { cause: error });
}

function damaged(domain: Domain, file: string): Error {
  return new Error(`The domain ${domain.name} lacks ${file}, which its head names.`);
}
