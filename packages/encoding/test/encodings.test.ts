import { describe, expect, test } from "@jest/globals";
import {
  canonicalJson,
  compareCodePoints,
  decodeBase64,
  decodeHex,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  jsonObject,
  pae,
  parseDigest,
  parseJson,
  recordPath,
  utf8,
} from "@stemma/encoding";
import fc from "fast-check";

const canonical = (text: string): string => decodeUtf8(canonicalJson(parseJson(utf8(text))));

describe("canonicalJson (in-toto.md 1.8)", () => {
  test.each([
    ['{ "b" : 1, "a" : [ true, null, -5 ] }', '{"a":[true,null,-5],"b":1}'],
    ['{"\\uffff":1,"\\ud83d\\ude00":2}', '{"\uffff":1,"😀":2}'],
    [
      '"quote \\" backslash \\\\ tab \\t newline \\n del \\u007f"',
      '"quote \\" backslash \\\\ tab \t newline \n del \x7f"',
    ],
    ['{"n":9007199254740993}', '{"n":9007199254740993}'],
    ['{"10":1,"2":2,"":3}', '{"":3,"10":1,"2":2}'],
    ["{}", "{}"],
  ])("%s", (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  test("has no form for fractions", () => {
    expect(() => canonicalJson(1.5)).toThrow(expect.objectContaining({ code: "bad_number" }));
    expect(() => canonicalJson(1e21)).toThrow(expect.objectContaining({ code: "bad_number" }));
  });

  test("sorts by code point, as the code points themselves compare", () => {
    const points = (text: string): number[] => [...text].map((c) => c.codePointAt(0) as number);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
        const [x, y] = [points(a), points(b)];
        let expected = x.length - y.length;
        for (let at = 0; at < Math.min(x.length, y.length); at += 1) {
          if (x[at] !== y[at]) {
            expected = (x[at] as number) - (y[at] as number);
            break;
          }
        }
        expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(expected));
      }),
    );
  });
});

describe("hex and base64 are strict (N-08)", () => {
  test("round trips", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect([...decodeHex(encodeHex(bytes))]).toEqual([...bytes]);
        expect([...decodeBase64(encodeBase64(bytes))]).toEqual([...bytes]);
        const urlSafe = Buffer.from(bytes).toString("base64url");
        expect([...decodeBase64(urlSafe, { urlSafe: true })]).toEqual([...bytes]);
      }),
    );
  });

  test.each(["zz", "abzz", "abc", "AB", "0x12", " 12", "12\n"])("hex %j is refused", (text) => {
    expect(() => decodeHex(text)).toThrow(expect.objectContaining({ code: "bad_encoding" }));
  });

  test.each(["YQ", "YQ=", "YR==", "YQ==x", "Y Q==", "YQ==\n", "_-8=", "YQ===", "="])(
    "base64 %j is refused",
    (text) => {
      expect(() => decodeBase64(text)).toThrow(expect.objectContaining({ code: "bad_encoding" }));
    },
  );

  test.each(["YR", "+_8=", "a", "Y Q"])("URL-safe base64 %j is refused", (text) => {
    expect(() => decodeBase64(text, { urlSafe: true })).toThrow(
      expect.objectContaining({ code: "bad_encoding" }),
    );
  });
});

describe("DSSE PAE", () => {
  test("the vector of the protocol", () => {
    expect(decodeUtf8(pae("http://example.com/HelloWorld", utf8("hello world")))).toBe(
      "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
    );
  });

  test("counts bytes, not characters (N-24)", () => {
    expect(decodeUtf8(pae("application/vnd.in-toto+jsoŮ", utf8("é")))).toBe(
      "DSSEv1 29 application/vnd.in-toto+jsoŮ 2 é",
    );
  });
});

describe("digests", () => {
  test("sha256 and sha512 name their records", () => {
    expect(recordPath(parseDigest(`sha256:${"a".repeat(64)}`))).toBe(`sha256/${"a".repeat(64)}`);
    expect(recordPath(parseDigest(`sha512:${"0".repeat(128)}`))).toBe(`sha512/${"0".repeat(128)}`);
  });

  test.each([
    `sha256:${"A".repeat(64)}`,
    `sha256:${"a".repeat(63)}`,
    `md5:${"a".repeat(32)}`,
    "a".repeat(64),
    "",
  ])("%s is refused", (text) => {
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: "bad_digest" }));
  });
});

test("jsonObject leaves out what is undefined", () => {
  expect([...jsonObject({ a: 1, b: undefined, c: null }).keys()]).toEqual(["a", "c"]);
});
