import { describe, expect, test } from "@jest/globals";
import { utf8 } from "@stemma/encoding";
import {
  type ArtifactType,
  applyRules,
  DEFAULT_LIMITS,
  Meter,
  parseRule,
  readEnvelope,
  readLink,
  signLayout,
} from "../src/index.ts";
import { artifacts, digestOf, EXPIRES, hashOf, layout, link, owners, step } from "./support/chain.ts";
import { alice, bob, good, olga, oscar, verify, verifyChain, why } from "./support/release.ts";

/** Where the Python and the Go implementation differ: what Stemma does, by the letters of docs/divergences.md. */

function fails(
  list: ArtifactType,
  rules: readonly string[],
  products: Record<string, string>,
  other: Record<string, string> = {},
): boolean {
  const parsed = rules.map((rule) => parseRule(rule.split(" "), "test", DEFAULT_LIMITS));
  const item = { materials: artifacts({}), products: artifacts(products) };
  const otherItem = { materials: artifacts({}), products: artifacts(other) };
  return applyRules(list, parsed, item, () => otherItem, new Meter()).failure !== undefined;
}

test("(a) an artifact outside the source prefix is not matched, as in Python", () => {
  const rules = ["MATCH f IN sub WITH PRODUCTS FROM other", "DISALLOW *"];
  expect(fails("products", rules, { "sub/f": "1" }, { f: "1" })).toBe(false);
  expect(fails("products", rules, { f: "1" }, { f: "1" })).toBe(true);
});

test("(b) patterns are not cleaned, as in Python; names that need it are refused, as in neither", () => {
  expect(fails("products", ["DISALLOW ./f"], { f: "1" })).toBe(false);
  expect(fails("products", ["ALLOW ./f", "DISALLOW *"], { f: "1" })).toBe(true);
  const signed = { _type: "link", name: "s", materials: {}, products: { "./f": { sha256: hashOf("1") } } };
  const bytes = utf8(JSON.stringify({ signatures: [], signed }));
  expect(() => readLink(readEnvelope(bytes))).toThrow(expect.objectContaining({ code: "path_not_normal" }));
});

describe("(c) links that disagree at a threshold of 1", () => {
  const content = layout(step("build", [alice, bob], { expectedProducts: [["REQUIRE", "good"]] }));
  const sound = link("build", {}, { good: "1" });
  const other = link("build", {}, { bad: "1" });

  test("neither the first one, as in Python, nor all, as in Go: any that satisfies the rules", async () => {
    const digest = digestOf("1");
    for (const signers of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const links = [
        [sound, signers[0]],
        [other, signers[1]],
      ] as const;
      expect(why(await verifyChain(content, links, { digest }))).toEqual([]);
    }
    expect(why(await verifyChain(content, [[other, alice]], { digest }))).toEqual(["rule_failed build"]);
  });
});

test("(d) at the moment of its expiry a layout has expired, as in Python", () => {
  expect(why(verify(good, { time: new Date(EXPIRES.getTime() - 1) }))).toEqual([]);
  expect(why(verify(good, { time: EXPIRES }))).toEqual(["layout_expired"]);
});

test("(e) REQUIRE takes its name as it is, as in Python: no pattern, no cleaning", () => {
  expect(fails("products", ["REQUIRE f"], { f: "1" })).toBe(false);
  expect(fails("products", ["REQUIRE ./f"], { f: "1" })).toBe(true);
  expect(fails("products", ["REQUIRE *"], { f: "1" })).toBe(true);
  expect(fails("products", ["REQUIRE *"], { "*": "1" })).toBe(false);
});

test("(f) an artifact like sub//abs is refused with a code, where Python stops with KeyError", () => {
  const signed = {
    _type: "link",
    name: "s",
    materials: {},
    products: { "sub//abs": { sha256: hashOf("1") } },
  };
  const bytes = utf8(JSON.stringify({ signatures: [], signed }));
  expect(() => readLink(readEnvelope(bytes))).toThrow(expect.objectContaining({ code: "path_not_normal" }));
});

test("(g) owners sign by a threshold, where both ask every given key to have signed", async () => {
  const one = await signLayout(layout(step("build", [alice])), [olga]);

  const evidence = await verifyChain(
    layout(step("build", [alice])),
    [[link("build", {}, { f: "1" }), alice]],
    { layoutEnvelope: one, owners: owners(1, olga, oscar), digest: digestOf("1") },
  );
  expect(why(evidence)).toEqual([]);
});
