import { describe, expect, test } from "@jest/globals";
import {
  assembleEnvelope,
  type Layout,
  readEnvelope,
  readLayout,
  ruleText,
  type StepContent,
  substituteParameters,
  writeLayout,
} from "../src/index.ts";
import { layout, person, step } from "./support/chain.ts";

const alice = person();

function read(rules: Partial<StepContent>): Layout {
  return readLayout(
    readEnvelope(assembleEnvelope(writeLayout(layout(step("build", [alice], rules))), "dsse", [])),
  );
}

/** The first product rule after substitution. */
function rule(words: readonly string[], parameters: Record<string, string> = {}): string {
  const result = substituteParameters(
    read({ expectedProducts: [words] }),
    new Map(Object.entries(parameters)),
  );
  const [first] = result.steps[0]?.expectedProducts ?? [];
  return first === undefined ? "" : ruleText(first);
}

function command(words: readonly string[], parameters: Record<string, string> = {}): readonly string[] {
  const result = substituteParameters(read({ expectedCommand: words }), new Map(Object.entries(parameters)));
  return result.steps[0]?.expectedCommand ?? [];
}

const unknown = expect.objectContaining({ code: "unknown_parameter" });

describe("with parameters", () => {
  test("every word of a rule and of a command is substituted, and the rule parsed again", () => {
    expect(rule(["ALLOW", "{NAME}-{VERSION}.tgz"], { NAME: "app", VERSION: "1.0" })).toBe(
      "ALLOW app-1.0.tgz",
    );
    expect(
      rule(["MATCH", "{A}", "IN", "{B}", "WITH", "PRODUCTS", "IN", "{C}", "FROM", "{D}"], {
        A: "a*",
        B: "b",
        C: "c",
        D: "d",
      }),
    ).toBe("MATCH a* IN b WITH PRODUCTS IN c FROM d");
    expect(command(["make", "VERSION={VERSION}"], { VERSION: "1.0" })).toEqual(["make", "VERSION=1.0"]);
  });

  test("a value is not substituted again", () => {
    expect(rule(["ALLOW", "{A}"], { A: "{B}", B: "x" })).toBe("ALLOW {B}");
  });

  test("a double brace is a brace", () => {
    expect(rule(["ALLOW", "{{A}}"], { A: "x" })).toBe("ALLOW {A}");
    expect(rule(["ALLOW", "{{{A}}}"], { A: "x" })).toBe("ALLOW {x}");
  });

  test("names and keys are never touched", () => {
    const document = read({});
    const named = { ...document, steps: document.steps.map((one) => ({ ...one, name: "{A}" })) };
    expect(substituteParameters(named, new Map([["A", "x"]])).steps[0]?.name).toBe("{A}");
  });

  test.each(["{B}", "{", "}", "a{b", "{}", "{A", "A}", "{A:>9}", "{A!r}", "{A.b}", "{A[0]}", "{ A }"])(
    "%j denies, in a rule and in a command",
    (word) => {
      expect(() => rule(["ALLOW", word], { A: "x" })).toThrow(unknown);
      expect(() => command([word], { A: "x" })).toThrow(unknown);
    },
  );

  test.each(["", "a b", "a.b", "ä", "{A}", "a\n"])("%j is not the name of a parameter", (name) => {
    expect(() => rule(["ALLOW", "x"], { [name]: "x" })).toThrow(
      expect.objectContaining({ code: "bad_parameter" }),
    );
  });

  test.each(["constructor", "__proto__", "toString"])(
    "%j is a name without a value, not a member of Object",
    (name) => {
      expect(() => rule(["ALLOW", `{${name}}`], { A: "x" })).toThrow(unknown);
    },
  );
});

describe("without parameters", () => {
  test("a placeholder in a rule denies: a DISALLOW of it would forbid nothing", () => {
    expect(() => rule(["DISALLOW", "{NAME}"])).toThrow(unknown);
  });

  test("other braces stand for themselves", () => {
    expect(rule(["ALLOW", "{a,b}"])).toBe("ALLOW {a,b}");
    expect(rule(["ALLOW", "{{"])).toBe("ALLOW {{");
    expect(command(["find", "{}", "{HOME}"])).toEqual(["find", "{}", "{HOME}"]);
  });
});
