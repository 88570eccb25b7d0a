import { describe, expect, test } from "@jest/globals";
import { generatePrivateKey, signerFromPem } from "@stemma/crypto";
import { decodeUtf8, utf8 } from "@stemma/encoding";
import {
  addSignatures,
  assembleEnvelope,
  signingMessage,
  signLayout,
  signLink,
  verifyLayout,
  writeLink,
} from "../src/index.ts";
import { digestOf, EXPIRES, evidenceOf, hashOf, layout, link, NOW, owners, step } from "./support/chain.ts";
import {
  alice,
  bob,
  build,
  carl,
  chain,
  good,
  mallory,
  olga,
  oscar,
  packaging,
  signedLayout,
  source,
  verify,
  verifyChain,
  why,
} from "./support/release.ts";

describe("a chain that holds", () => {
  test("is allowed, and says what it rests on", () => {
    const verdict = verify(good);
    expect(why(verdict)).toEqual([]);
    expect(verdict.warnings).toEqual([]);
    expect(verdict.setAside).toEqual([]);
    expect(verdict.products).toEqual(["app.tgz"]);
    expect(verdict.layout).toEqual({
      expires: "2027-01-01T00:00:00Z",
      signers: [olga, oscar].map(({ publicKey }) => ({
        keyId: publicKey.keyId,
        fingerprint: publicKey.fingerprint,
      })),
    });
    const [, middle, last] = verdict.steps;
    expect(new Set(middle?.functionaries.map((one) => one.fingerprint))).toEqual(
      new Set([alice.publicKey.fingerprint, bob.publicKey.fingerprint]),
    );
    expect(middle?.links).toHaveLength(2);
    expect(middle?.command).toEqual(["make"]);
    expect(middle?.materials).toEqual({
      count: 1,
      entries: [{ name: "src/a", digests: [`sha256:${hashOf("A")}`] }],
    });
    expect(last?.rules).toEqual([
      {
        list: "materials",
        text: "MATCH app WITH PRODUCTS FROM build",
        consumed: ["app"],
        consumedCount: 1,
        left: 0,
      },
      { list: "materials", text: "DISALLOW *", consumed: [], consumedCount: 0, left: 0 },
      { list: "products", text: "CREATE app.tgz", consumed: ["app.tgz"], consumedCount: 1, left: 0 },
      { list: "products", text: "ALLOW app", consumed: [], consumedCount: 0, left: 0 },
      { list: "products", text: "DISALLOW *", consumed: [], consumedCount: 0, left: 0 },
    ]);
  });

  test("gives the same verdict in whatever order the evidence comes, as plain data", () => {
    const verdict = verify(good);
    expect(verify([...good].reverse())).toEqual(verdict);
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
  });

  test("one envelope may carry all the signatures", async () => {
    const together = await signLink(build, [alice, bob]);
    expect(why(verify([good[0] as Uint8Array, together, good[3] as Uint8Array]))).toEqual([]);
  });

  test("a digest of sha512 is looked up as sha512", async () => {
    const sha512 = "ab".repeat(64);
    const product = new Map([
      [
        "app.tgz",
        new Map([
          ["sha256", hashOf("tarball")],
          ["sha512", sha512],
        ]),
      ],
    ]);
    const both = await signLink({ ...packaging, products: product }, [carl]);
    const evidence = [...good.slice(0, 3), both];
    expect(why(verify(evidence, { digest: `sha512:${sha512}` as never }))).toEqual([]);
    expect(why(verify(good, { digest: `sha512:${sha512}` as never }))).toEqual(["product_mismatch package"]);
  });
});

describe("the layout", () => {
  test("expires at its very moment", () => {
    const at = (time: number) => why(verify(good, { time: new Date(time) }));
    expect(at(EXPIRES.getTime() - 1)).toEqual([]);
    expect(at(EXPIRES.getTime())).toEqual(["layout_expired"]);
    expect(at(EXPIRES.getTime() + 1)).toEqual(["layout_expired"]);
    expect(at(Number.NaN)).toEqual(["layout_expired"]);
  });

  test("needs the owners' threshold", async () => {
    const one = await signLayout(chain(), [olga]);
    const stranger = await signLayout(chain(), [olga, mallory]);
    expect(why(verify(good, { layoutEnvelope: one }))).toEqual(["layout_threshold_not_met"]);
    expect(why(verify(good, { layoutEnvelope: stranger }))).toEqual(["layout_threshold_not_met"]);
    expect(why(verify(good, { owners: { keys: new Map(), threshold: 1 } }))).toEqual([
      "layout_threshold_not_met",
    ]);
    expect(why(verify(good, { owners: { keys: new Map(), threshold: 0 } }))).toEqual(["invalid_threshold"]);
  });

  test("has steps, or verifies nothing (N-47)", async () => {
    expect(why(await verifyChain(layout(), []))).toEqual(["vacuous_policy"]);
  });

  test("is read after its signatures are checked, never before", async () => {
    const text = decodeUtf8(await signLayout(chain(), [olga, oscar], "metablock"));
    const broken = utf8(text.replace('"threshold":2', '"threshold":0'));
    expect(why(verify(good, { layoutEnvelope: broken }))).toEqual(["layout_threshold_not_met"]);
  });

  test("that cannot be read is a reason, not an exception", () => {
    for (const [text, code] of [
      ["", "bad_json"],
      ["null", "wrong_type"],
      ["[]", "wrong_type"],
      ["{}", "unsupported_envelope"],
      ['{"signed":null,"signatures":[]}', "wrong_type"],
      ["[".repeat(100_000), "too_deep"],
    ] as const) {
      expect(why(verify(good, { layoutEnvelope: utf8(text) }))).toEqual([code]);
    }
  });

  test("holds with its parameters only", async () => {
    const content = chain({
      package: {
        expectedProducts: [
          ["CREATE", "{NAME}.tgz"],
          ["DISALLOW", "*"],
        ],
      },
    });
    const links = [
      [source, alice],
      [build, alice],
      [build, bob],
      [packaging, carl],
    ] as const;
    const given = (parameters: Record<string, string>) =>
      verifyChain(content, links, { parameters: new Map(Object.entries(parameters)) });
    expect(why(await given({ NAME: "app" }))).toEqual([]);
    expect(why(await given({ NAME: "other" }))).toEqual(["rule_failed package"]);
    expect(why(await given({ OTHER: "app" }))).toEqual(["unknown_parameter"]);
    expect(why(await verifyChain(content, links))).toEqual(["unknown_parameter"]);
  });
});

describe("links", () => {
  test.each([0, 3])("link %i is missing", (index) => {
    const rest = good.filter((_, at) => at !== index);
    expect(why(verify(rest))).toEqual([`link_missing ${index === 0 ? "source" : "package"}`]);
  });

  test("all are missing", () => {
    expect(why(verify([]))).toEqual(["link_missing source", "link_missing build", "link_missing package"]);
  });

  test("one of two is not the threshold", () => {
    expect(why(verify(good.filter((_, at) => at !== 1)))).toEqual(["threshold_not_met build"]);
  });

  test("one functionary's two signatures are one, also under two key ids and in two formats (N-01, N-02)", async () => {
    const rest = [good[0], good[3]] as Uint8Array[];
    const twice = [await signLink(build, [alice]), await signLink(build, [alice], "metablock")];
    expect(why(verify([...rest, ...twice]))).toEqual(["threshold_not_met build"]);

    const content = chain();
    const plain = JSON.parse(decodeUtf8(await signLayout(content, [], "metablock")));
    const other = alice.publicKey.legacyKeyId;
    plain.signed.keys[other] = { ...plain.signed.keys[alice.publicKey.keyId], keyid: other };
    plain.signed.steps[1].pubkeys.push(other);
    const layoutEnvelope = await addSignatures(utf8(JSON.stringify(plain)), [olga, oscar]);
    const renamed = utf8(decodeUtf8(twice[1] as Uint8Array).replace(alice.publicKey.keyId, other));
    expect(why(verify([...rest, twice[0] as Uint8Array, renamed], { layoutEnvelope }))).toEqual([
      "threshold_not_met build",
    ]);
    expect(why(verify([...good, renamed], { layoutEnvelope }))).toEqual([]);
  });

  test("by a key that the layout does not name", async () => {
    const stranger = await signLink(source, [mallory]);
    const verdict = verify([stranger, ...good.slice(1)]);
    expect(why(verdict)).toEqual(["functionary_not_authorized source"]);
    expect(verdict.setAside).toEqual([
      expect.objectContaining({ code: "functionary_not_authorized", step: "source" }),
    ]);
    expect(verdict.reasons[0]?.message).toContain(mallory.publicKey.keyId);
  });

  test("by a functionary of another step", async () => {
    const wrong = await signLink(packaging, [alice]);
    const verdict = verify([...good.slice(0, 3), wrong]);
    expect(why(verdict)).toEqual(["functionary_not_authorized package"]);
    expect(verdict.reasons[0]?.message).toContain('of step "source"');
  });

  test("with a signature that is not what it claims", async () => {
    const text = decodeUtf8(good[3] as Uint8Array).replace("app.tgz", "app.tar");
    expect(why(verify([...good.slice(0, 3), utf8(text)]))).toEqual(["bad_signature package"]);
  });

  test("with no signature", async () => {
    const unsigned = await signLink(packaging, []);
    expect(why(verify([...good.slice(0, 3), unsigned]))).toEqual(["functionary_not_authorized package"]);
  });

  test("that cannot be read are set aside, each with its reason", async () => {
    const bad = [utf8("not json"), await signLink(link("unknown", {}, {}), [alice]), signedLayout];
    const verdict = verify([...good, ...bad]);
    expect(why(verdict)).toEqual([]);
    expect(new Set(verdict.setAside.map(({ code }) => code))).toEqual(
      new Set(["bad_json", "unknown_step", "functionary_not_authorized"]),
    );
  });

  test("whose artifacts are not in normal form count for nothing", async () => {
    const payload = new Map(writeLink(packaging));
    payload.set("products", new Map([["x/../app.tgz", new Map([["sha256", hashOf("tarball")]])]]));
    const signature = await carl.sign(signingMessage(payload, "dsse"));
    const bytes = assembleEnvelope(payload, "dsse", [{ keyId: carl.publicKey.keyId, signature }]);
    expect(why(verify([...good.slice(0, 3), bytes]))).toEqual(["path_not_normal package"]);
  });

  test("that disagree do not add up (N-48), until two agree", async () => {
    const other = await signLink(link("build", { "src/a": "A" }, { app: "trojan" }), [bob]);
    const disagreeing = [good[0], good[1], other, good[3]] as Uint8Array[];
    expect(why(verify(disagreeing))).toEqual(["links_disagree build"]);
    expect(why(verify([...disagreeing, await signLink(build, [carl])]))).toEqual([]);
  });

  test("a sublayout in the place of a link that lacks evidence says so", async () => {
    const sub = await signLayout(layout(step("inner", [mallory])), [carl]);
    expect(why(verify([...good.slice(0, 3), sub]))).toEqual(["sublayout_failed package"]);
  });
});

describe("the product of the last step", () => {
  test("is the digest that was asked about (N-18)", () => {
    const verdict = verify(good, { digest: digestOf("other") });
    expect(why(verdict)).toEqual(["product_mismatch package"]);
    expect(verdict.reasons[0]?.message).toContain("app.tgz");
  });

  test("a material, or a product of an earlier step, is not enough", () => {
    expect(why(verify(good, { digest: digestOf("binary") }))).toEqual(["product_mismatch package"]);
  });

  test("links of another artifact do not help", async () => {
    const other = await Promise.all([
      signLink(link("build", { "src/a": "A" }, { app: "b2" }), [alice, bob]),
      signLink(link("package", { app: "b2" }, { "app.tgz": "t2" }), [carl]),
    ]);
    const evidence = [good[0] as Uint8Array, ...other];
    expect(why(verify(evidence))).toEqual(["product_mismatch package"]);
    expect(why(verify(evidence, { digest: digestOf("t2") }))).toEqual([]);
  });

  test("a chain of two artifacts is not put together: the package must be of that build", async () => {
    const crossed = await signLink(link("package", { app: "b2" }, { "app.tgz": "t2" }), [carl]);
    const verdict = verify([...good.slice(0, 3), crossed], { digest: digestOf("t2") });
    expect(why(verdict)).toEqual(["rule_failed package"]);
    expect(verdict.reasons[0]).toMatchObject({
      rule: "DISALLOW *",
      ruleList: "materials",
      ruleIndex: 1,
      artifacts: ["app"],
      mismatches: [
        { artifact: "app", found: [`sha256:${hashOf("b2")}`], expected: [`sha256:${hashOf("binary")}`] },
      ],
    });
  });
});

describe("other kinds of key", () => {
  test.each(["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa"] as const)(
    "%s signs links and layouts",
    async (kind) => {
      const signer = signerFromPem(generatePrivateKey(kind));
      const content = layout(step("build", [signer]));
      for (const format of ["dsse", "metablock"] as const) {
        const verdict = verifyLayout({
          layoutEnvelope: await signLayout(content, [signer], format),
          owners: owners(1, signer),
          evidence: evidenceOf(await signLink(link("build", {}, { f: "1" }), [signer], format)),
          digest: digestOf("1"),
          time: NOW,
        });
        expect(why(verdict)).toEqual([]);
      }
    },
  );
});
