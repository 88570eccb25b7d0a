import { describe, expect, test } from "@jest/globals";
import {
  type EncodingCode,
  EncodingError,
  fromPlain,
  type JsonValue,
  parseJson,
  toPlain,
  utf8,
  writeJson,
} from "@stemma/encoding";
import fc from "fast-check";

function codeOf(run: () => unknown): EncodingCode | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof EncodingError) return error.code;
    throw error;
  }
  return undefined;
}

describe("parseJson accepts what RFC 8259 says", () => {
  test.each<[string, unknown]>([
    ["null", null],
    [" true ", true],
    ["0", 0],
    ["-1", -1],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ['"a\\u0062\\n\\"\\\\\\/"', 'ab\n"\\/'],
    ['"\\ud83d\\ude00"', "😀"],
    ["[]", []],
    ["[1,[2]]", [1, [2]]],
    ["\t{ }\r\n", {}],
  ])("%s", (text, expected) => {
    expect(JSON.stringify(toPlain(parseJson(utf8(text))))).toBe(JSON.stringify(expected));
  });

  test("members keep the order of the bytes, whatever they are called (N-07, N-23)", () => {
    const object = parseJson(utf8('{"b":1,"10":2,"2":3,"__proto__":4,"constructor":5}')) as ReadonlyMap<
      string,
      JsonValue
    >;
    expect([...object.keys()]).toEqual(["b", "10", "2", "__proto__", "constructor"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test("integers beyond 2^53 survive as bigints", () => {
    expect(parseJson(utf8("9007199254740993"))).toBe(9007199254740993n);
  });

  test("fractions are let in where a caller allows them", () => {
    expect(parseJson(utf8("[1.5,1e3,-2E-2]"), { fractions: true })).toEqual([1.5, 1000, -0.02]);
  });
});

describe("parseJson refuses", () => {
  test.each<[string, string, EncodingCode]>([
    ["nothing", "", "bad_json"],
    ["two documents (N-19)", "{} {}", "bad_json"],
    ["a trailing comma", "[1,]", "bad_json"],
    ["a comma in an object", '{"a":1,}', "bad_json"],
    ["an open string", '"abc', "bad_json"],
    ["an open escape", '"abc\\', "bad_json"],
    ["a bare control character", '"a\nb"', "bad_json"],
    ["single quotes", "'a'", "bad_json"],
    ["an unknown escape", '"\\x41"', "bad_json"],
    ["a short escape", '"\\u12"', "bad_json"],
    ["a lone surrogate (N-26)", '"\\ud800"', "bad_json"],
    ["a byte order mark (N-26)", "\ufeff{}", "bad_json"],
    ["NaN", "NaN", "bad_json"],
    ["a comment", "/* */ 1", "bad_json"],
    ["duplicate members (N-20)", '{"a":1,"a":2}', "duplicate_member"],
    ["duplicate members by escape (N-20)", '{"a":1,"\\u0061":2}', "duplicate_member"],
    ["minus zero (N-17)", "-0", "bad_number"],
    ["a fraction (N-17)", "1.0", "bad_number"],
    ["an exponent (N-17)", "1e3", "bad_number"],
    ["a leading zero (N-17)", "01", "bad_number"],
    ["plus", "+1", "bad_json"],
    ["a million digits (N-17)", "9".repeat(1_000_000), "bad_number"],
    ["a deep array (N-26)", "[".repeat(33), "too_deep"],
    ["an absurdly deep array (N-26)", "[".repeat(100_000), "too_deep"],
  ])("%s", (_name, text, code) => {
    expect(codeOf(() => parseJson(utf8(text)))).toBe(code);
  });

  test("bytes that are not UTF-8 (N-26)", () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      expect(codeOf(() => parseJson(Uint8Array.from(bytes)))).toBe("bad_utf8");
    }
  });

  test("depth at the limit passes, one more does not", () => {
    expect(codeOf(() => parseJson(utf8("[".repeat(32) + "]".repeat(32))))).toBeUndefined();
    expect(codeOf(() => parseJson(utf8("[".repeat(33) + "]".repeat(33))))).toBe("too_deep");
  });

  test("size at the limit passes, one more byte does not", () => {
    expect(codeOf(() => parseJson(utf8('"aa"'), { maxBytes: 4 }))).toBeUndefined();
    expect(codeOf(() => parseJson(utf8('"aaa"'), { maxBytes: 4 }))).toBe("too_large");
  });

  test("objects and arrays that cost far more memory than their bytes", () => {
    const many = (item: string, count: number) => utf8(`[${Array(count).fill(item).join(",")}]`);
    for (const item of ["{}", "[]"]) {
      expect(codeOf(() => parseJson(many(item, 10_000)))).toBeUndefined();
      expect(codeOf(() => parseJson(many(item, 100_000)))).toBe("too_large");
    }
    // The smallest digest entry that anybody writes, as often as the document has room for it.
    expect(codeOf(() => parseJson(many('{"name":"a","digest":{"x":"0a"}}', 150_000)))).toBeUndefined();
  });

  test("an infinite number, a bare point and a bare exponent, even with fractions", () => {
    for (const text of ["1e999", "1.", "1e", "1e+", ".5"]) {
      expect(codeOf(() => parseJson(utf8(text), { fractions: true }))).toMatch(/bad_(number|json)/);
    }
  });
});

describe("parseJson and the platform", () => {
  test("agree on every document that the platform writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noNegativeZero: true } as never), (value) => {
        const text = JSON.stringify(value);
        if (/-0(?![.\d])/.test(text)) return;
        const parsed = parseJson(utf8(text), { fractions: true, maxDepth: 64 });
        const plain = JSON.stringify(toPlain(parsed), (_name, item) =>
          typeof item === "bigint" ? Number(item) : item,
        );
        expect(JSON.parse(plain)).toEqual(JSON.parse(text));
      }),
    );
  });

  test("never accept what the platform refuses, and never throw anything else", () => {
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      '"a"',
      "1",
      "-",
      "0",
      ".",
      "e",
      "\\",
      "\\u0061",
      "true",
      "nul",
      " ",
      "\u0000",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (list) => {
        const text = list.join("");
        if (codeOf(() => parseJson(utf8(text), { fractions: true })) === undefined) {
          expect(() => JSON.parse(text)).not.toThrow();
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("writing and parsing again changes nothing", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const json = fromPlain(JSON.parse(JSON.stringify(value).replace(/-0(?![.\d])/g, "0")));
        const bytes = writeJson(json, indent);
        expect(writeJson(parseJson(bytes, { fractions: true, maxDepth: 64 }), indent)).toEqual(bytes);
      }),
    );
  });
});
