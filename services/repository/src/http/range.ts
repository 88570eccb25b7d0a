/** A part of a body: the places of its first and last byte. */
export interface Part {
  readonly first: number;
  readonly last: number;
}

const ONE_RANGE = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/;

/**
 * The part that a request asks for (RFC 9110 14.1.2, 14.2); undefined when it gets the whole: it asks for none, for
 * several, in a form that is unknown, or for a part of something else (`If-Range`).
 */
export function requestedPart(
  range: string | undefined,
  ifRange: string | string[] | undefined,
  etag: string | undefined,
  length: number,
): Part | "unsatisfiable" | undefined {
  const found = ONE_RANGE.exec(range ?? "");
  if (found === null) return undefined;
  if (ifRange !== undefined && ifRange !== `"${etag}"`) return undefined;
  const [, first, last, suffix] = found;
  if (suffix !== undefined) {
    const count = Math.min(Number(suffix), length);
    return count === 0 ? "unsatisfiable" : { first: length - count, last: length - 1 };
  }
  const part = { first: Number(first), last: Math.min(Number(last ?? length), length - 1) };
  if (last !== undefined && Number(last) < part.first) return undefined;
  return part.first < length ? part : "unsatisfiable";
}
