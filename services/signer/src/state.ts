import { sha256 } from "@stemma/crypto";
import {
  type Head,
  type Queryable,
  readMetadataOf,
  readVersions,
  type StoredMetadata,
  StoreError,
} from "@stemma/store";
import {
  decodeRoot,
  decodeSnapshot,
  decodeTargets,
  decodeTimestamp,
  type Metadata,
  type Root,
  type Snapshot,
  type Targets,
  type Timestamp,
} from "@stemma/tuf";

/** What people sign offline and the artifact roles below: everything of a domain except snapshot and timestamp. */
export interface Tree {
  /** Every root, from version 1: a client may have pinned any of them. */
  readonly roots: readonly Metadata<Root>[];
  /** `targets` and every role below it that was ever published. */
  readonly roles: ReadonlyMap<string, Metadata<Targets>>;
}

/** What is published in a domain, parsed. Immutable, so it can be kept for the next publish. */
export interface DomainState extends Tree {
  readonly domainId: number;
  readonly epoch: number;
  /** Both undefined before the first publish. */
  readonly snapshot: Metadata<Snapshot> | undefined;
  readonly timestamp: Metadata<Timestamp> | undefined;
}

/** The newest root, of a tree that has one. */
export function currentRoot(tree: Tree): Metadata<Root> | undefined {
  return tree.roots.at(-1);
}

/** Reads what a head points to. Throws `stored_bytes_damaged` when the rows are not what was stored. */
export async function loadState(database: Queryable, head: Head): Promise<DomainState> {
  const { domainId, epoch } = head;
  if (epoch === 0) {
    return { domainId, epoch, roots: [], roles: new Map(), snapshot: undefined, timestamp: undefined };
  }
  const roots = await readVersions(database, domainId, "root");
  const top = await readMetadataOf(database, domainId, [
    ["snapshot", head.snapshotVersion],
    ["timestamp", head.timestampVersion],
  ]);
  const snapshot = decodeSnapshot(intact(top, "snapshot"));
  const wanted = [...snapshot.signed.meta].map(([role, { version }]) => [role, version] as const);
  const rows = await readMetadataOf(database, domainId, wanted);
  return {
    domainId,
    epoch,
    roots: roots.filter(({ version }) => version <= head.rootVersion).map((row) => decodeRoot(checked(row))),
    roles: new Map(wanted.map(([role]) => [role, decodeTargets(intact(rows, role))])),
    snapshot,
    timestamp: decodeTimestamp(intact(top, "timestamp")),
  };
}

function intact(rows: readonly StoredMetadata[], role: string): Uint8Array {
  const row = rows.find((each) => each.role === role);
  if (row === undefined) {
    throw new StoreError(
      "stored_bytes_damaged",
      `The metadata of ${role} that the head points to is not stored.`,
    );
  }
  return checked(row);
}

function checked(row: StoredMetadata): Uint8Array {
  if (sha256(row.bytes) !== row.sha256) {
    throw new StoreError(
      "stored_bytes_damaged",
      `Version ${row.version} of ${row.role} is not what was stored.`,
    );
  }
  return row.bytes;
}
