import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { matchesPattern } from "../src/index.ts";

/* Path patterns mean what python-tuf makes of them (N-29), in bounded time (N-31). */

interface Golden {
  readonly paths: readonly string[];
  readonly matches: Readonly<Record<string, readonly string[]>>;
}

const golden = JSON.parse(
  readFileSync(new URL("./fixtures/glob-python.json", import.meta.url), "utf8"),
) as Golden;

/** A second, plain implementation: every way to match, tried in turn. Right, and exponential. */
function oracle(path: string, pattern: string): boolean {
  const texts = path.split("/");
  const patterns = pattern.split("/");
  return (
    texts.length === patterns.length &&
    texts.every((text, at) => segment([...text], tokens(patterns[at] ?? "")))
  );
}

type Token = "*" | ((char: string) => boolean);

function segment(text: readonly string[], pattern: readonly Token[]): boolean {
  const [token, ...rest] = pattern;
  if (token === undefined) return text.length === 0;
  if (token === "*") return segment(text, rest) || (text.length > 0 && segment(text.slice(1), pattern));
  const [char, ...others] = text;
  return char !== undefined && token(char) && segment(others, rest);
}

function tokens(pattern: string): Token[] {
  const chars = [...pattern];
  const list: Token[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? "";
    if (char === "*") list.push("*");
    else if (char === "?") list.push(() => true);
    else {
      const first = char === "[" ? at + 1 + (chars[at + 1] === "!" ? 1 : 0) : -1;
      const close = first < 0 ? -1 : chars.indexOf("]", first + 1);
      if (close < 0) list.push((other) => other === char);
      else {
        const members = ranges(chars.slice(first, close));
        const negated = chars[at + 1] === "!";
        list.push(
          (other) => members.some(([low, high]) => low <= code(other) && code(other) <= high) !== negated,
        );
        at = close;
      }
    }
  }
  return list;
}

function ranges(chars: readonly string[]): [number, number][] {
  const [low, hyphen, high, ...rest] = chars;
  if (low === undefined) return [];
  if (hyphen === "-" && high !== undefined) return [[code(low), code(high)], ...ranges(rest)];
  return [[code(low), code(low)], ...ranges(chars.slice(1))];
}

const code = (char: string): number => char.codePointAt(0) ?? -1;

describe("path patterns", () => {
  test.each(Object.entries(golden.matches))("N-29 %j matches what Python says", (pattern, expected) => {
    expect(golden.paths.filter((path) => matchesPattern(path, pattern))).toEqual(expected);
  });

  test("equals the plain implementation on anything", () => {
    const alphabet = fc.constantFrom(..."aabc-*?[]!/.^😀");
    const text = fc.string({ unit: alphabet, maxLength: 9 });
    fc.assert(
      fc.property(text, text, (path, pattern) => matchesPattern(path, pattern) === oracle(path, pattern)),
      { numRuns: 20_000 },
    );
  });

  test("every path matches itself when it has no special character, and its own length in question marks", () => {
    const plain = fc.string({ unit: fc.constantFrom(..."abc./😀-_") });
    fc.assert(
      fc.property(plain, (path) => {
        const marks = path.replace(/[^/]/gu, "?");
        return matchesPattern(path, path) && matchesPattern(path, marks);
      }),
    );
  });

  test("N-31 a thousand hostile patterns", () => {
    const hostile = [
      "*a".repeat(60),
      `${"*".repeat(120)}b`,
      "{a,b}".repeat(12),
      `+(${"a|".repeat(50)}a)b`,
      `${"[a-z]*".repeat(20)}!`,
      "*?".repeat(60),
    ];
    const path = `${"a".repeat(256)}c`;
    const start = performance.now();
    for (let at = 0; at < 1_000; at += 1) matchesPattern(path, hostile[at % hostile.length] ?? "");
    expect(performance.now() - start).toBeLessThan(200);
  });
});
