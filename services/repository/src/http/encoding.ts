import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

export type ContentEncoding = "br" | "gzip";

/** Shorter bodies travel in one packet anyhow. */
const WORTHWHILE = 1024;

const toBrotli = promisify(brotliCompress);
const toGzip = promisify(gzip);

/** Recently seen header values; clients send very few different ones, and the bound keeps hostile ones cheap. */
const seen = new Map<string, ContentEncoding | undefined>();

/** The encoding that the client prefers among those we have (RFC 9110 12.5.3), or undefined for identity. */
export function preferredEncoding(header: string | undefined): ContentEncoding | undefined {
  if (header === undefined || header.length > 256) return undefined;
  if (seen.has(header)) return seen.get(header);
  const accepted = new Map<string, number>();
  for (const item of header.split(",", 16)) {
    const [name = "", ...parameters] = item.split(";", 4).map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith("q="));
    accepted.set(name, quality === undefined ? 1 : Number(quality.slice(2)));
  }
  const wants = (name: string) => (accepted.get(name) ?? accepted.get("*") ?? 0) > 0;
  const chosen = wants("br") ? "br" : wants("gzip") ? "gzip" : undefined;
  if (seen.size >= 256) seen.clear();
  seen.set(header, chosen);
  return chosen;
}

/** True when compression of this body is worth its time; already compressed media types are not served here. */
export function isWorthwhile(body: Buffer): boolean {
  return body.length >= WORTHWHILE;
}

export async function compress(body: Buffer, encoding: ContentEncoding): Promise<Buffer> {
  if (encoding === "gzip") return toGzip(body, { level: 6 });
  return toBrotli(body, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 5,
      [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
    },
  });
}
