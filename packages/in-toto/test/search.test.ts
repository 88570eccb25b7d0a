import { describe, expect, test } from "@jest/globals";
import type { Signer } from "@stemma/crypto";
import type { LinkContent } from "../src/index.ts";
import { digestOf, hashOf, layout, link, step } from "./support/chain.ts";
import {
  alice,
  bob,
  build,
  carl,
  chain,
  good,
  packaging,
  source,
  verify,
  verifyChain,
  why,
} from "./support/release.ts";

describe("rules", () => {
  test("every step whose rules fail is named, in the layout's order", async () => {
    const verdict = await verifyChain(chain(), [
      [link("source", {}, { "src/a": "A", extra: "x" }), alice],
      [build, alice],
      [build, bob],
      [link("package", { app: "other" }, { "app.tgz": "tarball" }), carl],
    ]);
    expect(why(verdict)).toEqual(["rule_failed source", "rule_failed package"]);
    expect(verdict.reasons[0]).toMatchObject({ rule: "DISALLOW *", artifacts: ["extra"] });
    expect(verdict.steps[0]?.rules.map((rule) => rule.text)).toEqual(["CREATE src/*"]);
  });

  test("a command that differs is a warning", async () => {
    const verdict = await verifyChain(chain(), [
      [source, alice],
      [{ ...build, command: ["make", "all"] }, alice],
      [build, bob],
      [packaging, carl],
    ]);
    expect(why(verdict)).toEqual([]);
    expect(verdict.warnings.map(({ code, step: name }) => [code, name])).toEqual([
      ["command_differs", "build"],
    ]);
  });

  test("a step may match a later one, and itself", async () => {
    const content = layout(
      step("first", [alice], {
        expectedProducts: [
          ["MATCH", "f", "WITH", "MATERIALS", "FROM", "last"],
          ["DISALLOW", "*"],
        ],
      }),
      step("last", [alice], {
        expectedMaterials: [
          ["MATCH", "f", "WITH", "PRODUCTS", "FROM", "last"],
          ["DISALLOW", "*"],
        ],
      }),
    );
    const last = link("last", { f: "1" }, { f: "1" });
    const first = (content: string) => [link("first", {}, { f: content }), alice] as const;
    const digest = digestOf("1");
    expect(why(await verifyChain(content, [first("1"), [last, alice]], { digest }))).toEqual([]);
    expect(why(await verifyChain(content, [first("2"), [last, alice]], { digest }))).toEqual([
      "rule_failed first",
    ]);
    // Of several links, the one that fits is found.
    expect(why(await verifyChain(content, [first("2"), first("1"), [last, alice]], { digest }))).toEqual([]);
  });
});

describe("the search", () => {
  const free = (name: string) => step(name, [alice], { expectedProducts: [["DISALLOW", "bad*"]] });

  test("finds the one combination among many", async () => {
    const content = layout(
      ...["a", "b", "c"].map((name, index, all) =>
        step(name, [alice], {
          expectedMaterials:
            index === 0
              ? []
              : [
                  ["MATCH", "f", "WITH", "PRODUCTS", "FROM", all[index - 1] ?? ""],
                  ["DISALLOW", "*"],
                ],
        }),
      ),
    );
    const version = (number: number): (readonly [LinkContent, Signer])[] => [
      [link("a", {}, { f: `a${number}` }), alice],
      [link("b", { f: `a${number + 1}` }, { f: `b${number}` }), alice],
      [link("c", { f: `b${number + 2}` }, { f: "final", mark: `${number}` }), alice],
    ];
    const links = Array.from({ length: 12 }, (_, number) => version(number)).flat();
    const digest = digestOf("final");
    expect(why(await verifyChain(content, links, { digest }))).toEqual([]);
    const fitting = hashOf("a0");
    const spoilt = links.filter(
      ([{ name, products }]) => name !== "a" || products.get("f")?.get("sha256") === fitting,
    );
    expect(spoilt).toHaveLength(25);
    const verdict = await verifyChain(content, spoilt, { digest });
    expect(verdict.ok).toBe(false);
    expect(new Set(verdict.reasons.map(({ code }) => code))).toEqual(new Set(["rule_failed"]));
  });

  test("does not try steps in all combinations that have nothing to do with each other", async () => {
    // 2^20 combinations, of which every one fails because of one step alone.
    const independent = Array.from({ length: 20 }, (_, index) => `step${index}`);
    const content = layout(
      step("hopeless", [alice], { expectedProducts: [["REQUIRE", "x"]] }),
      ...independent.map(free),
    );
    const links = independent.flatMap((name) =>
      ["1", "2"].map((content) => [link(name, {}, { f: content, out: "final" }), alice] as const),
    );
    const verdict = await verifyChain(content, [[link("hopeless", {}, {}), alice], ...links], {
      digest: digestOf("final"),
      limits: { evaluations: 100 },
    });
    expect(why(verdict)).toEqual(["rule_failed hopeless"]);
  });

  test("ends in search_limit when the work is too much", async () => {
    const links = [
      [source, alice],
      [build, alice],
      [build, bob],
      [packaging, carl],
    ] as const;
    expect(why(await verifyChain(chain(), links, { limits: { evaluations: 3 } }))).toEqual([]);
    expect(why(await verifyChain(chain(), links, { limits: { evaluations: 2 } }))).toEqual(["search_limit"]);
    expect(why(await verifyChain(chain(), links, { limits: { work: 5 } }))).toEqual(["search_limit"]);
  });

  test("too much evidence is refused as a whole", () => {
    expect(why(verify(good, { limits: { evidence: 4 } }))).toEqual([]);
    expect(why(verify(good, { limits: { evidence: 3 } }))).toEqual(["limit_exceeded"]);
    const bytes = good.reduce((sum, envelope) => sum + envelope.length, 0);
    expect(why(verify(good, { limits: { evidenceBytes: bytes } }))).toEqual([]);
    expect(why(verify(good, { limits: { evidenceBytes: bytes - 1 } }))).toEqual(["limit_exceeded"]);
  });

  test("hostile patterns and names end in time", async () => {
    const content = layout(
      step("build", [alice], {
        expectedProducts: Array.from({ length: 256 }, () => ["ALLOW", `*${"?a".repeat(200)}?c*`]),
      }),
    );
    const names = Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => [`c${"a".repeat(3000)}${index}`, "1"]),
    );
    const verdict = await verifyChain(content, [[link("build", {}, names), alice]], {
      digest: digestOf("1"),
    });
    expect(why(verdict)).toEqual(["search_limit"]);
  });
});
