import { type Signer, sha256, sha512 } from "@stemma/crypto";
import { type JsonObject, type JsonValue, parseJson, utf8, writeJson } from "@stemma/encoding";
import {
  type DelegatedRoleInput,
  type MetaFile,
  rootPayload,
  signPayload,
  snapshotPayload,
  type TargetFile,
  TOP_LEVEL_ROLES,
  type TopLevelRole,
  targetsPayload,
  timestampPayload,
} from "../../src/index.ts";
import { newSigner } from "./signers.ts";

export const NOW = new Date("2026-06-01T12:00:00Z");
export const DAY = 86_400_000;

/** Keys and threshold as published, and who really signs (the same people unless a test says otherwise). */
export interface Keeper {
  keys: Signer[];
  threshold: number;
  signing?: Signer[];
}

interface RoleState extends Keeper {
  version: number;
  expires: Date;
  targets: Map<string, TargetFile>;
  delegations: DelegatedRoleInput[];
  bins?: { bitLength: number; namePrefix: string; keeper: Keeper };
}

export interface DelegationOptions {
  paths?: string[];
  pathHashPrefixes?: string[];
  terminating?: boolean;
  threshold?: number;
  keys?: Signer[];
}

/** Changes a payload before it is signed, as a dishonest or careless owner would. */
export type Edit = (signed: Map<string, JsonValue>) => void;

/**
 * A TUF repository in memory. Honest unless told: every field can be set, every payload edited before signing
 * (`edits`), every published file replaced (`files`), so that an attack is one line of a test.
 */
export class Repository {
  /** Published files by "<version>.<role>", and "timestamp". */
  readonly files = new Map<string, Uint8Array>();
  readonly artifacts = new Map<string, Uint8Array>();
  readonly edits = new Map<string, Edit>();
  readonly roles = new Map<string, RoleState>();
  readonly top = {} as Record<TopLevelRole, Keeper>;
  readonly versions = { root: 0, timestamp: 0, snapshot: 0 };
  readonly expires = new Map<string, Date>();
  /** What snapshot lists: the version that each role had when snapshot was made. */
  readonly meta = new Map<string, MetaFile>();
  /** What a mirror serves instead of `files`. */
  served: ReadonlyMap<string, Uint8Array> | undefined;
  consistentSnapshot = true;
  metaHashes = false;
  /** Every remote request, in order. */
  requests: (readonly [role: string, version: number | undefined])[] = [];

  /** Root, timestamp, snapshot and an empty targets, all at version 1. */
  static async create(setUp?: (repository: Repository) => void): Promise<Repository> {
    const repository = new Repository();
    for (const role of TOP_LEVEL_ROLES) repository.top[role] = { keys: [newSigner()], threshold: 1 };
    repository.roles.set("targets", { ...repository.blank(), ...repository.top.targets });
    setUp?.(repository);
    await repository.publishRoot();
    await repository.release(...repository.roles.keys());
    return repository;
  }

  blank(): RoleState {
    return {
      version: 0,
      keys: [],
      threshold: 1,
      expires: new Date(NOW.getTime() + 30 * DAY),
      targets: new Map(),
      delegations: [],
    };
  }

  role(name: string): RoleState {
    const state = this.roles.get(name);
    if (state === undefined) throw new Error(`no role ${name}`);
    return state;
  }

  /** Adds a delegation, and the role itself when it is new. */
  delegate(delegator: string, name: string, options: DelegationOptions = {}): void {
    const known = this.roles.get(name);
    const keys = options.keys ?? known?.keys ?? [newSigner()];
    if (known === undefined) this.roles.set(name, { ...this.blank(), keys });
    const prefixes = options.pathHashPrefixes;
    this.role(delegator).delegations.push({
      name,
      keys: keys.map((key) => key.publicKey),
      threshold: options.threshold ?? 1,
      terminating: options.terminating ?? false,
      ...(prefixes === undefined ? { paths: options.paths ?? ["*"] } : { pathHashPrefixes: prefixes }),
    });
  }

  /** Replaces a role's delegations by succinct bins, and makes the bins given. */
  delegateBins(delegator: string, bitLength: number, namePrefix: string, bins: readonly string[]): void {
    const keeper = { keys: [newSigner()], threshold: 1 };
    this.role(delegator).bins = { bitLength, namePrefix, keeper };
    for (const bin of bins) this.roles.set(bin, { ...this.blank(), ...keeper });
  }

  addTarget(
    role: string,
    path: string,
    content: string,
    algorithms: readonly string[] = ["sha256"],
  ): Uint8Array {
    const bytes = utf8(content);
    const digests: Record<string, string> = { sha256: sha256(bytes), sha512: sha512(bytes) };
    const hashes = new Map(algorithms.map((name) => [name, digests[name] ?? "00"]));
    this.role(role).targets.set(path, { length: bytes.length, hashes, custom: undefined });
    this.artifacts.set(path, bytes);
    return bytes;
  }

  /** Publishes the next root. */
  async publishRoot(): Promise<void> {
    this.versions.root += 1;
    await this.writeRoot();
  }

  async writeRoot(): Promise<void> {
    const version = this.versions.root;
    const keyed = (role: TopLevelRole) => ({
      keys: this.top[role].keys.map((signer) => signer.publicKey),
      threshold: this.top[role].threshold,
    });
    const payload = rootPayload({
      version,
      expires: this.expiry("root", 365),
      consistentSnapshot: this.consistentSnapshot,
      roles: {
        root: keyed("root"),
        timestamp: keyed("timestamp"),
        snapshot: keyed("snapshot"),
        targets: keyed("targets"),
      },
    });
    await this.write("root", version, payload, this.top.root);
  }

  /** Publishes the next version of targets roles, then snapshot and timestamp, in the order of TUF 6.3. */
  async release(...roles: string[]): Promise<void> {
    for (const role of roles) await this.publishTargets(role);
    await this.publishSnapshot();
    await this.publishTimestamp();
  }

  async publishTargets(role: string): Promise<void> {
    this.role(role).version += 1;
    await this.writeTargets(role);
  }

  async writeTargets(name: string): Promise<void> {
    const state = this.role(name);
    const keeper = name === "targets" ? this.top.targets : state;
    const bins = state.bins;
    const payload = targetsPayload({
      version: state.version,
      expires: state.expires,
      targets: state.targets,
      delegations:
        bins !== undefined
          ? { succinct: { ...bins, ...publicKeys(bins.keeper) } }
          : state.delegations.length > 0
            ? { roles: state.delegations }
            : undefined,
    });
    const bytes = await this.write(name, state.version, payload, keeper);
    this.meta.set(name, this.describe(state.version, bytes));
  }

  async publishSnapshot(): Promise<void> {
    this.versions.snapshot += 1;
    await this.writeSnapshot();
  }

  async writeSnapshot(): Promise<void> {
    const version = this.versions.snapshot;
    const payload = snapshotPayload({ version, expires: this.expiry("snapshot", 7), meta: this.meta });
    await this.write("snapshot", version, payload, this.top.snapshot);
  }

  async publishTimestamp(): Promise<void> {
    this.versions.timestamp += 1;
    await this.writeTimestamp();
  }

  async writeTimestamp(): Promise<void> {
    const snapshot = this.files.get(`${this.versions.snapshot}.snapshot`);
    const { hashes, length } = this.describe(this.versions.snapshot, snapshot);
    const version = this.versions.timestamp;
    const payload = timestampPayload({
      version,
      expires: this.expiry("timestamp", 1),
      snapshotVersion: this.versions.snapshot,
      length,
      hashes,
    });
    await this.write("timestamp", version, payload, this.top.timestamp);
  }

  /** Changes a published document without signing it again. */
  tamper(file: string, change: (document: Map<string, JsonValue>) => void): void {
    const document = parseJson(this.file(file)) as Map<string, JsonValue>;
    change(document);
    this.files.set(file, writeJson(document));
  }

  file(name: string): Uint8Array {
    const bytes = this.files.get(name);
    if (bytes === undefined) throw new Error(`no file ${name}`);
    return bytes;
  }

  /** What a remote answers. */
  fetch(role: string, version: number | undefined): Uint8Array | undefined {
    this.requests.push([role, version]);
    const files = this.served ?? this.files;
    if (role === "timestamp") return files.get("timestamp");
    if (version !== undefined) return files.get(`${version}.${role}`);
    const latest = role === "snapshot" ? this.versions.snapshot : this.roles.get(role)?.version;
    return files.get(`${latest}.${role}`);
  }

  private expiry(role: string, days: number): Date {
    return this.expires.get(role) ?? new Date(NOW.getTime() + days * DAY);
  }

  private describe(version: number, bytes: Uint8Array | undefined): MetaFile {
    if (!this.metaHashes || bytes === undefined) return { version };
    return { version, length: bytes.length, hashes: new Map([["sha256", sha256(bytes)]]) };
  }

  private async write(
    role: string,
    version: number,
    payload: JsonObject,
    keeper: Keeper,
  ): Promise<Uint8Array> {
    const signed = new Map(payload);
    this.edits.get(role)?.(signed);
    const bytes = await signPayload(signed, keeper.signing ?? keeper.keys);
    this.files.set(role === "timestamp" ? role : `${version}.${role}`, bytes);
    return bytes;
  }
}

function publicKeys(keeper: Keeper) {
  return { keys: keeper.keys.map((signer) => signer.publicKey), threshold: keeper.threshold };
}
