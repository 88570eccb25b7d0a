/**
 * The delegation history of a trust domain: every version of root, targets and the projects' roles, who signed it, and
 * what it changed. Read from the signed metadata alone, and verified again while reading.
 *
 * What the signatures do not say is *when*: the order and the times of publication (`epoch`, `publishedAt`) are the
 * word of the service that published them. A service that lies about them can date a version wrongly, but cannot make
 * a version that its delegator did not sign look signed.
 */
import { countSigners, type KeyFingerprint, type KeyId, type PublicKey } from "@stemma/crypto";
import { type Sha256Hex, StemmaError } from "@stemma/encoding";
import { KEYLESS_KEY_TYPE, type Layout, readEnvelope, readLayout, whoMaySign } from "@stemma/in-toto";
import {
  decodeRoot,
  decodeTargets,
  findDelegation,
  keysOf,
  type Metadata,
  type Role,
  type Root,
  type Targets,
} from "@stemma/tuf";
import { type Change, rootChanges, targetsChanges } from "./history-changes.ts";
import { type LayoutPlace, placesOf } from "./layout-places.ts";
import { layoutPath } from "./project.ts";

/** One published version, as stored. */
export interface HistoryDocument {
  readonly role: string;
  readonly version: number;
  readonly bytes: Uint8Array;
  /** The publish that made it current; versions of one publish became current together. */
  readonly epoch: number;
  readonly publishedAt: Date;
}

/** A key that may sign, or did. */
export interface KeyEntry {
  readonly keyId: KeyId;
  readonly fingerprint: KeyFingerprint;
  readonly keyType: string;
  /** Of a Sigstore identity: who it is. */
  readonly name?: string;
}

/** One version of one role. */
export interface HistoryEntry {
  readonly role: string;
  readonly version: number;
  readonly epoch: number;
  readonly publishedAt: string;
  readonly expires: string;
  /** Who of those who may sign it really did, by distinct public key. */
  readonly signers: readonly KeyEntry[];
  readonly threshold: number;
  /** Why it does not verify; undefined when it does. */
  readonly fault: { readonly code: string; readonly message: string } | undefined;
  readonly changes: readonly Change[];
}

/** Who could sign for a role at a moment. */
export interface Authority {
  readonly role: string;
  readonly version: number;
  readonly threshold: number;
  readonly keys: readonly KeyEntry[];
  /** Whether the version in force was past its expiry at that moment. */
  readonly expired: boolean;
  /** For a project with a layout: who could sign which step. */
  readonly steps: readonly StepAuthority[];
}

/** Who could sign for a step of a layout, or for the attestations of one type that it expects. */
export interface StepAuthority {
  readonly step: string;
  readonly predicateType?: string;
  readonly threshold: number;
  /** Keys and Sigstore identities. */
  readonly keys: readonly KeyEntry[];
  /** Holders of certificates, in words. */
  readonly certificates?: readonly string[];
}

/** Reads and verifies a history. `files` answers target files by digest; a layout that is not there is not explained. */
export function readHistory(
  documents: readonly HistoryDocument[],
  files: (sha256: Sha256Hex) => Uint8Array | undefined,
): readonly HistoryEntry[] {
  const state = new State(files);
  return inOrder(documents).map((document) => state.add(document));
}

/** Who could sign for root, targets, the projects and their steps at a moment (the history's word on times holds). */
export function authoritiesAt(
  documents: readonly HistoryDocument[],
  files: (sha256: Sha256Hex) => Uint8Array | undefined,
  time: Date,
): readonly Authority[] {
  const state = new State(files);
  for (const document of inOrder(documents)) {
    if (document.publishedAt.getTime() <= time.getTime()) state.add(document);
  }
  return state.authorities(time);
}

/** Order of publication; within one publish a delegator comes before those it delegates to. */
function inOrder(documents: readonly HistoryDocument[]): readonly HistoryDocument[] {
  const rank = (role: string): number => (role === "root" ? 0 : role === "targets" ? 1 : 2);
  return [...documents].sort(
    (a, b) => a.epoch - b.epoch || rank(a.role) - rank(b.role) || a.version - b.version,
  );
}

class State {
  private root: Metadata<Root> | undefined;
  /** `targets` and the projects, the version in force. */
  private readonly targets = new Map<string, Metadata<Targets>>();
  private readonly layouts = new Map<string, Layout>();
  private readonly files: (sha256: Sha256Hex) => Uint8Array | undefined;

  constructor(files: (sha256: Sha256Hex) => Uint8Array | undefined) {
    this.files = files;
  }

  add(document: HistoryDocument): HistoryEntry {
    const base = {
      role: document.role,
      version: document.version,
      epoch: document.epoch,
      publishedAt: document.publishedAt.toISOString(),
    };
    try {
      return document.role === "root" ? this.addRoot(document, base) : this.addTargets(document, base);
    } catch (error) {
      if (!(error instanceof StemmaError)) throw error;
      const fault = { code: error.code, message: error.message };
      return { ...base, expires: "", signers: [], threshold: 0, fault, changes: [] };
    }
  }

  private addRoot(document: HistoryDocument, base: Base): HistoryEntry {
    const next = decodeRoot(document.bytes);
    const before = this.root;
    const own = next.signed.roles.get("root") as Role;
    // TUF 5.3.4: by the threshold of the root before it, and by its own.
    const authorities: [Role, ReadonlyMap<KeyId, PublicKey>][] = [[own, next.signed.keys]];
    if (before !== undefined)
      authorities.unshift([before.signed.roles.get("root") as Role, before.signed.keys]);
    const entry = this.entry(
      base,
      next,
      authorities,
      rootChanges(before?.signed, next.signed),
      before?.signed.version ?? 0,
    );
    if (entry.fault === undefined) this.root = next;
    return entry;
  }

  private addTargets(document: HistoryDocument, base: Base): HistoryEntry {
    const { role } = document;
    const next = decodeTargets(document.bytes);
    const before = this.targets.get(role);
    const authority = this.authorityOf(role);
    const layout = role === "targets" ? undefined : this.layoutOf(role, next.signed);
    const changes = targetsChanges(role, before?.signed, next.signed, this.layouts.get(role), layout);
    const entry = this.entry(
      base,
      next,
      authority === undefined ? [] : [authority],
      changes,
      before?.signed.version ?? 0,
    );
    if (entry.fault === undefined) {
      this.targets.set(role, next);
      if (layout === undefined) this.layouts.delete(role);
      else this.layouts.set(role, layout);
    }
    return entry;
  }

  /** Keys and threshold that the delegator in force gives a role. */
  private authorityOf(role: string): [Role, ReadonlyMap<KeyId, PublicKey>] | undefined {
    if (role === "targets") {
      const entry = this.root?.signed.roles.get("targets");
      return this.root === undefined || entry === undefined ? undefined : [entry, this.root.signed.keys];
    }
    const delegations = this.targets.get("targets")?.signed.delegations;
    const entry = delegations === undefined ? undefined : findDelegation(delegations, role);
    return delegations === undefined || entry === undefined ? undefined : [entry, delegations.keys];
  }

  private layoutOf(project: string, targets: Targets): Layout | undefined {
    const sha256 = targets.targets.get(layoutPath(project))?.hashes.get("sha256") as Sha256Hex | undefined;
    const bytes = sha256 === undefined ? undefined : this.files(sha256);
    return bytes === undefined ? undefined : readLayout(readEnvelope(bytes));
  }

  private entry(
    base: Base,
    next: Metadata<Root> | Metadata<Targets>,
    authorities: readonly [Role, ReadonlyMap<KeyId, PublicKey>][],
    changes: readonly Change[],
    versionBefore: number,
  ): HistoryEntry {
    const signers = new Map<KeyFingerprint, KeyEntry>();
    let fault: HistoryEntry["fault"];
    if (authorities.length === 0) {
      fault = {
        code: "not_delegated",
        message: `Nobody had delegated to ${base.role} when this version was published.`,
      };
    }
    for (const [role, keys] of authorities) {
      const found = countSigners(next.signedBytes, next.signatures, keysOf(role, keys));
      for (const [fingerprint, keyId] of found) {
        signers.set(fingerprint, { keyId, fingerprint, keyType: keys.get(keyId)?.keyType ?? "" });
      }
      if (found.size < role.threshold) {
        const message = `Signed by ${found.size} of the keys in force; ${role.threshold} are needed.`;
        fault ??= { code: "threshold_not_met", message };
      }
    }
    const { version } = next.signed;
    if (
      version !== base.version ||
      version <= versionBefore ||
      (base.role === "root" && version !== versionBefore + 1)
    ) {
      fault ??= {
        code: "wrong_version",
        message: `Version ${version} does not follow version ${versionBefore}.`,
      };
    }
    return {
      ...base,
      expires: next.signed.expires.toISOString(),
      signers: [...signers.values()],
      threshold: authorities.at(-1)?.[0].threshold ?? 0,
      fault,
      changes,
    };
  }

  authorities(time: Date): readonly Authority[] {
    const list: Authority[] = [];
    const { root } = this;
    if (root === undefined) return list;
    for (const [name, role] of root.signed.roles) {
      const metadata = name === "root" ? root : this.targets.get(name);
      list.push(authority(name, role, root.signed.keys, metadata, time));
    }
    const delegations = this.targets.get("targets")?.signed.delegations;
    for (const role of delegations?.roles ?? []) {
      const layout = this.layouts.get(role.name);
      const entry = authority(
        role.name,
        role,
        delegations?.keys ?? new Map(),
        this.targets.get(role.name),
        time,
      );
      list.push({ ...entry, steps: layout === undefined ? [] : placesOf(layout).map(stepAuthority) });
    }
    return list;
  }
}

type Base = Pick<HistoryEntry, "role" | "version" | "epoch" | "publishedAt">;

function authority(
  name: string,
  role: Role,
  keys: ReadonlyMap<KeyId, PublicKey>,
  metadata: Metadata<Root> | Metadata<Targets> | undefined,
  time: Date,
): Authority {
  return {
    role: name,
    version: metadata?.signed.version ?? 0,
    threshold: role.threshold,
    keys: keyEntries(role.keyIds, keys),
    expired: metadata !== undefined && metadata.signed.expires.getTime() <= time.getTime(),
    steps: [],
  };
}

function stepAuthority({ step, predicateType, threshold, set }: LayoutPlace): StepAuthority {
  const identities = [...set.identities].map(([keyId, { fingerprint, issuer, identity }]) => ({
    keyId,
    fingerprint,
    keyType: KEYLESS_KEY_TYPE,
    name: `${identity} of ${issuer}`,
  }));
  const certificates = whoMaySign({ ...set, keyIds: [] });
  return {
    step,
    ...(predicateType === undefined ? {} : { predicateType }),
    threshold,
    keys: [...keyEntries(set.keyIds, set.keys), ...identities],
    ...(certificates.length === 0 ? {} : { certificates }),
  };
}

function keyEntries(keyIds: readonly KeyId[], keys: ReadonlyMap<KeyId, PublicKey>): readonly KeyEntry[] {
  return keyIds.flatMap((keyId) => {
    const key = keys.get(keyId);
    return key === undefined ? [] : [{ keyId, fingerprint: key.fingerprint, keyType: key.keyType }];
  });
}
