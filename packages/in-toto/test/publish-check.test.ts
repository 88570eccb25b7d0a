import { expect, test } from "@jest/globals";
import { decodeUtf8, utf8 } from "@stemma/encoding";
import { addSignatures, checkLayoutForPublish, type PublishCheck, signLayout } from "../src/index.ts";
import { EXPIRES, layout, NOW, owners, person, step } from "./support/chain.ts";

const [olga, alice, bob] = [person(), person(), person()];

// biome-ignore lint/suspicious/noExplicitAny: tests reach into documents at will.
type Loose = any;

const closed = { expectedMaterials: [["DISALLOW", "*"]], expectedProducts: [["DISALLOW", "*"]] };

/** Checks a good layout after a change, signed again. */
async function check(change: (document: Loose) => void = () => {}, time = NOW): Promise<PublishCheck> {
  const content = layout(step("build", [alice], closed), step("package", [bob], closed));
  const document = JSON.parse(decodeUtf8(await signLayout(content, [], "metablock")));
  change(document.signed);
  const bytes = await addSignatures(utf8(JSON.stringify(document)), [olga]);
  return checkLayoutForPublish(bytes, owners(1, olga), time);
}

const codes = (result: PublishCheck) => {
  expect(result.ok).toBe(result.errors.length === 0);
  return result.errors.map(({ code }) => code);
};

test("a sound layout passes without a word", async () => {
  const result = await check();
  expect(codes(result)).toEqual([]);
  expect(result.warnings).toEqual([]);
  expect(result.signed?.signers.map((one) => one.keyId)).toEqual([olga.publicKey.keyId]);
  expect(result.signed?.layout.steps).toHaveLength(2);
});

test("a layout of somebody else, or one that cannot be read, is refused", async () => {
  const bytes = await signLayout(layout(step("build", [alice])), [alice]);
  const result = checkLayoutForPublish(bytes, owners(1, olga), NOW);
  expect(codes(result)).toEqual(["layout_threshold_not_met"]);
  expect(result.signed).toBeUndefined();
  expect(codes(checkLayoutForPublish(utf8("{"), owners(1, olga), NOW))).toEqual(["bad_json"]);
});

test.each<readonly [string, (document: Loose) => void, string]>([
  [
    "the same key under two ids (N-02)",
    (document) => {
      const { keyId, legacyKeyId } = alice.publicKey;
      document.keys[legacyKeyId] = { ...document.keys[keyId], keyid: legacyKeyId };
    },
    "duplicate_key_material",
  ],
  [
    "a key id that is not of its key",
    (document) => {
      const key = document.keys[alice.publicKey.keyId];
      delete document.keys[alice.publicKey.keyId];
      document.keys.alice = key;
      document.steps[0].pubkeys = ["alice"];
    },
    "key_id_mismatch",
  ],
  [
    "a weak key (N-09)",
    (document) => {
      const weak = { keytype: "ed25519", scheme: "ed25519", keyval: { public: `01${"00".repeat(31)}` } };
      document.keys.weak = weak;
    },
    "weak_key",
  ],
  [
    "a key of a type that nobody verifies",
    (document) => {
      document.keys.dsa = { keytype: "dsa", scheme: "dsa", keyval: { public: "00" } };
    },
    "unsupported_key",
  ],
  [
    "a functionary without a key",
    (document) => {
      document.steps[0].pubkeys.push("ab".repeat(32));
    },
    "unknown_functionary",
  ],
  [
    "a rule about a step that is not there",
    (document) => {
      document.steps[0].expected_materials = [
        ["MATCH", "*", "WITH", "PRODUCTS", "FROM", "no"],
        ["DISALLOW", "*"],
      ];
    },
    "unknown_step",
  ],
  [
    "no steps (N-47)",
    (document) => {
      document.steps = [];
    },
    "vacuous_policy",
  ],
])("%s is refused", async (_, change, code) => {
  expect(codes(await check(change))).toEqual([code]);
});

test("a layout that has expired is refused", async () => {
  expect(codes(await check(() => {}, EXPIRES))).toEqual(["layout_expired"]);
});

test("a legacy key id is as good as a modern one", async () => {
  const result = await check((document) => {
    const text = JSON.stringify(document).replaceAll(alice.publicKey.keyId, alice.publicKey.legacyKeyId);
    Object.assign(document, JSON.parse(text));
    delete document.keys[alice.publicKey.keyId];
  });
  expect(codes(result)).toEqual([]);
});

test.each<readonly [string, (document: Loose) => void, readonly string[]]>([
  [
    "an inspection (N-50)",
    (document) => {
      document.inspect = [
        { _type: "inspection", name: "unpack", run: ["tar"], expected_materials: [], expected_products: [] },
      ];
    },
    ["unsupported_inspection"],
  ],
  [
    "rules that leave the rest open (N-50)",
    (document) => {
      document.steps[0].expected_materials = [];
      document.steps[0].expected_products = [["ALLOW", "*"]];
    },
    ["open_rules", "open_rules"],
  ],
  [
    "patterns that no normal name fits (N-28)",
    (document) => {
      document.steps[0].expected_products.unshift(
        ["ALLOW", "./foo"],
        ["REQUIRE", "a/../b"],
        ["ALLOW", "a\\b"],
      );
    },
    ["pattern_not_normal", "pattern_not_normal", "pattern_not_normal"],
  ],
])("%s is a warning", async (_, change, warnings) => {
  const result = await check(change);
  expect(codes(result)).toEqual([]);
  expect(result.warnings.map(({ code }) => code)).toEqual(warnings);
});
