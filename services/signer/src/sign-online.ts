import type { KeyId, PublicKey, Signer } from "@stemma/crypto";
import { compareCodePoints } from "@stemma/encoding";
import { recordTarget } from "@stemma/lineage";
import {
  decodeSnapshot,
  decodeTargets,
  decodeTimestamp,
  findDelegation,
  keysOf,
  type Metadata,
  type MetaFile,
  type Role,
  type Root,
  referenceTo,
  type Snapshot,
  signPayload,
  snapshotPayload,
  type TargetFile,
  type Targets,
  type Timestamp,
  targetsPayload,
  timestampPayload,
} from "@stemma/tuf";
import type { RecordsByRole } from "./apply-records.ts";
import { SignerError } from "./error.ts";
import { expiryAfter, isDue, type Periods } from "./periods.ts";
import { ARTIFACTS, newShape, placementOf } from "./placement.ts";
import { signersFor } from "./signing.ts";
import { currentRoot, type DomainState, type Tree } from "./state.ts";

export interface SigningOptions {
  readonly signers: readonly Signer[];
  readonly periods: Periods;
  /** For a domain that has no artifact roles yet. */
  readonly bitLength: number;
  readonly time: Date;
  /** Bins re-signed ahead of their expiry in one publish, beside those that change anyway. */
  readonly maxRenewals: number;
  /** Sign a timestamp even where nothing has changed. */
  readonly always?: boolean;
}

/** The state that follows, signed in full; it is not published yet. */
export interface Candidate extends DomainState {
  readonly snapshot: Metadata<Snapshot>;
  readonly timestamp: Metadata<Timestamp>;
}

/**
 * Signs all that the online keys have to sign for a tree: the artifact roles that change or are due, a snapshot where
 * any version changed, and then a timestamp. Undefined when there is nothing to publish at all.
 */
export async function signOnline(
  state: DomainState,
  tree: Tree,
  records: RecordsByRole,
  options: SigningOptions,
): Promise<Candidate | undefined> {
  const root = currentRoot(tree) as Metadata<Root>;
  const roles = await signArtifactRoles(tree, records, options);
  const snapshot = await nextSnapshot(state, root, roles, options);
  if (
    options.always !== true &&
    snapshot === state.snapshot &&
    state.timestamp !== undefined &&
    tree.roots.length === state.roots.length &&
    !isDue(state.timestamp.signed, options.periods.timestamp, options.time)
  ) {
    return undefined;
  }
  const payload = timestampPayload({
    version: (state.timestamp?.signed.version ?? 0) + 1,
    expires: expiryAfter(options.time, options.periods.timestamp),
    snapshotVersion: snapshot.signed.version,
    root: referenceTo(root),
  });
  const timestamp = decodeTimestamp(await signPayload(payload, topSigners(root, "timestamp", options)));
  const { domainId } = state;
  return { domainId, epoch: state.epoch + 1, roots: tree.roots, roles, snapshot, timestamp };
}

/** `artifacts` and the bins: made for a new domain, made anew when their keys were rotated, else only where due. */
async function signArtifactRoles(
  tree: Tree,
  records: RecordsByRole,
  options: SigningOptions,
): Promise<ReadonlyMap<string, Metadata<Targets>>> {
  const online = artifactKeys(tree);
  const signers = signersFor({ name: ARTIFACTS, ...online }, options.signers);
  const roles = new Map(tree.roles);
  const sign = async (role: string, payload: Parameters<typeof targetsPayload>[0]): Promise<void> => {
    roles.set(role, decodeTargets(await signPayload(targetsPayload(payload), signers)));
  };
  const expires = expiryAfter(options.time, options.periods.bins);

  const before = tree.roles.get(ARTIFACTS)?.signed;
  const rotated = before === undefined || !sameKeys(before.delegations?.succinct, online.role);
  if (rotated || isDue(before, options.periods.bins, options.time)) {
    const shape = before?.delegations?.succinct ?? newShape(options.bitLength);
    const keys = [...keysOf(online.role, online.keys).values()];
    await sign(ARTIFACTS, {
      version: (before?.version ?? 0) + 1,
      expires,
      delegations: {
        succinct: {
          keys,
          threshold: online.role.threshold,
          bitLength: shape.bitLength,
          namePrefix: shape.namePrefix,
        },
      },
    });
  }

  let renewals = 0;
  for (const role of placementOf((roles.get(ARTIFACTS) as Metadata<Targets>).signed).roles()) {
    const bin = tree.roles.get(role)?.signed;
    const changed = records.get(role);
    if (!rotated && bin !== undefined && changed === undefined) {
      if (renewals >= options.maxRenewals || !isDue(bin, options.periods.bins, options.time)) continue;
      renewals += 1;
    }
    const targets = mergeTargets(bin?.targets, changed);
    await sign(role, { version: (bin?.version ?? 0) + 1, expires, targets });
  }
  return roles;
}

/** The keys of `artifacts`, which its bins have as well. They are a decision of those who sign `targets`. */
function artifactKeys(tree: Tree): { role: Role; keys: ReadonlyMap<KeyId, PublicKey> } {
  const delegations = tree.roles.get("targets")?.signed.delegations;
  const role = delegations && findDelegation(delegations, ARTIFACTS);
  if (delegations === undefined || role === undefined) {
    throw new SignerError("tree_shape", `targets does not delegate to the role ${ARTIFACTS}.`);
  }
  return { role, keys: delegations.keys };
}

function sameKeys(a: Role | undefined, b: Role): boolean {
  return (
    a !== undefined &&
    a.threshold === b.threshold &&
    a.keyIds.length === b.keyIds.length &&
    a.keyIds.every((id) => b.keyIds.includes(id))
  );
}

/** In the order in which canonical JSON wants them, so that writing a large bin needs no sorting. */
function mergeTargets(
  present: ReadonlyMap<string, TargetFile> | undefined,
  changed: ReadonlyMap<string, Parameters<typeof recordTarget>[0]> | undefined,
): ReadonlyMap<string, TargetFile> {
  if (changed === undefined) return present ?? new Map();
  const merged = new Map(present);
  for (const [path, record] of changed) merged.set(path, recordTarget(record));
  return new Map([...merged].sort(([a], [b]) => compareCodePoints(a, b)));
}

async function nextSnapshot(
  state: DomainState,
  root: Metadata<Root>,
  roles: ReadonlyMap<string, Metadata<Targets>>,
  options: SigningOptions,
): Promise<Metadata<Snapshot>> {
  const { snapshot } = state;
  const signers = topSigners(root, "snapshot", options);
  if (
    snapshot !== undefined &&
    sameVersions(snapshot.signed.meta, roles) &&
    // A client that pins this root knows none before it.
    snapshot.signed.root?.sha256 === referenceTo(root).sha256 &&
    !isDue(snapshot.signed, options.periods.snapshot, options.time) &&
    sameKeys(currentRoot(state)?.signed.roles.get("snapshot"), root.signed.roles.get("snapshot") as Role)
  ) {
    return snapshot;
  }
  const payload = snapshotPayload({
    version: (snapshot?.signed.version ?? 0) + 1,
    expires: expiryAfter(options.time, options.periods.snapshot),
    // A role once listed stays listed (TUF 5.5.5), also when nobody delegates to it any more.
    meta: new Map([...roles].map(([role, { signed }]) => [role, signed.version])),
    root: referenceTo(root),
  });
  return decodeSnapshot(await signPayload(payload, signers));
}

function sameVersions(
  meta: ReadonlyMap<string, MetaFile>,
  roles: ReadonlyMap<string, Metadata<Targets>>,
): boolean {
  if (meta.size !== roles.size) return false;
  for (const [role, { signed }] of roles) if (meta.get(role)?.version !== signed.version) return false;
  return true;
}

function topSigners(
  root: Metadata<Root>,
  name: "timestamp" | "snapshot",
  options: SigningOptions,
): readonly Signer[] {
  return signersFor(
    { name, role: root.signed.roles.get(name) as Role, keys: root.signed.keys },
    options.signers,
  );
}
