import type { KeyFingerprint, KeyId } from "@stemma/crypto";
import type { JsonValue } from "@stemma/encoding";
import { asArray, decodeUtf8, equalBytes, utf8 } from "@stemma/encoding";
import { TufError } from "./error.ts";
import { patternFault, roleNameFault, targetPathFault } from "./lint-names.ts";
import {
  type Delegations,
  isExpired,
  type Metadata,
  type Role,
  type Root,
  type Targets,
  TOP_LEVEL_ROLES,
} from "./model.ts";

/** What the service knows about the place where a document would go. */
export interface PublishContext {
  /** The role whose metadata it is. */
  readonly role: string;
  /** The published version of this role, if there is one. */
  readonly current?: Metadata | undefined;
  readonly time: Date;
  /** How far a version may run ahead; 1,000 unless told. */
  readonly maxVersionJump?: number;
}

const MAX_VERSION = 2 ** 31 - 1;
const MAX_VERSION_JUMP = 1_000;
const MAX_ROLES = 1_024;
/** With more bins the snapshot grows beyond what stock clients take. */
const MAX_BIT_LENGTH = 15;

/**
 * Refuses metadata that a client could live with, but that must not be published: it could lock clients out for ever, be
 * read differently by other clients, or hide a weaker threshold than it shows. Throws the first finding of
 * `publishFindings`. Signatures are checked elsewhere.
 */
export function lintForPublish(metadata: Metadata, context: PublishContext): void {
  for (const finding of publishFindings(metadata, context)) throw finding;
}

/** All that `lintForPublish` has against a document, in the order of the document's parts. */
export function* publishFindings(metadata: Metadata, context: PublishContext): Generator<TufError> {
  yield* envelopeFindings(metadata);
  yield* versionFindings(metadata, context);
  if (isExpired(metadata.signed, context.time))
    yield new TufError("expired", `The metadata of ${context.role} is expired already.`);
  switch (metadata.signed.type) {
    case "root":
      yield* rootFindings(metadata.signed);
      break;
    case "timestamp":
      yield* onlyMembers(metadata.signed.raw.get("meta"), ["snapshot.json"], "signed.meta");
      break;
    case "targets":
      yield* targetsFindings(metadata.signed, context.role);
      break;
    case "snapshot":
      break;
  }
}

function* envelopeFindings(metadata: Metadata): Generator<TufError> {
  // Once a strict client has stored a member that it does not know, it can be stuck with it (N-19).
  yield* onlyMembers(metadata.document, ["signatures", "signed"], "the document");
  for (const entry of asArray(metadata.document.get("signatures"), "signatures")) {
    yield* onlyMembers(entry, ["keyid", "sig"], "an entry of signatures");
  }
  for (const id of metadata.malformedSignatures) {
    yield new TufError("bad_encoding", `The signature of ${id} is not lower-case hex (N-08).`);
  }
  if (!equalBytes(canonicalByStock(metadata.bytes), metadata.signedBytes)) {
    yield new TufError(
      "not_canonical_roundtrip",
      "Other readers of JSON would compute other bytes to verify; a number, name or control character is beyond them.",
    );
  }
}

/** A version near the top, published once, could never be followed (N-15). */
function* versionFindings(metadata: Metadata, context: PublishContext): Generator<TufError> {
  const { version } = metadata.signed;
  const current = context.current?.signed.version ?? 0;
  const jump = context.maxVersionJump ?? MAX_VERSION_JUMP;
  if (version <= current) {
    yield new TufError(
      "rollback",
      `Version ${version} of ${context.role} does not follow version ${current}, which is published.`,
    );
  } else if (version > MAX_VERSION || version - current > jump) {
    yield new TufError(
      "version_jump",
      `Version ${version} of ${context.role} is more than ${jump} beyond version ${current}.`,
    );
  }
}

function* rootFindings(root: Root): Generator<TufError> {
  yield* onlyMembers(root.raw.get("roles"), TOP_LEVEL_ROLES, "signed.roles");
  if (!root.consistentSnapshot) {
    yield new TufError("wrong_type", "signed.consistent_snapshot must be true in what Stemma serves.");
  }
  yield* keyFindings(root);
  for (const [name, role] of root.roles) yield* roleFindings(name, role, root);
}

function* targetsFindings(targets: Targets, self: string): Generator<TufError> {
  for (const [path, { hashes }] of targets.targets) {
    const fault = targetPathFault(path);
    if (fault !== undefined)
      yield new TufError("bad_target_path", `${quote(path)} cannot be a target path: ${fault}.`);
    yield* hashFindings(path, hashes);
  }
  if (targets.delegations !== undefined) yield* delegationFindings(targets.delegations, self);
}

const HEX_LENGTHS: ReadonlyMap<string, number> = new Map([
  ["sha256", 64],
  ["sha512", 128],
]);

/** Every target has a sha256, and every digest is of an algorithm that all clients know (N-34). */
function* hashFindings(path: string, hashes: ReadonlyMap<string, string>): Generator<TufError> {
  if (!hashes.has("sha256"))
    yield new TufError("no_strong_digest", `The target ${quote(path)} is listed without a sha256.`);
  for (const [algorithm, hex] of hashes) {
    if (hex.length !== HEX_LENGTHS.get(algorithm) || !/^[0-9a-f]+$/.test(hex)) {
      yield new TufError(
        "bad_digest",
        `The ${quote(algorithm)} of the target ${quote(path)} is not a sha256 or sha512 in lower-case hex.`,
      );
    }
  }
}

function* delegationFindings(delegations: Delegations, self: string): Generator<TufError> {
  yield* keyFindings(delegations);
  const { roles, succinct } = delegations;
  if (succinct !== undefined) {
    yield* nameFindings(`${succinct.namePrefix}-0`);
    yield* roleFindings(succinct.namePrefix, succinct, delegations);
    if (succinct.bitLength > MAX_BIT_LENGTH) {
      yield new TufError(
        "limit_exceeded",
        `bit_length is ${succinct.bitLength}; with more than ${MAX_BIT_LENGTH} stock clients refuse the snapshot.`,
      );
    }
  }
  if (roles.length > MAX_ROLES) {
    yield new TufError(
      "limit_exceeded",
      `There are ${roles.length} delegated roles; at most ${MAX_ROLES} are published.`,
    );
  }
  for (const role of roles) {
    yield* nameFindings(role.name);
    if (role.name === self)
      yield new TufError("bad_delegation", `The role ${quote(self)} delegates to itself.`);
    yield* roleFindings(role.name, role, delegations);
    for (const pattern of role.paths ?? []) {
      const fault = patternFault(pattern);
      if (fault !== undefined)
        yield new TufError("bad_pattern", `${quote(pattern)} cannot be a path pattern: ${fault}.`);
    }
  }
}

function* nameFindings(name: string): Generator<TufError> {
  const fault = roleNameFault(name);
  if (fault !== undefined)
    yield new TufError("bad_role_name", `${quote(name)} cannot be the name of a role: ${fault}.`);
}

type KeyTable = Pick<Root, "keys" | "unusableKeys">;

function* keyFindings(table: KeyTable): Generator<TufError> {
  for (const [id, reason] of table.unusableKeys)
    yield new TufError("unusable_key", `The key ${id} cannot be used: ${reason}`);
  const owners = new Map<KeyFingerprint, KeyId>();
  for (const [id, key] of table.keys) {
    if (id !== key.keyId) {
      yield new TufError("key_id_mismatch", `The key ${id} must have the key id ${key.keyId} (TUF 4.2).`);
    }
    const other = owners.get(key.fingerprint);
    // A reader that counts key ids would take one person for two (N-02).
    if (other !== undefined)
      yield new TufError("duplicate_key_material", `The key ids ${other} and ${id} are one public key.`);
    owners.set(key.fingerprint, id);
  }
}

function* roleFindings(name: string, role: Role, table: KeyTable): Generator<TufError> {
  const distinct = new Set<KeyFingerprint>();
  for (const id of role.keyIds) {
    const key = table.keys.get(id);
    if (key !== undefined) distinct.add(key.fingerprint);
    else if (!table.unusableKeys.has(id))
      yield new TufError("unusable_key", `The role ${quote(name)} names the key ${id}, which is not listed.`);
  }
  if (role.threshold > distinct.size) {
    yield new TufError(
      "invalid_threshold",
      `The role ${quote(name)} needs ${role.threshold} signatures but has ${distinct.size} usable keys.`,
    );
  }
}

function* onlyMembers(
  value: JsonValue | undefined,
  names: readonly string[],
  where: string,
): Generator<TufError> {
  if (!(value instanceof Map)) return;
  for (const name of value.keys()) {
    if (!names.includes(name))
      yield new TufError(
        "unexpected_field",
        `${where} has the member ${quote(name)}, which has no meaning there.`,
      );
  }
}

/**
 * The bytes that a client with JavaScript's own JSON parser and sorting verifies, as tuf-js does. They differ from ours
 * for integers beyond 2^53 and for names whose order depends on how characters are counted (N-21).
 */
function canonicalByStock(bytes: Uint8Array): Uint8Array {
  const document = JSON.parse(decodeUtf8(bytes)) as { signed: unknown };
  const parts: string[] = [];
  writeStock(document.signed, parts);
  return utf8(parts.join(""));
}

function writeStock(value: unknown, parts: string[]): void {
  if (Array.isArray(value)) {
    parts.push("[");
    value.forEach((item, index) => {
      if (index > 0) parts.push(",");
      writeStock(item, parts);
    });
    parts.push("]");
  } else if (typeof value === "object" && value !== null) {
    parts.push("{");
    const members = value as Record<string, unknown>;
    Object.keys(members)
      .sort()
      .forEach((name, index) => {
        if (index > 0) parts.push(",");
        writeStock(name, parts);
        parts.push(":");
        writeStock(members[name], parts);
      });
    parts.push("}");
  } else if (typeof value === "string") {
    parts.push('"', value.replaceAll("\\", "\\\\").replaceAll('"', '\\"'), '"');
  } else {
    parts.push(String(value));
  }
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}
