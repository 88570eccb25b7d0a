import { StemmaError } from "@stemma/encoding";
import { rolesForTarget } from "./delegations.ts";
import { hasStrongDigest } from "./digests.ts";
import type { Effect, EffectAnswer } from "./effects.ts";
import { TufError } from "./error.ts";
import type { Metadata, TargetFile, Targets } from "./model.ts";
import type { Standing, TrustedMetadata } from "./trusted.ts";

/** A step of the client workflow: yields effects, returns T. Throws TufError. */
export type Workflow<T> = Generator<Effect, T, EffectAnswer>;

/** A target file and the way that trust took to it. */
export interface FoundTarget {
  readonly path: string;
  readonly target: TargetFile;
  /** The role that lists it. */
  readonly role: string;
  /** The roles from `targets` to `role`, both included. */
  readonly chain: readonly string[];
}

/**
 * Brings root, timestamp, snapshot and targets up to date (TUF 5.3 to 5.6). The cache is asked before the remote, and
 * the remote is asked in the same order as by python-tuf and tuf-js. Bytes are kept only after every check that makes
 * them usable (N-12): what fails is never found in the cache by the next run.
 */
export function* refresh(trusted: TrustedMetadata): Workflow<void> {
  yield* refreshRoot(trusted);
  yield* refreshTimestamp(trusted);
  yield* refreshSnapshot(trusted);
  yield* loadTargets(trusted, "targets", "root");
}

/** TUF 5.3. The cache's chain is verified from the pinned root like anybody's. */
function* refreshRoot(trusted: TrustedMetadata): Workflow<void> {
  const maxLength = trusted.limits.rootLength;
  let fetched = 0;
  for (;;) {
    const version = trusted.root.signed.version + 1;
    const request = { kind: "metadata", role: "root", version, maxLength } as const;
    const cached = asBytes(yield { ...request, from: "cache" });
    if (cached !== undefined && accepts(() => trusted.updateRoot(cached))) continue;

    // 5.3.3: the last one is reached when there is no next, or when the client has walked far enough for one refresh.
    if (fetched === trusted.limits.rootRotations) return;
    const bytes = asBytes(yield { ...request, from: "remote" });
    if (bytes === undefined) return;
    fetched += 1;
    checkSize(bytes, maxLength, "root");
    trusted.updateRoot(bytes);
    // 5.3.8
    yield { kind: "keep", role: "root", bytes, version };
  }
}

/** TUF 5.4. */
function* refreshTimestamp(trusted: TrustedMetadata): Workflow<void> {
  const maxLength = trusted.limits.timestampLength;
  const request = { kind: "metadata", role: "timestamp", version: undefined, maxLength } as const;
  const cached = asBytes(yield { ...request, from: "cache" });
  if (cached !== undefined) accepts(() => trusted.updateTimestamp(cached, { cached: true }));
  const bytes = asBytes(yield { ...request, from: "remote" });
  if (bytes === undefined) throw notFound("timestamp");
  checkSize(bytes, maxLength, "timestamp");
  const standing = yield* acceptTimestamp(trusted, bytes);
  // 5.4.5
  const { version } = currentTimestamp(trusted);
  if (standing === "final") yield { kind: "keep", role: "timestamp", bytes, version };
}

/**
 * TUF 5.3.11, recovery from fast-forward: after the snapshot keys were rotated, the snapshot version that the client
 * remembers may not hold back what the new keys sign: whoever had the old ones may have run it up. When the timestamp
 * keys were rotated, the cached timestamp has failed its own signature check, and needs no help.
 */
function* acceptTimestamp(trusted: TrustedMetadata, bytes: Uint8Array): Workflow<Standing> {
  try {
    return trusted.updateTimestamp(bytes);
  } catch (error) {
    if (!(error instanceof TufError) || error.code !== "rollback") throw error;
    const maxLength = trusted.limits.snapshotLength;
    const cached = asBytes(
      yield { kind: "metadata", role: "snapshot", version: undefined, maxLength, from: "cache" },
    );
    if (cached === undefined || !trusted.isSnapshotOfOldKeys(cached)) throw error;
    return trusted.updateTimestamp(bytes, { snapshotKeysRotated: true });
  }
}

/** TUF 5.5. */
function* refreshSnapshot(trusted: TrustedMetadata): Workflow<void> {
  const meta = currentTimestamp(trusted).snapshot;
  const cap = trusted.limits.snapshotLength;
  const cached = asBytes(
    yield { kind: "metadata", role: "snapshot", version: undefined, maxLength: cap, from: "cache" },
  );
  if (cached !== undefined && accepts(() => trusted.updateSnapshot(cached, { cached: true }) === "final")) {
    return;
  }
  // A signed length must not lift the cap.
  const maxLength = Math.min(meta.length ?? cap, cap);
  const version = trusted.root.signed.consistentSnapshot ? meta.version : undefined;
  const bytes = asBytes(yield { kind: "metadata", role: "snapshot", version, maxLength, from: "remote" });
  if (bytes === undefined) throw notFound("snapshot");
  checkSize(bytes, maxLength, "snapshot");
  trusted.updateSnapshot(bytes);
  // 5.5.7
  yield { kind: "keep", role: "snapshot", bytes, version: meta.version };
}

/** TUF 5.6, for targets and every role below it. */
function* loadTargets(
  trusted: TrustedMetadata,
  role: string,
  delegator: string,
): Workflow<Metadata<Targets>> {
  if (trusted.targets(role) !== undefined) return trusted.checkDelegator(role, delegator);
  const meta = trusted.targetsMeta(role);
  const cap = trusted.limits.targetsLength;
  const maxLength = Math.min(meta.length ?? cap, cap);
  const request = { kind: "metadata", role, maxLength } as const;

  const cached = asBytes(yield { ...request, version: meta.version, from: "cache" });
  if (cached !== undefined && accepts(() => trusted.updateTargets(cached, role, delegator))) {
    return loaded(trusted, role);
  }
  const version = trusted.root.signed.consistentSnapshot ? meta.version : undefined;
  const bytes = asBytes(yield { ...request, version, from: "remote" });
  if (bytes === undefined) throw notFound(role);
  checkSize(bytes, maxLength, role);
  const metadata = trusted.updateTargets(bytes, role, delegator);
  // 5.6.6
  yield { kind: "keep", role, bytes, version: meta.version };
  return metadata;
}

/**
 * Looks a target path up, depth first in the order of the delegations (TUF 5.6.7); refreshes first when that has not
 * happened. A role is entered only through delegators that are themselves trusted with the path (N-76). Undefined when no role lists it, also
 * when the limit of visited roles is reached first.
 */
export function* findTarget(trusted: TrustedMetadata, path: string): Workflow<FoundTarget | undefined> {
  if (trusted.targets("targets") === undefined) yield* refresh(trusted);
  const visited = new Set<string>();
  const waiting: Visit[] = [{ role: "targets", delegator: "root", chain: ["targets"] }];

  // The limit counts the roles below targets, and targets is visited too.
  while (visited.size <= trusted.limits.delegations) {
    const visit = waiting.pop();
    if (visit === undefined) return undefined;
    // 5.6.7.1: a role is looked at once, so cycles end.
    if (visited.has(visit.role)) continue;
    const { targets, delegations } = (yield* loadTargets(trusted, visit.role, visit.delegator)).signed;
    const target = targets.get(path);
    if (target !== undefined) return found(path, target, visit);
    visited.add(visit.role);
    if (delegations === undefined) continue;

    const next: Visit[] = [];
    for (const { name, terminating } of rolesForTarget(delegations, path)) {
      next.push({ role: name, delegator: visit.role, chain: [...visit.chain, name] });
      if (terminating) {
        // 5.6.7.2.1: whatever was still to come, at any level, is cut off (N-32).
        waiting.length = 0;
        break;
      }
    }
    waiting.push(...next.reverse());
  }
  return undefined;
}

interface Visit {
  readonly role: string;
  readonly delegator: string;
  readonly chain: readonly string[];
}

function found(path: string, target: TargetFile, visit: Visit): FoundTarget {
  // Without a digest that means something, any bytes of the right length would pass (N-34).
  if (!hasStrongDigest(target.hashes)) {
    throw new TufError(
      "no_strong_digest",
      `The target ${JSON.stringify(path.slice(0, 120))} is listed with neither sha256 nor sha512.`,
    );
  }
  return { path, target, role: visit.role, chain: visit.chain };
}

/**
 * Loads a role that `targets` delegates to directly, such as a project; refreshes first when that has not happened.
 * Throws `not_delegated` when targets does not name it.
 */
export function* loadRole(trusted: TrustedMetadata, role: string): Workflow<Metadata<Targets>> {
  if (trusted.targets("targets") === undefined) yield* refresh(trusted);
  if (role === "targets") return loaded(trusted, role);
  trusted.delegation(role, "targets");
  return yield* loadTargets(trusted, role, "targets");
}

/** Loads a role through a delegator that is loaded already. Throws `not_delegated` when the delegator does not name it. */
export function* loadDelegated(
  trusted: TrustedMetadata,
  role: string,
  delegator: string,
): Workflow<Metadata<Targets>> {
  trusted.delegation(role, delegator);
  return yield* loadTargets(trusted, role, delegator);
}

/** Whether cached bytes were accepted. What is wrong with them does not matter: the remote is asked instead. */
function accepts(update: () => unknown): boolean {
  try {
    return update() !== false;
  } catch (error) {
    if (error instanceof StemmaError) return false;
    throw error;
  }
}

function asBytes(answer: EffectAnswer): Uint8Array | undefined {
  return answer instanceof Uint8Array ? answer : undefined;
}

/** A source that answers more than was asked for has ignored the limit; its answer is not looked at. */
function checkSize(bytes: Uint8Array, maxLength: number, role: string): void {
  if (bytes.length > maxLength) {
    throw new TufError(
      "too_large",
      `The metadata of ${JSON.stringify(role.slice(0, 80))} has ${bytes.length} bytes; at most ${maxLength} were asked for.`,
    );
  }
}

function currentTimestamp(trusted: TrustedMetadata) {
  if (trusted.timestamp === undefined) throw new TufError("out_of_order", "No timestamp is loaded.");
  return trusted.timestamp.signed;
}

function loaded(trusted: TrustedMetadata, role: string): Metadata<Targets> {
  const metadata = trusted.targets(role);
  if (metadata === undefined) throw notFound(role);
  return metadata;
}

function notFound(role: string): TufError {
  return new TufError(
    "metadata_not_found",
    `The repository does not have the metadata of ${JSON.stringify(role.slice(0, 80))} that it points to.`,
  );
}
