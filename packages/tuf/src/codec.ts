import type { KeyId, SignatureEntry } from "@stemma/crypto";
import type { JsonObject } from "@stemma/encoding";
import {
  asArray,
  asBoolean,
  asObject,
  asString,
  canonicalJson,
  decodeHex,
  EncodingError,
  member,
  parseJson,
} from "@stemma/encoding";
import { TufError } from "./error.ts";
import { checkCount, readBase, readKeyId, readMetaFile, readRole, readRootReference } from "./fields.ts";
import { KeyRing } from "./key-ring.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import {
  type Metadata,
  type MetaFile,
  type Role,
  type Root,
  type Signed,
  type Snapshot,
  type Targets,
  type Timestamp,
  TOP_LEVEL_ROLES,
  type TopLevelRole,
} from "./model.ts";
import { readTargets } from "./targets-codec.ts";

/*
 * Decoding of the four kinds of metadata (TUF 4). The received bytes are parsed once, strictly; they stay what is
 * stored and served, and `signed` is canonicalised once, from the parsed members in full, so that what is verified is
 * what is read. Everything takes time linear in the bytes. Nothing here is verified: that is `TrustedMetadata`.
 */

/** Decodes root metadata (TUF 4.3). Throws TufError. */
export function decodeRoot(bytes: Uint8Array, limits: Limits = DEFAULT_LIMITS): Metadata<Root> {
  return decode(bytes, limits.rootLength, limits, "root", readRoot);
}

/** Decodes timestamp metadata (TUF 4.6). Throws TufError. */
export function decodeTimestamp(bytes: Uint8Array, limits: Limits = DEFAULT_LIMITS): Metadata<Timestamp> {
  return decode(bytes, limits.timestampLength, limits, "timestamp", readTimestamp);
}

/** Decodes snapshot metadata (TUF 4.4). Throws TufError. */
export function decodeSnapshot(bytes: Uint8Array, limits: Limits = DEFAULT_LIMITS): Metadata<Snapshot> {
  return decode(bytes, limits.snapshotLength, limits, "snapshot", readSnapshot);
}

/** Decodes targets metadata, of the top-level role or of a delegated one (TUF 4.5). Throws TufError. */
export function decodeTargets(bytes: Uint8Array, limits: Limits = DEFAULT_LIMITS): Metadata<Targets> {
  return decode(bytes, limits.targetsLength, limits, "targets", readTargets);
}

/** Decodes the metadata of a role by its name: every name but those of the top level means a targets role. */
export function decodeRole(role: string, bytes: Uint8Array, limits: Limits = DEFAULT_LIMITS): Metadata {
  switch (role) {
    case "root":
      return decodeRoot(bytes, limits);
    case "timestamp":
      return decodeTimestamp(bytes, limits);
    case "snapshot":
      return decodeSnapshot(bytes, limits);
    default:
      return decodeTargets(bytes, limits);
  }
}

function decode<T extends Signed>(
  bytes: Uint8Array,
  maxBytes: number,
  limits: Limits,
  type: T["type"],
  read: (signed: JsonObject, limits: Limits) => T,
): Metadata<T> {
  try {
    const document = asObject(parseJson(bytes, { maxBytes }), "the document");
    const signed = asObject(member(document, "signed", "the document"), "signed");
    const found = asString(member(signed, "_type", "signed"), "signed._type");
    if (found !== type) {
      throw new TufError(
        "wrong_role_type",
        `signed._type must be "${type}"; found ${JSON.stringify(found.slice(0, 40))}.`,
      );
    }
    return {
      bytes,
      ...readSignatures(document, limits),
      signed: read(signed, limits),
      signedBytes: canonicalJson(signed),
      document,
    };
  } catch (error) {
    if (error instanceof EncodingError) {
      throw new TufError(error.code, `Metadata of type ${type}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

interface Signatures {
  readonly signatures: readonly SignatureEntry[];
  readonly malformedSignatures: readonly KeyId[];
}

/** TUF 4.2.1: a key id stands at most once among the signatures. Counted before any cryptography (N-06). */
function readSignatures(document: JsonObject, limits: Limits): Signatures {
  const list = asArray(member(document, "signatures", "the document"), "signatures");
  checkCount(list.length, limits.signatures, "signatures");
  const seen = new Set<KeyId>();
  const signatures: SignatureEntry[] = [];
  const malformedSignatures: KeyId[] = [];
  for (const item of list) {
    const entry = asObject(item, "signatures[]");
    const keyId = readKeyId(member(entry, "keyid", "signatures[]"), "signatures[].keyid");
    if (seen.has(keyId)) {
      throw new TufError("duplicate_signature", `The key id ${keyId} stands twice among the signatures.`);
    }
    seen.add(keyId);
    const signature = readSignature(asString(member(entry, "sig", "signatures[]"), "signatures[].sig"));
    if (signature === undefined) malformedSignatures.push(keyId);
    else signatures.push({ keyId, signature });
  }
  return { signatures, malformedSignatures };
}

/** An unreadable signature is one that does not count: it must not make a document that others signed unreadable. */
function readSignature(hex: string): Uint8Array | undefined {
  if (hex === "") return undefined;
  try {
    return decodeHex(hex);
  } catch (error) {
    if (error instanceof EncodingError) return undefined;
    throw error;
  }
}

function readRoot(signed: JsonObject, limits: Limits): Root {
  const ring = new KeyRing(asObject(member(signed, "keys", "signed"), "signed.keys"), "signed.keys");
  const rolesJson = asObject(member(signed, "roles", "signed"), "signed.roles");
  const roles = new Map<TopLevelRole, Role>();
  for (const name of TOP_LEVEL_ROLES) {
    const where = `signed.roles.${name}`;
    roles.set(name, readRole(asObject(member(rolesJson, name, "signed.roles"), where), where, limits));
  }
  const consistent = signed.get("consistent_snapshot");
  return {
    type: "root",
    ...readBase(signed),
    consistentSnapshot:
      consistent === undefined ? false : asBoolean(consistent, "signed.consistent_snapshot"),
    keys: ring,
    get unusableKeys() {
      return ring.unusable;
    },
    roles,
  };
}

function readTimestamp(signed: JsonObject): Timestamp {
  const meta = asObject(member(signed, "meta", "signed"), "signed.meta");
  return {
    type: "timestamp",
    ...readBase(signed),
    root: readRootReference(signed),
    snapshot: readMetaFile(member(meta, "snapshot.json", "signed.meta"), 'signed.meta["snapshot.json"]'),
  };
}

function readSnapshot(signed: JsonObject): Snapshot {
  const files = asObject(member(signed, "meta", "signed"), "signed.meta");
  const meta = new Map<string, MetaFile>();
  for (const [file, json] of files) {
    const entry = readMetaFile(json, "an entry of signed.meta");
    // No role has another kind of file name, so nobody can ask for it.
    if (file.endsWith(".json")) meta.set(file.slice(0, -5), entry);
  }
  return { type: "snapshot", ...readBase(signed), root: readRootReference(signed), meta };
}
