import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, CACHE_CONTROL } from "./answer.ts";
import { type ContentEncoding, compress, isWorthwhile, preferredEncoding } from "./encoding.ts";
import { type Part, requestedPart } from "./range.ts";

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
      ...(mayCompress(answer) ? { Vary: "Accept-Encoding" } : {}),
      ...(answer.verbatim === true ? { "Accept-Ranges": "bytes" } : {}),
      ...answer.headers,
    },
    compressed: new Map(),
  };
}

function mayCompress(answer: Answer): boolean {
  return answer.verbatim !== true && isWorthwhile(answer.body);
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
    prepared.answer.status === 200 && mayCompress(prepared.answer)
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
  if (prepared.answer.verbatim === true && request.method === "GET") {
    const part = requestedPart(
      request.headers.range,
      request.headers["if-range"],
      prepared.etag,
      body.length,
    );
    if (part !== undefined) return writePart(response, headers, body, part);
  }
  headers["Content-Length"] = prepared.answer.length ?? body.length;
  response.writeHead(prepared.answer.status, headers);
  response.end(request.method === "HEAD" ? undefined : body);
  return prepared.answer.status;
}

/** RFC 9110 15.3.7 and 15.5.17: the part, or how long the whole would be. */
function writePart(
  response: ServerResponse,
  headers: Record<string, string | number>,
  body: Buffer,
  part: Part | "unsatisfiable",
): number {
  if (part === "unsatisfiable") {
    response.writeHead(416, { ...headers, "Content-Range": `bytes */${body.length}`, "Content-Length": 0 });
    response.end();
    return 416;
  }
  const bytes = body.subarray(part.first, part.last + 1);
  response.writeHead(206, {
    ...headers,
    "Content-Range": `bytes ${part.first}-${part.last}/${body.length}`,
    "Content-Length": bytes.length,
  });
  response.end(bytes);
  return 206;
}

/** RFC 9110 13.1.2, weak comparison; the digest is 64 characters, so finding it inside the list is exact enough. */
function matches(header: string | undefined, etag: string): boolean {
  return header !== undefined && (header.includes(etag) || header.trim() === "*");
}
