import type { KeyFingerprint } from "@stemma/crypto";
import { readPublicKey } from "@stemma/crypto";
import { fromPlain } from "@stemma/encoding";
import { listOnlineKeys, type Pool } from "@stemma/store";
import type { DelegatedRole, Delegations, Metadata, Role, Root, Targets } from "@stemma/tuf";
import type { Domains, Published } from "../domain/domains.ts";
import type { Upload } from "./uploads.ts";

/** What an upload is compared with: the published state, and the signers' keys. */
export interface Base {
  /** Undefined while the domain is being created. */
  readonly published: Published | undefined;
  /** Public keys that signers announce: they belong into timestamp, snapshot and artifacts, and nowhere else. */
  readonly onlineKeys: ReadonlySet<KeyFingerprint>;
  /** Projects as published, by name: those that the upload touches, and all of them when targets changes. */
  readonly projects: ReadonlyMap<string, Metadata<Targets>>;
}

/** Collects what the check of an upload needs. */
export async function readBase(
  pool: Pool,
  domains: Domains,
  published: Published | undefined,
  upload: Upload,
): Promise<Base> {
  const onlineKeys = new Set<KeyFingerprint>();
  for (const { publicKey } of await listOnlineKeys(pool)) {
    onlineKeys.add(readPublicKey(fromPlain(publicKey), "an announced online key").fingerprint);
  }
  const projects = new Map<string, Metadata<Targets>>();
  if (published !== undefined) {
    const delegated = published.targets.signed.delegations?.roles ?? [];
    const names = new Set(upload.projects.keys());
    if (upload.targets !== undefined) for (const { name } of delegated) names.add(name);
    for (const name of names) {
      const metadata = await domains.delegated(published, name);
      if (metadata !== undefined) projects.set(name, metadata);
    }
    for (const role of ["timestamp", "snapshot"] as const) {
      // Keys that are online in this domain stay online keys when their signer is away.
      for (const id of published.root.signed.roles.get(role)?.keyIds ?? []) {
        const key = published.root.signed.keys.get(id);
        if (key !== undefined) onlineKeys.add(key.fingerprint);
      }
    }
  }
  return { published, onlineKeys, projects };
}

/** Root and targets as they will be after the upload; undefined when there is neither. */
export function nextRoot(base: Base, upload: Upload): Metadata<Root> | undefined {
  return upload.root ?? base.published?.root;
}
export function nextTargets(base: Base, upload: Upload): Metadata<Targets> | undefined {
  return upload.targets ?? base.published?.targets;
}

/** The published version of a role; 0 when there is none. */
export function currentVersion(base: Base, role: string): number {
  const { published } = base;
  if (role === "root") return published?.root.signed.version ?? 0;
  if (role === "targets") return published?.targets.signed.version ?? 0;
  return base.projects.get(role)?.signed.version ?? 0;
}

/** Those who may sign a role, with their keys. */
export interface SigningGroup {
  /** For people: whose keys these are. */
  readonly of: string;
  readonly role: Role;
  readonly keys: Root["keys"];
}

/**
 * Who must sign a role: each group by its own threshold. A root has two, the root before it and itself (TUF 5.3.4).
 * Empty when nobody may sign it, because nothing delegates to it.
 */
export function signingGroups(base: Base, upload: Upload, role: string): readonly SigningGroup[] {
  if (role === "root") {
    const groups = [base.published?.root, upload.root].filter((root) => root !== undefined);
    return groups.map((root) => groupOf(root, "root"));
  }
  if (role === "targets") {
    const root = nextRoot(base, upload);
    return root === undefined ? [] : [groupOf(root, "targets")];
  }
  const targets = nextTargets(base, upload);
  const delegation = targets && delegationOf(targets, role);
  if (delegation === undefined) return [];
  return [
    {
      of: `targets version ${targets?.signed.version}`,
      role: delegation.role,
      keys: delegation.delegations.keys,
    },
  ];
}

function groupOf(root: Metadata<Root>, name: "root" | "targets"): SigningGroup {
  // The codec puts all four roles in the map.
  const role = root.signed.roles.get(name) as Role;
  return { of: `root version ${root.signed.version}`, role, keys: root.signed.keys };
}

/** The delegation of targets to a project, by name. */
export function delegationOf(
  targets: Metadata<Targets>,
  name: string,
): { readonly role: DelegatedRole; readonly delegations: Delegations } | undefined {
  const { delegations } = targets.signed;
  const role = delegations?.roles.find((candidate) => candidate.name === name);
  return delegations === undefined || role === undefined ? undefined : { role, delegations };
}
