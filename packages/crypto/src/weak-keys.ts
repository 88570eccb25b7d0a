import { encodeHex } from "@stemma/encoding";

/**
 * Ed25519 public keys of small order: the eight points, and the encodings of them that are not canonical.
 * Under such a key a signature made without any private key verifies for every message (N-09), so that whoever
 * chooses the key could let anybody sign. OpenSSL accepts them.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  "0100000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]);

const FIELD_PRIME = (1n << 255n) - 19n;

/** Why the 32 raw bytes of an ed25519 key must not be trusted, or undefined. */
export function weakEd25519(raw: Uint8Array): string | undefined {
  const hex = encodeHex(raw);
  if (SMALL_ORDER.has(hex)) return "it is a point of small order, under which anybody can sign";
  const y = BigInt(`0x${encodeHex(Uint8Array.from(raw).reverse())}`) & ((1n << 255n) - 1n);
  if (y >= FIELD_PRIME) return "its encoding is not canonical";
  return undefined;
}
