import { StemmaError } from "@stemma/encoding";

/** Why a key, a certificate or a signature cannot be used. */
export const CRYPTO_CODES = [
  "bad_key",
  "unsupported_key",
  "weak_key",
  "bad_key_id",
  "bad_certificate",
  "bad_passphrase",
  "key_file_unprotected",
] as const;

export type CryptoCode = (typeof CRYPTO_CODES)[number];

/** Thrown by this package only. Messages never hold key material. */
export class CryptoError extends StemmaError<CryptoCode> {}
