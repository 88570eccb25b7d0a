import type { Signer } from "@stemma/crypto";
import { asSha256Hex, type Sha256Hex, StemmaError } from "@stemma/encoding";
import {
  type FileReference,
  missingEvidence,
  missingTargetFiles,
  type NewMetadata,
  type Queryable,
  type RecordChange,
  readOtherRoots,
  type WaitingChange,
} from "@stemma/store";
import {
  decodeRoot,
  type Metadata,
  type Role,
  type Root,
  type RootReference,
  referenceTo,
  type Targets,
  TOP_LEVEL_ROLES,
  TufError,
} from "@stemma/tuf";
import { applyMetadata } from "./apply-metadata.ts";
import { RecordBatch, type RecordsByRole } from "./apply-records.ts";
import { SignerError } from "./error.ts";
import { ARTIFACTS } from "./placement.ts";
import { signersFor } from "./signing.ts";
import { currentRoot, type DomainState, type Tree } from "./state.ts";

/** What one publish is made of. Changes that are in neither list stay where they are, and wait. */
export interface Plan {
  readonly tree: Tree;
  readonly records: RecordsByRole;
  /** Ids of the changes that this publish carries. */
  readonly carried: readonly number[];
  readonly refused: readonly Refusal[];
}

export interface Refusal {
  readonly id: number;
  readonly code: string;
  readonly detail: string;
}

/**
 * Goes through the waiting changes in order of acceptance. One that cannot be applied any more is refused with its
 * code, and those after it go on as if it had not been there.
 */
export async function planPublish(
  database: Queryable,
  state: DomainState,
  waiting: readonly WaitingChange[],
  options: { readonly time: Date; readonly signers: readonly Signer[] },
): Promise<Plan> {
  let tree: Tree = state;
  const records = state.roles.has(ARTIFACTS) ? new RecordBatch(state.roles) : undefined;
  const lost = await lostEvidence(database, state.domainId, waiting);
  const carried: number[] = [];
  const refused: Refusal[] = [];
  for (const change of waiting) {
    try {
      if (change.kind === "metadata") {
        const next = applyMetadata(tree, change.documents, options.time);
        await checkFiles(database, state.domainId, change.documents, next);
        requireSigners(next, options.signers);
        await checkRoots(database, state.domainId, next.roots.slice(tree.roots.length));
        tree = next;
      } else {
        // A record cannot be accepted before its domain is published; if one is here all the same, it waits.
        if (records === undefined) continue;
        const missing = filesOf(change.record).find(({ sha256 }) => lost.has(sha256));
        if (missing)
          throw new SignerError("evidence_missing", `The evidence ${missing.sha256} is not stored.`);
        records.add(change.record);
      }
      carried.push(change.id);
    } catch (error) {
      if (!(error instanceof StemmaError)) throw error;
      // Another signer may hold the key: this is how a domain is handed over to new online keys.
      if (error.code === "online_key_missing") continue;
      refused.push({ id: change.id, code: error.code, detail: error.message });
    }
  }
  return { tree, records: records?.changed ?? new Map(), carried, refused };
}

function filesOf({ evidence, contents = [] }: RecordChange): readonly FileReference[] {
  return [...evidence, ...contents];
}

/**
 * Every domain has roots of its own. Timestamps and snapshots name the root under which they are signed, so two domains with one root
 * could be taken for each other: a copy of somebody's public documents, an old one, would be signed as fresh.
 */
async function checkRoots(
  database: Queryable,
  domainId: number,
  roots: readonly Metadata<Root>[],
): Promise<void> {
  for (const root of roots) {
    const { version, sha256 } = referenceTo(root);
    for (const bytes of await readOtherRoots(database, domainId, version)) {
      if (referenceOf(bytes)?.sha256 !== sha256) continue;
      throw new SignerError(
        "root_taken",
        `Another trust domain of this service has this version ${version} of root.`,
      );
    }
  }
}

/** Undefined for a stored root that was damaged: no client takes it for anything, and other domains must not suffer from it. */
function referenceOf(bytes: Uint8Array): RootReference | undefined {
  try {
    return referenceTo(decodeRoot(bytes));
  } catch (error) {
    if (!(error instanceof TufError)) throw error;
    return undefined;
  }
}

async function lostEvidence(
  database: Queryable,
  domainId: number,
  waiting: readonly WaitingChange[],
): Promise<ReadonlySet<Sha256Hex>> {
  const wanted = waiting.flatMap((change) => (change.kind === "record" ? filesOf(change.record) : []));
  return new Set((await missingEvidence(database, domainId, wanted)).map(({ sha256 }) => sha256));
}

/** Every file that a new document names is stored: a client that follows it finds what it is promised. */
async function checkFiles(
  database: Queryable,
  domainId: number,
  documents: readonly NewMetadata[],
  tree: Tree,
): Promise<void> {
  const wanted: (FileReference & { path: string })[] = [];
  for (const { role } of documents) {
    for (const [path, { hashes, length }] of tree.roles.get(role)?.signed.targets ?? []) {
      wanted.push({ path, length, sha256: asSha256Hex(hashes.get("sha256") ?? "", `the sha256 of ${path}`) });
    }
  }
  const [missing] = await missingTargetFiles(database, domainId, wanted);
  if (missing) {
    throw new SignerError(
      "target_file_missing",
      `The file ${missing.path} is not stored as its metadata describes it.`,
    );
  }
}

/** Throws `online_key_missing` unless we can sign every online role of a tree. */
export function requireSigners(tree: Tree, signers: readonly Signer[]): void {
  const root = currentRoot(tree) as Metadata<Root>;
  for (const name of TOP_LEVEL_ROLES) {
    if (name !== "timestamp" && name !== "snapshot") continue;
    signersFor({ name, role: root.signed.roles.get(name) as Role, keys: root.signed.keys }, signers);
  }
  const { delegations } = (tree.roles.get("targets") as Metadata<Targets>).signed;
  const role = delegations?.roles.find(({ name }) => name === ARTIFACTS);
  if (delegations && role) signersFor({ name: ARTIFACTS, role, keys: delegations.keys }, signers);
}
