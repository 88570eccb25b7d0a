import { EncodingError } from "./error.ts";
import type { JsonObject, JsonValue } from "./json-value.ts";
import { utf8 } from "./text.ts";

/**
 * Canonical JSON as TUF and in-toto sign it (OLPC canonical JSON, in-toto 4.1): members sorted by Unicode code
 * point, no white space, only `"` and `\` escaped, integers in decimal. Not JSON where a string holds a control
 * character: these bytes are signed, never stored. Throws `bad_number` for a number with a fraction.
 */
export function canonicalJson(value: JsonValue): Uint8Array {
  const parts: string[] = [];
  writeCanonical(value, parts);
  return utf8(parts.join(""));
}

function writeCanonical(value: JsonValue, parts: string[]): void {
  if (typeof value === "string") {
    parts.push('"', escapeCanonical(value), '"');
  } else if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) {
      throw new EncodingError("bad_number", `Canonical JSON has no form for the number ${value}.`);
    }
    parts.push(String(value));
  } else if (Array.isArray(value)) {
    parts.push("[");
    let first = true;
    for (const item of value as readonly JsonValue[]) {
      if (!first) parts.push(",");
      first = false;
      writeCanonical(item, parts);
    }
    parts.push("]");
  } else if (value instanceof Map) {
    const object = value as JsonObject;
    parts.push("{");
    let first = true;
    for (const name of sortedNames(object)) {
      parts.push(first ? '"' : ',"', escapeCanonical(name), '":');
      first = false;
      writeCanonical(object.get(name) as JsonValue, parts);
    }
    parts.push("}");
  } else {
    parts.push(String(value));
  }
}

function escapeCanonical(text: string): string {
  if (!text.includes('"') && !text.includes("\\")) return text;
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
}

/** The names in code point order. Documents that are already in order, as most are, cost one pass. */
function sortedNames(object: JsonObject): Iterable<string> {
  let previous: string | undefined;
  for (const name of object.keys()) {
    if (previous !== undefined && compareCodePoints(previous, name) > 0) {
      return [...object.keys()].sort(compareCodePoints);
    }
    previous = name;
  }
  return object.keys();
}

/**
 * Compares by Unicode code point. JavaScript's own order is by UTF-16 unit, which puts U+1F600 before U+FFFF and
 * would make a signature over such names fail against every other implementation.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x !== y) {
      const xSurrogate = x >= 0xd800 && x <= 0xdfff;
      const ySurrogate = y >= 0xd800 && y <= 0xdfff;
      if (xSurrogate !== ySurrogate) return xSurrogate ? 1 : -1;
      return x - y;
    }
  }
  return a.length - b.length;
}

/** Writes valid JSON with the members in the order of the Maps; `indent` spaces a level, or one line. */
export function writeJson(value: JsonValue, indent = 0): Uint8Array {
  const parts: string[] = [];
  write(value, parts, indent === 0 ? undefined : " ".repeat(indent), "\n");
  return utf8(parts.join(""));
}

function write(value: JsonValue, parts: string[], step: string | undefined, newline: string): void {
  const isArray = Array.isArray(value);
  if (!isArray && !(value instanceof Map)) {
    parts.push(typeof value === "string" ? JSON.stringify(value) : String(value));
    return;
  }
  const inner = newline + (step ?? "");
  let first = true;
  const separate = (): void => {
    if (!first) parts.push(",");
    first = false;
    if (step !== undefined) parts.push(inner);
  };
  parts.push(isArray ? "[" : "{");
  if (isArray) {
    for (const item of value as readonly JsonValue[]) {
      separate();
      write(item, parts, step, inner);
    }
  } else {
    for (const [name, item] of value as JsonObject) {
      separate();
      parts.push(JSON.stringify(name), step === undefined ? ":" : ": ");
      write(item, parts, step, inner);
    }
  }
  if (!first && step !== undefined) parts.push(newline);
  parts.push(isArray ? "]" : "}");
}
