import { describe, expect, test } from "@jest/globals";
import { asObject, fromPlain, jsonObject, toPlain, utf8 } from "@stemma/encoding";
import {
  checkPredicate,
  digestUri,
  linkStatement,
  PREDICATE_WORDS,
  provenanceStatement,
  RUN_BUILD_TYPE,
  type RunContent,
  readEnvelope,
  readStatement,
  reportedArtifacts,
  type StatementContent,
  type SummaryContent,
  signersOf,
  signStatement,
  summaryStatement,
  writeStatement,
} from "../src/index.ts";
import { digestOf, hashOf, link, NOW, person } from "./support/chain.ts";

const DIGEST = new Map([["sha256", hashOf("app")]]);
const ANY = "https://example.com/review/v1";

const about = (predicateType: string, predicate: unknown): StatementContent => ({
  subjects: [{ name: "app", digest: DIGEST }],
  predicateType,
  predicate: asObject(fromPlain(predicate), "test"),
});
const RUN: RunContent = {
  ...link("build", { "src/a": "a" }, { "out/b": "b" }, ["make", "b"]),
  byproducts: jsonObject({ "return-value": 0, stdout: "done\n", stderr: "" }),
  builderId: "https://ci.example/runner",
  startedOn: new Date("2026-11-24T00:00:00.123Z"),
  finishedOn: new Date("2026-11-24T00:01:00Z"),
};

describe("a statement", () => {
  test("is signed by any number of signers, in one envelope that verifiers read", async () => {
    const signers = [person(), person(), person()];
    const envelope = readEnvelope(await signStatement(about(ANY, { fraction: 7.5 }), signers));
    expect(envelope.payloadType).toBe("application/vnd.in-toto+json");
    const keys = new Map(signers.map(({ publicKey }) => [publicKey.keyId, publicKey]));
    expect(signersOf(envelope, keys)).toHaveLength(3);
    const statement = readStatement(envelope.payload);
    expect(statement).toMatchObject({ version: "v1", predicateType: ANY });
    expect(toPlain(statement.predicate)).toEqual({ fraction: 7.5 });
    expect(statement.subjects).toEqual([{ name: "app", uri: undefined, digest: DIGEST }]);
  });

  test.each([
    ["without a subject", { ...about(ANY, {}), subjects: [] }, "bad_statement"],
    ["with a type that is no URI", about("provenance", {}), "bad_statement"],
    [
      "with a subject that only a weak digest names",
      { ...about(ANY, {}), subjects: [{ name: "app", digest: new Map([["sha1", "0".repeat(40)]]) }] },
      "weak_artifact_digest",
    ],
    [
      "with a predicate that is not of its type",
      about("https://slsa.dev/provenance/v1", {}),
      "bad_predicate",
    ],
    [
      "with a link whose product has no name",
      { ...about("https://in-toto.io/attestation/link/v0.3", { name: "x" }), subjects: [{ digest: DIGEST }] },
      "bad_predicate",
    ],
  ])("%s is not written", (_name, content, code) => {
    expect(() => writeStatement(content)).toThrow(expect.objectContaining({ code }));
  });

  test("that lacks something says exactly what", () => {
    expect(() => writeStatement(about("https://in-toto.io/attestation/test-result/v0.1", {}))).toThrow(
      /predicate\.result is missing, predicate\.configuration is missing/,
    );
  });
});

describe("a run", () => {
  test("as a link says the same as the link", () => {
    const statement = readStatement(writeStatement(linkStatement(RUN)));
    checkPredicate(statement);
    const { materials, products } = reportedArtifacts(statement);
    expect([materials, products]).toEqual([RUN.materials, RUN.products]);
    expect(statement.predicateType).toBe(PREDICATE_WORDS.get("link"));
    expect(toPlain(statement.predicate)).toMatchObject({ name: "build", command: ["make", "b"] });
  });

  test("as provenance names the command, what went in, and who ran it", () => {
    const statement = readStatement(writeStatement(provenanceStatement(RUN)));
    const { materials, products } = reportedArtifacts(statement);
    expect([materials, products]).toEqual([RUN.materials, RUN.products]);
    expect(toPlain(statement.predicate)).toEqual({
      buildDefinition: {
        buildType: RUN_BUILD_TYPE,
        externalParameters: { command: ["make", "b"] },
        internalParameters: { step: "build" },
        resolvedDependencies: [{ name: "src/a", digest: { sha256: hashOf("a") } }],
      },
      runDetails: {
        builder: { id: "https://ci.example/runner" },
        metadata: { startedOn: "2026-11-24T00:00:00Z", finishedOn: "2026-11-24T00:01:00Z" },
        byproducts: [
          { name: "stdout", mediaType: "text/plain", content: Buffer.from("done\n").toString("base64") },
        ],
      },
    });
  });

  test.each([linkStatement, provenanceStatement])("without products is about nothing (%#)", (make) => {
    expect(() => writeStatement(make({ ...RUN, products: new Map() }))).toThrow(
      expect.objectContaining({ code: "bad_statement" }),
    );
  });
});

describe("a verification summary", () => {
  const summary = (changes: Partial<SummaryContent> = {}) =>
    readStatement(
      writeStatement(
        summaryStatement({
          digest: digestOf("app"),
          verifierId: "https://verifier.example",
          timeVerified: NOW,
          policy: { uri: "https://stemma.dev/policy/v1/x/app", sha256: hashOf("layout") },
          evidence: [hashOf("1"), hashOf("2")],
          passed: true,
          ...changes,
        }),
      ),
    );

  test("claims what was verified, and no SLSA level", () => {
    const { subjects, predicate } = summary({ verifierVersion: new Map([["stemma", "0.1.0"]]) });
    expect(subjects).toEqual([{ name: undefined, uri: undefined, digest: DIGEST }]);
    expect(toPlain(predicate)).toEqual({
      verifier: { id: "https://verifier.example", version: { stemma: "0.1.0" } },
      timeVerified: "2026-11-24T00:00:00Z",
      resourceUri: digestUri(digestOf("app")),
      policy: { uri: "https://stemma.dev/policy/v1/x/app", digest: { sha256: hashOf("layout") } },
      inputAttestations: [{ digest: { sha256: hashOf("1") } }, { digest: { sha256: hashOf("2") } }],
      verificationResult: "PASSED",
      verifiedLevels: ["STEMMA_LAYOUT_SATISFIED"],
      slsaVersion: "1.2",
    });
  });

  test("of a denial claims nothing", () => {
    const failed = summary({ passed: false, policy: { uri: "https://p.example", sha256: undefined } });
    expect(toPlain(failed.predicate)).toMatchObject({
      verificationResult: "FAILED",
      verifiedLevels: ["FAILED"],
      policy: { uri: "https://p.example" },
    });
  });

  test("names its artifact as RFC 6920 does", () => {
    // The example of RFC 6920, section 8.1.
    const hello = digestOf("Hello World!");
    expect(digestUri(hello)).toBe("ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk");
    expect(utf8(digestUri(hello)).length).toBe(57);
  });
});
