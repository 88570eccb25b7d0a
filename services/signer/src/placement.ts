import { binName, binNames, isBinName, type SuccinctRoles, type Targets } from "@stemma/tuf";
import { SignerError } from "./error.ts";

/**
 * Where artifact records live. This module alone decides it: which roles a new domain gets below `artifacts`, and
 * which role holds a target path. Today a plain ring of succinct bins (TAP 15); the number of bins is written in the
 * domain's `artifacts` document and stays what it was when the domain was made.
 */
export interface Placement {
  /** The role that holds the record at this target path. */
  roleOf(path: string): string;
  /** Every role that must exist. */
  roles(): Iterable<string>;
  /** Whether a role is one of them. */
  has(role: string): boolean;
}

/** The role that everything here hangs below; `targets` delegates `sha256/*` and `sha512/*` to it. */
export const ARTIFACTS = "artifacts";

const NAME_PREFIX = "bin";

/** The shape of a new domain: 2^bitLength bins. */
export function newShape(bitLength: number): { readonly bitLength: number; readonly namePrefix: string } {
  return { bitLength, namePrefix: NAME_PREFIX };
}

/** The placement that an `artifacts` document says. Throws `tree_shape` when it is not one of ours. */
export function placementOf(artifacts: Targets): Placement {
  const succinct = artifacts.delegations?.succinct;
  if (succinct === undefined || succinct.bitLength > MAX_BIT_LENGTH) {
    throw new SignerError(
      "tree_shape",
      "The role artifacts must delegate to a ring of at most 2^14 succinct bins.",
    );
  }
  return ring(succinct);
}

/** A snapshot that lists more roles than 2^14 is beyond what stock clients accept. */
export const MAX_BIT_LENGTH = 14;

function ring(succinct: SuccinctRoles): Placement {
  return {
    roleOf: (path) => binName(succinct, path),
    roles: () => binNames(succinct),
    has: (role) => isBinName(succinct, role),
  };
}

/** Names that belong to the service: nobody can upload them, and no project can take them. */
export function isOnlineRole(role: string): boolean {
  return RESERVED.has(role) || role.startsWith(`${NAME_PREFIX}-`);
}

const RESERVED: ReadonlySet<string> = new Set([
  "timestamp",
  "snapshot",
  ARTIFACTS,
  "recent",
  "shelf",
  "archive",
]);
