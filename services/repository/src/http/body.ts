import type { IncomingMessage } from "node:http";
import { LIMITS, ServiceError } from "@stemma/contract";
import { type JsonValue, parseJson } from "@stemma/encoding";

/**
 * Bytes of bodies that are being received right now, all requests together. A body counts with what has really
 * arrived, never with what its Content-Length claims.
 */
export class BodyBudget {
  readonly #limit: number;
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(bytes: number): void {
    if (this.#held + bytes > this.#limit) {
      throw new ServiceError(
        "too_busy",
        "The service is receiving as many uploads as it can hold; try again shortly.",
      );
    }
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/**
 * Receives a JSON body: exactly application/json, not compressed, within the limit and the deadline, parsed by the strict
 * parser from the received bytes. Throws `unsupported_media_type`, `unsupported_content_encoding`,
 * `body_too_large`, `request_timeout`, `too_busy` or a code of the parser.
 */
export async function readJsonBody(
  request: IncomingMessage,
  options: { readonly limit: number; readonly signal: AbortSignal; readonly budget: BodyBudget },
): Promise<JsonValue> {
  // Exact comparison: a parser of media types is where content-type confusion begins (N-70, N-66).
  const contentType = request.headers["content-type"];
  if (contentType !== "application/json") {
    throw new ServiceError(
      "unsupported_media_type",
      `The body must be sent as Content-Type: application/json, exactly; found ${
        contentType === undefined ? "no Content-Type" : JSON.stringify(contentType.slice(0, 100))
      }.`,
    );
  }
  if (request.headers["content-encoding"] !== undefined) {
    throw new ServiceError(
      "unsupported_content_encoding",
      "The body must be sent without a Content-Encoding: what it unpacks to cannot be known before.",
    );
  }
  const declared = request.headers["content-length"];
  if (declared !== undefined && Number(declared) > options.limit) throw tooLarge(options.limit);
  const bytes = await receive(request, options);
  return parseJson(bytes, { maxBytes: options.limit, maxDepth: LIMITS.jsonDepth });
}

function tooLarge(limit: number): ServiceError {
  return new ServiceError("body_too_large", `The body is larger than ${limit} bytes.`);
}

async function receive(
  request: IncomingMessage,
  { limit, signal, budget }: { limit: number; signal: AbortSignal; budget: BodyBudget },
): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise<Buffer>((resolve, reject) => {
    const finish = (outcome: () => void) => {
      request.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      budget.give(length);
      outcome();
    };
    const fail = (error: Error) => finish(() => reject(error));
    const onData = (chunk: Buffer) => {
      if (length + chunk.length > limit) return fail(tooLarge(limit));
      try {
        budget.take(chunk.length);
      } catch (error) {
        return fail(error as Error);
      }
      length += chunk.length;
      chunks.push(chunk);
    };
    const onEnd = () =>
      finish(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    const onError = (error: Error) => fail(error);
    const onClose = () =>
      fail(new ServiceError("malformed_request", "The connection closed before the body ended."));
    const onAbort = () =>
      fail(
        new ServiceError("request_timeout", "The body did not arrive before the deadline of the request."),
      );
    request.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
}
