import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import { matchesPattern } from "./glob.ts";
import type { DelegatedRole, Delegations, Role, SuccinctRoles } from "./model.ts";

/** A delegation to follow. */
export interface NextRole {
  readonly name: string;
  readonly terminating: boolean;
}

/**
 * The delegated roles that are trusted with a target path, in order of priority (TUF 5.6.7.2). Bins of succinct roles are
 * terminating for a client, as in python-tuf and tuf-js: only one bin can hold the path.
 */
export function* rolesForTarget(delegations: Delegations, path: string): Generator<NextRole> {
  if (delegations.succinct !== undefined) {
    yield { name: binName(delegations.succinct, path), terminating: true };
    return;
  }
  const hash = new PathHash(path);
  for (const role of delegations.roles) {
    if (coversPath(role, path, hash)) yield { name: role.name, terminating: role.terminating };
  }
}

/** Keys and threshold of a role by its name, or undefined when this document does not delegate to it. */
export function findDelegation(delegations: Delegations, name: string): Role | undefined {
  const { succinct } = delegations;
  if (succinct !== undefined) return isBinName(succinct, name) ? succinct : undefined;
  return delegations.roles.find((role) => role.name === name);
}

/** Whether a delegated role is trusted with a target path (TUF 4.5). */
export function delegatesPath(role: DelegatedRole, path: string): boolean {
  return coversPath(role, path, new PathHash(path));
}

function coversPath(role: DelegatedRole, path: string, hash: PathHash): boolean {
  if (role.paths !== undefined) return role.paths.some((pattern) => matchesPattern(path, pattern));
  return role.pathHashPrefixes?.some((prefix) => hash.hex.startsWith(prefix)) ?? false;
}

/** The sha256 of a target path, computed at most once in a look-up. */
class PathHash {
  readonly #path: string;
  #hex: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  get hex(): string {
    this.#hex ??= sha256(utf8(this.#path));
    return this.#hex;
  }
}

/** The bin of a target path (TAP 15): the leading bits of the sha256 of the path. */
export function binName(succinct: SuccinctRoles, path: string): string {
  const bits = Number.parseInt(sha256(utf8(path)).slice(0, 8), 16);
  return binAt(succinct, Math.floor(bits / 2 ** (32 - succinct.bitLength)));
}

/** The names of all bins, in order. There are 2^bitLength of them: the caller bounds how many it takes. */
export function* binNames(succinct: SuccinctRoles): Generator<string> {
  const count = 2 ** succinct.bitLength;
  for (let index = 0; index < count; index += 1) yield binAt(succinct, index);
}

/** Whether a role name is one of the bins. */
export function isBinName(succinct: SuccinctRoles, name: string): boolean {
  const prefix = `${succinct.namePrefix}-`;
  if (!name.startsWith(prefix)) return false;
  const suffix = name.slice(prefix.length);
  return (
    suffix.length === suffixLength(succinct) &&
    /^[0-9a-f]+$/.test(suffix) &&
    Number.parseInt(suffix, 16) < 2 ** succinct.bitLength
  );
}

function binAt(succinct: SuccinctRoles, index: number): string {
  return `${succinct.namePrefix}-${index.toString(16).padStart(suffixLength(succinct), "0")}`;
}

/** Hex digits of the last bin's number. */
function suffixLength(succinct: SuccinctRoles): number {
  return Math.ceil(succinct.bitLength / 4);
}
