import {
  isProblemCode,
  isRegistryTarget,
  PROBLEM_MEDIA_TYPE,
  PROBLEMS,
  type Problem,
  type ProblemCode,
  REGISTRY_ERROR_MEDIA_TYPE,
  registryErrors,
} from "@stemma/contract";
import { StemmaError } from "@stemma/encoding";
import type { Answer } from "./answer.ts";

/** A refusal, ready to be answered. `cause` is for the log only. */
export interface Refusal {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly cause?: unknown;
}

/**
 * What a thrown value means to the caller. Only errors of our own packages speak for themselves; anything else is our
 * fault and tells nothing but the request id.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof StemmaError && isProblemCode(error.code)) {
    return {
      code: error.code,
      detail: error.message,
      ...(error.cause === undefined ? {} : { cause: error.cause }),
    };
  }
  if (isBadUrl(error)) return { code: "bad_parameter", detail: "The URL holds a broken percent-encoding." };
  if (error instanceof Error && "code" in error && error.code === "57014") {
    return { code: "deadline_exceeded", detail: "The database did not answer in time.", cause: error };
  }
  if (isDatabaseAway(error)) {
    return { code: "not_ready", detail: "The database does not answer at the moment.", cause: error };
  }
  return { code: "internal_error", detail: "Something went wrong that should not have.", cause: error };
}

/** What says of an answer that it is a registry's: clients look for it on /v2/ before they go on. */
export const REGISTRY_HEADERS: Readonly<Record<string, string>> = {
  "Docker-Distribution-Api-Version": "registry/2.0",
};

/** A refusal in the form that the clients of this request target read. */
export function refusalAnswer(
  target: string,
  refusal: Refusal,
  requestId: string,
  headers: Record<string, string> = {},
): Answer {
  const problem = problemAnswer(refusal, requestId, headers);
  if (!isRegistryTarget(target)) return problem;
  const errors = registryErrors(refusal.code, refusal.detail, requestId);
  return {
    ...problem,
    mediaType: REGISTRY_ERROR_MEDIA_TYPE,
    body: Buffer.from(JSON.stringify(errors)),
    headers: { ...problem.headers, ...REGISTRY_HEADERS },
  };
}

/** RFC 9457 problem details. */
export function problemAnswer(
  refusal: Refusal,
  requestId: string,
  headers: Record<string, string> = {},
): Answer {
  const { status, title, advice } = PROBLEMS[refusal.code];
  const problem: Problem = {
    type: `/docs#${refusal.code}`,
    title,
    status,
    detail: refusal.detail,
    code: refusal.code,
    advice,
    instance: requestId,
  };
  return {
    status,
    mediaType: PROBLEM_MEDIA_TYPE,
    body: Buffer.from(JSON.stringify(problem)),
    cache: "none",
    headers: { ...extraHeaders(refusal.code), ...headers },
  };
}

function extraHeaders(code: ProblemCode): Record<string, string> {
  switch (code) {
    case "not_authenticated":
      return { "WWW-Authenticate": 'Bearer realm="stemma"' };
    case "too_busy":
    case "not_ready":
    case "domain_not_published":
    case "deadline_exceeded":
      return { "Retry-After": "1" };
    default:
      return {};
  }
}

/** Express' router marks a path that it cannot decode with status 400. */
function isBadUrl(error: unknown): boolean {
  return error instanceof URIError || (error instanceof Error && "status" in error && error.status === 400);
}

/** Connection failures of `pg`: system errors, the server going away (class 57P, 08) and the pool's own time-out. */
function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return (
    /^(?:ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT|57P0[1-3]|08...|53300)$/.test(code) ||
    /^(?:Connection terminated|timeout exceeded when trying to connect)/.test(error.message)
  );
}
