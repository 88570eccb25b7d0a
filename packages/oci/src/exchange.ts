import { Agent, type IncomingHttpHeaders, type IncomingMessage, request as plainRequest } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { pipeline } from "node:stream/promises";

/** What is sent as a body: bytes, or a stream whose length is known. */
export type Body = Uint8Array | { readonly size: number; readonly chunks: AsyncIterable<Uint8Array> };

/** One request and its answer, with no redirect followed and nothing repeated. */
export interface Question {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body | undefined;
  /** Milliseconds without a byte in either direction after which the connection is given up. */
  readonly idle: number;
  /** Milliseconds for everything, body included. */
  readonly deadline: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Read it to its end, or `discard` it. */
  readonly body: IncomingMessage;
  readonly url: URL;
}

const MAX_HEADERS = 32 * 1024;
const MAX_DISCARDED = 64 * 1024;
/** Connections to one host that are kept for the next request. Idle ones do not keep the process alive. */
const agents = {
  "http:": new Agent({ keepAlive: true, maxSockets: 32, maxFreeSockets: 8 }),
  "https:": new TlsAgent({ keepAlive: true, maxSockets: 32, maxFreeSockets: 8 }),
};

/**
 * Sends a request. Rejects with the error of the connection, or with that of the body's source. An answer may come before
 * the body was sent; the rest of it is then not sent.
 */
export function exchange(question: Question): Promise<Answer> {
  const { method, url, body, idle, deadline } = question;
  const headers: Record<string, string | number> = { ...question.headers };
  if (body !== undefined) headers["content-length"] = body instanceof Uint8Array ? body.length : body.size;
  return new Promise((resolve, reject) => {
    const secure = url.protocol === "https:";
    const options = {
      method,
      headers,
      maxHeaderSize: MAX_HEADERS,
      agent: agents[secure ? "https:" : "http:"],
    };
    const request = secure ? tlsRequest(url, options) : plainRequest(url, options);
    const giveUp = (why: string) => request.destroy(new Error(why));
    const timer = setTimeout(giveUp, deadline, `it took longer than ${deadline / 1000} s`);
    request.setTimeout(idle, () => giveUp(`nothing came for ${idle / 1000} s`));
    request.once("close", () => clearTimeout(timer));
    request.on("error", reject);
    request.once("response", (answer) => {
      // Without this an answer that ends early would be an error that nobody hears once it was discarded.
      answer.on("error", () => undefined);
      // Whoever answered without waiting for the body does not want the rest of it.
      answer.once("close", () => {
        if (!request.writableFinished) request.destroy();
      });
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer, url });
    });
    if (body === undefined || body instanceof Uint8Array) request.end(body);
    // What goes wrong here destroys the request with the same error, which then rejects.
    else pipeline(body.chunks, request).catch(() => undefined);
  });
}

/** Lets an answer's body go. A short one is read, so that its connection can be used again. */
export function discard({ body }: Answer): void {
  let size = 0;
  body.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_DISCARDED) body.destroy();
  });
}
