import type { KeyId, PublicKey, SignatureEntry, Signer } from "@stemma/crypto";
import type { JsonObject, JsonValue } from "@stemma/encoding";
import { canonicalJson, compareCodePoints, encodeHex, jsonObject, writeJson } from "@stemma/encoding";
import { TufError } from "./error.ts";
import { ROOT_MEMBER } from "./fields.ts";
import type { Delegations, MetaFile, Role, RootReference, TargetFile, TopLevelRole } from "./model.ts";

/*
 * Writing of metadata (TUF 4). A payload is the `signed` object; it is shown, signed by several people over time, and
 * assembled into a document. Everything is pure: nothing is read back from a clock or a disk.
 */

const SPEC_VERSION = "1.0.34";

/** Who may sign a role, and how many of them must. */
export interface RoleKeys {
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
}

export interface RootInput {
  readonly version: number;
  readonly expires: Date;
  readonly roles: Readonly<Record<TopLevelRole, RoleKeys>>;
  /** Keys to list beside those of the roles; none are needed. */
  readonly keys?: readonly PublicKey[];
  /** True unless told. */
  readonly consistentSnapshot?: boolean;
}

/** The `signed` object of root metadata (TUF 4.3). Keys get the key id that TUF 4.2 defines. */
export function rootPayload(input: RootInput): JsonObject {
  const { root, timestamp, snapshot, targets } = input.roles;
  const all = [root, timestamp, snapshot, targets].flatMap((role) => role.keys);
  return jsonObject({
    ...base("root", input),
    consistent_snapshot: input.consistentSnapshot ?? true,
    keys: keysJson([...all, ...(input.keys ?? [])]),
    roles: jsonObject({
      root: roleJson(root),
      snapshot: roleJson(snapshot),
      targets: roleJson(targets),
      timestamp: roleJson(timestamp),
    }),
  });
}

export interface DelegatedRoleInput extends RoleKeys {
  readonly name: string;
  readonly terminating: boolean;
  readonly paths?: readonly string[] | undefined;
  readonly pathHashPrefixes?: readonly string[] | undefined;
}

export interface SuccinctRolesInput extends RoleKeys {
  readonly bitLength: number;
  readonly namePrefix: string;
}

/** Delegations to write: either named roles in order of priority, or succinct bins. */
export type DelegationsInput =
  | { readonly roles: readonly DelegatedRoleInput[] }
  | { readonly succinct: SuccinctRolesInput };

export interface TargetsInput {
  readonly version: number;
  readonly expires: Date;
  readonly targets?: ReadonlyMap<string, TargetFile>;
  readonly delegations?: DelegationsInput | undefined;
}

/** The `signed` object of targets metadata, of the top level or delegated (TUF 4.5). */
export function targetsPayload(input: TargetsInput): JsonObject {
  const targets = new Map<string, JsonValue>();
  for (const [path, { custom, hashes, length }] of byName(input.targets ?? new Map())) {
    targets.set(path, jsonObject({ custom, hashes, length }));
  }
  return jsonObject({
    ...base("targets", input),
    delegations: input.delegations === undefined ? undefined : delegationsJson(input.delegations),
    targets,
  });
}

export interface SnapshotInput {
  readonly version: number;
  readonly expires: Date;
  /** Every targets role, by name without ".json": its version, or its whole entry. */
  readonly meta: ReadonlyMap<string, MetaFile | number>;
  /** The root under which it is signed, where one online key serves several trust domains. */
  readonly root?: RootReference | undefined;
}

/** The `signed` object of snapshot metadata (TUF 4.4). */
export function snapshotPayload(input: SnapshotInput): JsonObject {
  const meta = new Map<string, JsonValue>();
  for (const [role, file] of byName(input.meta)) meta.set(`${role}.json`, metaFileJson(file));
  return jsonObject({ ...base("snapshot", input), meta, [ROOT_MEMBER]: rootJson(input.root) });
}

export interface TimestampInput {
  readonly version: number;
  readonly expires: Date;
  readonly snapshotVersion: number;
  /** As for a snapshot. */
  readonly root?: RootReference | undefined;
  /** Length and digests of the snapshot, where they are wanted. */
  readonly length?: number | undefined;
  readonly hashes?: ReadonlyMap<string, string> | undefined;
}

/** The `signed` object of timestamp metadata (TUF 4.6). */
export function timestampPayload(input: TimestampInput): JsonObject {
  const { hashes, length } = input;
  const file = jsonObject({ hashes, length, version: input.snapshotVersion });
  const meta = jsonObject({ "snapshot.json": file });
  return jsonObject({ ...base("timestamp", input), meta, [ROOT_MEMBER]: rootJson(input.root) });
}

function rootJson(root: RootReference | undefined): JsonObject | undefined {
  return root === undefined ? undefined : jsonObject({ sha256: root.sha256, version: root.version });
}

/** The bytes that signatures of a payload cover (TUF 4.2.1). */
export function signingBytes(payload: JsonObject): Uint8Array {
  return canonicalJson(payload);
}

/** A document from a payload and the signatures collected for it. */
export function assemble(payload: JsonObject, signatures: readonly SignatureEntry[]): Uint8Array {
  const list = signatures.map(({ keyId, signature }) =>
    jsonObject({ keyid: keyId, sig: encodeHex(signature) }),
  );
  return writeJson(jsonObject({ signatures: list, signed: payload }));
}

/** Signs a payload by each signer, under its TUF key id, and assembles the document. */
export async function signPayload(payload: JsonObject, signers: readonly Signer[]): Promise<Uint8Array> {
  const message = signingBytes(payload);
  const signatures = await Promise.all(
    signers.map(async (signer) => ({
      keyId: signer.publicKey.keyId,
      signature: await signer.sign(message),
    })),
  );
  return assemble(payload, signatures);
}

/**
 * Published delegations as input for the next version. Throws `unusable_key` when a role names a key that cannot be read:
 * rewriting would silently drop its owner.
 */
export function delegationsInput(delegations: Delegations): DelegationsInput {
  const keysOf = (role: Role): RoleKeys => ({
    threshold: role.threshold,
    keys: role.keyIds.map((id) => usableKey(delegations, id)),
  });
  const { succinct } = delegations;
  if (succinct !== undefined) {
    const { bitLength, namePrefix } = succinct;
    return { succinct: { ...keysOf(succinct), bitLength, namePrefix } };
  }
  return {
    roles: delegations.roles.map((role) => ({
      name: role.name,
      ...keysOf(role),
      terminating: role.terminating,
      paths: role.paths,
      pathHashPrefixes: role.pathHashPrefixes,
    })),
  };
}

function usableKey(delegations: Delegations, id: KeyId): PublicKey {
  const key = delegations.keys.get(id);
  if (key === undefined)
    throw new TufError("unusable_key", `The key ${id} of the delegations cannot be used.`);
  return key;
}

/** In the order of the canonical form: the same content makes the same bytes, and verifiers need not sort again. */
function byName<T>(members: ReadonlyMap<string, T>): [string, T][] {
  return [...members].sort(([a], [b]) => compareCodePoints(a, b));
}

function base(type: string, input: { readonly version: number; readonly expires: Date }) {
  return {
    _type: type,
    expires: `${input.expires.toISOString().slice(0, 19)}Z`,
    spec_version: SPEC_VERSION,
    version: input.version,
  };
}

function keysJson(keys: readonly PublicKey[]): JsonObject {
  return new Map(keys.map((key) => [key.keyId as string, key.toJson()]));
}

function roleMembers(role: RoleKeys) {
  return { keyids: role.keys.map((key) => key.keyId), threshold: role.threshold };
}

function roleJson(role: RoleKeys): JsonObject {
  return jsonObject(roleMembers(role));
}

function metaFileJson(file: MetaFile | number): JsonObject {
  if (typeof file === "number") return jsonObject({ version: file });
  return jsonObject({ hashes: file.hashes, length: file.length, version: file.version });
}

function delegationsJson(input: DelegationsInput): JsonObject {
  if ("succinct" in input) {
    const { succinct } = input;
    return jsonObject({
      keys: keysJson(succinct.keys),
      succinct_roles: jsonObject({
        bit_length: succinct.bitLength,
        ...roleMembers(succinct),
        name_prefix: succinct.namePrefix,
      }),
    });
  }
  return jsonObject({
    keys: keysJson(input.roles.flatMap((role) => role.keys)),
    roles: input.roles.map((role) =>
      jsonObject({
        ...roleMembers(role),
        name: role.name,
        path_hash_prefixes: role.pathHashPrefixes,
        paths: role.paths,
        terminating: role.terminating,
      }),
    ),
  });
}
