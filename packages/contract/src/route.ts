import type { z } from "zod";

/** What a token may be allowed to do; everything else is decided by signatures or is public. */
export const SCOPES = ["domain:create", "domain:list", "summary:issue"] as const;
export type Scope = (typeof SCOPES)[number];

/** Who may use a route. There is no default: a route without an entry does not exist. */
export type Authorisation =
  /** Anybody. */
  | { readonly kind: "public" }
  /** Anybody who sends what the named people have signed; `by` says who they are. */
  | { readonly kind: "signatures"; readonly by: string }
  /** The bearer of an API token with this scope. */
  | { readonly kind: "token"; readonly scope: Scope };

/** One possible successful answer. */
export interface RouteAnswer {
  readonly description: string;
  readonly mediaType: string;
  /** Absent for bytes that are not described by a JSON schema. */
  readonly schema?: z.ZodType;
}

/** One row of the route table. */
export interface Route {
  readonly method: "GET" | "POST";
  /** `{name}` is one path segment, `{+name}` the rest of the path (RFC 6570). */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** How it refuses: problem details, or what clients of registries read. Whatever is below /v2/ is a registry's. */
  readonly refusals?: "registry";
  readonly authorisation: Authorisation;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answers: Readonly<Record<number, RouteAnswer>>;
}

/** Names of the placeholders of a path template, in order. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{\+?([a-zA-Z0-9]+)\}/g)].map((match) => match[1] ?? "");
}

/** Whether a request target is one of the façade of a registry, where refusals have the form of the distribution specification. */
export function isRegistryTarget(target: string): boolean {
  return /^\/v2(?:[/?]|$)/.test(target);
}
