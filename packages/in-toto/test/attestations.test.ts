import { describe, expect, test } from "@jest/globals";
import { type Signer, sha256, sha512 as sha512Of } from "@stemma/crypto";
import { parseDigest, utf8 } from "@stemma/encoding";
import {
  DEFAULT_LIMITS,
  Evidence,
  EvidenceGate,
  type LayoutRequest,
  type LayoutVerdict,
  readEnvelope,
  readLayout,
  signLink,
} from "../src/index.ts";
import { digestOf, hashOf, link, NOW, person } from "./support/chain.ts";
import {
  about,
  idOf,
  provenance,
  rawLayout,
  signRaw,
  statement,
  TYPES,
  testResult,
} from "./support/documents.ts";
import { alice, bob, carl, mallory, olga, oscar, verify, why } from "./support/release.ts";

/** source (a link of alice) → build (provenance by bob, tested by carl). */
const APP = digestOf("app");
const source = link("source", {}, { "src/a": "A" });
const BUILDER = { at: "/predicate/runDetails/builder/id", equals: "https://ci" };
const PASSED = { at: "/predicate/result", equals: "PASSED" };
const built = provenance([about("registry.example/app", "app")], [about("git+https://example.com/app", "A")]);
const tested = testResult([about("_", "app")], "PASSED");

type Json = Record<string, unknown>;
const expectProvenance = (changes: Json = {}): Json => ({
  predicateType: TYPES.provenance,
  functionaries: [idOf(bob)],
  threshold: 1,
  expectedAttributes: [BUILDER],
  ...changes,
});
const expectTest = (changes: Json = {}): Json => ({
  predicateType: TYPES.test,
  functionaries: [idOf(carl), idOf(mallory)],
  threshold: 1,
  expectedAttributes: [PASSED],
  ...changes,
});

const document = (predicates: readonly Json[], build: Json = {}, more: Json = {}): Json =>
  rawLayout(
    [alice, bob, carl, mallory],
    [
      { name: "source", pubkeys: [idOf(alice)] },
      {
        name: "build",
        expected_predicates: predicates,
        expected_materials: [
          ["MATCH", "*", "WITH", "PRODUCTS", "FROM", "source"],
          ["DISALLOW", "*"],
        ],
        ...build,
      },
    ],
    more,
  );

type Piece = readonly [Json, ...Signer[]];
async function judge(
  pieces: readonly Piece[],
  layout: Json = document([expectProvenance(), expectTest()]),
  changes: Partial<LayoutRequest> = {},
): Promise<LayoutVerdict> {
  const evidence = await Promise.all(pieces.map(([payload, ...signers]) => signRaw(payload, signers)));
  const layoutEnvelope = await signRaw(layout, [olga, oscar]);
  return verify([await signLink(source, [alice]), ...evidence], { layoutEnvelope, digest: APP, ...changes });
}

describe("a step is satisfied by attestations", () => {
  test("whose materials and products are its own, compared by digest", async () => {
    const verdict = await judge([
      [built, bob],
      [tested, carl],
    ]);
    expect(why(verdict)).toEqual([]);
    expect(verdict.products).toEqual(["registry.example/app"]);
    const build = verdict.steps[1];
    expect(build?.attestations?.map(({ predicateType }) => predicateType)).toEqual([
      TYPES.provenance,
      TYPES.test,
    ]);
    expect(build?.functionaries.map(({ keyId }) => keyId)).toEqual([idOf(bob)]);
    expect(build?.rules[0]?.consumed).toEqual(["git+https://example.com/app"]);
  });

  test("of which one envelope may bear the signatures of several functionaries", async () => {
    const layout = document([expectProvenance({ functionaries: [idOf(bob), idOf(alice)], threshold: 2 })]);
    expect(why(await judge([[built, bob]], layout))).toEqual(["threshold_not_met build"]);
    expect(why(await judge([[built, bob, alice]], layout))).toEqual([]);
    const separate: Piece[] = [
      [built, bob],
      [{ ...built, extra: 1 }, alice],
    ];
    expect(why(await judge(separate, layout))).toEqual([]);
  });

  test("of an unknown type, required by type", async () => {
    const review = { predicateType: TYPES.own, functionaries: [idOf(carl)], threshold: 1 };
    const layout = document([expectProvenance(), review]);
    expect(why(await judge([[built, bob]], layout))).toEqual(["no_matching_attestation build"]);
    const reviewed = statement(TYPES.own, [about("x", "app")], { by: "carl" });
    expect(
      why(
        await judge(
          [
            [built, bob],
            [reviewed, carl],
          ],
          layout,
        ),
      ),
    ).toEqual([]);
  });

  test("of a link, by name and path as links are", async () => {
    const predicates = [{ predicateType: TYPES.link, functionaries: [idOf(bob)], threshold: 1 }];
    const said = (name: string, material: string) =>
      statement(TYPES.link, [about("app", "app")], {
        name,
        command: ["make"],
        materials: [about(material, "A")],
      });
    const layout = document(predicates);
    expect(why(await judge([[said("build", "src/a"), bob]], layout))).toEqual([]);
    expect(why(await judge([[said("build", "src/b"), bob]], layout))).toEqual(["rule_failed build"]);
    expect(why(await judge([[said("other", "src/a"), bob]], layout))).toEqual([
      "no_matching_attestation build",
    ]);
  });

  test("informational alone: the step is about its subjects and passes them on", async () => {
    const scan = document([expectTest()], { expected_materials: [] });
    expect(why(await judge([[tested, carl]], scan))).toEqual([]);
    expect(why(await judge([[testResult([about("_", "other")], "PASSED"), carl]], scan))).toEqual([
      "product_mismatch build",
    ]);
  });
});

describe("denied", () => {
  test("when only attestations of other types are there, each valid (N-40)", async () => {
    const other = statement(TYPES.own, [about("app", "app")]);
    const verdict = await judge([
      [built, bob],
      [other, carl],
    ]);
    expect(why(verdict)).toEqual(["no_matching_attestation build"]);
    expect(verdict.reasons[0]).toMatchObject({ predicateType: TYPES.test, found: "none" });
    expect(verdict.setAside.map(({ code }) => code)).toEqual(["predicate_not_expected"]);
  });

  test.each([
    ["a payload that is no statement (N-41)", { ...tested, _type: "https://example.com/Statement/v1" }],
    [
      "a statement of a version that there is not (N-41)",
      { ...tested, _type: "https://in-toto.io/Statement/v2" },
    ],
    ["a statement without subjects", { ...tested, subject: [] }],
    ["a subject without a digest", { ...tested, subject: [{ name: "app" }] }],
    ["a predicate that is not of its type", { ...tested, predicate: { result: "PASSED" } }],
  ])("by %s", async (_, payload) => {
    expect(
      (
        await judge([
          [built, bob],
          [payload, carl],
        ])
      ).ok,
    ).toBe(false);
  });

  test("by a statement in a metablock, which has no place for one", async () => {
    const layoutEnvelope = await signRaw(document([expectProvenance()]), [olga, oscar]);
    const evidence = [await signLink(source, [alice]), await signRaw(built, [bob], "metablock")];
    expect(why(verify(evidence, { layoutEnvelope, digest: APP }))).toEqual(["no_matching_attestation build"]);
  });

  test("by a statement in an envelope of another payload, with a right signature (N-41)", async () => {
    const layoutEnvelope = await signRaw(document([expectProvenance()]), [olga, oscar]);
    const evidence = [await signLink(source, [alice]), utf8("{}")];
    expect(why(verify(evidence, { layoutEnvelope, digest: APP }))).toEqual(["no_matching_attestation build"]);
  });

  test("when what is attested is another artifact (N-46)", async () => {
    const elsewhere = testResult([about("registry.example/app", "other")], "PASSED");
    const verdict = await judge([
      [built, bob],
      [elsewhere, carl],
    ]);
    expect(why(verdict)).toEqual(["threshold_not_met build"]);
    expect(verdict.reasons[0]?.message).toContain(APP);
    const wrongBuild = provenance([about("app", "other")], [about("a", "A")]);
    expect(
      why(
        await judge([
          [wrongBuild, bob],
          [tested, carl],
        ]),
      ),
    ).toContain("threshold_not_met build");
  });

  test("when a product lends the artifact the digest of another one, which was attested", async () => {
    const sha512 = sha512Of(utf8("evil"));
    const mixed = { name: "app", digest: { sha256: hashOf("app"), sha512 } };
    const lent = provenance([mixed], [about("a", "A")]);
    const evil = { digest: parseDigest(`sha512:${sha512}`) };
    const layout = document([expectProvenance(), expectTest()]);
    const pieces: Piece[] = [
      [lent, bob],
      [tested, carl],
    ];
    expect(why(await judge(pieces, layout, evil))).toEqual(["threshold_not_met build"]);
    const both = testResult([{ digest: mixed.digest }], "PASSED");
    expect(why(await judge([...pieces, [both, carl]], layout, evil))).toEqual([]);
  });

  test("within a moment, however many subjects there are of however many attestations", async () => {
    const subjects = (of: string) => Array.from({ length: 1024 }, (_, at) => about(`${at}`, `${of} ${at}`));
    const pieces = Array.from({ length: 8 }, (_, at): Piece[] => [
      [provenance([...subjects("product").slice(1), about("own", `product of ${at}`)], []), bob],
      [testResult(at === 0 ? subjects("product") : subjects(`other ${at}`), "PASSED"), carl],
    ]).flat();
    const predicates = [expectProvenance(), expectTest()];
    const layout = rawLayout(
      [alice, bob, carl, mallory],
      [
        { name: "build", expected_predicates: predicates },
        { name: "pack", pubkeys: [idOf(alice)] },
      ],
    );
    const evidence = await Promise.all(
      pieces.map(([payload, signer]) => signRaw(payload, [signer as Signer])),
    );
    const layoutEnvelope = await signRaw(layout, [olga, oscar]);
    const packed = await signLink(link("pack", {}, { app: "app" }), [alice]);
    const before = performance.now();
    expect(why(verify([packed, ...evidence], { layoutEnvelope, digest: APP }))).toEqual([
      "threshold_not_met build",
    ]);
    expect(performance.now() - before).toBeLessThan(3000);
  });

  test("or allowed, within a moment, however many artifacts of another step have one digest", async () => {
    const same = Object.fromEntries(Array.from({ length: 40_000 }, (_, at) => [`f${at}`, { x: "y" }]));
    const many = { _type: "link", name: "source", command: [], materials: {}, products: same };
    const built = provenance([about("app", "app")], [{ name: "f", digest: { x: "y" } }]);
    const layoutEnvelope = await signRaw(document([expectProvenance()]), [olga, oscar]);
    const evidence = [await signRaw(many, [alice]), await signRaw(built, [bob])];
    const before = performance.now();
    expect(why(verify(evidence, { layoutEnvelope, digest: APP }))).toEqual([]);
    expect(performance.now() - before).toBeLessThan(3000);
  });

  test("and however many rules ask for them", async () => {
    const many = Array.from({ length: 10_000 }, (_, at) => ({
      name: "a",
      digest: { sha256: hashOf("A"), [`x${at}`]: "y" },
    }));
    const rules = Array.from({ length: 256 }, () => ["MATCH", "*", "WITH", "MATERIALS", "FROM", "build"]);
    const expected_predicates = [expectProvenance({ expectedAttributes: [] })];
    const layout = rawLayout(
      [bob],
      [
        { name: "build", expected_predicates },
        { name: "again", expected_predicates, expected_materials: rules },
      ],
    );
    const layoutEnvelope = await signRaw(layout, [olga, oscar]);
    const evidence = [await signRaw(provenance([about("app", "app")], many), [bob])];
    const before = performance.now();
    expect(why(verify(evidence, { layoutEnvelope, digest: APP }))).toEqual([]);
    expect(performance.now() - before).toBeLessThan(3000);
  });

  test("and allowed when one of many subjects is the artifact (N-46)", async () => {
    const many = testResult([about("a", "other"), about("b", "app")], "PASSED");
    expect(
      why(
        await judge([
          [built, bob],
          [many, carl],
        ]),
      ),
    ).toEqual([]);
  });

  test("when an attribute is not as expected, and says what it is", async () => {
    const failed = testResult([about("_", "app")], "FAILED");
    const verdict = await judge([
      [built, bob],
      [failed, carl],
    ]);
    expect(why(verdict)).toEqual(["attribute_failed build"]);
    expect(verdict.reasons[0]?.message).toMatch(/PASSED.*FAILED/);
    const elsewhere = provenance([about("app", "app")], [about("a", "A")], "https://evil");
    expect(
      why(
        await judge([
          [elsewhere, bob],
          [tested, carl],
        ]),
      ),
    ).toEqual(["attribute_failed build"]);
  });

  test("one bad attestation beside a good one changes nothing (N-48)", async () => {
    const failed = testResult([about("_", "app")], "FAILED");
    expect(
      why(
        await judge([
          [built, bob],
          [failed, mallory],
          [tested, carl],
        ]),
      ),
    ).toEqual([]);
  });

  test("when one functionary attests twice against a threshold of two (N-45)", async () => {
    const layout = document([expectProvenance(), expectTest({ threshold: 2 })]);
    const again = testResult([about("again", "app")], "PASSED");
    const twice: Piece[] = [
      [built, bob],
      [tested, carl],
      [again, carl],
    ];
    expect(why(await judge(twice, layout))).toEqual(["threshold_not_met build"]);
    expect(why(await judge([...twice, [again, mallory]], layout))).toEqual([]);
  });

  test("when somebody signs who may attest something else", async () => {
    expect(
      why(
        await judge([
          [built, carl],
          [tested, carl],
        ]),
      ),
    ).toEqual(["functionary_not_authorized build"]);
  });

  test("when a rule fails, naming the label and the digests", async () => {
    const trojan = provenance([about("app", "app")], [about("git+https://example.com/app", "trojan")]);
    const verdict = await judge([
      [trojan, bob],
      [tested, carl],
    ]);
    expect(why(verdict)).toEqual(["rule_failed build"]);
    expect(verdict.reasons[0]?.artifacts).toEqual(["git+https://example.com/app"]);
  });

  test("a dependency that is known by a broken digest alone matches nothing", async () => {
    const weak = { name: "src", digest: { sha1: "a".repeat(40) } };
    const payload = provenance([about("app", "app")], [weak]);
    expect(
      why(
        await judge([
          [payload, bob],
          [tested, carl],
        ]),
      ),
    ).toEqual(["rule_failed build"]);
  });

  test("a link for a step that expects attestations", async () => {
    const layoutEnvelope = await signRaw(document([expectProvenance()]), [olga, oscar]);
    const evidence = [
      await signLink(source, [alice]),
      await signLink(link("build", { "src/a": "A" }, { app: "app" }), [bob]),
    ];
    expect(why(verify(evidence, { layoutEnvelope, digest: APP }))).toEqual(["no_matching_attestation build"]);
  });
});

describe("what may be recorded", () => {
  const trust = { time: NOW, keyless: undefined, limits: DEFAULT_LIMITS };
  const offer = async (payload: Json, ...signers: Signer[]) => {
    const layout = readLayout(
      readEnvelope(await signRaw(document([expectProvenance(), expectTest()]), [olga])),
    );
    const bytes = await signRaw(payload, signers);
    return new EvidenceGate(layout, trust).offer([new Evidence(sha256(bytes), bytes, DEFAULT_LIMITS)]);
  };

  test("is what a functionary of the type signed, a failed test included: verdicts say what it is worth", async () => {
    expect(await offer(tested, carl)).toEqual([]);
    expect(await offer(testResult([about("_", "app")], "FAILED"), carl)).toEqual([]);
    expect(await offer(provenance([about("app", "app")], [], "https://elsewhere"), bob)).toEqual([]);
  });

  test("and nothing else", async () => {
    const codes = async (...offered: Parameters<typeof offer>) =>
      (await offer(...offered)).map(({ refusal }) => refusal.code);
    expect(await codes(tested, bob)).toEqual(["functionary_not_authorized"]);
    expect(await codes(statement(TYPES.own, [about("app", "app")]), carl)).toEqual([
      "predicate_not_expected",
    ]);
    expect(await codes({ ...tested, predicate: {} }, carl)).toEqual(["bad_predicate"]);
  });

  test("a link of a sublayout's people comes in with the sublayout, in any order, and not without it", async () => {
    const outer = readLayout(
      readEnvelope(await signRaw(rawLayout([alice], [{ name: "make", pubkeys: [idOf(alice)] }]), [olga])),
    );
    const sub = await signRaw(rawLayout([bob], [{ name: "inner", pubkeys: [idOf(bob)] }]), [alice]);
    const inner = await signLink(link("inner", {}, { app: "app" }), [bob]);
    const read = (bytes: Uint8Array) => new Evidence(sha256(bytes), bytes, DEFAULT_LIMITS);
    const gate = () => new EvidenceGate(outer, trust);
    expect(gate().offer([read(inner), read(sub)])).toEqual([]);
    expect(
      gate()
        .offer([read(inner)])
        .map(({ refusal }) => refusal.code),
    ).toEqual(["unknown_step"]);
    const later = gate();
    later.offer([read(sub)]);
    expect(later.offer([read(inner)])).toEqual([]);
  });
});

describe("a verification summary as evidence", () => {
  const expectVsa = {
    predicateType: TYPES.vsa,
    functionaries: [idOf(carl)],
    threshold: 1,
    expectedAttributes: [{ at: "/predicate/verifier/id", equals: "https://verifier" }],
  };
  const summary = (verificationResult: string) =>
    statement(TYPES.vsa, [about("_", "app")], {
      verifier: { id: "https://verifier" },
      resourceUri: APP,
      policy: { uri: "https://policy" },
      verificationResult,
      verifiedLevels: ["SLSA_BUILD_LEVEL_2"],
      timeVerified: "2026-11-24T00:00:00Z",
    });
  const layout = document([expectVsa], { expected_materials: [] });

  test("counts when it passed, and never otherwise", async () => {
    expect(why(await judge([[summary("PASSED"), carl]], layout))).toEqual([]);
    for (const result of ["FAILED", "passed", ""]) {
      expect(why(await judge([[summary(result), carl]], layout))).toHaveLength(1);
    }
    expect(why(await judge([[summary("FAILED"), carl]], layout))).toEqual(["vsa_not_passed build"]);
  });
});

describe("a layout that is refused (N-44, N-47)", () => {
  const refused: readonly [string, Json, string][] = [
    [
      "an unknown member of a predicate",
      document([expectProvenance({ allowIfNoClaim: true })]),
      "bad_expected_predicate",
    ],
    [
      "an unknown operator",
      document([expectProvenance({ expectedAttributes: [{ at: "/x", matches: "y" }] })]),
      "bad_attribute_rule",
    ],
    ["a threshold of 0", document([expectProvenance({ threshold: 0 })]), "invalid_threshold"],
    ["a threshold that cannot be met", document([expectProvenance({ threshold: 2 })]), "invalid_threshold"],
    ["no functionaries", document([expectProvenance({ functionaries: [] })]), "invalid_threshold"],
    ["one type twice", document([expectProvenance(), expectProvenance()]), "bad_expected_predicate"],
    [
      "a type that is no URI",
      document([expectProvenance({ predicateType: "slsa" })]),
      "bad_expected_predicate",
    ],
    [
      "functionaries of links beside",
      document([expectProvenance()], { pubkeys: [idOf(bob)] }),
      "bad_expected_predicate",
    ],
    [
      "no version",
      document([expectProvenance()], {}, { expected_predicates_version: undefined }),
      "unsupported_layout_version",
    ],
    [
      "another version",
      document([expectProvenance()], {}, { expected_predicates_version: "v2" }),
      "unsupported_layout_version",
    ],
    [
      "a version without need that is not known",
      document([], { pubkeys: [idOf(bob)] }, { expected_predicates_version: "v2" }),
      "unsupported_layout_version",
    ],
  ];
  test.each(refused)("%s", async (_, layout, code) => {
    expect(why(await judge([[built, bob]], layout))).toEqual([code]);
  });

  test("one whose steps expect an empty list of predicates expects links, from nobody", async () => {
    expect(why(await judge([[built, bob]], document([])))).toEqual(["invalid_threshold"]);
  });
});

describe("thresholds", () => {
  test("one key under two key ids is one functionary of a predicate (N-02)", async () => {
    const twin = person();
    const layout = document([
      expectProvenance({ functionaries: [idOf(twin), twin.publicKey.legacyKeyId], threshold: 2 }),
    ]);
    const keys = layout.keys as Json;
    keys[idOf(twin)] = JSON.parse(JSON.stringify(keys[idOf(bob)]));
    expect(why(await judge([[built, twin]], layout))).toEqual(["invalid_threshold"]);
  });
});
