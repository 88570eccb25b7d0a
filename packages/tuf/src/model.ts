import { type KeyId, type PublicKey, type SignatureEntry, sha256 } from "@stemma/crypto";
import type { JsonObject } from "@stemma/encoding";

/** The four roles that root names (TUF 2.1). */
export type TopLevelRole = "root" | "timestamp" | "snapshot" | "targets";

export const TOP_LEVEL_ROLES: readonly TopLevelRole[] = ["root", "timestamp", "snapshot", "targets"];

/**
 * A signed document (TUF 4.2.1). `bytes` are what was received and what is stored and served; `signedBytes` is what the
 * signatures cover, canonicalised once.
 */
export interface Metadata<T extends Signed = Signed> {
  readonly bytes: Uint8Array;
  readonly signedBytes: Uint8Array;
  readonly signed: T;
  /** Signatures whose hex could be read, in order; each key id at most once. */
  readonly signatures: readonly SignatureEntry[];
  /** Key ids whose signature is empty or not strict hex. They never count (N-08); placeholders of ceremonies look so. */
  readonly malformedSignatures: readonly KeyId[];
  /** The whole document, for checks on members that this codec does not know. */
  readonly document: JsonObject;
}

/** What every kind of metadata has (TUF 4.3 to 4.6). */
export interface SignedBase {
  readonly version: number;
  readonly specVersion: string;
  readonly expires: Date;
  /** The `signed` object as received, unknown members included. */
  readonly raw: JsonObject;
}

export type Signed = Root | Timestamp | Snapshot | Targets;

/** Who may sign, and how many distinct public keys must (TUF 4.3). */
export interface Role {
  readonly keyIds: readonly KeyId[];
  readonly threshold: number;
}

/** Keys by the id that the document gives them. Keys that cannot be used are left out and named in `unusableKeys`. */
interface Keys {
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
  /** Why a key cannot be used. It never counts; the rest of the document stands (N-05). */
  readonly unusableKeys: ReadonlyMap<KeyId, string>;
}

/** TUF 4.3. */
export interface Root extends SignedBase, Keys {
  readonly type: "root";
  readonly consistentSnapshot: boolean;
  readonly roles: ReadonlyMap<TopLevelRole, Role>;
}

/** One file as timestamp or snapshot describes it (TUF 4.4). */
export interface MetaFile {
  readonly version: number;
  readonly length?: number;
  readonly hashes?: ReadonlyMap<string, string>;
}

/**
 * The root that an online role was signed under. One online key may serve several trust domains, and nothing else in these roles
 * says for which of them they are. Absent in those of other implementations.
 */
export interface RootReference {
  readonly version: number;
  /** Of the canonical form of what its signatures cover: the same root may be handed out with other signatures. */
  readonly sha256: string;
}

/** The reference by which online roles name a root. */
export function referenceTo({ signed, signedBytes }: Metadata<Root>): RootReference {
  return { version: signed.version, sha256: sha256(signedBytes) };
}

/** TUF 4.6. */
export interface Timestamp extends SignedBase {
  readonly type: "timestamp";
  readonly root: RootReference | undefined;
  readonly snapshot: MetaFile;
}

/** TUF 4.4. */
export interface Snapshot extends SignedBase {
  readonly type: "snapshot";
  readonly root: RootReference | undefined;
  /** By role name, without ".json". */
  readonly meta: ReadonlyMap<string, MetaFile>;
}

/** TUF 4.5. */
export interface Targets extends SignedBase {
  readonly type: "targets";
  readonly targets: ReadonlyMap<string, TargetFile>;
  readonly delegations: Delegations | undefined;
}

/** A target file: length in bytes, digests in hex by algorithm, in the order of the document. */
export interface TargetFile {
  readonly length: number;
  readonly hashes: ReadonlyMap<string, string>;
  readonly custom: JsonObject | undefined;
}

/** Either `roles`, in order of priority, or `succinct` (then `roles` is empty). */
export interface Delegations extends Keys {
  readonly roles: readonly DelegatedRole[];
  readonly succinct: SuccinctRoles | undefined;
}

/** Exactly one of `paths` and `pathHashPrefixes` is there. */
export interface DelegatedRole extends Role {
  readonly name: string;
  readonly terminating: boolean;
  readonly paths: readonly string[] | undefined;
  readonly pathHashPrefixes: readonly string[] | undefined;
}

/** TAP 15: 2^bitLength bins named `<namePrefix>-<hex>`, all with these keys and this threshold. */
export interface SuccinctRoles extends Role {
  readonly bitLength: number;
  readonly namePrefix: string;
}

/** Whether it may no longer be trusted at `time` (TUF 5.3.10, 5.4.4, 5.5.6, 5.6.5). The second of expiry is expired. */
export function isExpired(signed: SignedBase, time: Date): boolean {
  // Written so that an invalid date on either side counts as expired.
  return !(time.getTime() < signed.expires.getTime());
}
