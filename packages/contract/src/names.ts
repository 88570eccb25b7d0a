import { z } from "zod";

/**
 * The grammar of every name that travels in a URL or a body. One place, so that a name accepted by one route
 * is accepted by all, and so that no handler has to think about what a name may hold (N-07, N-27, N-72).
 */

/** Domains and projects: they become path segments, role names and metric labels. */
const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** First path segments that belong to the service itself and therefore cannot name a domain. */
export const RESERVED_DOMAINS: ReadonlySet<string> = new Set([
  "openapi",
  "docs",
  "livez",
  "readyz",
  "metrics",
  "console",
  "admin",
  "static",
]);

/** Role names with a meaning of their own in the tree: no project may take them. */
export const RESERVED_PROJECTS: ReadonlySet<string> = new Set([
  "root",
  "timestamp",
  "snapshot",
  "targets",
  "artifacts",
  "recent",
  "shelf",
  "archive",
]);

/** True for a name that a project role may carry: the grammar, not reserved, not shaped like a bin. */
export function isProjectName(name: string): boolean {
  return NAME.test(name) && !RESERVED_PROJECTS.has(name) && !name.startsWith("bin-");
}

/** True for a name that a trust domain may carry: the grammar, not reserved, no version of an API. */
export function isDomainName(name: string): boolean {
  return NAME.test(name) && !RESERVED_DOMAINS.has(name) && !/^v[0-9]+$/.test(name);
}

export const domainName = z
  .string()
  .regex(NAME)
  .refine(isDomainName, "this name is reserved")
  .meta({ id: "DomainName", description: "Name of a trust domain.", examples: ["acme"] });

export const projectName = z
  .string()
  .regex(NAME)
  .refine(isProjectName, "this name is reserved")
  .meta({
    id: "ProjectName",
    description: "Name of a project: a delegated targets role.",
    examples: ["app"],
  });

export const roleName = z
  .string()
  .regex(NAME)
  .meta({ id: "RoleName", description: "Name of a TUF role.", examples: ["root", "targets", "app"] });

export const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ id: "Sha256", description: "Lower-case hexadecimal sha256." });

export const digest = z
  .string()
  .regex(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/)
  .meta({ id: "Digest", description: "Digest of an artifact: sha256:<64 hex> or sha512:<128 hex>." });

/** Key ids are opaque labels (TUF 4.2); bounded, printable, never interpreted. */
export const keyId = z
  .string()
  .regex(/^[\x21-\x7e]{1,256}$/)
  .meta({ id: "KeyId", description: "Key id as written in the metadata." });

/** TUF 4.2.1 date grammar, for times that the service answers with. */
export const time = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z$/)
  .meta({ id: "Time", description: "UTC time." });

export const mediaType = z
  .string()
  .min(3)
  .max(255)
  .regex(/^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/i)
  .meta({ id: "MediaType", description: "Media type without parameters (RFC 6838)." });

/** Versions stay below 2^31: nobody may lock a role by exhausting the number (N-15). */
export const version = z
  .int()
  .min(1)
  .max(2 ** 31 - 1)
  .meta({ id: "Version", description: "Version of a role." });

/** Bytes inside JSON. Decoded strictly by the handler (N-08): here only the size is bounded. */
export function base64(maxBytes: number, description: string) {
  return z
    .string()
    .max(Math.ceil(maxBytes / 3) * 4)
    .meta({ description, contentEncoding: "base64" });
}
