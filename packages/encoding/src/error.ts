/**
 * The base of every refusal in Stemma: an Error with a stable snake_case code.
 *
 * Each package has one subclass with a closed union of codes; `@stemma/contract` lists them all and
 * maps them to HTTP, and the compiler checks that none is missing.
 */
export abstract class StemmaError<C extends string = string> extends Error {
  readonly code: C;

  constructor(code: C, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** Why bytes or text were refused before anybody looked at their meaning. */
export const ENCODING_CODES = [
  "bad_json",
  "bad_utf8",
  "duplicate_member",
  "bad_number",
  "too_deep",
  "too_large",
  "bad_encoding",
  "bad_digest",
  "wrong_type",
  "missing_member",
] as const;

export type EncodingCode = (typeof ENCODING_CODES)[number];

/** Thrown by this package only. */
export class EncodingError extends StemmaError<EncodingCode> {}
