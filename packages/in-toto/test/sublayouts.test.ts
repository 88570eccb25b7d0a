import { describe, expect, test } from "@jest/globals";
import type { Signer } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import { type LayoutRequest, type LinkContent, signLayout, signLink } from "../src/index.ts";
import { digestOf, layout, link, NOW, person, step } from "./support/chain.ts";
import { about, idOf, provenance, rawLayout, signRaw, TYPES } from "./support/documents.ts";
import { alice, bob, carl, mallory, olga, oscar, verify, why } from "./support/release.ts";

const APP = digestOf("app");
const CLOSED = [["DISALLOW", "*"]];

/** make (alice or bob) → pack (carl): one product, app.tgz. */
const outer = (changes: { threshold?: number } = {}) =>
  layout(
    step("make", [alice, bob], {
      expectedMaterials: [["ALLOW", "src/*"], ...CLOSED],
      expectedProducts: [["CREATE", "app"], ...CLOSED],
      ...changes,
    }),
    step("pack", [carl], {
      expectedMaterials: [["MATCH", "app", "WITH", "PRODUCTS", "FROM", "make"], ...CLOSED],
      expectedProducts: [["CREATE", "app.tgz"], ...CLOSED],
    }),
  );
const pack = link("pack", { app: "binary" }, { "app.tgz": "app" });

/** What alice lets two of her own people do: compile (mallory), link together (oscar). */
const inner = (changes: { threshold?: number } = {}) =>
  layout(
    step("compile", [mallory], { expectedProducts: [["CREATE", "*.o"], ...CLOSED], ...changes }),
    step("assemble", [oscar], {
      expectedMaterials: [["MATCH", "*.o", "WITH", "PRODUCTS", "FROM", "compile"], ...CLOSED],
    }),
  );
const compile = link("compile", { "src/a": "A" }, { "a.o": "object" });
const assemble = link("assemble", { "a.o": "object" }, { app: "binary" }, ["ld"]);

async function judge(
  evidence: readonly (Uint8Array | readonly [LinkContent, Signer])[],
  changes: Partial<LayoutRequest> & { threshold?: number } = {},
) {
  const { threshold, ...rest } = changes;
  const layoutEnvelope = await signLayout(outer(threshold === undefined ? {} : { threshold }), [olga, oscar]);
  const pieces = [...evidence, [pack, carl] as const].map((piece) =>
    piece instanceof Uint8Array ? piece : signLink(piece[0], [piece[1]]),
  );
  return verify(await Promise.all(pieces), { layoutEnvelope, digest: APP, ...rest });
}

describe("a functionary answers for a step with a layout of their own (in-toto 4.5)", () => {
  test.each(["dsse", "metablock"] as const)(
    "in %s: its first materials and its last products count",
    async (format) => {
      const sub = await signLayout(inner(), [alice], format);
      const verdict = await judge([sub, [compile, mallory], [assemble, oscar]]);
      expect(why(verdict)).toEqual([]);
      const [make] = verdict.steps;
      expect(make?.materials.entries.map(({ name }) => name)).toEqual(["src/a"]);
      expect(make?.products.entries.map(({ name }) => name)).toEqual(["app"]);
      expect(make?.command).toEqual(["ld"]);
      expect(make?.functionaries.map(({ keyId }) => keyId)).toEqual([alice.publicKey.keyId]);
      expect(
        make?.sublayouts?.[0]?.steps.map(({ name, functionaries }) => [name, functionaries[0]?.keyId]),
      ).toEqual([
        ["compile", mallory.publicKey.keyId],
        ["assemble", oscar.publicKey.keyId],
      ]);
    },
  );

  test("and the rules around it speak about the sum", async () => {
    const sub = await signLayout(inner(), [alice]);
    const other = link("compile", { "etc/passwd": "A" }, { "a.o": "object" });
    expect(why(await judge([sub, [other, mallory], [assemble, oscar]]))).toEqual(["rule_failed make"]);
  });

  test("whichever sum of several fits is taken", async () => {
    const sub = await signLayout(inner(), [alice]);
    const first = [link("compile", { "etc/passwd": "A" }, { "a.o": "object" }), mallory] as const;
    expect(why(await judge([sub, first, [compile, mallory], [assemble, oscar]]))).toEqual([]);
  });

  test("and it counts beside a link of another functionary who reports the same", async () => {
    const sub = await signLayout(inner(), [alice]);
    const evidence = [sub, [compile, mallory] as const, [assemble, oscar] as const];
    expect(why(await judge(evidence, { threshold: 2 }))).toEqual(["threshold_not_met make"]);
    const same = link("make", { "src/a": "A" }, { app: "binary" });
    expect(why(await judge([...evidence, [same, bob]], { threshold: 2 }))).toEqual([]);
  });

  test("three layouts deep", async () => {
    const middle = await signLayout(layout(step("compile", [bob]), step("assemble", [oscar])), [alice]);
    const deepest = await signLayout(layout(step("cc", [mallory])), [bob]);
    const cc = link("cc", { "src/a": "A" }, { "a.o": "object" });
    const verdict = await judge([middle, deepest, [cc, mallory], [assemble, oscar]]);
    expect(why(verdict)).toEqual([]);
    expect(verdict.steps[0]?.sublayouts?.[0]?.steps[0]?.sublayouts?.[0]?.steps[0]?.name).toBe("cc");
  });
});

describe("a sublayout counts for nothing", () => {
  const complete = [[compile, mallory] as const, [assemble, oscar] as const];

  test("when no functionary of a step signed it", async () => {
    const sub = await signLayout(inner(), [mallory]);
    const verdict = await judge([sub, ...complete]);
    expect(why(verdict)).toEqual(["link_missing make"]);
    expect(verdict.setAside).toContainEqual(expect.objectContaining({ code: "functionary_not_authorized" }));
  });

  test("when its own steps lack evidence, and says which", async () => {
    const sub = await signLayout(inner(), [alice]);
    const verdict = await judge([sub, [compile, mallory]]);
    expect(why(verdict)).toEqual(["sublayout_failed make"]);
    expect(verdict.reasons[0]?.message).toContain("assemble");
  });

  test("when its own rules fail", async () => {
    const sub = await signLayout(inner(), [alice]);
    const swapped = link("assemble", { "a.o": "trojan" }, { app: "binary" });
    expect(why(await judge([sub, [compile, mallory], [swapped, oscar]]))).toEqual(["sublayout_failed make"]);
  });

  test("when it has expired", async () => {
    const sub = await signLayout({ ...inner(), expires: NOW }, [alice]);
    const verdict = await judge([sub, ...complete]);
    expect(why(verdict)).toEqual(["layout_expired make"]);
  });

  test("when it has no steps (N-47)", async () => {
    expect(why(await judge([await signLayout(layout(), [alice]), ...complete]))).toEqual([
      "vacuous_policy make",
    ]);
  });

  test("when it asks for a parameter: the verifier's are for the project's own layout", async () => {
    const asking = layout(step("compile", [mallory], { expectedProducts: [["ALLOW", "{NAME}"]] }));
    const sub = await signLayout(asking, [alice]);
    const parameters = new Map([["NAME", "*"]]);
    expect(why(await judge([sub, ...complete], { parameters }))).toEqual(["unknown_parameter make"]);
  });

  test("and does not harm another functionary's link (Python and Go give up)", async () => {
    const sub = await signLayout(inner(), [alice]);
    const same = [link("make", { "src/a": "A" }, { app: "binary" }), bob] as const;
    expect(why(await judge([sub, same]))).toEqual([]);
  });

  test("when it would have to stand for its own step", async () => {
    const sub = await signRaw(rawLayout([alice], [{ name: "again", pubkeys: [idOf(alice)] }]), [alice]);
    expect(why(await judge([sub]))).toEqual(["sublayout_failed make"]);
  });

  test("deeper than the limit", async () => {
    const people = [alice, person(), person(), person(), person(), person()];
    const chain = await Promise.all(
      people.slice(1).map((next, depth) => {
        const steps = [{ name: `level-${depth + 1}`, pubkeys: [idOf(next)] }];
        return signRaw(rawLayout([next], steps), [people[depth] as Signer]);
      }),
    );
    const last = [link("level-5", { "src/a": "A" }, { app: "binary" }), people[5] as Signer] as const;
    expect(why(await judge([...chain, last]))).toEqual(["sublayout_failed make"]);
    expect(why(await judge([...chain, last], { limits: { sublayoutDepth: 5 } }))).toEqual([]);
  });

  test("beyond the number that one verdict looks at, which ends soon", async () => {
    const many = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        signRaw(rawLayout([alice], [{ name: `part-${n}`, pubkeys: [idOf(alice)] }]), [alice]),
      ),
    );
    const verdict = await judge(many);
    expect(verdict.ok).toBe(false);
    expect(new Set(verdict.setAside.map(({ code }) => code))).toContain("search_limit");
  });
});

test("many sublayouts of many steps, and evidence of many signatures, end in time", async () => {
  const people = Array.from({ length: 64 }, () => person());
  const names = Array.from({ length: 128 }, (_, at) => ({ name: `s${at}`, pubkeys: people.map(idOf) }));
  const subs = Array.from({ length: 6 }, (_, at) =>
    signRaw(rawLayout(people, names, { readme: `${at}` }), [alice], "metablock"),
  );
  const signatures = Array.from({ length: 64 }, (_, at) => ({ keyid: `${at}`, sig: "00".repeat(64) }));
  const junk = Array.from({ length: 40 }, (_, at) =>
    utf8(JSON.stringify({ signed: { _type: "layout", readme: at }, signatures })),
  );
  const evidence = [...(await Promise.all(subs)), ...junk];
  const before = performance.now();
  expect((await judge(evidence)).ok).toBe(false);
  expect(performance.now() - before).toBeLessThan(10_000);
});

test("thousands of sums of one sublayout cost no more than the evidence", async () => {
  const two = layout(step("one", [mallory]), step("two", [mallory]));
  const links = Array.from({ length: 30 }, (_, at) => {
    const files = Object.fromEntries(Array.from({ length: 1000 }, (_, file) => [`${at}/${file}`, "x"]));
    return [link("one", files, files), link("two", files, files)];
  }).flat();
  const sub = await signLayout(two, [alice]);
  const evidence = await Promise.all(links.map((one) => signLink(one, [mallory])));
  const memory = process.memoryUsage().heapUsed;
  const before = performance.now();
  expect((await judge([sub, ...evidence])).ok).toBe(false);
  expect(performance.now() - before).toBeLessThan(5000);
  expect(process.memoryUsage().heapUsed - memory).toBeLessThan(400_000_000);
});

test("an attestation at the beginning makes no labels of the paths at the end", async () => {
  const sub = rawLayout(
    [mallory, oscar],
    [
      {
        name: "compile",
        expected_predicates: [
          { predicateType: TYPES.provenance, functionaries: [idOf(mallory)], threshold: 1 },
        ],
      },
      { name: "assemble", pubkeys: [idOf(oscar)] },
    ],
  );
  const inside = [
    await signRaw(sub, [alice]),
    await signRaw(provenance([about("a.o", "object")], []), [mallory]),
    await signLink(link("assemble", { "a.o": "object" }, { app: "binary", debug: "other" }), [oscar]),
  ];
  const open = layout(
    step("make", [alice]),
    step("pack", [carl], {
      expectedMaterials: [["MATCH", "app", "WITH", "PRODUCTS", "FROM", "make"], ...CLOSED],
    }),
  );
  const layoutEnvelope = await signLayout(open, [olga, oscar]);
  const packed = (content: string) => signLink(link("pack", { app: content }, { "app.tgz": "app" }), [carl]);
  const judged = async (content: string) =>
    verify([...inside, await packed(content)], { layoutEnvelope, digest: APP });
  expect(why(await judged("binary"))).toEqual([]);
  expect(why(await judged("other"))).toEqual(["rule_failed pack"]);
});

test("a denial says first that a limit was reached, whatever seems to be missing then", async () => {
  const twice = [await signLayout(inner(), [alice]), await signLayout(inner(), [bob])];
  const limits = { sublayouts: 1 };
  const verdict = await judge([...twice, [compile, mallory]], { limits });
  expect(verdict.ok).toBe(false);
  expect(verdict.reasons[0]?.code).toBe("search_limit");
  // What was found within the limit is enough, whatever else there is.
  const rest = [[compile, mallory] as const, [assemble, oscar] as const];
  expect(why(await judge([...twice, ...rest], { limits }))).toEqual([]);
});
