import { PROBLEM_MEDIA_TYPE, problemSchema, ROUTES, type Route, type RouteId } from "@stemma/contract";
import { parseJson, toPlain } from "@stemma/encoding";
import { z } from "zod";
import { CliError, ServerProblem } from "./error.ts";

/** Where the service is. */
export interface ServerOptions {
  readonly server: string;
}

/** Where it is, and which trust domain is meant. */
export interface DomainOptions extends ServerOptions {
  readonly domain?: string;
}

/** One call of a route of the contract. */
export interface Call {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

/** What came back: the status, which tells published from accepted, and the answer of the route's schema. */
export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

/** A publish may take ten seconds on the server; the rest is for the way. */
const DEADLINE_MS = 30_000;
const MAX_ANSWER = 64 * 1024 * 1024;

/** The domain of `--domain` or STEMMA_DOMAIN. Throws `usage` when neither is there. */
export function domainOf(options: DomainOptions): string {
  if (options.domain === undefined || options.domain === "") {
    throw new CliError("usage", "Name the trust domain with --domain or STEMMA_DOMAIN.");
  }
  return options.domain;
}

/**
 * Calls a route and checks the answer against the contract's schema.
 *
 * Throws ServerProblem for a refusal, `server_unreachable` when there is no answer in time, `server_answer_invalid` when
 * the answer is none of this API, and `usage` for a token that would travel in the clear.
 */
export async function callServer<T>(
  options: ServerOptions,
  id: RouteId,
  call: Call = {},
): Promise<Answer<T>> {
  const { response, bytes } = await request(options, id, call);
  const route: Route = ROUTES[id];
  const schema = route.answers[response.status]?.schema;
  if (schema === undefined) throw unexpected(id, response);
  const read = schema.safeParse(parseAnswer(id, bytes));
  if (!read.success) {
    throw new CliError(
      "server_answer_invalid",
      `The server's answer to ${describe(id)} is not in the form of the API: ${z.prettifyError(read.error)}`,
    );
  }
  return { status: response.status, body: read.data as T };
}

async function request(
  options: ServerOptions,
  id: RouteId,
  call: Call,
): Promise<{ response: Response; bytes: Uint8Array }> {
  const route: Route = ROUTES[id];
  const url = urlOf(options.server, route, call);
  const headers: Record<string, string> = { accept: `application/json, ${PROBLEM_MEDIA_TYPE}` };
  if (route.authorisation.kind === "token") headers.authorization = `Bearer ${tokenFor(url)}`;
  if (call.body !== undefined) headers["content-type"] = "application/json";
  const signal = AbortSignal.timeout(DEADLINE_MS);
  try {
    const response = await fetch(url, {
      method: route.method,
      headers,
      signal,
      // A redirect could carry the token to somebody else.
      redirect: "error",
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    const bytes = await readBody(response);
    if (!response.ok) throw problemOf(id, response, bytes);
    return { response, bytes };
  } catch (error) {
    if (error instanceof CliError || error instanceof ServerProblem) throw error;
    const why = signal.aborted ? "it did not answer in time" : causeOf(error);
    throw new CliError("server_unreachable", `The server ${url.origin} cannot be reached: ${why}.`, {
      cause: error,
    });
  }
}

function urlOf(server: string, route: Route, call: Call): URL {
  let url: URL;
  try {
    const path = route.path.replace(/\{\+?([A-Za-z0-9]+)\}/g, (_match, name: string) =>
      encodeURIComponent(call.params?.[name] ?? "").replaceAll("%3A", ":"),
    );
    url = new URL(server.replace(/\/+$/, "") + path);
  } catch (error) {
    throw new CliError("usage", `"${server}" is not the address of a server.`, { cause: error });
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new CliError("usage", `"${server}" is neither an http nor an https address.`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new CliError("usage", `The address at ${url.host} holds a login, which the service does not take.`);
  }
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

const LOOPBACK = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

/** Whether a host name (without port) is this machine. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/** The API token, only ever from the environment, and only over a connection that others cannot read. */
function tokenFor(url: URL): string {
  const token = process.env.STEMMA_TOKEN;
  if (token === undefined || token === "") {
    throw new CliError(
      "usage",
      "This needs an API token in STEMMA_TOKEN (an administrator makes one: stemma token new).",
    );
  }
  if (url.protocol !== "https:" && !isLoopback(url.hostname)) {
    throw new CliError("usage", `The token is not sent to ${url.origin} in the clear; use https.`);
  }
  return token;
}

async function readBody(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER)
      throw new CliError("server_answer_invalid", "The server's answer is too large to be one.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseAnswer(id: RouteId, bytes: Uint8Array): unknown {
  try {
    return toPlain(parseJson(bytes, { maxBytes: MAX_ANSWER, fractions: true }));
  } catch (error) {
    throw new CliError("server_answer_invalid", `The server's answer to ${describe(id)} is not JSON.`, {
      cause: error,
    });
  }
}

/** The refusal as the server tells it; what is no RFC 9457 document comes from somebody else on the way. */
function problemOf(id: RouteId, response: Response, bytes: Uint8Array): Error {
  const isProblem = response.headers.get("content-type")?.startsWith(PROBLEM_MEDIA_TYPE) === true;
  if (isProblem) {
    const read = problemSchema.safeParse(parseAnswer(id, bytes));
    if (read.success) return new ServerProblem({ ...read.data, status: response.status });
  }
  return unexpected(id, response);
}

function unexpected(id: RouteId, response: Response): CliError {
  return new CliError(
    "server_answer_invalid",
    `The server answered ${describe(id)} with status ${response.status}, which is none of this API.`,
  );
}

function describe(id: RouteId): string {
  const route: Route = ROUTES[id];
  return `${route.method} ${route.path}`;
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== "" ? error.cause.message : error.message;
}
