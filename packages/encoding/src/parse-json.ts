import { EncodingError } from "./error.ts";
import type { JsonValue } from "./json-value.ts";
import { decodeUtf8 } from "./text.ts";

/** What a document may cost before anybody looks at its meaning. */
export interface JsonLimits {
  /** Bytes of the whole document; 5,000,000 unless told. */
  readonly maxBytes?: number;
  /** Nesting of arrays and objects; 32 unless told. */
  readonly maxDepth?: number;
  /** Whether numbers with a fraction or an exponent are let in; refused unless told. */
  readonly fractions?: boolean;
}

const MAX_DIGITS = 64;

/**
 * Objects and arrays that a document may have: some for nothing, and one more for so many of its bytes. An empty
 * object takes a hundred times the memory of its two bytes; documents of the field have fewer than one in thirty bytes.
 */
const FREE_CONTAINERS = 10_000;
const BYTES_OF_CONTAINER = 16;

/**
 * Parses JSON (RFC 8259) strictly, once, from the received bytes.
 *
 * Refused, each with its code: bytes that are not UTF-8 or begin with a byte order mark, duplicate members (also by
 * escape), lone surrogates, unescaped control characters, numbers outside the grammar or with more than 64 digits,
 * `-0`, anything after the document, and documents beyond the limits, among them that of objects and arrays for the
 * bytes. The work is linear in the bytes.
 */
export function parseJson(bytes: Uint8Array, limits: JsonLimits = {}): JsonValue {
  const maxBytes = limits.maxBytes ?? 5_000_000;
  if (bytes.length > maxBytes) {
    throw new EncodingError(
      "too_large",
      `The document has ${bytes.length} bytes; at most ${maxBytes} are accepted.`,
    );
  }
  return new Parser(decodeUtf8(bytes), limits.maxDepth ?? 32, limits.fractions ?? false).document();
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

class Parser {
  private readonly text: string;
  private readonly maxDepth: number;
  private readonly fractions: boolean;
  private at = 0;
  private containersLeft: number;

  constructor(text: string, maxDepth: number, fractions: boolean) {
    this.text = text;
    this.containersLeft = FREE_CONTAINERS + Math.floor(text.length / BYTES_OF_CONTAINER);
    this.maxDepth = maxDepth;
    this.fractions = fractions;
  }

  document(): JsonValue {
    this.space();
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) throw this.bad("something after the end of the document");
    return value;
  }

  private value(depth: number): JsonValue {
    switch (this.text.charCodeAt(this.at)) {
      case 0x7b:
        return this.object(depth + 1);
      case 0x5b:
        return this.array(depth + 1);
      case QUOTE:
        return this.string();
      case 0x74:
        return this.word("true", true);
      case 0x66:
        return this.word("false", false);
      case 0x6e:
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private object(depth: number): JsonValue {
    this.enter(depth);
    const object = new Map<string, JsonValue>();
    this.space();
    if (this.accept(0x7d)) return object;
    for (;;) {
      if (this.text.charCodeAt(this.at) !== QUOTE) throw this.bad("a member without a name in quotes");
      const name = this.string();
      this.space();
      if (!this.accept(0x3a)) throw this.bad("a member name without a colon after it");
      this.space();
      const value = this.value(depth);
      const before = object.size;
      object.set(name, value);
      // Two readers of a document with duplicate members may see two documents (N-20).
      if (object.size === before) {
        throw new EncodingError(
          "duplicate_member",
          `The member ${JSON.stringify(name)} stands twice in one object.`,
        );
      }
      this.space();
      if (this.accept(0x2c)) {
        this.space();
        continue;
      }
      if (this.accept(0x7d)) return object;
      throw this.bad("an object that is not closed");
    }
  }

  private array(depth: number): JsonValue {
    this.enter(depth);
    const array: JsonValue[] = [];
    this.space();
    if (this.accept(0x5d)) return array;
    for (;;) {
      array.push(this.value(depth));
      this.space();
      if (this.accept(0x2c)) {
        this.space();
        continue;
      }
      if (this.accept(0x5d)) return array;
      throw this.bad("an array that is not closed");
    }
  }

  private enter(depth: number): void {
    if (depth > this.maxDepth) {
      throw new EncodingError("too_deep", `The document is nested deeper than ${this.maxDepth} levels.`);
    }
    this.containersLeft -= 1;
    if (this.containersLeft < 0) {
      throw new EncodingError(
        "too_large",
        "The document has more objects and arrays than its size accounts for.",
      );
    }
    this.at += 1;
  }

  private string(): string {
    const { text } = this;
    const start = this.at + 1;
    let at = start;
    let plain = true;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) break;
      // NaN (the end of the text) fails every comparison but this one.
      if (!(code >= 0x20)) throw this.bad("a string that is not closed, or holds a bare control character");
      if (code === BACKSLASH) {
        plain = false;
        at += 1;
      }
      at += 1;
    }
    this.at = at + 1;
    const raw = text.slice(start, at);
    return plain ? raw : this.unescape(raw);
  }

  private unescape(raw: string): string {
    const parts: string[] = [];
    let from = 0;
    for (;;) {
      const slash = raw.indexOf("\\", from);
      if (slash < 0) break;
      parts.push(raw.slice(from, slash));
      const kind = raw.charAt(slash + 1);
      const simple = SIMPLE_ESCAPES.get(kind);
      if (simple !== undefined) {
        parts.push(simple);
        from = slash + 2;
      } else if (kind === "u") {
        const digits = raw.slice(slash + 2, slash + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.bad("a \\u escape without four hex digits");
        parts.push(String.fromCharCode(Number.parseInt(digits, 16)));
        from = slash + 6;
      } else {
        throw this.bad("an escape that JSON does not know");
      }
    }
    parts.push(raw.slice(from));
    const value = parts.join("");
    // Encoding such a string would silently replace the surrogate by U+FFFD (N-26).
    if (!value.isWellFormed()) throw this.bad("a lone surrogate");
    return value;
  }

  private number(): number | bigint {
    const { text } = this;
    const start = this.at;
    let at = start;
    if (text.charCodeAt(at) === 0x2d) at += 1;
    const digits = at;
    while (isDigit(text.charCodeAt(at))) at += 1;
    const count = at - digits;
    if (count === 0) throw this.bad("something that is not a JSON value");
    if (count > 1 && text.charCodeAt(digits) === 0x30) throw this.badNumber("has a leading zero");
    // Refused by length first: converting a long number costs time in the square of its digits (N-17).
    if (count > MAX_DIGITS) throw this.badNumber(`has more than ${MAX_DIGITS} digits`);
    const next = text.charCodeAt(at);
    if (next === 0x2e || next === 0x65 || next === 0x45) return this.fraction(start, at);
    this.at = at;
    const literal = text.slice(start, at);
    if (literal === "-0") throw this.badNumber("is minus zero");
    const value = Number(literal);
    return Number.isSafeInteger(value) ? value : BigInt(literal);
  }

  private fraction(start: number, integerEnd: number): number {
    if (!this.fractions) throw this.badNumber("is not written as an integer");
    const { text } = this;
    let at = integerEnd;
    const digitsFrom = (from: number): number => {
      let end = from;
      while (isDigit(text.charCodeAt(end))) end += 1;
      if (end === from) throw this.badNumber("has no digits after its point or exponent");
      if (end - from > MAX_DIGITS) throw this.badNumber(`has more than ${MAX_DIGITS} digits`);
      return end;
    };
    if (text.charCodeAt(at) === 0x2e) at = digitsFrom(at + 1);
    const exponent = text.charCodeAt(at);
    if (exponent === 0x65 || exponent === 0x45) {
      const sign = text.charCodeAt(at + 1);
      at = digitsFrom(at + (sign === 0x2b || sign === 0x2d ? 2 : 1));
    }
    this.at = at;
    const value = Number(text.slice(start, at));
    if (!Number.isFinite(value)) throw this.badNumber("is too large for a number");
    return value;
  }

  private word<T extends boolean | null>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.bad("something that is not a JSON value");
    this.at += word.length;
    return value;
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at += 1;
    }
  }

  private accept(code: number): boolean {
    if (this.text.charCodeAt(this.at) !== code) return false;
    this.at += 1;
    return true;
  }

  private bad(what: string): EncodingError {
    return new EncodingError("bad_json", `Not JSON: ${what}, near character ${this.at}.`);
  }

  private badNumber(what: string): EncodingError {
    return new EncodingError("bad_number", `The number near character ${this.at} ${what}.`);
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

const SIMPLE_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);
