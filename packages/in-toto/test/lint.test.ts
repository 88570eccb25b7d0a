import { describe, expect, test } from "@jest/globals";
import { generatePrivateKey, signerFromPem } from "@stemma/crypto";
import { makeCertificate } from "../../crypto/test/support/certificates.ts";
import {
  assembleEnvelope,
  type Finding,
  type Layout,
  type LayoutContent,
  LINT_CODES,
  type LintCode,
  lintLayout,
  readEnvelope,
  readLayout,
  type StepContent,
  writeLayout,
} from "../src/index.ts";
import { EXPIRES, layout, NOW, person, step } from "./support/chain.ts";
import { idOf, rawLayout, signRaw } from "./support/documents.ts";

const [alice, bob] = [person(), person()];
const BUILDER = { issuer: "https://issuer.example", identity: "https://ci.example/build" };
const ROOT = makeCertificate({ subject: { commonName: "Root" }, ca: true }).pem;
const PEM_KEY = signerFromPem(generatePrivateKey("ecdsa-p256")).publicKey;
const DAY = 86_400_000;

// biome-ignore lint/suspicious/noExplicitAny: tests reach into documents at will.
type Loose = any;

/** Reads content as a verifier would, after a change to the document. */
function read(content: LayoutContent, change: (document: Loose) => void = () => {}): Layout {
  const payload = writeLayout(content);
  const text = JSON.parse(Buffer.from(assembleEnvelope(payload, "metablock", [])).toString());
  change(text.signed);
  return readLayout(readEnvelope(Buffer.from(JSON.stringify(text))));
}

/** Defines alice's key under another id as well. */
function rename(document: Loose, keyid: string): void {
  document.keys[keyid] = { ...document.keys[alice.publicKey.keyId], keyid };
}

type Rules = readonly string[];
const words = (rules: Rules) => rules.map((rule) => rule.split(" "));

/** A chain of two closed steps, sound unless the rules of the second say otherwise. */
function chain(
  changes: { materials?: Rules; products?: Rules; build?: Partial<StepContent> } = {},
): LayoutContent {
  const { materials = ["MATCH * WITH PRODUCTS FROM source", "DISALLOW *"] } = changes;
  const { products = ["CREATE app", "DISALLOW *"] } = changes;
  return layout(
    step("source", [alice], {
      expectedMaterials: words(["DISALLOW *"]),
      expectedProducts: words(["CREATE *", "DISALLOW *"]),
    }),
    step("build", [bob], {
      expectedMaterials: words(materials),
      expectedProducts: words(products),
      ...changes.build,
    }),
  );
}

const product = (...rules: Rules) => read(chain({ products: [...rules, "DISALLOW *"] }));
const material = (...rules: Rules) => read(chain({ materials: [...rules, "DISALLOW *"] }));
const until = (days: number) => read({ ...chain(), expires: new Date(NOW.getTime() + days * DAY) });

const expecting = (
  predicateType: string,
  ...attributes: { at: string; equals?: string; glob?: string; exists?: boolean }[]
) =>
  read(
    layout(
      step("build", [], {
        ...chain().steps[0],
        name: "build",
        functionaries: [],
        expectedPredicates: [{ predicateType, functionaries: [BUILDER], threshold: 1, attributes }],
      }),
    ),
  );

const certified = (threshold: number, ...commonNames: readonly string[]) =>
  read({
    ...chain({
      build: {
        threshold,
        functionaries: [bob.publicKey],
        constraints: commonNames.map((commonName) => ({ commonName, roots: ["*"] })),
      },
    }),
    authorities: { roots: { root: ROOT } },
  });

const VSA = "https://slsa.dev/verification_summary/v1";
const TESTS = "https://in-toto.io/attestation/test-result/v0.1";
const VULNS = "https://in-toto.io/attestation/vulns/v0.2";
const PROVENANCE = "https://slsa.dev/provenance/v1";

const inspected = (rules: Rules) => (document: Loose) => {
  document.inspect = [
    {
      _type: "inspection",
      name: "unpack",
      run: ["tar"],
      expected_materials: words(rules),
      expected_products: [],
    },
  ];
};

/** For every code, layouts that have the finding, and layouts that look like it and do not. */
const CASES: Record<
  LintCode,
  { readonly found: Record<string, Layout>; readonly silent: Record<string, Layout> }
> = {
  layout_expired: {
    found: { "at the moment of its expiry": until(0), "long ago": until(-400) },
    silent: { "a moment before": until(1 / 86_400) },
  },
  vacuous_policy: {
    found: { "no steps": read(layout()) },
    silent: { "one step": read(layout(...chain().steps.slice(0, 1))) },
  },
  duplicate_key_material: {
    found: {
      "one key under both of its ids": read(chain(), (document) => {
        rename(document, alice.publicKey.legacyKeyId);
      }),
      "one identity under two ids": read(chain({ build: { functionaries: [BUILDER] } }), (document) => {
        document.keys.again = document.keys[document.steps[1].pubkeys[0]];
      }),
    },
    silent: { "two keys": read(chain()) },
  },
  key_id_mismatch: {
    found: {
      "a key by a name": read(chain(), (document) => {
        rename(document, "alice");
      }),
    },
    silent: {
      "a key by its older id": read(chain(), (document) => {
        rename(document, alice.publicKey.legacyKeyId);
        delete document.keys[alice.publicKey.keyId];
        document.steps[0].pubkeys = [alice.publicKey.legacyKeyId];
      }),
      "a key in PEM by the id that Python computes": read(
        chain({ build: { functionaries: [PEM_KEY] } }),
        (document) => {
          const { keyId, pemKeyId } = PEM_KEY;
          document.keys[pemKeyId] = { ...document.keys[keyId], keyid: pemKeyId };
          delete document.keys[keyId];
          document.steps[1].pubkeys = [pemKeyId];
        },
      ),
    },
  },
  unknown_functionary: {
    found: {
      "a key that is not defined": read(chain(), (document) => {
        document.steps[0].pubkeys.push("ab".repeat(32));
      }),
    },
    silent: { "keys that are": read(chain()) },
  },
  unknown_step: {
    found: {
      "another name": material("MATCH * WITH PRODUCTS FROM sauce"),
      "in an inspection": read(chain(), inspected(["MATCH * WITH PRODUCTS FROM nothing"])),
      "an inspection, in a step": read(
        chain({ materials: ["MATCH * WITH PRODUCTS FROM unpack", "DISALLOW *"] }),
        inspected([]),
      ),
    },
    silent: {
      "a parameter": material("MATCH * WITH PRODUCTS FROM {STEP}"),
      "a step, in an inspection": read(chain(), inspected(["MATCH app WITH PRODUCTS FROM build"])),
    },
  },
  threshold_out_of_reach: {
    found: {
      "one key and one holder of certificates, of three": certified(3, "builder"),
      "the same holder twice": certified(3, "builder", "builder"),
      "constraints without an authority": read(
        chain({ build: { threshold: 2, constraints: [{ commonName: "*", roots: ["*"] }] } }),
      ),
      "constraints that no root meets": read({
        ...chain({ build: { threshold: 2, constraints: [{ commonName: "*" }] } }),
        authorities: { roots: { root: ROOT } },
      }),
    },
    silent: {
      "one key and one holder, of two": certified(2, "builder"),
      "two holders": certified(3, "builder", "packager"),
      "any number of holders": certified(64, "*"),
    },
  },
  require_too_late: {
    found: {
      "after a rule that refused it": product("CREATE app", "DISALLOW *", "REQUIRE app"),
      "after a rule that took it": product("ALLOW a*", "REQUIRE app"),
      "after a pattern that took it": product("ALLOW ?pp", "REQUIRE app"),
    },
    silent: {
      "before the rules": product("REQUIRE app", "CREATE app"),
      "after a rule that may not have taken it": product("CREATE app", "REQUIRE app"),
      "after a rule about something else": product("ALLOW ab*", "REQUIRE app"),
      "after a pattern with a parameter": product("ALLOW {NAME}", "REQUIRE app"),
    },
  },
  expires_soon: {
    found: { "in 13 days": until(13) },
    silent: { "in 14 days": until(14), "it has expired": until(-1) },
  },
  expires_late: { found: { "in 367 days": until(367) }, silent: { "in 366 days": until(366) } },
  unused_key: {
    found: {
      "a key that no step names": read(chain(), (document) => {
        document.steps[1].pubkeys = document.steps[0].pubkeys;
      }),
    },
    silent: {
      "a key of a step": read(chain()),
      "an identity of an expected predicate": expecting(PROVENANCE),
    },
  },
  open_rules: {
    found: {
      "no rules": read(chain({ products: [] })),
      "the rest is allowed": read(chain({ products: ["ALLOW *"] })),
      "the last refuses little": read(chain({ products: ["CREATE app", "DISALLOW *.map"] })),
    },
    silent: { "both lists are closed": read(chain()) },
  },
  unreachable_rule: {
    found: {
      "after DISALLOW *": read(chain({ products: ["DISALLOW *", "CREATE app"] })),
      "a DISALLOW that everything was taken from": product("ALLOW *"),
      "below a folder that was taken": product("ALLOW dist/*", "CREATE dist/js/*"),
      "a name below it": product("DISALLOW dist/*", "MODIFY dist/app.js"),
      "a name that a pattern took": product("ALLOW [ab]pp", "CREATE app"),
      "a MATCH below it": material("ALLOW src/*", "MATCH * IN src WITH PRODUCTS FROM source"),
      "the same pattern, whatever it means": product("ALLOW [a-z]?{X}", "CREATE [a-z]?{X}"),
      "the same condition": product("CREATE dist/*", "CREATE dist/app"),
      "the same comparison": material(
        "MATCH src/* WITH PRODUCTS FROM source",
        "MATCH src/a WITH PRODUCTS FROM source",
      ),
    },
    silent: {
      "another folder": product("ALLOW dist/*", "CREATE src/*"),
      "a folder that only begins alike": product("ALLOW dist/*", "CREATE dist*"),
      "another condition": product("CREATE dist/*", "MODIFY dist/*"),
      "a wider pattern": product("ALLOW dist/a*", "ALLOW dist/*"),
      "patterns that may differ": product("ALLOW d?st/*", "CREATE dist/*"),
      "a parameter in the earlier rule": product("ALLOW {DIR}/*", "CREATE {DIR}/a"),
      "a parameter in the later rule": product("ALLOW app", "CREATE {NAME}"),
      "after a MATCH, which may have found nothing": material(
        "MATCH * WITH PRODUCTS FROM source",
        "ALLOW lib/*",
      ),
      "a comparison with another folder": material(
        "MATCH * WITH PRODUCTS IN a FROM source",
        "MATCH * WITH PRODUCTS IN b FROM source",
      ),
      "a prefix that looks like a pattern": material("ALLOW s*", "MATCH * IN [s] WITH PRODUCTS FROM source"),
    },
  },
  idle_rule: {
    found: {
      "materials that were created": material("CREATE app"),
      "products that were deleted": product("DELETE app"),
    },
    silent: {
      "products that were created": product("CREATE app"),
      "materials that were deleted": material("DELETE a"),
    },
  },
  match_from_later_step: {
    found: {
      "materials out of the future": read(chain(), (document) => {
        document.steps[0].expected_materials.unshift("MATCH app WITH PRODUCTS FROM build".split(" "));
      }),
    },
    silent: {
      "an earlier step": read(chain()),
      "the same materials as a later step": read(chain(), (document) => {
        document.steps[0].expected_materials.unshift("MATCH app WITH MATERIALS FROM build".split(" "));
      }),
      "products that a later step makes again": read(chain(), (document) => {
        document.steps[0].expected_products.unshift("MATCH app WITH PRODUCTS FROM build".split(" "));
      }),
      "an inspection": read(chain(), inspected(["MATCH app WITH PRODUCTS FROM build"])),
    },
  },
  match_itself: {
    found: {
      "its own products": product("MATCH app WITH PRODUCTS FROM build"),
      "its own materials, in one folder": material("MATCH * IN src WITH MATERIALS IN src FROM build"),
    },
    silent: {
      "products that came in as materials": product("MATCH app WITH MATERIALS FROM build"),
      "a copy in another folder": product("MATCH * IN copy WITH PRODUCTS IN dist FROM build"),
    },
  },
  pattern_not_normal: {
    found: {
      "a leading dot": product("ALLOW ./app"),
      "a step up": product("REQUIRE a/../b", "ALLOW a"),
      "a backslash": product("ALLOW a\\b"),
      "a prefix": material("MATCH * IN ./src WITH PRODUCTS FROM source"),
    },
    silent: { "a folder beside": material("ALLOW ../lib/*"), "dots in names": product("ALLOW .a/..b") },
  },
  require_pattern: {
    found: { "a star": product("REQUIRE *.tgz"), "a set": product("REQUIRE app-[0-9]") },
    silent: { "a name": product("REQUIRE app"), "a name with brackets": product("REQUIRE pages/[slug].js") },
  },
  predicate_unconstrained: {
    found: { tests: expecting(TESTS), findings: expecting(VULNS), "a summary": expecting(VSA) },
    silent: {
      "an outcome that is asked for": expecting(TESTS, { at: "/predicate/result", equals: "PASSED" }),
      "a predicate without an outcome": expecting(PROVENANCE),
    },
  },
  verifier_unconstrained: {
    found: {
      "only the level": expecting(VSA, { at: "/predicate/verifiedLevels/*", equals: "SLSA_BUILD_LEVEL_3" }),
      "only that there is one": expecting(VSA, { at: "/predicate/verifier/id", exists: true }),
    },
    silent: {
      "by name": expecting(VSA, { at: "/predicate/verifier/id", equals: "https://verifier.example" }),
      "by a pattern": expecting(VSA, { at: "/predicate/verifier/*", glob: "https://verifier.example/*" }),
      "no summary": expecting(PROVENANCE, { at: "/predicate/buildDefinition", exists: true }),
    },
  },
  unsupported_inspection: {
    found: { "an inspection": read(chain(), inspected([])) },
    silent: { "only steps": read(chain()) },
  },
  isolated_step: {
    found: {
      "a step that nothing leads from or to": read(
        layout(...chain().steps, step("docs", [alice], { ...chain().steps[0], name: "docs" })),
      ),
    },
    silent: {
      "a chain": read(chain()),
      "one step alone": read(layout(...chain().steps.slice(0, 1))),
      "a tie whose name is wrong": material("MATCH * WITH PRODUCTS FROM sourec"),
      "a step that an inspection looks at": read(
        layout(...chain().steps, step("docs", [alice], { ...chain().steps[0], name: "docs" })),
        inspected(["MATCH * WITH PRODUCTS FROM docs"]),
      ),
    },
  },
};

const codes = (layout: Layout, time = NOW): string[] => lintLayout(layout, time).map(({ code }) => code);

test("a sound layout passes without a word", () => {
  expect(lintLayout(read(chain()), NOW)).toEqual([]);
});

test("every code is among the cases", () => {
  expect(Object.keys(CASES)).toEqual([...LINT_CODES.keys()]);
});

describe.each(Object.entries(CASES))("%s", (code, { found, silent }) => {
  test.each(Object.entries(found))("is found: %s", (_, layout) => {
    const findings = lintLayout(layout, NOW).filter((one) => one.code === code);
    expect(findings).toHaveLength(1);
    for (const { severity, message, advice } of findings) {
      expect(severity).toBe(LINT_CODES.get(code as LintCode));
      expect(message).toMatch(/[.?]$/);
      expect(advice).toMatch(/\.$/);
    }
  });

  test.each(Object.entries(silent))("is not found: %s", (_, layout) => {
    expect(codes(layout)).not.toContain(code);
  });
});

describe("a finding", () => {
  test("says where the rule stands", () => {
    const [found] = lintLayout(product("CREATE app", "DISALLOW *", "CREATE late"), NOW).filter(
      ({ rule }) => rule === "CREATE late",
    );
    expect(found).toMatchObject({
      code: "unreachable_rule",
      step: "build",
      ruleList: "products",
      ruleIndex: 2,
    } satisfies Partial<Finding>);
  });

  test("comes before those that are less bad", () => {
    const findings = lintLayout(read(chain({ materials: ["CREATE x", "DISALLOW *", "REQUIRE y"] })), NOW);
    expect(findings.map(({ code, severity }) => [severity, code])).toEqual([
      ["error", "require_too_late"],
      ["warning", "open_rules"],
      ["warning", "idle_rule"],
      ["note", "isolated_step"],
      ["note", "isolated_step"],
    ]);
  });

  test("about a key that cannot be used has the code for which it was refused", () => {
    const weak = { keytype: "ed25519", scheme: "ed25519", keyval: { public: `01${"00".repeat(31)}` } };
    const found = lintLayout(
      read(chain(), (document) => {
        document.keys.weak = weak;
      }),
      NOW,
    );
    expect(found).toMatchObject([{ code: "weak_key", severity: "error" }]);
  });
});

describe("a step that is not there", () => {
  test.each([
    ["sourec", "source"],
    ["Source", "source"],
    ["sources", "source"],
    ["bulid", "build"],
  ])("%s was probably %s", (typo, meant) => {
    const [found] = lintLayout(material(`MATCH * WITH PRODUCTS FROM ${typo}`), NOW);
    expect(found?.message).toContain(`Did you mean "${meant}"?`);
  });

  test.each(["deploy", "so", "x", "source-of-something"])("%s was none of them", (name) => {
    const [found] = lintLayout(material(`MATCH * WITH PRODUCTS FROM ${name}`), NOW);
    expect(found?.code).toBe("unknown_step");
    expect(found?.message).not.toContain("Did you mean");
  });
});

test("hostile patterns cost no more than a moment", () => {
  const hostile = "a*".repeat(500);
  const name = "a".repeat(1000);
  const rules = Array.from({ length: 120 }, (_, index) => [
    `ALLOW ${hostile}${index}`,
    `CREATE ${name}${index}b`,
  ]);
  const many = product(...rules.flat());
  const before = performance.now();
  lintLayout(many, NOW);
  expect(performance.now() - before).toBeLessThan(2000);
});

test("the layout that other tests build on holds for more than two weeks", () => {
  expect(EXPIRES.getTime() - NOW.getTime()).toBeGreaterThan(14 * DAY);
});

test("thousands of names that are nearly right are read in a moment", async () => {
  const same = "a".repeat(115);
  const rules = Array.from({ length: 16_384 }, (_, at) => {
    return ["MATCH", "*", "WITH", "PRODUCTS", "FROM", `${at % 10}${same}${10_000 + at}`];
  });
  const steps = Array.from({ length: 64 }, (_, at) => ({
    name: `x${same}${10_000 + at}`,
    pubkeys: [idOf(alice)],
    expected_materials: rules.slice(at * 256, at * 256 + 256),
  }));
  const many = readLayout(readEnvelope(await signRaw(rawLayout([alice], steps), [alice])));
  const before = performance.now();
  const messages = lintLayout(many, NOW).filter(({ code }) => code === "unknown_step");
  expect(performance.now() - before).toBeLessThan(3000);
  expect(messages).toHaveLength(16_384);
  expect(messages[0]?.message).toContain("Did you mean");
});
