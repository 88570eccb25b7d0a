import { type Digest, recordPath } from "@stemma/encoding";
import { type ArtifactRecord, addsNothing, checkRecord, mergeRecords, readRecord } from "@stemma/lineage";
import type { RecordChange } from "@stemma/store";
import type { Metadata, TargetFile, Targets } from "@stemma/tuf";
import { ARTIFACTS, type Placement, placementOf } from "./placement.ts";

/** Records that are new or have grown, by the role that holds them and then by target path. */
export type RecordsByRole = ReadonlyMap<string, ReadonlyMap<string, ArtifactRecord>>;

/**
 * Collects record changes on top of what is published. Records only grow: the union of evidence and projects. A
 * change that adds nothing leaves nothing to publish.
 */
export class RecordBatch {
  readonly #roles: ReadonlyMap<string, Metadata<Targets>>;
  readonly #placement: Placement;
  readonly #changed = new Map<string, Map<string, ArtifactRecord>>();

  /** @param roles of a domain that is published: its `artifacts` document says where records live */
  constructor(roles: ReadonlyMap<string, Metadata<Targets>>) {
    this.#roles = roles;
    this.#placement = placementOf((roles.get(ARTIFACTS) as Metadata<Targets>).signed);
  }

  /** Throws LineageError, such as `conflicting_record`; the batch is then as it was. */
  add(change: RecordChange): void {
    const path = recordPath(change.digest);
    const role = this.#placement.roleOf(path);
    const present = this.#changed.get(role)?.get(path) ?? this.#published(change.digest, role, path);
    const next = toRecord(change);
    const merged = present === undefined ? next : mergeRecords(present, next);
    if (present !== undefined && addsNothing(present, merged)) return;
    const inRole = this.#changed.get(role) ?? new Map<string, ArtifactRecord>();
    inRole.set(path, merged);
    this.#changed.set(role, inRole);
  }

  get changed(): RecordsByRole {
    return this.#changed;
  }

  #published(digest: Digest, role: string, path: string): ArtifactRecord | undefined {
    const target: TargetFile | undefined = this.#roles.get(role)?.signed.targets.get(path);
    return target && readRecord(digest, target);
  }
}

function toRecord({ digest, descriptor, ...lists }: RecordChange): ArtifactRecord {
  const { mediaType, size, artifactType } = descriptor;
  return checkRecord({ digest, mediaType, size, artifactType, ...lists });
}
