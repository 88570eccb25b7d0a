import { describe, expect, test } from "@jest/globals";
import { asObject, fromPlain, type JsonObject, type JsonValue } from "@stemma/encoding";
import fc from "fast-check";
import {
  type AttributeFailure,
  type AttributeRule,
  attributeText,
  failedAttributes,
  readAttributeRules,
} from "../src/attributes.ts";
import { DEFAULT_LIMITS, Meter } from "../src/limits.ts";
import { pointerTo } from "../src/pointer.ts";
import { json } from "./support/statement.ts";

const rulesOf = (...rules: readonly unknown[]): readonly AttributeRule[] =>
  readAttributeRules(json(rules), "expectedAttributes");
const failures = (document: unknown, ...rules: readonly unknown[]): readonly AttributeFailure[] =>
  failedAttributes(rulesOf(...rules), asObject(json(document), "document"), new Meter());
const holds = (document: unknown, rule: unknown): boolean => failures(document, rule).length === 0;
const refusal = (code: string, text = "") =>
  expect.objectContaining({ code, message: expect.stringContaining(text) });

describe("attribute rules", () => {
  test("absent, they are none", () => {
    expect(readAttributeRules(undefined, "x")).toEqual([]);
    expect(rulesOf()).toEqual([]);
  });

  test.each([
    [null, "must be a list"],
    [{}, "must be a list"],
    ['"/a exists"', "must be a list"],
    [[null], "expectedAttributes[0] must be an object"],
    [["/a"], "expectedAttributes[0] must be an object"],
    [[[]], "expectedAttributes[0] must be an object"],
    [[{}], "exactly one of equals, oneOf, glob, exists, atLeast, atMost, size; found nothing"],
    [[{ at: "/a" }], "found nothing"],
    [[{ equals: 1 }], "expectedAttributes[0].at must be a text"],
    [[{ at: null, equals: 1 }], "at must be a text"],
    [[{ at: ["a"], equals: 1 }], "at must be a text"],
    [[{ at: "a", equals: 1 }], 'at is "a", which is not a JSON Pointer'],
    [[{ at: "#/a", equals: 1 }], "not a JSON Pointer"],
    [[{ at: "/a~", equals: 1 }], "not a JSON Pointer"],
    [[{ at: "/a~3", equals: 1 }], "not a JSON Pointer"],
    [[{ at: "/~~0", equals: 1 }], "not a JSON Pointer"],
    [[{ at: "/a", equal: 1 }], 'found "equal"'],
    [[{ at: "/a", Equals: 1 }], 'found "Equals"'],
    [[{ at: "/a", constructor: 1 }], 'found "constructor"'],
    [[{ at: "/a", equals: 1, exists: true }], 'found "equals", "exists"'],
    [[{ at: "/a", equals: 1, warn: true }], 'found "equals", "warn"'],
    [[{ at: "/a", equals: 1, allowIfNoClaim: true }], 'found "equals", "allowIfNoClaim"'],
    [[{ at: "/a", atLeast: 1, atMost: 2 }], 'found "atLeast", "atMost"'],
    [[{ at: "/a", equals: [] }], "equals must be a text, an integer, true, false or null"],
    [[{ at: "/a", equals: {} }], "equals must be a text"],
    [[{ at: "/a", equals: 1.5 }], "equals must be a text"],
    [[{ at: "/a", equals: 1e300 }], "equals must be a text"],
    [[{ at: "/a", oneOf: [] }], "oneOf must be a list of 1 to 64 values"],
    [[{ at: "/a", oneOf: "x" }], "oneOf must be a list"],
    [[{ at: "/a", oneOf: { 0: "x" } }], "oneOf must be a list"],
    [[{ at: "/a", oneOf: ["x", []] }], "oneOf[1] must be a text"],
    [[{ at: "/a", oneOf: [0.5] }], "oneOf[0] must be a text"],
    [[{ at: "/a", oneOf: Array(65).fill("x") }], "oneOf must be a list of 1 to 64 values"],
    [[{ at: "/a", glob: 1 }], "glob must be a text"],
    [[{ at: "/a", glob: ["*"] }], "glob must be a text"],
    [[{ at: "/a", exists: "true" }], "exists must be true or false"],
    [[{ at: "/a", exists: null }], "exists must be true or false"],
    [[{ at: "/a", atLeast: "1" }], "atLeast must be a number"],
    [[{ at: "/a", atMost: null }], "atMost must be a number"],
    [[{ at: "/a", size: 1 }], "size must be an object"],
    [[{ at: "/a", size: [1, 2] }], "size must be an object"],
    [[{ at: "/a", size: {} }], "size must have a min or a max"],
    [[{ at: "/a", size: { minimum: 1 } }], 'size has the member "minimum", which is not known'],
    [[{ at: "/a", size: { min: 1, step: 1 } }], 'size has the member "step", which is not known'],
    [[{ at: "/a", size: { min: -1 } }], "size.min must be an integer of at least 0"],
    [[{ at: "/a", size: { min: 0.5 } }], "size.min must be an integer of at least 0"],
    [[{ at: "/a", size: { max: "1" } }], "size.max must be an integer of at least 0"],
    [[{ at: "/a", size: { max: null } }], "size.max must be an integer of at least 0"],
    [[{ at: "/a", size: { min: 2, max: 1 } }], "size has a min above its max"],
    [[{ at: "/a", equals: 1, allowEmpty: true }], 'allowEmpty is only for places with a "*"'],
    [[{ at: "/a", equals: 1, allowEmpty: false }], 'allowEmpty is only for places with a "*"'],
    [[{ at: "/a*", equals: 1, allowEmpty: true }], 'allowEmpty is only for places with a "*"'],
    [[{ at: "/~2", equals: 1, allowEmpty: true }], 'allowEmpty is only for places with a "*"'],
    [[{ at: "/*", exists: true, allowEmpty: true }], "never beside exists"],
    [[{ at: "/*", exists: false, allowEmpty: false }], "never beside exists"],
    [[{ at: "/*", equals: 1, allowEmpty: "yes" }], "allowEmpty must be true or false"],
    [[{ at: "/*", equals: 1, allowEmpty: null }], "allowEmpty must be true or false"],
    [[{ at: "/*", allowEmpty: true }], "found nothing"],
    [[{ at: "/a", exists: true }, { at: "/b" }], "expectedAttributes[1] must have"],
  ])("%j is refused: %s (N-44)", (rules, text) => {
    expect(() => readAttributeRules(json(rules), "expectedAttributes")).toThrow(
      refusal("bad_attribute_rule", text),
    );
  });

  test("and so are members with names that objects have", () => {
    expect(() => readAttributeRules(json('[{"at": "/a", "equals": 1, "__proto__": {}}]'), "x")).toThrow(
      refusal("bad_attribute_rule", '"__proto__"'),
    );
  });

  test.each([
    ["256 rules", Array(257).fill({ at: "/a", exists: true })],
    ["1024 characters of a pointer", [{ at: `/${"x".repeat(1024)}`, exists: true }]],
    ["1024 characters of a pattern", [{ at: "/a", glob: "*".repeat(1025) }]],
    ["1024 characters of a value", [{ at: "/a", equals: "x".repeat(1025) }]],
    ["1024 characters of one of many values", [{ at: "/a", oneOf: ["x".repeat(1025)] }]],
  ])("%s are the most", (_, rules) => {
    expect(() => readAttributeRules(json(rules), "x")).toThrow(refusal("limit_exceeded"));
  });

  test.each([
    [{ at: "/predicate/result", equals: "PASSED" }, '/predicate/result is "PASSED"'],
    [{ at: "/a", equals: "line\n\u001b[31mbreak" }, '/a is "line\\n\\u001b[31mbreak"'],
    [{ at: "/a\nb", equals: null }, "/a\\nb is null"],
    [{ at: "/a", oneOf: [1, true, "x"] }, '/a is 1 or true or "x"'],
    [
      { at: "/a", oneOf: Array.from({ length: 64 }, (_, index) => index) },
      "/a is 0 or 1 or 2 or 3 or 4 or 5 or 6 or 7 or 56 more",
    ],
    [
      { at: "/a/*", glob: "git+https://*", allowEmpty: true },
      '/a/* is a text like "git+https://*", or nothing',
    ],
    [{ at: "", exists: true }, "the statement holds something"],
    [{ at: "/a", exists: false }, "/a holds nothing"],
    [{ at: "/a", atLeast: 1.5 }, "/a is a number of at least 1.5"],
    [{ at: "/a", atMost: 2 }, "/a is a number of at most 2"],
    [{ at: "/a", size: { min: 1 } }, "/a has a size of at least 1"],
    [{ at: "/a", size: { min: 1, max: 3 } }, "/a has a size of at least 1 and at most 3"],
  ])("%j reads %s", (rule, text) => {
    expect(rulesOf(rule).map(attributeText)).toEqual([text]);
  });
});

const DOCUMENT = {
  predicate: {
    result: "PASSED",
    count: 3,
    ratio: 0.75,
    "": "empty",
    "a/b": 1,
    "m~n": 2,
    "*": "star",
    "~2": "tilde",
    "0": "zero",
    nothing: null,
    yes: true,
    list: ["a", "b", "c"],
    none: [],
    blank: {},
    findings: [{ severity: "low" }, { severity: "medium" }],
    some: [{ severity: "low" }, { id: "CVE-1" }],
    members: { x: { level: 2 }, y: { level: 5 } },
    nested: [[1, 2], [3], [4]],
    holes: [[1], []],
    text: "a😀",
  },
};

describe("what is asked of one place", () => {
  test.each([
    [{ at: "/predicate/result", equals: "PASSED" }, true],
    [{ at: "/predicate/result", equals: "passed" }, false],
    [{ at: "/predicate/result", equals: "PASSE" }, false],
    [{ at: "/predicate/resul", equals: "PASSED" }, false],
    [{ at: "/predicate/result/0", equals: "P" }, false],
    [{ at: "/predicate/result/length", equals: 6 }, false],
    [{ at: "/predicate/count", equals: 3 }, true],
    [{ at: "/predicate/count", equals: "3" }, false],
    [{ at: "/predicate/nothing", equals: null }, true],
    [{ at: "/predicate/missing", equals: null }, false],
    [{ at: "/predicate/yes", equals: true }, true],
    [{ at: "/predicate/yes", equals: 1 }, false],
    [{ at: "/predicate/list", equals: "a" }, false],
    [{ at: "/predicate/", equals: "empty" }, true],
    [{ at: "/predicate/a~1b", equals: 1 }, true],
    [{ at: "/predicate/m~0n", equals: 2 }, true],
    [{ at: "/predicate/~2", equals: "star" }, true],
    [{ at: "/predicate/~02", equals: "tilde" }, true],
    [{ at: "/predicate/0", equals: "zero" }, true],
    [{ at: "/predicate/list/0", equals: "a" }, true],
    [{ at: "/predicate/list/2", equals: "c" }, true],
    [{ at: "/predicate/list/3", equals: "c" }, false],
    [{ at: "/predicate/list/-", equals: "c" }, false],
    [{ at: "/predicate/list/-1", equals: "c" }, false],
    [{ at: "/predicate/list/00", equals: "a" }, false],
    [{ at: "/predicate/list/1e0", equals: "b" }, false],
    [{ at: `/predicate/list/${"9".repeat(400)}`, equals: "a" }, false],
    [{ at: "/predicate/list/length", equals: 3 }, false],
    [{ at: "/predicate/result", oneOf: ["WARNED", "PASSED"] }, true],
    [{ at: "/predicate/result", oneOf: ["WARNED", "FAILED", null, 0] }, false],
    [{ at: "/predicate/missing", oneOf: [null] }, false],
    [{ at: "/predicate/result", glob: "PASS*" }, true],
    [{ at: "/predicate/result", glob: "*" }, true],
    [{ at: "/predicate/result", glob: "pass*" }, false],
    [{ at: "/predicate/count", glob: "*" }, false],
    [{ at: "/predicate/nothing", glob: "*" }, false],
    [{ at: "/predicate/list", glob: "*" }, false],
    [{ at: "/predicate/missing", glob: "*" }, false],
    [{ at: "/predicate/nothing", exists: true }, true],
    [{ at: "/predicate/none", exists: true }, true],
    [{ at: "", exists: true }, true],
    [{ at: "/predicate/missing", exists: true }, false],
    [{ at: "/predicate/missing", exists: false }, true],
    [{ at: "/predicate/nothing", exists: false }, false],
    [{ at: "/predicate/count", atLeast: 3 }, true],
    [{ at: "/predicate/count", atLeast: 3.01 }, false],
    [{ at: "/predicate/count", atMost: 3 }, true],
    [{ at: "/predicate/count", atMost: -3 }, false],
    [{ at: "/predicate/ratio", atLeast: 0.75 }, true],
    [{ at: "/predicate/ratio", atMost: 0 }, false],
    [{ at: "/predicate/result", atLeast: 0 }, false],
    [{ at: "/predicate/nothing", atMost: 0 }, false],
    [{ at: "/predicate/yes", atLeast: 1 }, false],
    [{ at: "/predicate/missing", atMost: 0 }, false],
    [{ at: "/predicate/list", size: { min: 3, max: 3 } }, true],
    [{ at: "/predicate/list", size: { min: 4 } }, false],
    [{ at: "/predicate/list", size: { max: 2 } }, false],
    [{ at: "/predicate/none", size: { max: 0 } }, true],
    [{ at: "/predicate/blank", size: { max: 0 } }, true],
    [{ at: "/predicate/members", size: { min: 2, max: 2 } }, true],
    [{ at: "/predicate/text", size: { min: 2, max: 2 } }, true],
    [{ at: "/predicate/count", size: { min: 0 } }, false],
    [{ at: "/predicate/nothing", size: { max: 0 } }, false],
    [{ at: "/predicate/missing", size: { max: 0 } }, false],
  ])("%j: %s", (rule, expected) => {
    expect(holds(DOCUMENT, rule)).toBe(expected);
  });

  test.each(["__proto__", "constructor", "hasOwnProperty", "size", "get", "toString"])(
    "%s is a member like any other",
    (name) => {
      expect(holds({ a: {} }, { at: `/a/${name}`, exists: true })).toBe(false);
      expect(holds(`{"a": {"${name}": 1}}`, { at: `/a/${name}`, equals: 1 })).toBe(true);
      expect(holds({ a: [] }, { at: `/a/${name}`, exists: true })).toBe(false);
    },
  );

  test("numbers beyond 2^53 are compared exactly", () => {
    const big = '{"n": 9007199254740993}';
    const rule = (operator: string, limit: string) => json(`[{"at": "/n", "${operator}": ${limit}}]`);
    const passes = (operator: string, limit: string): boolean =>
      failedAttributes(
        readAttributeRules(rule(operator, limit), "x"),
        asObject(json(big), "document"),
        new Meter(),
      ).length === 0;
    expect(passes("equals", "9007199254740993")).toBe(true);
    expect(passes("equals", "9007199254740992")).toBe(false);
    expect(passes("oneOf", "[1, 9007199254740993]")).toBe(true);
    expect(passes("atLeast", "9007199254740992")).toBe(true);
    expect(passes("atLeast", "9007199254740994")).toBe(false);
    expect(passes("atMost", "9007199254740993")).toBe(true);
    expect(passes("atMost", "9007199254740992")).toBe(false);
    expect(passes("atLeast", "1.5")).toBe(true);
    expect(passes("atMost", "1e300")).toBe(true);
    expect(holds('{"n": 9007199254740994.0}', { at: "/n", equals: 9007199254740994 })).toBe(true);
    expect(holds('{"n": 3.0}', { at: "/n", equals: 3 })).toBe(true);
    expect(holds('{"n": 3.5}', { at: "/n", equals: 3 })).toBe(false);
  });
});

describe("what is asked of every place", () => {
  test.each([
    [{ at: "/predicate/findings/*/severity", oneOf: ["low", "medium"] }, true],
    [{ at: "/predicate/findings/*/severity", equals: "low" }, false],
    [{ at: "/predicate/members/*/level", atLeast: 2 }, true],
    [{ at: "/predicate/members/*/level", atLeast: 3 }, false],
    [{ at: "/predicate/nested/*/*", atMost: 4 }, true],
    [{ at: "/predicate/nested/*/*", atMost: 3 }, false],
    [{ at: "/predicate/nested/*/0", oneOf: [1, 3, 4] }, true],
    [{ at: "/predicate/nested/*", size: { min: 1 } }, true],
    [{ at: "/*", size: { min: 1 } }, true],
    [{ at: "/predicate/list/*", glob: "?" }, true],
    // An element without the member is not an element that passes.
    [{ at: "/predicate/some/*/severity", equals: "low" }, false],
    [{ at: "/predicate/some/*/severity", equals: "low", allowEmpty: true }, true],
    [{ at: "/predicate/some/*/severity", equals: "high", allowEmpty: true }, false],
    [{ at: "/predicate/holes/*/*", equals: 1 }, false],
    [{ at: "/predicate/holes/*/*", equals: 1, allowEmpty: true }, true],
    // Nothing to look at is nothing that passes.
    [{ at: "/predicate/none/*", equals: 1 }, false],
    [{ at: "/predicate/none/*", equals: 1, allowEmpty: true }, true],
    [{ at: "/predicate/none/*", equals: 1, allowEmpty: false }, false],
    [{ at: "/predicate/blank/*/x", equals: 1 }, false],
    [{ at: "/predicate/missing/*/x", equals: 1 }, false],
    [{ at: "/predicate/missing/*/x", equals: 1, allowEmpty: true }, true],
    [{ at: "/predicate/result/*", equals: "P" }, false],
    [{ at: "/predicate/nothing/*", equals: null }, false],
    [{ at: "/predicate/some/*/severity", exists: true }, true],
    [{ at: "/predicate/some/*/missing", exists: true }, false],
    [{ at: "/predicate/none/*", exists: true }, false],
    [{ at: "/predicate/none/*", exists: false }, true],
    [{ at: "/predicate/missing/*/x", exists: false }, true],
    [{ at: "/predicate/some/*/severity", exists: false }, false],
  ])("%j: %s", (rule, expected) => {
    expect(holds(DOCUMENT, rule)).toBe(expected);
  });
});

describe("failures", () => {
  test("name the rule, the first place, what was expected and what was found", () => {
    const found = failures(
      DOCUMENT,
      { at: "/predicate/result", equals: "PASSED" },
      { at: "/predicate/findings/*/severity", equals: "low" },
      { at: "/predicate/some/*/severity", equals: "low" },
      { at: "/predicate/missing/*", glob: "*" },
      { at: "/predicate/none/*", exists: true },
      { at: "/predicate/a~1b", exists: false },
      { at: "/predicate/*", exists: false },
      { at: "/predicate/list", equals: "a" },
      { at: "/predicate/members", atLeast: 1 },
      { at: "", size: { max: 0 } },
    );
    expect(found).toEqual([
      {
        rule: '/predicate/findings/*/severity is "low"',
        at: "/predicate/findings/1/severity",
        expected: '"low"',
        found: '"medium"',
      },
      expect.objectContaining({ at: "/predicate/some/1/severity", found: "nothing" }),
      expect.objectContaining({ at: "/predicate/missing", found: "nothing" }),
      expect.objectContaining({ at: "/predicate/none/*", expected: "something", found: "nothing" }),
      expect.objectContaining({ at: "/predicate/a~1b", expected: "nothing", found: "1" }),
      expect.objectContaining({ at: "/predicate/0" }),
      expect.objectContaining({ found: "an array of 3" }),
      expect.objectContaining({ found: "an object of 2" }),
      expect.objectContaining({ at: "the statement", found: "an object of 1" }),
    ]);
  });

  test("are short and printable, whatever the document holds", () => {
    const [failure] = failures(
      { ["k\n".repeat(500)]: `\u001b[2J"${"x".repeat(5000)}` },
      { at: "/*", equals: 1 },
    );
    expect(failure?.found).toMatch(/^"\\u001b\[2J\\"x{100,}…"$/);
    expect(failure?.at).toMatch(/^\/k\\nk\\n.*…$/);
    expect(`${failure?.at}${failure?.found}`.length).toBeLessThan(400);
  });
});

describe("the work", () => {
  test("is at most the document's size for each rule", () => {
    const wide = { a: Array.from({ length: 20_000 }, (_, index) => ({ b: [index] })) };
    const meter = new Meter();
    const document = asObject(fromPlain(wide), "document");
    expect(failedAttributes(rulesOf({ at: "/*/*/*/*", atLeast: 0 }), document, meter)).toEqual([]);
    expect(meter.work).toBeGreaterThan(20_000);
    expect(meter.work).toBeLessThan(100_000);
  });

  test("is counted for patterns, choices and sizes as well, and ends in search_limit", () => {
    const document = asObject(fromPlain({ a: Array(500).fill("a".repeat(500)) }), "document");
    for (const rule of [
      { at: "/a/*", glob: "*a?a*" },
      { at: "/a/*", oneOf: [...Array(63).fill(1), "a".repeat(500)] },
      { at: "/a/*", size: { min: 500 } },
    ]) {
      const meter = new Meter({ ...DEFAULT_LIMITS, work: 20_000 });
      expect(() => failedAttributes(rulesOf(rule), document, meter)).toThrow(refusal("search_limit"));
    }
  });
});

describe("any document", () => {
  type Found = readonly [path: readonly string[], value: JsonValue];
  const names = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 4 }),
    fc.constantFrom("", "*", "~", "/", "~2", "~0*", "__proto__", "constructor", "0", "a/b"),
  );
  const scalar = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 6 }),
    fc.integer(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }),
    fc.boolean(),
    fc.constant(null),
  );
  const { value: anyValue } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      scalar,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.array(fc.tuple(names, tie("value")), { maxLength: 4 }).map((entries) => new Map(entries)),
    ),
  }));
  const anyDocument: fc.Arbitrary<JsonObject> = fc
    .array(fc.tuple(names, anyValue), { maxLength: 5 })
    .map((entries) => new Map(entries));

  function everything(value: JsonValue, path: readonly string[] = []): readonly Found[] {
    const children: readonly (readonly [string, JsonValue])[] = Array.isArray(value)
      ? value.map((item: JsonValue, index) => [String(index), item] as const)
      : value instanceof Map
        ? [...(value as JsonObject)]
        : [];
    return [[path, value], ...children.flatMap(([name, child]) => everything(child, [...path, name]))];
  }
  const rule = (members: Record<string, JsonValue>): readonly AttributeRule[] =>
    readAttributeRules([new Map(Object.entries(members))], "x");
  const passes = (rules: readonly AttributeRule[], document: JsonObject): boolean =>
    failedAttributes(rules, document, new Meter()).length === 0;

  test("has at a pointer to a value that value, and no other", () => {
    fc.assert(
      fc.property(anyDocument, fc.nat(), scalar, (document, pick, other) => {
        const found = everything(document);
        const [path, value] = found[pick % found.length] ?? [[], document];
        const at = pointerTo(path);
        expect(passes(rule({ at, exists: true }), document)).toBe(true);
        expect(passes(rule({ at, exists: false }), document)).toBe(false);
        if (typeof value === "object" && value !== null) {
          expect(passes(rule({ at, equals: other }), document)).toBe(false);
          expect(passes(rule({ at, size: new Map([["min", 0]]) }), document)).toBe(true);
          return;
        }
        expect(passes(rule({ at, equals: other }), document)).toBe(
          Object.is(value, other) || value === other,
        );
        if (typeof value === "number" && !Number.isSafeInteger(value)) return;
        expect(passes(rule({ at, equals: value }), document)).toBe(true);
        expect(passes(rule({ at, oneOf: [other, value] }), document)).toBe(true);
      }),
    );
  });

  test("fails by what it holds and never by an error", () => {
    const segment = fc.oneof(
      { weight: 3, arbitrary: fc.constant("*") },
      names.map((name) => pointerTo([name]).slice(1)),
    );
    const operator = fc.constantFrom<Record<string, JsonValue>>(
      { equals: "a" },
      { oneOf: [1, null, true] },
      { glob: "*" },
      { exists: true },
      { exists: false },
      { atLeast: 0 },
      { atMost: 10n ** 20n },
      { size: new Map([["max", 1]]) },
    );
    fc.assert(
      fc.property(anyDocument, fc.array(segment, { maxLength: 4 }), operator, (document, segments, test) => {
        const at = segments.map((name) => `/${name}`).join("");
        const rules = rule({ at, ...test });
        for (const failure of failedAttributes(rules, document, new Meter())) {
          expect(failure.rule).toBe(rules.map(attributeText).join());
          expect(Object.values(failure).join("")).not.toMatch(/[\u0000-\u001f]/);
        }
      }),
    );
  });

  test("asked for every member or element passes when each of them does", () => {
    fc.assert(
      fc.property(
        fc.array(scalar, { maxLength: 6 }),
        scalar,
        fc.boolean(),
        (values, expected, allowEmpty) => {
          const same = values.every((value) => value === expected);
          const list = new Map<string, JsonValue>([["a", values]]);
          const map = new Map<string, JsonValue>([
            ["a", new Map(values.map((value, index) => [`k${index}`, value]))],
          ]);
          const rules = rule({ at: "/a/*", equals: expected, allowEmpty });
          expect(passes(rules, list)).toBe(same && (allowEmpty || values.length > 0));
          expect(passes(rules, map)).toBe(same && (allowEmpty || values.length > 0));
        },
      ),
    );
  });
});
