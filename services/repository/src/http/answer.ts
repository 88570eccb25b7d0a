import { createHash } from "node:crypto";

/** What a handler gives back. Handlers never touch the socket: `send.ts` is the only place that writes. */
export interface Answer {
  readonly status: number;
  readonly mediaType: string;
  readonly body: Buffer;
  /** sha256 of the body: the strong validator. Absent for answers that nobody caches. */
  readonly sha256?: string;
  readonly cache: Caching;
  /** Never compressed, and given in parts to whoever asks for a part: blobs and manifests of a registry. */
  readonly verbatim?: boolean;
  /** For HEAD of what is known and kept elsewhere: its length, where `body` has nothing. */
  readonly length?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** When given, the answer may be kept in memory for this URL for as long as the function says so. */
  readonly keepWhile?: () => boolean;
}

/**
 * immutable: named by version or digest, will never change. brief: may be a few seconds old. revalidate: may be stored,
 * must be asked about again. none: verdicts, states and refusals, which must not be reused.
 */
export type Caching = "immutable" | "brief" | "revalidate" | "none";

export const CACHE_CONTROL: Readonly<Record<Caching, string>> = {
  immutable: "public, max-age=31536000, immutable",
  brief: "public, max-age=10",
  revalidate: "no-cache",
  none: "no-store",
};

export function jsonAnswer(
  status: number,
  value: unknown,
  headers?: Readonly<Record<string, string>>,
): Answer {
  return {
    status,
    mediaType: "application/json",
    body: Buffer.from(JSON.stringify(value)),
    cache: "none",
    ...(headers === undefined ? {} : { headers }),
  };
}

/** Bytes with a validator. `sha256` is taken from the store when it was checked there already. */
export function bytesAnswer(
  mediaType: string,
  bytes: Uint8Array,
  cache: Caching,
  options: { readonly sha256?: string; readonly keepWhile?: () => boolean } = {},
): Answer {
  const body = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    status: 200,
    mediaType,
    body,
    cache,
    sha256: options.sha256 ?? createHash("sha256").update(body).digest("hex"),
    ...(options.keepWhile === undefined ? {} : { keepWhile: options.keepWhile }),
  };
}
