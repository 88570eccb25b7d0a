import type { ROUTES, Route, RouteId } from "@stemma/contract";
import type { z } from "zod";
import type { Logger } from "../observe/log.ts";
import type { Answer } from "./answer.ts";

/** One request as a handler sees it: validated by the table, without any trace of HTTP. */
export interface Call<R extends Route = Route> {
  readonly params: z.output<R["params"]>;
  readonly query: z.output<R["query"]>;
  readonly body: R extends { readonly body: z.ZodType } ? z.output<R["body"]> : undefined;
  readonly requestId: string;
  readonly log: Logger;
  /** Aborted at the deadline of the request and when the client has gone. */
  readonly signal: AbortSignal;
  /** The request target as received, for links to the next page. */
  readonly target: string;
  /** Nobody reads the body of the answer. */
  readonly isHead: boolean;
}

export type Handler<R extends Route = Route> = (call: Call<R>) => Promise<Answer> | Answer;

/** Exactly one handler for each route of the table: the compiler refuses one too few and one too many. */
export type Handlers = { readonly [Id in RouteId]: Handler<(typeof ROUTES)[Id]> };
