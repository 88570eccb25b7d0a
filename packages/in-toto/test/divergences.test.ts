import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { generatePrivateKey, publicKeyFromObject, type Signer, signerFromPem } from "@stemma/crypto";
import { decodeUtf8, type JsonObject, type JsonValue, utf8 } from "@stemma/encoding";
import { DURING, type MadeCertificate, makeCertificate } from "../../crypto/test/support/certificates.ts";
import {
  type ArtifactType,
  addSignatures,
  applyRules,
  checkLayoutForPublish,
  DEFAULT_LIMITS,
  type EnvelopeFormat,
  type LayoutRequest,
  type Link,
  type LinkContent,
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
import { about, idOf, rawLayout, signRaw, TYPES, testResult } from "./support/documents.ts";
import { alice, bob, build, chain, good, olga, oscar, verify, verifyChain, why } from "./support/release.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests reach into documents at will.
type Loose = any;

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
  for (const set of ["[-x]", "[x-]", "[]x]"]) expect(fails([`DISALLOW ${set}`], { x: "1" })).toBe(true);
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

row("I-17", "a key id of any flavour finds the key", async () => {
  const { keyId, legacyKeyId } = bob.publicKey;
  const text = decodeUtf8(await signLink(build, [bob])).replace(keyId, legacyKeyId);
  expect(text).toContain(legacyKeyId);
  expect(signers(utf8(text))).toEqual([keyId]);
  const pem = signerFromPem(generatePrivateKey("ecdsa-p256"));
  const python = decodeUtf8(await signLink(build, [pem])).replace(
    pem.publicKey.keyId,
    pem.publicKey.pemKeyId,
  );
  expect(python).toContain(pem.publicKey.pemKeyId);
  expect(signersOf(readEnvelope(utf8(python)), owners(1, pem).keys)).toHaveLength(1);
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

row("I-21", "integers beyond 2^53 are exact", async () => {
  const payload: JsonObject = new Map(writeLink(build)).set("byproducts", new Map([["n", 2n ** 53n + 1n]]));
  const text = decodeUtf8(await signPayload(payload, [alice], "metablock"));
  expect(signers(utf8(text))).toEqual([alice.publicKey.keyId]);
  expect(text).toContain("9007199254740993");
  expect(signers(utf8(text.replace("9007199254740993", "9007199254740992")))).toEqual([]);
});

/** Changes a document of ours in plain JSON, signs it again, and verifies it. */
async function changed(
  change: (layout: Loose) => void,
  links: readonly (readonly [LinkContent, Signer])[] = singleLink,
  changes: Partial<LayoutRequest> = {},
): Promise<readonly string[]> {
  const document = JSON.parse(decodeUtf8(await signLayout(single, [], "metablock")));
  change(document.signed);
  const layoutEnvelope = await addSignatures(utf8(JSON.stringify(document)), [olga, oscar]);
  return why(await verifyChain(single, links, { layoutEnvelope, digest, ...changes }));
}

row("I-22", "a key of a layout need not name itself", async () => {
  expect(
    await changed((document) => {
      delete document.keys[alice.publicKey.keyId].keyid;
      delete document.keys[alice.publicKey.keyId].keyid_hash_algorithms;
    }),
  ).toEqual([]);
});

row("I-23", "a sublayout that is not satisfied does not harm other evidence", async () => {
  const content = layout(step("build", [alice, bob]));
  const sub = await signLayout(layout(step("inner", [bob])), [alice]);
  const sound = await signLink(link("build", {}, { f: "1" }), [bob]);
  const layoutEnvelope = await signLayout(content, [olga, oscar]);
  expect(why(verify([sub], { layoutEnvelope, digest }))).toEqual(["sublayout_failed build"]);
  expect(why(verify([sub, sound], { layoutEnvelope, digest }))).toEqual([]);
});

row("I-24", "a link is of the step that it names", async () => {
  expect(why(await verifyChain(single, [[link("other", {}, { f: "1" }), alice]], { digest }))).toEqual([
    "link_missing build",
  ]);
});

row("I-25", "a member in other letters is another member", () => {
  const read = readUnsigned({ products: { f: ONE }, Products: { g: ONE } })();
  expect([...(read as Link).products.keys()]).toEqual(["f"]);
});

row("I-26", "a member twice is refused", () => {
  const text =
    '{"signatures":[],"signed":{"_type":"link","name":"s","name":"t","materials":{},"products":{}}}';
  expect(() => readEnvelope(utf8(text))).toThrow(refusal("duplicate_member"));
});

row("I-27", "a wrong signature under a key id does not harm a right one", async () => {
  for (const format of ["metablock", "dsse"] as const) {
    const document = JSON.parse(decodeUtf8(await signLink(build, [alice], format)));
    const [right] = document.signatures;
    const wrong = { ...right, sig: format === "dsse" ? "AAAA" : "00".repeat(64) };
    for (const signatures of [
      [wrong, right],
      [right, wrong],
    ]) {
      expect(signers(utf8(JSON.stringify({ ...document, signatures })))).toEqual([alice.publicKey.keyId]);
    }
  }
});

row("I-28", "a signature in upper-case hex is refused", async () => {
  const document = JSON.parse(decodeUtf8(await signLink(build, [alice], "metablock")));
  document.signatures[0].sig = document.signatures[0].sig.toUpperCase();
  expect(() => readEnvelope(utf8(JSON.stringify(document)))).toThrow(refusal("bad_encoding"));
});

row("I-29", "an ECDSA signature may be r and s", async () => {
  const key = createPrivateKey(generatePrivateKey("ecdsa-p256"));
  const publicKey = publicKeyFromObject(key);
  for (const dsaEncoding of ["ieee-p1363", "der"] as const) {
    const signer = {
      publicKey,
      sign: async (message: Uint8Array) => new Uint8Array(sign("sha256", message, { key, dsaEncoding })),
    };
    const envelope = readEnvelope(await signLink(build, [signer]));
    expect(signersOf(envelope, owners(1, signer).keys)).toHaveLength(1);
  }
});

row("I-30", "a key of an unknown type that no step needs does no harm", async () => {
  const add = (document: Loose): void => {
    document.keys.ab = { keytype: "lattice", scheme: "lattice", keyval: { public: "00" } };
  };
  expect(await changed(add)).toEqual([]);
});

row("I-31", "doubled braces are one, and formats are refused", async () => {
  const content = (pattern: string) =>
    layout(
      step("build", [alice], {
        expectedProducts: [
          ["ALLOW", pattern],
          ["DISALLOW", "*"],
        ],
      }),
    );
  const parameters = new Map([["NAME", "f"]]);
  const given = (pattern: string, name: string) =>
    verifyChain(content(pattern), [[link("build", {}, { [name]: "1" }), alice]], { digest, parameters });
  expect(why(await given("{{f}}", "{f}"))).toEqual([]);
  expect(why(await given("{NAME:>3}", "f"))).toEqual(["unknown_parameter"]);
});

row("I-32", "two steps of one name are refused", async () => {
  expect(await changed((document) => document.steps.push(document.steps[0]))).toEqual(["duplicate_name"]);
});

row("I-33", "a private key in a layout is refused", async () => {
  const expose = (document: Loose): void => {
    document.keys[alice.publicKey.keyId].keyval.private = "00".repeat(32);
  };
  expect(await changed(expose)).toEqual(["private_key_exposed"]);
});

row("I-34", "a step named by a path is refused", async () => {
  expect(await changed((document) => Object.assign(document.steps[0], { name: "a/b" }))).toEqual([
    "bad_name",
  ]);
});

row("I-35", "what may be empty may be left out", async () => {
  const payload: Map<string, JsonValue> = new Map(writeLink(link("build", {}, { f: "1" })));
  for (const name of ["environment", "byproducts", "command"]) payload.delete(name);
  const bytes = await signPayload(payload, [alice], "metablock");
  const layoutEnvelope = await signLayout(single, [olga, oscar]);
  expect(why(verify([bytes], { layoutEnvelope, digest }))).toEqual([]);
  expect(
    await changed((document) => {
      for (const name of ["readme", "inspect"]) delete document[name];
      for (const name of ["expected_materials", "expected_products", "expected_command"])
        delete document.steps[0][name];
    }),
  ).toEqual([]);
});

row("I-36", "null is an empty list", async () => {
  const none = { expected_materials: null, expected_products: null, expected_command: null };
  expect(await changed((document) => Object.assign(document.steps[0], none))).toEqual([]);
  expect((readUnsigned({ command: null, byproducts: null, environment: null })() as Link).command).toEqual(
    [],
  );
});

row("I-37", "MATCH compares with materials or products, and with nothing else", () => {
  expect(() => fails(["MATCH f WITH BYPRODUCTS FROM other"], { f: "1" })).toThrow(refusal("bad_rule"));
});

row("I-38", "an expiry has no fraction of a second", async () => {
  expect(
    await changed((document) => {
      document.expires = "2040-01-01T00:00:00.5Z";
    }),
  ).toEqual(["bad_expires"]);
});

const root = makeCertificate({ subject: { commonName: "Root" }, ca: true });
const otherRoot = makeCertificate({ subject: { commonName: "Other" }, ca: true });
const holder = makeCertificate({ subject: { commonName: "holder" }, issuer: root });

/** A layout whose step is carried out by whoever holds a certificate of these roots; its link by the holder. */
async function byCertificate(
  roots: readonly string[],
  format: EnvelopeFormat,
  legacy: boolean,
  shown: MadeCertificate = holder,
) {
  const authority = ({ pem }: MadeCertificate) => ({ keyval: { certificate: pem } });
  const document = rawLayout([], [{ name: "build", cert_constraints: [{ common_name: "holder", roots }] }], {
    rootcas: { root: authority(root), other: authority(otherRoot) },
  });
  const signer = shown.signer();
  const { keyId, legacyKeyId } = signer.publicKey;
  const envelope = JSON.parse(decodeUtf8(await signLink(link("build", {}, { f: "1" }), [signer], format)));
  Object.assign(envelope.signatures[0], { cert: shown.pem, keyid: legacy ? legacyKeyId : keyId });
  const layoutEnvelope = await signRaw(document, [olga, oscar]);
  return why(verify([utf8(JSON.stringify(envelope))], { layoutEnvelope, digest, time: DURING }));
}

row("I-39", "a step can be left to one of two authorities", async () => {
  for (const roots of [["root"], ["root", "other"], ["*"]]) {
    expect(await byCertificate(roots, "metablock", true)).toEqual([]);
  }
  expect(await byCertificate(["other"], "metablock", true)).toEqual(["certificate_constraint_unmet build"]);
});

row("I-40", "a certificate counts in DSSE too, and under either key id", async () => {
  for (const format of ["metablock", "dsse"] as const) {
    for (const legacy of [true, false]) expect(await byCertificate(["root"], format, legacy)).toEqual([]);
  }
});

row("I-41", "a step that expects attestations names nobody who could sign a link for it", async () => {
  const expected = { predicateType: TYPES.test, functionaries: [idOf(alice)], threshold: 1 };
  const document = rawLayout([alice], [{ name: "build", expected_predicates: [expected] }]);
  const judge = async (change: object, evidence: Uint8Array) => {
    const [first] = document.steps as readonly object[];
    const layoutEnvelope = await signRaw({ ...document, steps: [{ ...first, ...change }] }, [olga, oscar]);
    return why(verify([evidence], { layoutEnvelope, digest }));
  };
  const signed = await signLink(link("build", {}, { f: "1" }), [alice]);
  const tested = await signRaw(testResult([about("f", "1")], "PASSED"), [alice]);
  expect(await judge({}, tested)).toEqual([]);
  expect(await judge({}, signed)).not.toEqual([]);
  // With somebody to sign links, an implementation that does not know predicates would be satisfied by those.
  expect(await judge({ pubkeys: [idOf(alice)] }, tested)).toEqual(["bad_expected_predicate"]);
});

row(
  "I-42",
  "a certificate may be for code signing, or for servers as SPIFFE's are, and for nothing else",
  async () => {
    const SERVER = "1.3.6.1.5.5.7.3.1";
    const CLIENT = "1.3.6.1.5.5.7.3.2";
    const CODE = "1.3.6.1.5.5.7.3.3";
    const purposed = (...extendedKeyUsage: readonly string[]) =>
      makeCertificate({ subject: { commonName: "holder" }, issuer: root, extendedKeyUsage });
    for (const purposes of [[SERVER], [CODE], [CLIENT, CODE]]) {
      expect(await byCertificate(["root"], "dsse", false, purposed(...purposes))).toEqual([]);
    }
    expect(await byCertificate(["root"], "dsse", false, purposed(CLIENT))).toEqual([
      "certificate_not_trusted build",
    ]);
  },
);

test("docs/divergences.md, section in-toto, has exactly these rows", () => {
  const text = readFileSync(new URL("../../../docs/divergences.md", import.meta.url), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith("in-toto")) ?? "";
  expect([...section.matchAll(/^\| (I-\d+) \|/gm)].map((match) => match[1])).toEqual(seen);
});
