import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, CACHE_CONTROL } from "./answer.ts";
import { type ContentEncoding, compress, isWorthwhile, preferredEncoding } from "./encoding.ts";

/**
 * Sent with every answer. The pages need nothing but their own inline style, so nothing else is allowed
 * anywhere: an answer that a browser mistakes for a page can do nothing (N-67).
 */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy":
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Frame-Options": "DENY",
};

/** An answer that is ready to be written again and again: headers composed, compressed forms kept. */
export interface Prepared {
  readonly answer: Answer;
  readonly etag: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly compressed: Map<ContentEncoding, Promise<Buffer> | Buffer>;
}

export function prepare(answer: Answer): Prepared {
  return {
    answer,
    etag: answer.sha256,
    headers: {
      ...SECURITY_HEADERS,
      "Cache-Control": CACHE_CONTROL[answer.cache],
      "Content-Type": answer.mediaType,
      ...(isWorthwhile(answer.body) ? { Vary: "Accept-Encoding" } : {}),
      ...answer.headers,
    },
    compressed: new Map(),
  };
}

/**
 * Writes an answer: 304 when the client has it, compressed when the client asks, without a body for HEAD.
 * Returns the status that was sent, or a promise of it when something had to be compressed first.
 */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  prepared: Prepared,
  requestId: string,
): number | Promise<number> {
  const encoding =
    prepared.answer.status === 200 && isWorthwhile(prepared.answer.body)
      ? preferredEncoding(request.headers["accept-encoding"])
      : undefined;
  if (encoding === undefined)
    return write(request, response, prepared, requestId, undefined, prepared.answer.body);
  const ready = prepared.compressed.get(encoding);
  if (Buffer.isBuffer(ready)) return write(request, response, prepared, requestId, encoding, ready);
  const compressing = ready ?? compress(prepared.answer.body, encoding);
  prepared.compressed.set(encoding, compressing);
  return compressing.then((body) => {
    prepared.compressed.set(encoding, body);
    return write(request, response, prepared, requestId, encoding, body);
  });
}

function write(
  request: IncomingMessage,
  response: ServerResponse,
  prepared: Prepared,
  requestId: string,
  encoding: ContentEncoding | undefined,
  body: Buffer,
): number {
  const headers: Record<string, string | number> = { ...prepared.headers, "X-Request-Id": requestId };
  if (prepared.etag !== undefined) {
    // A strong validator names exact bytes, so each encoding has its own.
    headers.ETag = encoding === undefined ? `"${prepared.etag}"` : `"${prepared.etag}-${encoding}"`;
    if (matches(request.headers["if-none-match"], prepared.etag)) {
      delete headers["Content-Type"];
      response.writeHead(304, headers);
      response.end();
      return 304;
    }
  }
  if (encoding !== undefined) headers["Content-Encoding"] = encoding;
  headers["Content-Length"] = body.length;
  response.writeHead(prepared.answer.status, headers);
  response.end(request.method === "HEAD" ? undefined : body);
  return prepared.answer.status;
}

/** RFC 9110 13.1.2, weak comparison; the digest is 64 characters, so finding it inside the list is exact enough. */
function matches(header: string | undefined, etag: string): boolean {
  return header !== undefined && (header.includes(etag) || header.trim() === "*");
}
