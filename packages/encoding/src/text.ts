import { EncodingError } from "./error.ts";

const encoder = new TextEncoder();
// ignoreBOM keeps a byte order mark in the text, so that the JSON parser can refuse it instead of losing it.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of UTF-8 bytes. Throws `bad_utf8` on anything that is not exactly UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new EncodingError("bad_utf8", "The bytes are not valid UTF-8.", { cause: error });
  }
}

/** Lower-case hex. */
export function encodeHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/**
 * Strict lower-case hex of an even length. Node's own decoder stops silently at the first bad character,
 * which would let `<valid>zz` pass as a signature (N-08). Throws `bad_encoding`.
 */
export function decodeHex(text: string): Uint8Array {
  const bytes = Buffer.from(text, "hex");
  if (bytes.toString("hex") !== text) {
    throw new EncodingError("bad_encoding", "Expected lower-case hex with an even number of digits.");
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Standard base64 with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/**
 * Strict base64: padded, without junk, and without bits that decoding would drop (N-08).
 * With `urlSafe`, the URL-safe alphabet is accepted as well, as DSSE demands of verifiers, padded or not.
 * Throws `bad_encoding`.
 */
export function decodeBase64(text: string, options: { urlSafe?: boolean } = {}): Uint8Array {
  let standard = text;
  if (options.urlSafe === true && /[-_]/.test(text)) {
    if (/[+/]/.test(text)) throw new EncodingError("bad_encoding", "Base64 must not mix two alphabets.");
    standard = text.replaceAll("-", "+").replaceAll("_", "/");
  }
  if (options.urlSafe === true && !standard.endsWith("="))
    standard += "=".repeat((4 - (standard.length % 4)) % 4);
  const bytes = Buffer.from(standard, "base64");
  if (bytes.toString("base64") !== standard) {
    throw new EncodingError(
      "bad_encoding",
      "Expected strict, padded base64 without characters or bits to spare.",
    );
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether two byte strings are equal. Not for secrets: its time depends on the content. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
