import { describe, expect, test } from "@jest/globals";
import { decodeUtf8 } from "@stemma/encoding";
import { type Inspector, type ItemArtifacts, type LayoutContent, signLayout } from "../src/index.ts";
import { artifacts } from "./support/chain.ts";
import { signRaw } from "./support/documents.ts";
import { chain, good, olga, oscar, verify, why } from "./support/release.ts";

type Contents = Record<string, string>;
type Json = Record<string, unknown>;

/** The release's layout as plain JSON. */
async function release(content: LayoutContent = chain()): Promise<Json> {
  return JSON.parse(decodeUtf8(await signLayout(content, [], "metablock"))).signed;
}

const inspection = (name: string, materials: readonly string[], products: readonly string[]): Json => ({
  _type: "inspection",
  name,
  run: ["look", name],
  expected_materials: materials.map((line) => line.split(" ")),
  expected_products: products.map((line) => line.split(" ")),
});

const found = (materials: Contents, products: Contents): ItemArtifacts => ({
  materials: artifacts(materials),
  products: artifacts(products),
});

/** The release with inspections: their names, what they find, and their rules for materials and for products. */
async function inspected(
  ...inspections: readonly (readonly [string, ItemArtifacts, readonly string[], readonly string[]])[]
): Promise<readonly string[]> {
  const inspect = inspections.map(([name, , materials, products]) => inspection(name, materials, products));
  const layoutEnvelope = await signRaw({ ...(await release()), inspect }, [olga, oscar]);
  const inspector: Inspector = ({ name }) => inspections.find(([other]) => other === name)?.[1];
  return why(verify(good, { layoutEnvelope, inspect: inspector }));
}

const TARBALL = { "app.tgz": "tarball" };
const UNPACKED = { ...TARBALL, "app/bin": "binary" };

describe("an inspection (in-toto 4.3.2)", () => {
  test("holds when all its rules do, about what it began with and what it came to", async () => {
    const materials = ["REQUIRE app.tgz", "MATCH app.tgz WITH PRODUCTS FROM package", "DISALLOW *"];
    const products = ["MATCH app.tgz WITH PRODUCTS FROM package", "CREATE app/*", "DISALLOW *"];
    expect(await inspected(["unpack", found(TARBALL, UNPACKED), materials, products])).toEqual([]);
  });

  test.each<[string, Contents, Contents, string[], string[]]>([
    ["a material that is not allowed", { oops: "1" }, {}, ["DISALLOW *"], []],
    ["a product that is not allowed", {}, { oops: "1" }, [], ["DISALLOW *"]],
    ["a material in a folder that is not allowed", { "dir/oops": "1" }, {}, ["DISALLOW *"], []],
    ["a product in a folder that is not allowed", {}, { "dir/oops": "1" }, [], ["DISALLOW *"]],
    ["a material that is asked for and is not there", { "app.py": "1" }, {}, ["REQUIRE app"], []],
    ["a product that is asked for and is not there", {}, { "app.py": "1" }, [], ["REQUIRE app"]],
    [
      "an artifact that is not what the step made",
      { "app.tgz": "trojan" },
      {},
      ["MATCH app.tgz WITH PRODUCTS FROM package", "DISALLOW *"],
      [],
    ],
  ])("fails for %s", async (_, materials, products, materialRules, productRules) => {
    const item = found(materials, products);
    expect(await inspected(["look", item, materialRules, productRules])).toEqual(["rule_failed look"]);
  });

  test("may speak about another inspection, in whatever order", async () => {
    const first = ["first", found({}, { a: "1" }), [], []] as const;
    const second = [
      "second",
      found({}, { a: "1" }),
      [],
      ["MATCH a WITH PRODUCTS FROM first", "DISALLOW *"],
    ] as const;
    expect(await inspected(first, second)).toEqual([]);
    expect(await inspected(second, first)).toEqual([]);
    const other = ["first", found({}, { a: "2" }), [], []] as const;
    expect(await inspected(other, second)).toEqual(["rule_failed second"]);
  });

  test.each(["materials", "products"])(
    "with a rule for its %s that is none is refused with the layout",
    async (list) => {
      const rules = list === "materials" ? ([["PERMIT x"], []] as const) : ([[], ["PERMIT x"]] as const);
      expect(await inspected(["look", found({}, {}), ...rules])).toEqual(["bad_rule"]);
    },
  );

  test("that nobody carried out denies, whatever the others found", async () => {
    const document = {
      ...(await release()),
      inspect: [inspection("first", [], []), inspection("second", [], [])],
    };
    const layoutEnvelope = await signRaw(document, [olga, oscar]);
    const inspect: Inspector = ({ name }) => (name === "first" ? found({}, {}) : undefined);
    expect(why(verify(good, { layoutEnvelope, inspect }))).toEqual(["unsupported_inspection second"]);
  });

  test("is nothing that a step's rules could speak about", async () => {
    const rules = ["MATCH app.tgz WITH PRODUCTS FROM look", "ALLOW app", "DISALLOW *"];
    const content = chain({ package: { expectedProducts: rules.map((line) => line.split(" ")) } });
    const document = { ...(await release(content)), inspect: [inspection("look", [], [])] };
    const layoutEnvelope = await signRaw(document, [olga, oscar]);
    const inspect: Inspector = () => found({}, TARBALL);
    expect(why(verify(good, { layoutEnvelope, inspect }))).toEqual(["rule_failed package"]);
  });
});
