import { EncodingError } from "./error.ts";

declare const sha256Brand: unique symbol;
declare const digestBrand: unique symbol;

/** 64 lower-case hex digits. */
export type Sha256Hex = string & { readonly [sha256Brand]: true };

/** An artifact's digest as people write it: `sha256:<64 hex>` or `sha512:<128 hex>`. */
export type Digest = string & { readonly [digestBrand]: true };

const SHA256_HEX = /^[0-9a-f]{64}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Reads a sha256 in lower-case hex. Throws `bad_digest`. */
export function asSha256Hex(text: string, where: string): Sha256Hex {
  if (!SHA256_HEX.test(text)) {
    throw new EncodingError("bad_digest", `${where} must be a sha256 of 64 lower-case hex digits.`);
  }
  return text as Sha256Hex;
}

/** Reads a digest. Upper case, other lengths and weak algorithms are refused with `bad_digest`. */
export function parseDigest(text: string): Digest {
  if (!DIGEST.test(text)) {
    throw new EncodingError(
      "bad_digest",
      "A digest is sha256:<64 lower-case hex digits> or sha512:<128 lower-case hex digits>.",
    );
  }
  return text as Digest;
}

/** The algorithm and the hex digits of a digest. */
export function digestParts(digest: Digest): { algorithm: "sha256" | "sha512"; hex: string } {
  return digest.startsWith("sha256:")
    ? { algorithm: "sha256", hex: digest.slice(7) }
    : { algorithm: "sha512", hex: digest.slice(7) };
}

/** The TUF target path of an artifact's record: the digest is the name. */
export function recordPath(digest: Digest): string {
  const { algorithm, hex } = digestParts(digest);
  return `${algorithm}/${hex}`;
}
