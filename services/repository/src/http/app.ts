import type { IncomingMessage, ServerResponse } from "node:http";
import {
  isRegistryTarget,
  LIMITS,
  pathParameters,
  ROUTES,
  type Route,
  type RouteId,
  type Scope,
  ServiceError,
} from "@stemma/contract";
import { toPlain } from "@stemma/encoding";
import express, { type ErrorRequestHandler, type Express } from "express";
import type { z } from "zod";
import type { Config } from "../config.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Answer } from "./answer.ts";
import { BodyBudget, readJsonBody } from "./body.ts";
import type { Call, Handler, Handlers } from "./handler.ts";
import { HotAnswers } from "./hot.ts";
import { prepare, send } from "./prepared.ts";
import { refusalAnswer, refusalOf } from "./problems.ts";
import { requestIdOf } from "./request-id.ts";

export interface AppOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly handlers: Handlers;
  /** Throws `not_authenticated` or `scope_missing` unless the header carries a token with the scope. */
  readonly authenticate: (header: string | undefined, scope: Scope) => Promise<void>;
  /** True once the service has begun to stop: answers then close their connection. */
  readonly isDraining: () => boolean;
}

/** Listener for `node:http`. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** What belongs to one request while it is under way. */
interface Visit {
  readonly requestId: string;
  readonly startedAt: number;
  route?: string;
}

/**
 * The HTTP surface. Routes are registered from the route table only; everything else is 404 or 405. The order for
 * each request is: hot answers, URL length, route, parameters, authorisation, body, handler.
 */
export function createListener(options: AppOptions): Listener {
  const { metrics, log } = options;
  const visits = new WeakMap<IncomingMessage, Visit>();
  const hot = new HotAnswers(options.config.cacheBytes / 2);
  const budget = new BodyBudget(8 * options.config.bodyLimit);

  /** Writes the answer, counts it, and logs it: the only way out for every request. */
  function finish(
    request: IncomingMessage,
    response: ServerResponse,
    answer: Answer,
    visit: Visit,
    code?: string,
  ): void {
    if (response.headersSent || response.destroyed) {
      // The client has gone: nobody is answered, but it was a request.
      metrics.request(request.method ?? "", visit.route, 499, seconds(visit));
      return;
    }
    // What is left of a refused body is read and thrown away by Node, within its time for the whole request.
    if (options.isDraining()) response.setHeader("Connection", "close");
    const prepared = prepare(answer);
    if (answer.keepWhile !== undefined && request.method === "GET" && visit.route !== undefined) {
      hot.keep(request.url ?? "", { prepared, route: visit.route, keepWhile: answer.keepWhile });
      metrics.hot.inc({ result: "miss" });
    }
    const sent = send(request, response, prepared, visit.requestId);
    const count = (status: number) => {
      metrics.request(request.method ?? "", visit.route, status, seconds(visit));
      if (code === undefined) {
        const level = request.method === "POST" ? "info" : "debug";
        log[level](describe(request, visit, status), "answered");
      }
    };
    if (typeof sent === "number") count(sent);
    else sent.then(count, (error) => response.destroy(error));
  }

  /** Refuses a request: one answer that says why, one line in the log. */
  function refuse(
    request: IncomingMessage,
    response: ServerResponse,
    error: unknown,
    headers?: Record<string, string>,
  ) {
    const visit = visits.get(request) ?? newVisit(request);
    const refusal = refusalOf(error);
    const answer = refusalAnswer(request.url ?? "", refusal, visit.requestId, headers);
    metrics.refusal(refusal.code);
    const line = { ...describe(request, visit, answer.status), code: refusal.code, detail: refusal.detail };
    if (answer.status >= 500) log.error({ ...line, err: refusal.cause }, "failed");
    else if (request.method === "GET" || request.method === "HEAD") log.info(line, "refused");
    else log.warn(line, "refused");
    finish(request, response, answer, visit, refusal.code);
  }

  const app = createApp(options, {
    budget,
    finish: (request, response, answer) =>
      finish(request, response, answer, visits.get(request) ?? newVisit(request)),
    refuse,
    setRoute(request, path) {
      const visit = visits.get(request);
      if (visit !== undefined) visit.route = path;
    },
    visitOf: (request) => visits.get(request) ?? newVisit(request),
  });

  return (request, response) => {
    if (request.method === "GET" && !options.isDraining()) {
      const entry = hot.find(request.url ?? "");
      if (entry !== undefined) {
        const visit = newVisit(request);
        metrics.hot.inc({ result: "hit" });
        const sent = send(request, response, entry.prepared, visit.requestId);
        if (typeof sent === "number") metrics.request("GET", entry.route, sent, seconds(visit));
        else {
          sent.then(
            (status) => metrics.request("GET", entry.route, status, seconds(visit)),
            (error) => response.destroy(error),
          );
        }
        return;
      }
    }
    visits.set(request, newVisit(request));
    if ((request.url ?? "").length > LIMITS.urlBytes) {
      refuse(
        request,
        response,
        new ServiceError("url_too_long", `The URL is longer than ${LIMITS.urlBytes} bytes.`),
      );
      return;
    }
    app(request, response);
  };
}

function newVisit(request: IncomingMessage): Visit {
  return { requestId: requestIdOf(request.headers["x-request-id"]), startedAt: performance.now() };
}

function seconds(visit: Visit): number {
  return (performance.now() - visit.startedAt) / 1000;
}

/** What the log tells of a request. The path is the caller's text: bounded, and JSON keeps it on one line. */
function describe(request: IncomingMessage, visit: Visit, status: number): Record<string, unknown> {
  return {
    requestId: visit.requestId,
    method: request.method,
    path: (request.url ?? "").split("?", 1)[0]?.slice(0, 256),
    route: visit.route,
    status,
    ms: Math.round(seconds(visit) * 1e4) / 10,
    remote: request.socket.remoteAddress,
  };
}

interface Surface {
  readonly budget: BodyBudget;
  readonly finish: (request: IncomingMessage, response: ServerResponse, answer: Answer) => void;
  readonly refuse: (
    request: IncomingMessage,
    response: ServerResponse,
    error: unknown,
    headers?: Record<string, string>,
  ) => void;
  readonly setRoute: (request: IncomingMessage, path: string) => void;
  readonly visitOf: (request: IncomingMessage) => Visit;
}

/** Express with the routes of the table, then 405 for their other methods, then 404 for everything. */
function createApp(options: AppOptions, surface: Surface): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  // `X-Forwarded-*` is what any caller writes: it is never looked at (N-71).
  app.set("trust proxy", false);
  app.set("query parser", false);
  app.enable("case sensitive routing");
  app.enable("strict routing");

  const methods = new Map<string, Set<string>>();
  for (const id of Object.keys(ROUTES) as RouteId[]) {
    const route: Route = ROUTES[id];
    const path = expressPath(route.path);
    // The table's type says that the handler fits its route; Express cannot know it.
    const handler = options.handlers[id] as unknown as Handler;
    const allowed = methods.get(path) ?? new Set();
    allowed.add(route.method);
    if (route.method === "GET") allowed.add("HEAD");
    methods.set(path, allowed);
    const serve: express.RequestHandler = (request, response) => {
      surface.setRoute(request, route.path);
      answerTo(route, handler, request, response, options, surface).then(
        (answer) => surface.finish(request, response, answer),
        (error) => surface.refuse(request, response, error),
      );
    };
    if (route.method === "GET") app.get(path, serve);
    else app.post(path, serve);
  }
  const refuseMethod = (request: IncomingMessage, response: ServerResponse, allow: string) => {
    const error = new ServiceError(
      "method_not_allowed",
      `This path answers ${allow}; not ${request.method}.`,
    );
    surface.refuse(request, response, error, { Allow: allow });
  };
  for (const [path, allowed] of methods) {
    app.all(path, (request, response) => refuseMethod(request, response, [...allowed].join(", ")));
  }
  app.use((request, response) => {
    // A client that wants to push to the façade is told so wherever it begins.
    if (isRegistryTarget(request.url) && request.method !== "GET" && request.method !== "HEAD") {
      refuseMethod(request, response, "GET, HEAD");
      return;
    }
    surface.refuse(request, response, new ServiceError("unknown_route", "There is no route with this path."));
  });
  const onError: ErrorRequestHandler = (error, request, response, _next) =>
    surface.refuse(request, response, error);
  app.use(onError);
  return app;
}

/** `{name}` is `:name`, `{+name}` is `*name`. */
function expressPath(path: string): string {
  return path.replace(/\{\+([a-zA-Z0-9]+)\}/g, "*$1").replace(/\{([a-zA-Z0-9]+)\}/g, ":$1");
}

async function answerTo(
  route: Route,
  handler: Handler,
  request: express.Request,
  response: express.Response,
  options: AppOptions,
  surface: Surface,
): Promise<Answer> {
  const params = check(route.params, readParams(route, request.params), "the path");
  const query = check(route.query, readQuery(request.url), "the query");
  if (route.authorisation.kind === "token") {
    await options.authenticate(request.headers.authorization, route.authorisation.scope);
  }
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), options.config.deadlineMs);
  response.once("close", () => abort.abort());
  try {
    const body =
      route.body === undefined
        ? undefined
        : checkBody(
            route.body,
            toPlain(
              await readJsonBody(request, {
                limit: options.config.bodyLimit,
                signal: abort.signal,
                budget: surface.budget,
              }),
            ),
          );
    const { requestId } = surface.visitOf(request);
    const call: Call = {
      params,
      query,
      body: body as undefined,
      requestId,
      log: options.log.child({ requestId }),
      signal: abort.signal,
      target: request.url,
      isHead: request.method === "HEAD",
    };
    return await beforeDeadline(handler(call), abort.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** The handler's answer, or `deadline_exceeded`: no request outlives its deadline, whatever its handler waits for. */
function beforeDeadline(work: Promise<Answer> | Answer, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onAbort = () =>
      reject(
        new ServiceError("deadline_exceeded", "The answer was not ready before the deadline of the request."),
      );
    signal.addEventListener("abort", onAbort, { once: true });
    Promise.resolve(work).then(resolve, reject);
  });
}

function readParams(route: Route, found: Record<string, string | string[]>): Record<string, string> {
  const params: Record<string, string> = Object.create(null);
  for (const name of pathParameters(route.path)) {
    const value = found[name];
    if (Array.isArray(value)) {
      // Segments are decoded one by one: a slash inside one was %2f and means another path (N-72).
      if (value.some((segment) => segment.includes("/"))) throw badParameter("the path", "an encoded slash");
      params[name] = value.join("/");
    } else if (value !== undefined) params[name] = value;
  }
  return params;
}

/** Query parameters, each at most once. */
function readQuery(url: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null);
  const start = url.indexOf("?");
  if (start === -1) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    if (name in query) throw badParameter("the query", `${JSON.stringify(name.slice(0, 64))} twice`);
    query[name] = value;
  }
  return query;
}

function badParameter(where: string, found: string): ServiceError {
  return new ServiceError("bad_parameter", `In ${where}: found ${found}.`);
}

function check(schema: z.ZodObject, value: unknown, where: string): Record<string, unknown> {
  const read = schema.safeParse(value);
  if (!read.success) throw badParameter(where, describeIssues(read.error));
  return read.data;
}

function checkBody(schema: z.ZodType, value: unknown): unknown {
  const read = schema.safeParse(value);
  if (!read.success) throw new ServiceError("bad_body", `In the body: ${describeIssues(read.error)}.`);
  return read.data;
}

/** The first few things that do not fit, each with its place. Nothing of the value itself is repeated. */
function describeIssues(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map(
      (issue) =>
        `${issue.path.length === 0 ? "" : `${issue.path.join(".")}: `}${issue.message.slice(0, 200)}`,
    )
    .join("; ");
}
