import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { LIMITS, type ProblemCode } from "@stemma/contract";
import type { Config } from "../config.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Listener } from "./app.ts";
import { problemAnswer } from "./problems.ts";
import { requestIdOf } from "./request-id.ts";

/** A `node:http` server with the limits that must hold before any of our code runs. */
export function createHttpServer(config: Config, log: Logger, metrics: Metrics, listener: Listener): Server {
  const server = createServer(
    {
      maxHeaderSize: LIMITS.headerBytes,
      headersTimeout: config.deadlineMs,
      // The deadline of a request counts from its headers; this one also bounds the headers themselves.
      requestTimeout: 2 * config.deadlineMs,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 30_000,
      insecureHTTPParser: false,
    },
    listener,
  );
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    refuseConnection(error, socket as Socket, log, metrics);
  });
  return server;
}

const PARSER_CODES = new Map<string, ProblemCode>([
  ["HPE_HEADER_OVERFLOW", "headers_too_large"],
  ["ERR_HTTP_REQUEST_TIMEOUT", "request_timeout"],
]);

/** What never became a request still gets a problem answer and one line in the log. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket, log: Logger, metrics: Metrics): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const code = PARSER_CODES.get(error.code ?? "") ?? "malformed_request";
  const requestId = requestIdOf(undefined);
  const answer = problemAnswer(
    { code, detail: "The request was refused before it was understood." },
    requestId,
  );
  metrics.refusal(code);
  metrics.request("", undefined, answer.status, 0);
  log.info({ requestId, code, status: answer.status, remote: socket.remoteAddress }, "refused");
  socket.end(
    `HTTP/1.1 ${answer.status} Refused\r\nContent-Type: ${answer.mediaType}\r\nContent-Length: ${answer.body.length}\r\n` +
      `X-Request-Id: ${requestId}\r\nConnection: close\r\n\r\n${answer.body.toString("utf8")}`,
  );
}
