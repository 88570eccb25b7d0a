import { decodeRoot, decodeSnapshot, decodeTargets, decodeTimestamp } from "./codec.ts";
import { findDelegation } from "./delegations.ts";
import { checkMetaFile } from "./digests.ts";
import { TufError } from "./error.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import {
  isExpired,
  type Metadata,
  type MetaFile,
  type Role,
  type Root,
  type RootReference,
  referenceTo,
  type SignedBase,
  type Snapshot,
  type Targets,
  type Timestamp,
  type TopLevelRole,
} from "./model.ts";
import { checkThreshold } from "./threshold.ts";

/** How sure the client may be of what it has just loaded. */
export type Standing =
  /** Passed every check: the next role may rest on it. */
  | "final"
  /** From the cache, genuine but too old to rest on. It only keeps newer versions from going back behind it. */
  | "intermediate"
  /** The version that is already trusted: nothing was replaced. */
  | "unchanged";

/**
 * The metadata that a client trusts, and the only way to make it trust more (TUF 5.3 to 5.6). Pure: no I/O, and the time is
 * a parameter, fixed for the life of the object (TUF 5.1).
 *
 * Rules of the state machine:
 * - Order is root, timestamp, snapshot, targets, then roles below targets. A role can be loaded only when the one before it
 *   is final, and cannot be replaced once one after it is loaded.
 * - A root may be expired as long as a newer one follows; the last must not be.
 * - A timestamp or snapshot from the cache may be out of date. It is then intermediate: it bounds what may replace it
 *   and nothing may rest on it. What comes from the network must be final at once.
 * - Every check of a step comes before the step changes anything, so a refusal leaves the state as it was.
 * - A role below targets is trusted through a named delegator. Reached through another one, it is verified again.
 */
export class TrustedMetadata {
  readonly time: Date;
  readonly limits: Limits;
  #root: Metadata<Root>;
  /** The sha256 by which each root that was trusted on the way is named, by version. */
  readonly #roots = new Map<number, string>();
  #timestamp: Metadata<Timestamp> | undefined;
  #snapshot: Metadata<Snapshot> | undefined;
  readonly #targets = new Map<string, Metadata<Targets>>();
  /** By role, the delegators against which it was verified. Forgotten when the delegator is replaced. */
  readonly #verifiedBy = new Map<string, Set<string>>();

  private constructor(root: Metadata<Root>, time: Date, limits: Limits) {
    this.#root = root;
    this.#noteRoot();
    this.time = time;
    this.limits = limits;
  }

  /**
   * Starts from a root that the caller trusts (TUF 5.2). It must be signed by its own threshold; it may be expired.
   *
   * @param options.time the moment for which everything is judged
   */
  static create(
    rootBytes: Uint8Array,
    options: { readonly time: Date; readonly limits?: Limits },
  ): TrustedMetadata {
    const limits = options.limits ?? DEFAULT_LIMITS;
    const root = decodeRoot(rootBytes, limits);
    checkTopLevel(root, "root", root);
    return new TrustedMetadata(root, options.time, limits);
  }

  get root(): Metadata<Root> {
    return this.#root;
  }

  get timestamp(): Metadata<Timestamp> | undefined {
    return this.#timestamp;
  }

  get snapshot(): Metadata<Snapshot> | undefined {
    return this.#snapshot;
  }

  /** The trusted metadata of `targets` or of a role below it. Always final. */
  targets(role: string): Metadata<Targets> | undefined {
    return this.#targets.get(role);
  }

  /**
   * Lets go of a role below targets, for those who walk through more roles than memory should hold. It can be loaded again, and is
   * verified again then. Throws `out_of_order` for targets itself, on which everything loaded rests.
   */
  forget(role: string): void {
    if (role === "targets") throw outOfOrder("targets cannot be forgotten");
    this.#targets.delete(role);
    this.#verifiedBy.delete(role);
  }

  /** Replaces root by the next version (TUF 5.3). */
  updateRoot(bytes: Uint8Array): Metadata<Root> {
    if (this.#timestamp !== undefined) throw outOfOrder("root cannot change after timestamp is loaded");
    const next = decodeRoot(bytes, this.limits);

    // 5.3.4: by the threshold of the trusted root, and by its own.
    checkTopLevel(next, "root", this.#root);
    checkTopLevel(next, "root", next);
    // 5.3.5: exactly the next version, or a compromised key could skip the root that revokes it (N-11).
    const wanted = this.#root.signed.version + 1;
    if (next.signed.version !== wanted) {
      throw new TufError(
        next.signed.version < wanted ? "rollback" : "wrong_version",
        `The next root must have version ${wanted}; found ${next.signed.version}.`,
      );
    }
    this.#root = next;
    this.#noteRoot();
    return next;
  }

  #noteRoot(): void {
    const { version, sha256 } = referenceTo(this.#root);
    this.#roots.set(version, sha256);
  }

  /**
   * An online role that says under which root it was signed must mean one of those that led here. The same online key may sign for
   * another trust domain, and what it signed there proves nothing here: its versions could take a client back behind a revocation.
   */
  #checkRoot(reference: RootReference | undefined, role: string): void {
    if (reference === undefined || this.#roots.get(reference.version) === reference.sha256) return;
    throw new TufError(
      "other_domain",
      `The ${role} was signed under another root ${reference.version} than the one that is trusted: it is of another trust domain, or older than the pinned root.`,
    );
  }

  /**
   * Loads a timestamp (TUF 5.4). One of the version already trusted is dropped, whatever else it says (5.4.3.1).
   *
   * @param options.cached it was stored by this client: an expired one is kept as intermediate
   * @param options.snapshotKeysRotated the snapshot version of the trusted timestamp is no bound any more (5.3.11)
   */
  updateTimestamp(
    bytes: Uint8Array,
    options: { readonly cached?: boolean; readonly snapshotKeysRotated?: boolean } = {},
  ): Standing {
    if (this.#snapshot !== undefined) throw outOfOrder("timestamp cannot change after snapshot is loaded");
    // 5.3.10: the last root must be fresh before anything rests on it.
    this.#checkFresh(this.#root.signed, "root");
    const next = decodeTimestamp(bytes, this.limits);

    // 5.4.2
    checkTopLevel(next, "timestamp", this.#root);
    this.#checkRoot(next.signed.root, "timestamp");
    const current = this.#timestamp?.signed;
    if (current !== undefined) {
      // 5.4.3.1
      if (next.signed.version < current.version) {
        throw rollback("timestamp", next.signed.version, current.version);
      }
      if (next.signed.version === current.version) {
        this.#checkFresh(current, "timestamp");
        return "unchanged";
      }
      // 5.4.3.2
      if (options.snapshotKeysRotated !== true && next.signed.snapshot.version < current.snapshot.version) {
        throw rollback("snapshot in timestamp", next.signed.snapshot.version, current.snapshot.version);
      }
    }
    // 5.4.4
    if (options.cached !== true) this.#checkFresh(next.signed, "timestamp");
    this.#timestamp = next;
    return isExpired(next.signed, this.time) ? "intermediate" : "final";
  }

  /**
   * Loads a snapshot (TUF 5.5).
   *
   * @param options.cached it was stored by this client, when it was final: one that timestamp no longer points to is kept
   * as intermediate, so that no role can go back behind the versions it lists
   */
  updateSnapshot(bytes: Uint8Array, options: { readonly cached?: boolean } = {}): Standing {
    const timestamp = this.#finalTimestamp();
    if (this.#targets.size > 0) throw outOfOrder("snapshot cannot change after targets is loaded");
    const meta = timestamp.signed.snapshot;

    // 5.5.2: before the bytes are parsed. A cached one that fails it can still be genuine and old.
    if (options.cached !== true) checkMetaFile(bytes, meta, "snapshot");
    const next = decodeSnapshot(bytes, this.limits);
    // 5.5.3
    checkTopLevel(next, "snapshot", this.#root);
    this.#checkRoot(next.signed.root, "snapshot");
    // 5.5.5
    if (this.#snapshot !== undefined) checkNoRollback(this.#snapshot.signed, next.signed);

    const fault = this.#snapshotFault(next, timestamp.signed, options.cached === true);
    if (fault !== undefined && options.cached !== true) throw fault;
    this.#snapshot = next;
    return fault === undefined ? "final" : "intermediate";
  }

  /**
   * Loads `targets` (delegator `root`) or a role below it (TUF 5.6). There is no lenient form for the cache: only the
   * version that snapshot lists is of use.
   *
   * @param delegator the role whose keys and threshold decide; it must be loaded
   */
  updateTargets(bytes: Uint8Array, role: string, delegator: string): Metadata<Targets> {
    const meta = this.targetsMeta(role);
    const what = JSON.stringify(role.slice(0, 80));

    // 5.6.2: before the bytes are parsed, at every depth (N-13).
    checkMetaFile(bytes, meta, `The metadata of ${what}`);
    const next = decodeTargets(bytes, this.limits);
    // 5.6.3: by the keys of the delegator that leads here, not of any that once did.
    this.#checkDelegation(next, role, delegator);
    // 5.6.4
    if (next.signed.version !== meta.version) {
      throw new TufError(
        "wrong_version",
        `The metadata of ${what} has version ${next.signed.version}; snapshot lists ${meta.version}.`,
      );
    }
    // 5.6.5
    this.#checkFresh(next.signed, role);
    this.#targets.set(role, next);
    for (const delegators of this.#verifiedBy.values()) delegators.delete(role);
    this.#verifiedBy.set(role, new Set([delegator]));
    return next;
  }

  /** What the final snapshot says about a role of targets. Throws `not_in_snapshot`. */
  targetsMeta(role: string): MetaFile {
    const meta = this.#finalSnapshot().signed.meta.get(role);
    if (meta === undefined) {
      throw new TufError(
        "not_in_snapshot",
        `The snapshot does not list the role ${JSON.stringify(role.slice(0, 80))}.`,
      );
    }
    return meta;
  }

  /**
   * Verifies a role that is already trusted against the delegator through which it is reached now (N-75): two delegators
   * may give one name different keys. Throws `threshold_not_met` or `not_delegated`.
   */
  checkDelegator(role: string, delegator: string): Metadata<Targets> {
    const metadata = this.#targets.get(role);
    if (metadata === undefined)
      throw outOfOrder(`the role ${JSON.stringify(role.slice(0, 80))} is not loaded`);
    const verifiedBy = this.#verifiedBy.get(role);
    if (verifiedBy?.has(delegator) !== true) {
      this.#checkDelegation(metadata, role, delegator);
      verifiedBy?.add(delegator);
    }
    return metadata;
  }

  /** Whether a snapshot can be read but was signed by keys that the present root no longer accepts (TUF 5.3.11). */
  isSnapshotOfOldKeys(bytes: Uint8Array): boolean {
    try {
      checkTopLevel(decodeSnapshot(bytes, this.limits), "snapshot", this.#root);
      return false;
    } catch (error) {
      if (error instanceof TufError) return error.code === "threshold_not_met";
      throw error;
    }
  }

  /** Keys and threshold that a loaded delegator gives a role. Throws `not_delegated`. */
  delegation(role: string, delegator: string): { readonly role: Role; readonly keys: Root["keys"] } {
    if (delegator === "root") {
      const entry = role === "targets" ? this.#root.signed.roles.get(role) : undefined;
      if (entry === undefined) throw notDelegated(role, delegator);
      return { role: entry, keys: this.#root.signed.keys };
    }
    const parent = this.#targets.get(delegator);
    if (parent === undefined)
      throw outOfOrder(`the delegator ${JSON.stringify(delegator.slice(0, 80))} is not loaded`);
    const { delegations } = parent.signed;
    const entry = delegations === undefined ? undefined : findDelegation(delegations, role);
    if (delegations === undefined || entry === undefined) throw notDelegated(role, delegator);
    return { role: entry, keys: delegations.keys };
  }

  #checkDelegation(metadata: Metadata<Targets>, role: string, delegator: string): void {
    const found = this.delegation(role, delegator);
    checkThreshold(metadata, role, found.role, found.keys);
  }

  #finalTimestamp(): Metadata<Timestamp> {
    if (this.#timestamp === undefined) throw outOfOrder("timestamp is not loaded");
    this.#checkFresh(this.#timestamp.signed, "timestamp");
    return this.#timestamp;
  }

  #finalSnapshot(): Metadata<Snapshot> {
    const timestamp = this.#finalTimestamp();
    if (this.#snapshot === undefined) throw outOfOrder("snapshot is not loaded");
    const fault = this.#snapshotFault(this.#snapshot, timestamp.signed, false);
    if (fault !== undefined) throw fault;
    return this.#snapshot;
  }

  /** Why nothing may rest on this snapshot, or undefined. */
  #snapshotFault(snapshot: Metadata<Snapshot>, timestamp: Timestamp, cached: boolean): TufError | undefined {
    // 5.5.4
    if (snapshot.signed.version !== timestamp.snapshot.version) {
      return new TufError(
        "wrong_version",
        `The snapshot has version ${snapshot.signed.version}; timestamp lists ${timestamp.snapshot.version}.`,
      );
    }
    // 5.5.6
    if (isExpired(snapshot.signed, this.time)) return expired(snapshot.signed, "snapshot");
    if (!cached) return undefined;
    // 5.5.2 for a cached one, now that its version says that it should be the one.
    try {
      checkMetaFile(snapshot.bytes, timestamp.snapshot, "snapshot");
      return undefined;
    } catch (error) {
      if (error instanceof TufError) return error;
      throw error;
    }
  }

  #checkFresh(signed: SignedBase, role: string): void {
    if (isExpired(signed, this.time)) throw expired(signed, role);
  }
}

function checkTopLevel(metadata: Metadata, role: TopLevelRole, root: Metadata<Root>): void {
  // The codec puts all four roles in the map.
  const entry = root.signed.roles.get(role) as Role;
  checkThreshold(metadata, role, entry, root.signed.keys);
}

/** TUF 5.5.5: every role that was listed stays listed, at no lower version. */
function checkNoRollback(current: Snapshot, next: Snapshot): void {
  for (const [role, { version }] of current.meta) {
    const listed = next.meta.get(role);
    const what = `The role ${JSON.stringify(role.slice(0, 80))}`;
    if (listed === undefined) {
      throw new TufError("rollback", `${what} was in the snapshot before and is gone.`);
    }
    if (listed.version < version) throw rollback(what, listed.version, version);
  }
}

function rollback(what: string, found: number, trusted: number): TufError {
  return new TufError(
    "rollback",
    `${what}: version ${found} is older than version ${trusted}, which is trusted.`,
  );
}

function expired(signed: SignedBase, role: string): TufError {
  return new TufError(
    "expired",
    `The metadata of ${JSON.stringify(role.slice(0, 80))}, version ${signed.version}, expired at ${signed.expires.toISOString()}.`,
  );
}

function notDelegated(role: string, delegator: string): TufError {
  return new TufError(
    "not_delegated",
    `${JSON.stringify(delegator.slice(0, 80))} does not delegate to the role ${JSON.stringify(role.slice(0, 80))}.`,
  );
}

function outOfOrder(what: string): TufError {
  return new TufError("out_of_order", `The client workflow was used out of order: ${what}.`);
}
