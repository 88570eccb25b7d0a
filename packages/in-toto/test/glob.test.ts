import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Glob, Meter } from "../src/index.ts";

function matches(pattern: string, name: string): boolean {
  return new Glob(pattern).matches(name, new Meter());
}

/** Made by Python's fnmatch itself: data/fnmatch.py. */
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "data", "fnmatch.json"), "utf8"),
) as readonly (readonly [string, string, boolean])[];

describe("glob", () => {
  test("answers as Python's fnmatch does, case by case", () => {
    expect(golden.length).toBeGreaterThan(1500);
    const wrong = golden.filter(([pattern, name, expected]) => matches(pattern, name) !== expected);
    expect(wrong).toEqual([]);
  });

  test.each([
    ["`*` crosses the slash", "foo*", "foo/bar/baz", true],
    ["`*` takes nothing as well", "a*b", "ab", true],
    ["`?` is one character, even outside the BMP", "?", "😀", true],
    ["`?` is not half of a character", "??", "😀", false],
    ["`*` never stops inside a character", "*?", "😀", true],
    ["`[!a-z]` negates", "[!a-z]", "b", false],
    ["`[!a-z]` takes the rest", "[!a-z]", "B", true],
    ["`[^a-z]` does not negate: ^ is a member", "[^a-z]", "^", true],
    ["`[^a-z]` still has its range", "[^a-z]", "b", true],
    ["`[^a-z]` has nothing else", "[^a-z]", "B", false],
    ["there is no escape", "a\\*", "a*", false],
    ["a backslash is itself", "a\\*", "a\\b", true],
    ["an unclosed bracket is itself", "[ab", "[ab", true],
    ["a range that runs backwards is empty", "[z-a]", "m", false],
    ["a negated empty range is anything", "[!z-a]", "m", true],
    ["braces are themselves", "{a,b}", "a", false],
    ["! in front is itself", "!x", "y", false],
    ["a dot is like any other character", "*", ".hidden", true],
    ["case counts", "Foo", "foo", false],
    ["the whole name counts", "foo", "foo/bar", false],
    ["a newline is a character", "a?b", "a\nb", true],
    ["nothing matches nothing", "", "", true],
    ["regular expressions mean nothing", "a.c", "abc", false],
  ])("%s", (_, pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });

  test("agrees with a matcher that tries everything", () => {
    const letter = fc.constantFrom("a", "b", "/", "😀");
    const wild = fc.oneof(
      { weight: 3, arbitrary: letter },
      fc.constantFrom("*", "?", "[ab]", "[!a]", "[!😀]"),
    );
    fc.assert(
      fc.property(fc.array(wild, { maxLength: 8 }), fc.array(letter, { maxLength: 8 }), (tokens, name) => {
        expect(matches(tokens.join(""), name.join(""))).toBe(everyWay(tokens, name));
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ["many stars", "*a".repeat(500), "a".repeat(4000)],
    ["many stars that fail at the end", `${"*a".repeat(500)}b`, "a".repeat(4000)],
    ["a long tail after a star", `*${"a".repeat(1000)}b`, "a".repeat(4000)],
    ["stars and sets", "*[!b]".repeat(200), "b".repeat(4000)],
    ["stars and question marks", `${"*?".repeat(500)}b`, "a".repeat(4000)],
  ])("%s cost at most pattern times name", (_, pattern, name) => {
    const meter = new Meter();
    new Glob(pattern).matches(name, meter);
    expect(meter.work).toBeGreaterThan(0);
    expect(meter.work).toBeLessThanOrEqual((pattern.length + 1) * (name.length + 1));
  });

  test("stars that can match cost no more than the name and the pattern together", () => {
    const meter = new Meter();
    expect(new Glob("*a".repeat(500)).matches(`${"ba".repeat(499)}a`, meter)).toBe(true);
    expect(meter.work).toBeLessThanOrEqual(4 * 1000);
  });

  test("a pattern of many open brackets is read in linear time", () => {
    expect(matches("[".repeat(1024), "[".repeat(1024))).toBe(true);
    expect(matches(`${"[".repeat(1023)}]`, "[")).toBe(true);
  });
});

/** Every way to share the name out among the tokens: exponential, and obviously right. */
function everyWay(tokens: readonly string[], name: readonly string[]): boolean {
  const [token, ...rest] = tokens;
  if (token === undefined) return name.length === 0;
  if (token === "*") {
    for (let taken = 0; taken <= name.length; taken += 1) if (everyWay(rest, name.slice(taken))) return true;
    return false;
  }
  const [first, ...others] = name;
  if (first === undefined) return false;
  const ok =
    token === "?" ||
    (token === "[ab]" && "ab".includes(first)) ||
    (token === "[!a]" && first !== "a") ||
    (token === "[!😀]" && first !== "😀") ||
    token === first;
  return ok && everyWay(rest, others);
}
