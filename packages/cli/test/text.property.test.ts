import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { jsonText, render, styled } from "../src/output.ts";
import { clean } from "../src/text.ts";

const anything = fc.string({ unit: "binary", maxLength: 200 });
/** Text made of what terminals obey. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\u001b[31m",
        "\u001b[2J",
        "\u001b]0;title\u0007",
        "\u001b]8;;http://x\u001b\\",
        "\u009b1m",
      ),
      fc.constantFrom(
        "\u0000",
        "\u0007",
        "\b",
        "\r",
        "\n",
        "\u001b",
        "\u202e",
        "\u2066",
        "\u200b",
        "\ufeff",
        "\ud800",
      ),
      anything,
    ),
    { maxLength: 20 },
  )
  .map((parts) => parts.join(""));

const obeyed = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{Cs}/u;

describe("text from outside (N-67)", () => {
  test("keeps nothing that a terminal obeys or hides, and is then left alone", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const once = clean(text);
        expect(once).not.toMatch(obeyed);
        expect(clean(once)).toBe(once);
      }),
    );
  });

  test("keeps what people write", () => {
    for (const text of ["build", "π 日本語 🙂", "a/b c@1.0 (x)", "naïve"]) expect(clean(text)).toBe(text);
    expect(clean("\u001b[32mALLOW\u001b[0m\nsecond")).toBe("ALLOW second");
  });

  test("takes time linear in its length", () => {
    const steps = (text: string): number => {
      const started = performance.now();
      clean(text);
      return performance.now() - started;
    };
    // A quadratic pattern would need minutes for these.
    for (const part of ["\u001b]", "\u001b[", "\u001b[0;", "\u001b]x"]) {
      expect(steps(part.repeat(200_000))).toBeLessThan(5_000);
    }
  });

  test("is cleaned inside styles too: only our own sequences are printed", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const printed = render(["name ", styled("bad", text)], true);
        expect(printed.replace("\u001b[31m", "").replace("\u001b[0m", "")).not.toMatch(obeyed);
      }),
    );
  });

  test("is the same document in JSON, without anything raw", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const json = jsonText({ text });
        expect(json.replaceAll("\n", "")).not.toMatch(obeyed);
        expect(JSON.parse(json)).toEqual({ text });
      }),
    );
  });
});
