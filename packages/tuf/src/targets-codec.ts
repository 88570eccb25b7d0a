import type { JsonObject, JsonValue } from "@stemma/encoding";
import { asArray, asBoolean, asObject, asString, member } from "@stemma/encoding";
import { TufError } from "./error.ts";
import { checkCount, readBase, readHashes, readNumber, readRole } from "./fields.ts";
import { KeyRing } from "./key-ring.ts";
import type { Limits } from "./limits.ts";
import {
  type DelegatedRole,
  type Delegations,
  type SuccinctRoles,
  type TargetFile,
  type Targets,
  TOP_LEVEL_ROLES,
} from "./model.ts";

/** The `signed` part of targets metadata (TUF 4.5). */
export function readTargets(signed: JsonObject, limits: Limits): Targets {
  const targets = new Map<string, TargetFile>();
  for (const [path, json] of asObject(member(signed, "targets", "signed"), "signed.targets")) {
    targets.set(path, readTarget(json));
  }
  const delegations = signed.get("delegations");
  return {
    type: "targets",
    ...readBase(signed),
    targets,
    delegations:
      delegations === undefined
        ? undefined
        : readDelegations(asObject(delegations, "signed.delegations"), limits),
  };
}

function readTarget(value: JsonValue): TargetFile {
  const where = "an entry of signed.targets";
  const json = asObject(value, where);
  const custom = json.get("custom");
  return {
    length: readNumber(member(json, "length", where), 0, "the length of a target"),
    hashes: readHashes(member(json, "hashes", where), "the hashes of a target"),
    custom: custom === undefined ? undefined : asObject(custom, "the custom member of a target"),
  };
}

/** Order is priority, so roles stay an array, whatever their names are (N-07, N-23). */
function readDelegations(json: JsonObject, limits: Limits): Delegations {
  const where = "signed.delegations";
  const ring = new KeyRing(asObject(member(json, "keys", where), `${where}.keys`), `${where}.keys`);
  const roles = json.get("roles");
  const succinct = json.get("succinct_roles");
  if ((roles === undefined) === (succinct === undefined)) {
    throw new TufError("bad_delegation", `${where} must have either roles or succinct_roles.`);
  }
  return {
    keys: ring,
    get unusableKeys() {
      return ring.unusable;
    },
    roles: roles === undefined ? [] : readDelegatedRoles(roles, limits),
    succinct:
      succinct === undefined
        ? undefined
        : readSuccinctRoles(asObject(succinct, `${where}.succinct_roles`), limits),
  };
}

function readDelegatedRoles(value: JsonValue, limits: Limits): DelegatedRole[] {
  const where = "signed.delegations.roles";
  const list = asArray(value, where);
  checkCount(list.length, limits.roles, where);
  const names = new Set<string>();
  return list.map((json) => {
    const role = readDelegatedRole(asObject(json, `${where}[]`), limits);
    // Two entries of one name are two thresholds for one file, and readers differ on which counts (N-22).
    if (names.has(role.name)) {
      throw new TufError("duplicate_role", `${where} names ${JSON.stringify(role.name.slice(0, 80))} twice.`);
    }
    names.add(role.name);
    return role;
  });
}

function readDelegatedRole(json: JsonObject, limits: Limits): DelegatedRole {
  const name = readRoleName(member(json, "name", "a delegated role"));
  const where = `the delegated role ${JSON.stringify(name.slice(0, 80))}`;
  const paths = json.get("paths");
  const prefixes = json.get("path_hash_prefixes");
  if ((paths === undefined) === (prefixes === undefined)) {
    throw new TufError("bad_delegation", `${where} must have either paths or path_hash_prefixes.`);
  }
  return {
    name,
    ...readRole(json, where, limits),
    terminating: asBoolean(member(json, "terminating", where), `terminating of ${where}`),
    paths: paths === undefined ? undefined : readPatterns(paths, where, limits),
    pathHashPrefixes: prefixes === undefined ? undefined : readPrefixes(prefixes, where, limits),
  };
}

function readRoleName(value: JsonValue): string {
  const name = asString(value, "the name of a delegated role");
  // A delegated role of such a name would take the place of the top-level role's file.
  if (name === "" || (TOP_LEVEL_ROLES as readonly string[]).includes(name)) {
    throw new TufError("bad_role_name", `A delegated role cannot have the name ${JSON.stringify(name)}.`);
  }
  return name;
}

function readPatterns(value: JsonValue, where: string, limits: Limits): string[] {
  const list = asArray(value, `paths of ${where}`);
  checkCount(list.length, limits.patterns, `paths of ${where}`);
  return list.map((item) => {
    const pattern = asString(item, `paths of ${where}`);
    if (pattern.length > limits.patternLength) {
      throw new TufError(
        "limit_exceeded",
        `A path pattern of ${where} is longer than ${limits.patternLength} characters.`,
      );
    }
    return pattern;
  });
}

const PREFIX = /^[0-9a-f]{1,64}$/;

/** Strict lower-case hex: an empty prefix would delegate everything (N-30). */
function readPrefixes(value: JsonValue, where: string, limits: Limits): string[] {
  const list = asArray(value, `path_hash_prefixes of ${where}`);
  checkCount(list.length, limits.patterns, `path_hash_prefixes of ${where}`);
  return list.map((item) => {
    const prefix = asString(item, `path_hash_prefixes of ${where}`);
    if (!PREFIX.test(prefix)) {
      throw new TufError(
        "bad_prefix",
        `path_hash_prefixes of ${where} must be 1 to 64 lower-case hex digits each; found ${JSON.stringify(prefix.slice(0, 80))}.`,
      );
    }
    return prefix;
  });
}

/** TAP 15. */
function readSuccinctRoles(json: JsonObject, limits: Limits): SuccinctRoles {
  const where = "signed.delegations.succinct_roles";
  const bitLength = readNumber(member(json, "bit_length", where), 1, `${where}.bit_length`);
  if (bitLength > 32)
    throw new TufError("bad_delegation", `${where}.bit_length must be 1 to 32; found ${bitLength}.`);
  const namePrefix = asString(member(json, "name_prefix", where), `${where}.name_prefix`);
  return { ...readRole(json, where, limits), bitLength, namePrefix };
}
