import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type ArtifactType,
  applyRules,
  DEFAULT_LIMITS,
  type ItemArtifacts,
  Meter,
  parseRule,
  type RuleOutcome,
  ruleText,
} from "../src/index.ts";
import { artifacts } from "./support/chain.ts";

type Contents = Record<string, string>;

function item(materials: Contents, products: Contents): ItemArtifacts {
  return { materials: artifacts(materials), products: artifacts(products) };
}

/** Applies rules, written as words with spaces between them. */
function run(
  list: ArtifactType,
  rules: readonly string[],
  here: ItemArtifacts,
  others: Record<string, ItemArtifacts> = {},
): RuleOutcome {
  const parsed = rules.map((rule) => parseRule(rule.split(" "), "test", DEFAULT_LIMITS));
  return applyRules(list, parsed, here, (name) => new Map(Object.entries(others)).get(name), new Meter());
}

const parse = (...tokens: string[]) => parseRule(tokens, "test", DEFAULT_LIMITS);

describe("the grammar of artifact rules", () => {
  test.each([
    [["MATCH", "p", "WITH", "PRODUCTS", "FROM", "s"], "", ""],
    [["MATCH", "p", "IN", "a", "WITH", "PRODUCTS", "FROM", "s"], "a/", ""],
    [["MATCH", "p", "WITH", "PRODUCTS", "IN", "b", "FROM", "s"], "", "b/"],
    [["MATCH", "p", "IN", "a", "WITH", "PRODUCTS", "IN", "b", "FROM", "s"], "a/", "b/"],
    [["MATCH", "p", "IN", "a/", "WITH", "PRODUCTS", "IN", "b/", "FROM", "s"], "a/", "b/"],
    [["match", "p", "In", "a", "with", "products", "iN", "b", "from", "s"], "a/", "b/"],
  ])("%j", (tokens, sourcePrefix, destinationPrefix) => {
    const rule = parse(...tokens);
    expect(rule).toMatchObject({
      kind: "match",
      sourcePrefix,
      destinationPrefix,
      type: "products",
      step: "s",
    });
    expect(ruleText(rule)).toBe(tokens.join(" "));
  });

  test("a pattern, a prefix and a step may be called like keywords", () => {
    expect(parse("MATCH", "WITH", "IN", "IN", "WITH", "MATERIALS", "IN", "FROM", "FROM", "IN")).toMatchObject(
      {
        pattern: { pattern: "WITH" },
        sourcePrefix: "IN/",
        destinationPrefix: "FROM/",
        type: "materials",
        step: "IN",
      },
    );
  });

  test.each(["create", "DELETE", "Modify", "allow", "DISALLOW"])("%s takes a pattern", (keyword) => {
    expect(parse(keyword, "foo*")).toMatchObject({
      kind: keyword.toLowerCase(),
      pattern: { pattern: "foo*" },
    });
  });

  test("REQUIRE takes a name", () => {
    expect(parse("REQUIRE", "foo*")).toMatchObject({ kind: "require", name: "foo*" });
  });

  test.each([
    [[]],
    [["ALLOW"]],
    [["ALLOW", "a", "b"]],
    [["PERMIT", "a"]],
    [["", "a"]],
    [["MATCH", "p"]],
    [["MATCH", "p", "WITH", "PRODUCTS", "FROM"]],
    [["MATCH", "p", "WITH", "BYPRODUCTS", "FROM", "s"]],
    [["MATCH", "p", "WITH", "PRODUCTS", "TO", "s"]],
    [["MATCH", "p", "WITH", "PRODUCTS", "FROM", "s", "x"]],
    [["MATCH", "p", "IN", "WITH", "PRODUCTS", "FROM", "s"]],
    [["MATCH", "p", "IN", "a", "IN", "b", "WITH", "PRODUCTS", "FROM", "s"]],
    [["MATCH", "p", "WITH", "PRODUCTS", "IN", "FROM", "s"]],
    [["MATCH", "p", "AT", "a", "WITH", "PRODUCTS", "FROM", "s"]],
  ])("%j is no rule", (tokens) => {
    expect(() => parse(...tokens)).toThrow(expect.objectContaining({ code: "bad_rule" }));
  });

  test("words have a limit", () => {
    expect(parse("ALLOW", "a".repeat(1024)).kind).toBe("allow");
    expect(() => parse("ALLOW", "a".repeat(1025))).toThrow(
      expect.objectContaining({ code: "limit_exceeded" }),
    );
  });
});

describe("MATCH", () => {
  /** name, rule, materials here, materials and products of the other step, what is left */
  const cases: readonly (readonly [string, string, Contents, Contents, Contents, readonly string[]])[] = [
    ["an equal material", "MATCH f WITH MATERIALS FROM o", { f: "1" }, { f: "1" }, {}, []],
    ["an equal product", "MATCH f WITH PRODUCTS FROM o", { f: "1" }, {}, { f: "1" }, []],
    [
      "not a product when materials are asked for",
      "MATCH f WITH MATERIALS FROM o",
      { f: "1" },
      {},
      { f: "1" },
      ["f"],
    ],
    [
      "not a material when products are asked for",
      "MATCH f WITH PRODUCTS FROM o",
      { f: "1" },
      { f: "1" },
      {},
      ["f"],
    ],
    ["not another content", "MATCH f WITH PRODUCTS FROM o", { f: "1" }, {}, { f: "2" }, ["f"]],
    ["not another name", "MATCH f WITH PRODUCTS FROM o", { f: "1" }, {}, { g: "1" }, ["f"]],
    ["nothing when the other step has nothing", "MATCH f WITH PRODUCTS FROM o", { f: "1" }, {}, {}, ["f"]],
    [
      "nothing from a step that has no link",
      "MATCH f WITH PRODUCTS FROM x",
      { f: "1" },
      {},
      { f: "1" },
      ["f"],
    ],
    ["nothing when there is nothing", "MATCH f WITH PRODUCTS FROM o", {}, {}, { f: "1" }, []],
    ["by a pattern", "MATCH * WITH PRODUCTS FROM o", { f: "1", g: "2" }, {}, { f: "1", g: "2" }, []],
    [
      "only what is equal of a pattern",
      "MATCH * WITH PRODUCTS FROM o",
      { f: "1", g: "2" },
      {},
      { f: "1", g: "9" },
      ["g"],
    ],
    [
      "only what the pattern says",
      "MATCH f* WITH PRODUCTS FROM o",
      { f: "1", g: "2" },
      {},
      { f: "1", g: "2" },
      ["g"],
    ],
    ["across folders by a star", "MATCH d* WITH PRODUCTS FROM o", { "d/e/f": "1" }, {}, { "d/e/f": "1" }, []],
    ["under a source prefix", "MATCH f IN s WITH PRODUCTS FROM o", { "s/f": "1" }, {}, { f: "1" }, []],
    ["under a destination prefix", "MATCH f WITH PRODUCTS IN d FROM o", { f: "1" }, {}, { "d/f": "1" }, []],
    [
      "under both",
      "MATCH * IN s WITH PRODUCTS IN d FROM o",
      { "s/f": "1", "s/g": "2" },
      {},
      { "d/f": "1", "d/g": "2" },
      [],
    ],
    [
      "under both, of several folders",
      "MATCH * IN a/b WITH PRODUCTS IN c/d FROM o",
      { "a/b/f": "1" },
      {},
      { "c/d/f": "1" },
      [],
    ],
    [
      "under prefixes that end in a slash",
      "MATCH f IN s/ WITH PRODUCTS IN d/ FROM o",
      { "s/f": "1" },
      {},
      { "d/f": "1" },
      [],
    ],
    [
      "under the same prefix on both sides",
      "MATCH f IN s WITH MATERIALS IN s FROM o",
      { "s/f": "1" },
      { "s/f": "1" },
      {},
      [],
    ],
    [
      "nothing outside the source prefix",
      "MATCH f IN s WITH PRODUCTS FROM o",
      { f: "1" },
      {},
      { f: "1" },
      ["f"],
    ],
    [
      "nothing whose name only begins like the prefix",
      "MATCH * IN s WITH PRODUCTS FROM o",
      { "st/f": "1" },
      {},
      { "t/f": "1" },
      ["st/f"],
    ],
    [
      "nothing by a pattern in a prefix",
      "MATCH f IN s* WITH PRODUCTS FROM o",
      { "sub/f": "1" },
      {},
      { f: "1" },
      ["sub/f"],
    ],
    [
      "the pattern speaks about what follows the prefix",
      "MATCH s/f IN s WITH PRODUCTS FROM o",
      { "s/f": "1" },
      {},
      { f: "1" },
      ["s/f"],
    ],
    [
      "a destination without its prefix is another artifact",
      "MATCH f WITH PRODUCTS IN d FROM o",
      { f: "1" },
      {},
      { f: "1" },
      ["f"],
    ],
  ];

  test("24 cases", () => expect(cases).toHaveLength(24));

  /** The same names in several folders, on both sides: what tells one from the other is the prefix alone. */
  const folders = Object.fromEntries(
    ["", "in/", "out/", "out/deep/"].flatMap((folder) => [
      [`${folder}one`, "1"],
      [`${folder}oneself`, "2"],
    ]),
  );
  test.each<readonly [string, readonly string[]]>([
    ["MATCH one WITH MATERIALS FROM o", ["one"]],
    ["MATCH one* WITH MATERIALS FROM o", ["one", "oneself"]],
    ["MATCH one IN in WITH MATERIALS FROM o", ["in/one"]],
    ["MATCH one* IN in/ WITH MATERIALS FROM o", ["in/one", "in/oneself"]],
    ["MATCH one WITH MATERIALS IN out FROM o", ["one"]],
    ["MATCH one* WITH MATERIALS IN out/ FROM o", ["one", "oneself"]],
    ["MATCH one IN in WITH MATERIALS IN in FROM o", ["in/one"]],
    ["MATCH one IN in WITH MATERIALS IN out/deep FROM o", ["in/one"]],
    ["MATCH one* IN in WITH MATERIALS IN out/deep/ FROM o", ["in/one", "in/oneself"]],
    [
      "MATCH * IN out WITH MATERIALS IN out FROM o",
      ["out/one", "out/oneself", "out/deep/one", "out/deep/oneself"],
    ],
    ["MATCH one IN out WITH MATERIALS IN out/deeper FROM o", []],
    ["MATCH one IN in WITH MATERIALS IN in FROM nobody", []],
    ["MATCH [!a-n]ne WITH MATERIALS FROM o", ["one"]],
    ["MATCH [^a-n]ne WITH MATERIALS FROM o", []],
    ["MATCH [^a-o]ne WITH MATERIALS FROM o", ["one"]],
  ])("of the same names in several folders, %s takes %j", (rule, taken) => {
    const here = item(folders, {});
    expect(run("materials", [rule], here, { o: here }).trace[0]?.consumed).toEqual(taken);
  });

  test.each(cases)("%s: %s", (_, rule, here, otherMaterials, otherProducts, left) => {
    const outcome = run("materials", [rule], item(here, {}), { o: item(otherMaterials, otherProducts) });
    expect(outcome.trace[0]?.left).toBe(left.length);
    // The same rule, then nothing allowed: what is left is what fails.
    const strict = run("materials", [rule, "DISALLOW *"], item(here, {}), {
      o: item(otherMaterials, otherProducts),
    });
    expect(strict.failure?.artifacts ?? []).toEqual(left);
  });

  test("compares every digest: one more on either side is another artifact", () => {
    const one = new Map([["f", new Map([["sha256", "a"]])]]);
    const two = new Map([
      [
        "f",
        new Map([
          ["sha256", "a"],
          ["sha512", "b"],
        ]),
      ],
    ]);
    const none = new Map();
    const left = (here: typeof one, there: typeof one) =>
      run(
        "materials",
        ["MATCH f WITH PRODUCTS FROM o"],
        { materials: here, products: none },
        {
          o: { materials: none, products: there },
        },
      ).trace[0]?.left;
    expect(left(two, two)).toBe(0);
    expect(left(one, two)).toBe(1);
    expect(left(two, one)).toBe(1);
  });

  test("explains what a later DISALLOW then meets", () => {
    const outcome = run(
      "materials",
      ["MATCH f WITH PRODUCTS FROM o", "MATCH f WITH MATERIALS FROM o", "DISALLOW *"],
      item({ f: "1" }, {}),
      { o: item({}, { f: "2" }) },
    );
    expect(outcome.failure).toMatchObject({
      list: "materials",
      index: 2,
      text: "DISALLOW *",
      artifacts: ["f"],
    });
    const [first, second] = outcome.failure?.mismatches ?? [];
    expect(first?.found).toEqual([`sha256:${artifacts({ f: "1" }).get("f")?.get("sha256")}`]);
    expect(first?.expected).toEqual([`sha256:${artifacts({ f: "2" }).get("f")?.get("sha256")}`]);
    expect(second?.expected).toEqual([]);
  });
});

describe("the other rules", () => {
  const before = { kept: "1", changed: "1", gone: "1" };
  const after = { kept: "1", changed: "2", fresh: "1" };

  /** list, rule, what it takes */
  test.each<readonly [ArtifactType, string, readonly string[]]>([
    ["products", "CREATE *", ["fresh"]],
    ["products", "CREATE f*", ["fresh"]],
    ["products", "CREATE x", []],
    ["products", "CREATE kept", []],
    ["materials", "CREATE *", []],
    ["materials", "DELETE *", ["gone"]],
    ["materials", "DELETE kept", []],
    ["products", "DELETE *", []],
    ["materials", "MODIFY *", ["changed"]],
    ["products", "MODIFY *", ["changed"]],
    ["products", "MODIFY kept", []],
    ["products", "MODIFY fresh", []],
    ["materials", "ALLOW *", ["kept", "changed", "gone"]],
    ["products", "ALLOW [!k]*", ["changed", "fresh"]],
    ["products", "ALLOW nothing", []],
    ["products", "DISALLOW nothing", []],
    ["products", "REQUIRE fresh", []],
  ])("in %s, %s takes %j", (list, rule, taken) => {
    const outcome = run(list, [rule], item(before, after));
    expect(outcome.failure).toBeUndefined();
    expect(outcome.trace[0]?.consumed).toEqual(taken);
    expect(outcome.trace[0]?.consumedCount).toBe(taken.length);
    expect(outcome.trace[0]?.left).toBe(3 - taken.length);
  });

  /** list, rules, index of the rule that fails, the artifacts it names */
  test.each<readonly [ArtifactType, readonly string[], number, readonly string[]]>([
    ["products", ["DISALLOW *"], 0, ["kept", "changed", "fresh"]],
    ["products", ["DISALLOW f*"], 0, ["fresh"]],
    ["products", ["ALLOW kept", "MODIFY *", "DISALLOW *"], 2, ["fresh"]],
    ["products", ["REQUIRE absent"], 0, ["absent"]],
    ["products", ["REQUIRE f*"], 0, ["f*"]],
    ["products", ["ALLOW fresh", "REQUIRE fresh"], 1, ["fresh"]],
    ["materials", ["DELETE *", "REQUIRE gone"], 1, ["gone"]],
    ["materials", ["CREATE *", "DISALLOW gone"], 1, ["gone"]],
  ])("in %s, %j fails at rule %i for %j", (list, rules, index, failing) => {
    const { failure, trace } = run(list, rules, item(before, after));
    expect(failure).toMatchObject({ list, index, text: rules[index], artifacts: failing });
    expect(trace).toHaveLength(index);
  });

  test.each<readonly [ArtifactType, readonly string[]]>([
    ["products", []],
    ["products", ["ALLOW kept"]],
    ["products", ["REQUIRE fresh", "CREATE fresh", "MODIFY changed", "ALLOW kept", "DISALLOW *"]],
    ["materials", ["REQUIRE gone", "DELETE gone", "MODIFY changed", "ALLOW kept", "DISALLOW *"]],
    ["products", ["ALLOW *", "DISALLOW *"]],
  ])("in %s, %j holds; what no rule speaks about is allowed", (list, rules) => {
    expect(run(list, rules, item(before, after)).failure).toBeUndefined();
  });

  /** What is no longer in the queue, or never was, is not taken, and does not fail. */
  test.each<readonly [ArtifactType, string, Contents, Contents, readonly string[]]>([
    ["materials", "DELETE f", { f: "1" }, {}, ["f"]],
    ["materials", "DELETE *", { f: "1", g: "1" }, {}, ["f", "g"]],
    ["products", "DELETE f", {}, { f: "1" }, []],
    ["materials", "DELETE g", { f: "1" }, {}, []],
    ["products", "CREATE *", {}, { f: "1", g: "1" }, ["f", "g"]],
    ["materials", "CREATE f", { f: "1" }, {}, []],
    ["products", "CREATE g", {}, { f: "1" }, []],
    ["products", "MODIFY *", { f: "1", g: "1" }, { f: "2", g: "2" }, ["f", "g"]],
    ["products", "MODIFY f", { f: "1" }, { f: "1" }, []],
    ["products", "MODIFY f", {}, { f: "1" }, []],
    ["products", "MODIFY g", { f: "1" }, { f: "2" }, []],
    ["products", "ALLOW f*", {}, { f: "1", fg: "1", g: "1" }, ["f", "fg"]],
    ["products", "ALLOW f", {}, {}, []],
    ["products", "DISALLOW *", {}, {}, []],
    ["products", "REQUIRE *", {}, { "*": "1" }, []],
  ])("in %s, %s of %j to %j takes %j", (list, rule, materials, products, taken) => {
    const here = item(materials, products);
    const outcome = run(list, [rule], here);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.trace[0]?.consumed).toEqual(taken);
    if (taken.length > 0) {
      expect(run(list, ["ALLOW *", rule], here).trace[1]?.consumed).toEqual([]);
    }
  });

  test.each<readonly [ArtifactType, Contents, Contents]>([
    ["materials", { "dir/f": "1" }, {}],
    ["products", {}, { "dir/f": "1" }],
  ])("in %s, what is in a folder is not allowed either", (list, materials, products) => {
    const { failure } = run(list, ["ALLOW f", "DISALLOW *"], item(materials, products));
    expect(failure?.artifacts).toEqual(["dir/f"]);
  });

  test("names like members of Object are names", () => {
    const odd = { constructor: "1", hasOwnProperty: "2" };
    const outcome = run("products", ["CREATE constructor", "REQUIRE hasOwnProperty"], item({}, odd));
    expect(outcome.failure).toBeUndefined();
    expect(outcome.trace[0]?.consumed).toEqual(["constructor"]);
    const none = run("products", ["REQUIRE toString"], item({}, odd));
    expect(none.failure?.artifacts).toEqual(["toString"]);
  });

  test("a trace names the first artifacts and counts all of them", () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}`, "1"]));
    const { trace } = run("products", ["CREATE *"], item({}, many));
    expect(trace[0]?.consumed).toHaveLength(32);
    expect(trace[0]?.consumedCount).toBe(100);
    const { failure } = run("products", ["DISALLOW *"], item({}, many));
    expect(failure?.artifacts).toHaveLength(32);
    expect(failure?.artifactCount).toBe(100);
  });

  test("work beyond the limit ends in search_limit", () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}`, "1"]));
    const meter = new Meter({ ...DEFAULT_LIMITS, work: 150 });
    const rules = ["CREATE x", "CREATE y"].map((rule) => parseRule(rule.split(" "), "test", DEFAULT_LIMITS));
    expect(() => applyRules("products", rules, item({}, many), () => undefined, meter)).toThrow(
      expect.objectContaining({ code: "search_limit" }),
    );
  });
});

test("rules agree with a model that follows the specification's sentences", () => {
  const names = ["a", "b", "d/a", "d/b", "e/a"];
  const contents = fc.dictionary(fc.constantFrom(...names), fc.constantFrom("1", "2"));
  const pattern = fc.constantFrom("*", "a", "b", "d/*", "?", "*a");
  const simple = fc
    .tuple(fc.constantFrom("CREATE", "DELETE", "MODIFY", "ALLOW", "DISALLOW", "REQUIRE"), pattern)
    .map((words) => words.join(" "));
  const match = fc
    .tuple(
      pattern,
      fc.constantFrom("", " IN d"),
      fc.constantFrom("MATERIALS", "PRODUCTS"),
      fc.constantFrom("", " IN d"),
    )
    .map(([glob, source, type, destination]) => `MATCH ${glob}${source} WITH ${type}${destination} FROM o`);
  const rules = fc.array(fc.oneof(simple, match), { maxLength: 6 });
  const list = fc.constantFrom<ArtifactType>("materials", "products");
  let held = 0;
  let failed = 0;
  fc.assert(
    fc.property(list, rules, contents, contents, contents, contents, (type, words, m, p, om, op) => {
      const outcome = run(type, words, item(m, p), { o: item(om, op) });
      const expected = model(type, words, { materials: m, products: p }, { materials: om, products: op });
      expect(outcome.failure?.index).toBe(expected);
      if (expected === undefined) held += 1;
      else failed += 1;
    }),
    { numRuns: 3000 },
  );
  expect(held).toBeGreaterThan(300);
  expect(failed).toBeGreaterThan(300);
});

type ModelItem = { readonly materials: Contents; readonly products: Contents };

/** The index of the first rule that fails, said with sets and with globs written out by hand. */
function model(
  type: ArtifactType,
  rules: readonly string[],
  here: ModelItem,
  other: ModelItem,
): number | undefined {
  const globs: Record<string, (name: string) => boolean> = {
    "*": () => true,
    a: (name) => name === "a",
    b: (name) => name === "b",
    "d/*": (name) => name.startsWith("d/"),
    "?": (name) => name.length === 1,
    "*a": (name) => name.endsWith("a"),
  };
  const has = (contents: Contents, name: string) => Object.hasOwn(contents, name);
  const queue = new Set(Object.keys(here[type]));
  for (const [index, rule] of rules.entries()) {
    const words = rule.split(" ");
    const glob = globs[words[1] ?? ""] ?? (() => false);
    const taken = [...queue].filter((name) => {
      const { materials, products } = here;
      switch (words[0]) {
        case "CREATE":
          return glob(name) && has(products, name) && !has(materials, name);
        case "DELETE":
          return glob(name) && has(materials, name) && !has(products, name);
        case "MODIFY":
          return (
            glob(name) && has(materials, name) && has(products, name) && materials[name] !== products[name]
          );
        case "ALLOW":
          return glob(name);
        case "MATCH": {
          const [before = "", after = ""] = rule.split(" WITH ");
          if (before.endsWith(" IN d") && !name.startsWith("d/")) return false;
          const rest = before.endsWith(" IN d") ? name.slice(2) : name;
          const counterpart = after.includes(" IN d") ? `d/${rest}` : rest;
          const there = after.startsWith("MATERIALS") ? other.materials : other.products;
          return glob(rest) && has(there, counterpart) && there[counterpart] === here[type][name];
        }
        default:
          return false;
      }
    });
    if (words[0] === "DISALLOW" && [...queue].some(glob)) return index;
    if (words[0] === "REQUIRE" && !queue.has(words[1] ?? "")) return index;
    for (const name of taken) queue.delete(name);
  }
  return undefined;
}
