import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { decodeUtf8, type JsonObject, utf8 } from "@stemma/encoding";
import {
  type ArtifactType,
  addSignatures,
  applyRules,
  checkLayoutForPublish,
  DEFAULT_LIMITS,
  Meter,
  parseRule,
  readEnvelope,
  readLink,
  signersOf,
  signLayout,
  signLink,
  signPayload,
  writeLink,
} from "../src/index.ts";
import { artifacts, digestOf, EXPIRES, hashOf, layout, link, NOW, owners, step } from "./support/chain.ts";
import { alice, bob, build, chain, good, olga, oscar, verify, verifyChain, why } from "./support/release.ts";

/** A row of the section "in-toto" of docs/divergences.md, seen. */
const seen: string[] = [];
function row(id: string, what: string, body: () => void | Promise<void>): void {
  seen.push(id);
  test(`${id}: ${what}`, body);
}

/** Whether the rules, written as words, fail for the products of a step; `other` are those of the step "other". */
function fails(
  rules: readonly string[],
  products: Record<string, string>,
  other: Record<string, string> = {},
  list: ArtifactType = "products",
): boolean {
  const parsed = rules.map((rule) => parseRule(rule.split(" "), "test", DEFAULT_LIMITS));
  const item = { materials: artifacts({}), products: artifacts(products) };
  const otherItem = { materials: artifacts({}), products: artifacts(other) };
  return applyRules(list, parsed, item, () => otherItem, new Meter()).failure !== undefined;
}

function readUnsigned(members: object): () => unknown {
  const signed = { _type: "link", name: "s", materials: {}, products: {}, ...members };
  return () => readLink(readEnvelope(utf8(JSON.stringify({ signatures: [], signed }))));
}

const refusal = (code: string) => expect.objectContaining({ code });
const ONE = { sha256: hashOf("1") };
const digest = digestOf("1");
const single = layout(step("build", [alice]));
const singleLink = [[link("build", {}, { f: "1" }), alice]] as const;

row("I-01", "an artifact outside the source prefix is not matched", () => {
  const rules = ["MATCH f IN sub WITH PRODUCTS FROM other", "DISALLOW *"];
  expect(fails(rules, { "sub/f": "1" }, { f: "1" })).toBe(false);
  expect(fails(rules, { f: "1" }, { f: "1" })).toBe(true);
  expect(fails(rules, { "sup/f": "1" }, { f: "1" })).toBe(true);
});

row("I-02", "patterns are not cleaned", async () => {
  expect(fails(["DISALLOW ./f"], { f: "1" })).toBe(false);
  expect(fails(["ALLOW ./f", "DISALLOW *"], { f: "1" })).toBe(true);
  const rules = { expectedProducts: [["DISALLOW", "./f"]] };
  const bytes = await signLayout(layout(step("build", [alice], rules)), [olga]);
  const { warnings } = checkLayoutForPublish(bytes, owners(1, olga), NOW);
  expect(warnings.map(({ code }) => code)).toContain("pattern_not_normal");
});

row("I-03", "names that are not in normal form are refused", () => {
  expect(readUnsigned({ products: { "./f": ONE } })).toThrow(refusal("path_not_normal"));
});

row("I-04", "of links that disagree, any that satisfies the rules will do", async () => {
  const content = layout(step("build", [alice, bob], { expectedProducts: [["REQUIRE", "good"]] }));
  const sound = link("build", {}, { good: "1" });
  const other = link("build", {}, { bad: "1" });
  for (const [first, second] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    const links = [
      [sound, first],
      [other, second],
    ] as const;
    expect(why(await verifyChain(content, links, { digest }))).toEqual([]);
  }
  expect(why(await verifyChain(content, [[other, alice]], { digest }))).toEqual(["rule_failed build"]);
});

row("I-05", "at the moment of its expiry a layout has expired", () => {
  expect(why(verify(good, { time: new Date(EXPIRES.getTime() - 1) }))).toEqual([]);
  expect(why(verify(good, { time: EXPIRES }))).toEqual(["layout_expired"]);
});

row("I-06", "REQUIRE takes its name as it is", () => {
  expect(fails(["REQUIRE f"], { f: "1" })).toBe(false);
  expect(fails(["REQUIRE ./f"], { f: "1" })).toBe(true);
  expect(fails(["REQUIRE *"], { f: "1" })).toBe(true);
  expect(fails(["REQUIRE *"], { "*": "1" })).toBe(false);
});

row("I-07", "an artifact like sub//abs is refused with a code", () => {
  expect(readUnsigned({ products: { "sub//abs": ONE } })).toThrow(refusal("path_not_normal"));
});

row("I-08", "a backslash and an unclosed bracket are themselves", () => {
  expect(fails(["DISALLOW [ab"], { "[ab": "1" })).toBe(true);
  expect(fails(["DISALLOW a\\*"], { "a*": "1" })).toBe(false);
});

row("I-09", "a placeholder without a value is refused", async () => {
  const content = layout(step("build", [alice], { expectedProducts: [["DISALLOW", "{NAME}"]] }));
  const given = (...parameters: [string, string][]) =>
    verifyChain(content, singleLink, { digest, parameters: new Map(parameters) });
  expect(why(await given())).toEqual(["unknown_parameter"]);
  expect(why(await given(["OTHER", "x"]))).toEqual(["unknown_parameter"]);
  expect(why(await given(["NAME", "f"]))).toEqual(["rule_failed build"]);
});

row("I-10", "owners sign by a threshold", async () => {
  const layoutEnvelope = await signLayout(single, [olga]);
  const by = (threshold: number) =>
    verifyChain(single, singleLink, { layoutEnvelope, owners: owners(threshold, olga, oscar), digest });
  expect(why(await by(1))).toEqual([]);
  expect(why(await by(2))).toEqual(["layout_threshold_not_met"]);
});

row("I-11", "one public key under two key ids counts once", async () => {
  const document = JSON.parse(decodeUtf8(await signLayout(chain(), [], "metablock")));
  const { keyId, legacyKeyId } = alice.publicKey;
  document.signed.keys[legacyKeyId] = { ...document.signed.keys[keyId], keyid: legacyKeyId };
  document.signed.steps[1].pubkeys.push(legacyKeyId);
  const layoutEnvelope = await addSignatures(utf8(JSON.stringify(document)), [olga, oscar]);
  const again = decodeUtf8(await signLink(build, [alice], "metablock")).replace(keyId, legacyKeyId);
  const evidence = [...good.filter((_, index) => index !== 2), utf8(again)];
  expect(why(verify(evidence, { layoutEnvelope }))).toEqual(["threshold_not_met build"]);
  expect(why(verify([...evidence, ...good], { layoutEnvelope }))).toEqual([]);
});

row("I-12", "a threshold of 0 or below is refused", async () => {
  for (const threshold of [0, -1]) {
    const document = JSON.parse(decodeUtf8(await signLayout(single, [], "metablock")));
    document.signed.steps[0].threshold = threshold;
    const layoutEnvelope = await addSignatures(utf8(JSON.stringify(document)), [olga, oscar]);
    expect(why(verify(good, { layoutEnvelope }))).toEqual(["invalid_threshold"]);
  }
});

row("I-13", "a layout without steps is refused", async () => {
  expect(why(await verifyChain(layout(), []))).toEqual(["vacuous_policy"]);
});

row("I-14", "the last step must have made the digest that was asked about", async () => {
  expect(why(await verifyChain(single, singleLink, { digest }))).toEqual([]);
  expect(why(await verifyChain(single, singleLink, { digest: digestOf("2") }))).toEqual([
    "product_mismatch build",
  ]);
});

/** Who of alice and bob signed. */
const signers = (bytes: Uint8Array) =>
  signersOf(readEnvelope(bytes), owners(1, alice, bob).keys).map((one) => one.keyId);

row("I-15", "unknown members of a metablock are signed with the rest", async () => {
  const payload: JsonObject = new Map(writeLink(build)).set("x-extra", "kept");
  expect(signers(await signPayload(payload, [alice], "metablock"))).toEqual([alice.publicKey.keyId]);
});

row("I-16", "a DSSE signature needs no key id", async () => {
  const document = JSON.parse(decodeUtf8(await signLink(build, [bob])));
  delete document.signatures[0].keyid;
  expect(signers(utf8(JSON.stringify(document)))).toEqual([bob.publicKey.keyId]);
});

row("I-17", "either flavour of key id finds the key", async () => {
  const { keyId, legacyKeyId } = bob.publicKey;
  const text = decodeUtf8(await signLink(build, [bob])).replace(keyId, legacyKeyId);
  expect(text).toContain(legacyKeyId);
  expect(signers(utf8(text))).toEqual([keyId]);
});

row("I-18", "an artifact has a digest that means something", () => {
  for (const digests of [{}, { md5: "0".repeat(32) }, { sha1: "0".repeat(40) }]) {
    expect(readUnsigned({ products: { f: digests } })).toThrow(refusal("weak_artifact_digest"));
  }
});

row("I-19", "a fraction is refused in a metablock, and carried in what DSSE signed byte for byte", () => {
  const text = JSON.stringify({ _type: "link", name: "build", byproducts: { seconds: 1.5 } });
  const payloadType = "application/vnd.in-toto+json";
  const payload = Buffer.from(text).toString("base64");
  expect(() => readEnvelope(utf8(`{"signatures":[],"signed":${text}}`))).toThrow(refusal("bad_number"));
  const envelope = readEnvelope(utf8(JSON.stringify({ payload, payloadType, signatures: [] })));
  expect(envelope.payload.get("byproducts")).toEqual(new Map([["seconds", 1.5]]));
});

row("I-20", "an inspection that nobody asked to carry out denies, and is never run", async () => {
  const document = JSON.parse(decodeUtf8(await signLayout(single, [], "metablock")));
  document.signed.inspect.push({ _type: "inspection", name: "look", run: ["true"] });
  const layoutEnvelope = await addSignatures(utf8(JSON.stringify(document)), [olga, oscar]);
  expect(why(verify([], { layoutEnvelope }))).toContain("unsupported_inspection look");
});

test("docs/divergences.md, section in-toto, has exactly these rows", () => {
  const text = readFileSync(new URL("../../../docs/divergences.md", import.meta.url), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith("in-toto")) ?? "";
  expect([...section.matchAll(/^\| (I-\d+) \|/gm)].map((match) => match[1])).toEqual(seen);
});
