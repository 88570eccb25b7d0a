import { describe, expect, test } from "@jest/globals";
import { asObject, parseJson } from "@stemma/encoding";
import {
  checkOutcome,
  checkPredicate,
  comparesNames,
  isTransformational,
  type ReportedArtifacts,
  reportedArtifacts,
} from "../src/predicates/index.ts";
import { readStatement, type Statement } from "../src/statement.ts";
import { hashOf } from "./support/chain.ts";
import { payload, payloadOf } from "./support/statement.ts";
import { describeWithVectors, vector } from "./support/vectors.ts";

const LINK = "https://in-toto.io/attestation/link/v0.3";
const PROVENANCE = "https://slsa.dev/provenance/v1";
const PROVENANCE_02 = "https://slsa.dev/provenance/v0.2";
const VSA = "https://slsa.dev/verification_summary/v1";
const TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1";
const SCAI = "https://in-toto.io/attestation/scai/v0.3";
const VULNS_01 = "https://in-toto.io/attestation/vulns/v0.1";
const VULNS = "https://in-toto.io/attestation/vulns/v0.2";
const RELEASE_01 = "https://in-toto.io/attestation/release/v0.1";
const RELEASE = "https://in-toto.io/attestation/release/v0.2";
const SPDX = "https://spdx.dev/Document";
const CYCLONEDX = "https://cyclonedx.org/bom";
const UNKNOWN = "https://example.com/anything/v1";

const SHA1 = "a".repeat(40);
const sha256 = (content: string) => ({ sha256: hashOf(content) });
const digests = (members: object) => new Map(Object.entries(members));
const refusal = (code: string) => expect.objectContaining({ code });
const refused = (text: string) =>
  expect.objectContaining({ code: "bad_predicate", message: expect.stringContaining(text) });

const statement = (predicateType: string, predicate?: unknown, subject?: unknown): Statement =>
  readStatement(payload({ predicateType, predicate, ...(subject === undefined ? {} : { subject }) }));
const check = (predicateType: string, predicate?: unknown) => () =>
  checkPredicate(statement(predicateType, predicate));

const file = { uri: "https://example.com/ci.yml" };
const finding = { id: "CVE-1", severity: [{ method: "nvd", score: "5.2" }] };
const metadata = { scanStartedOn: "2026-08-06T17:45:50.52Z", scanFinishedOn: "2026-08-06T17:50:50Z" };
const scanner = (result: unknown) => ({
  uri: "pkg:github/aquasecurity/trivy@1",
  db: { lastUpdate: "2026-08-06T17:45:50Z" },
  result,
});
const SOUND = {
  link: { name: "build", materials: [{ name: "a", digest: sha256("a") }] },
  provenance: {
    buildDefinition: { buildType: "https://example.com/type", externalParameters: {} },
    runDetails: { builder: { id: "https://example.com/builder" } },
  },
  provenance02: { builder: { id: "https://example.com/builder" }, buildType: "https://example.com/type" },
  vsa: {
    verifier: { id: "https://example.com/verifier" },
    resourceUri: "pkg:oci/app",
    policy: { uri: "https://example.com/policy" },
    verificationResult: "PASSED",
    verifiedLevels: ["SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_TWO_PARTY_REVIEWED"],
  },
  testResult: { result: "PASSED", configuration: [file] },
  scai: { attributes: [{ attribute: "WITH_STACK_PROTECTION" }] },
  vulns: { scanner: scanner([finding]), metadata },
  release: { purl: "pkg:npm/@angular/http@7.2.16" },
  spdx: {
    spdxVersion: "SPDX-2.3",
    SPDXID: "SPDXRef-DOCUMENT",
    name: "app",
    creationInfo: { created: "2026-01-01T00:00:00Z" },
  },
  spdx3: { "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [] },
  cycloneDx: { bomFormat: "CycloneDX", specVersion: "1.6", version: 1 },
};

describe("predicates that are let through", () => {
  test.each([
    [LINK, SOUND.link],
    [LINK, { name: "build" }],
    [LINK, { name: "build", command: null, materials: null, byproducts: null, environment: null }],
    [LINK, { name: "build", command: ["make"], byproducts: { stdout: "" }, environment: { a: [1.5] } }],
    [PROVENANCE, SOUND.provenance],
    [
      PROVENANCE,
      {
        buildDefinition: {
          ...SOUND.provenance.buildDefinition,
          internalParameters: null,
          resolvedDependencies: [file, { digest: { gitCommit: SHA1 } }, { content: "eA==" }],
        },
        runDetails: { ...SOUND.provenance.runDetails, metadata: {}, byproducts: null },
      },
    ],
    [PROVENANCE_02, SOUND.provenance02],
    [PROVENANCE_02, { ...SOUND.provenance02, materials: [{}, file, { uri: null, digest: { sha1: SHA1 } }] }],
    [VSA, SOUND.vsa],
    [VSA, { ...SOUND.vsa, verificationResult: "FAILED", verifiedLevels: ["FAILED"] }],
    [
      VSA,
      { ...SOUND.vsa, verifiedLevels: [], inputAttestations: [], dependencyLevels: {}, slsaVersion: null },
    ],
    [TEST_RESULT, SOUND.testResult],
    [TEST_RESULT, { result: "WARNED", configuration: [], url: null, failedTests: null, passedTests: ["a"] }],
    [SCAI, SOUND.scai],
    [
      SCAI,
      { attributes: [{ attribute: "X", target: file, conditions: {}, evidence: file }], producer: file },
    ],
    [VULNS, SOUND.vulns],
    [VULNS, { scanner: scanner([]), metadata }],
    [VULNS_01, { scanner: scanner([{ vulnerability: finding }, {}]), metadata }],
    [VULNS_01, { scanner: scanner([finding]), metadata }],
    [RELEASE, SOUND.release],
    [RELEASE, { purl: "pkg:pypi/urllib3@2.1.0", packageId: "1" }],
    [RELEASE, { purl: "pkg:oci/app@sha256%3Af?repository_url=r.example.com/a&tag=v1#x" }],
    [RELEASE_01, { purl: "pkg:pypi/urllib3@2.1.0", releaseId: "1" }],
    [SPDX, SOUND.spdx],
    [SPDX, SOUND.spdx3],
    [`${SPDX}/v2`, SOUND.spdx],
    [`${SPDX}/v2.3`, SOUND.spdx],
    [`${SPDX}/v3`, SOUND.spdx3],
    [`${SPDX}/v3.0.1`, { ...SOUND.spdx3, "@context": ["https://spdx.org/rdf/3.0.1/spdx-context.jsonld"] }],
    [CYCLONEDX, SOUND.cycloneDx],
    [`${CYCLONEDX}/v1.4`, SOUND.cycloneDx],
    [`${CYCLONEDX}/v2`, SOUND.cycloneDx],
    [UNKNOWN, { anything: [1, null] }],
    [UNKNOWN, undefined],
    ["https://slsa.dev/provenance/v0.1", {}],
    ["https://in-toto.io/Link/v0.2", {}],
    [`${SPDX}/v1`, {}],
  ])("%s: %j", (predicateType, predicate) => {
    expect(check(predicateType, predicate)).not.toThrow();
  });

  test("members that a type does not know, whatever they are called, and numbers of any size", () => {
    const odd = JSON.parse('{"__proto__": {"a": 1}, "constructor": null, "example_field": [0.5]}');
    expect(check(LINK, { ...odd, ...SOUND.link })).not.toThrow();
    expect(check(PROVENANCE, { ...odd, ...SOUND.provenance })).not.toThrow();
    const text = JSON.stringify(SOUND.scai).replace("}]", ',"n":123456789012345678901234567890}]');
    expect(check(SCAI, JSON.parse(text))).not.toThrow();
  });
});

describe("predicates that are refused, with the place", () => {
  const { buildDefinition, runDetails } = SOUND.provenance;
  test.each([
    [LINK, undefined, "predicate.name is missing"],
    [LINK, { name: null }, "predicate.name must be a string"],
    [LINK, { name: "" }, "predicate.name must not be empty"],
    [LINK, { name: "x", command: "make" }, "predicate.command must be an array"],
    [LINK, { name: "x", command: [1] }, "predicate.command[0] must be a string"],
    [LINK, { name: "x", materials: {} }, "predicate.materials must be an array"],
    [LINK, { name: "x", materials: [{ name: "a" }] }, "predicate.materials[0] must have a uri, a digest"],
    [LINK, { name: "x", materials: ["a"] }, "predicate.materials[0] must be an object"],
    [LINK, { name: "x", byproducts: [] }, "predicate.byproducts must be an object"],
    [PROVENANCE, {}, "predicate.buildDefinition is missing, predicate.runDetails is missing"],
    [
      PROVENANCE,
      { buildDefinition, runDetails: { builder: {} } },
      "predicate.runDetails.builder.id is missing",
    ],
    [
      PROVENANCE,
      { buildDefinition, runDetails: { builder: "x" } },
      "predicate.runDetails.builder must be an object",
    ],
    [PROVENANCE, { buildDefinition, runDetails: null }, "predicate.runDetails must be an object"],
    [
      PROVENANCE,
      { buildDefinition: { ...buildDefinition, externalParameters: null }, runDetails },
      "predicate.buildDefinition.externalParameters must be an object",
    ],
    [
      PROVENANCE,
      { buildDefinition: { ...buildDefinition, buildType: "" }, runDetails },
      "predicate.buildDefinition.buildType must not be empty",
    ],
    [
      PROVENANCE,
      {
        buildDefinition: { ...buildDefinition, resolvedDependencies: [{ name: "a", digest: {} }] },
        runDetails,
      },
      "predicate.buildDefinition.resolvedDependencies[0] must have a uri, a digest or its content",
    ],
    [
      PROVENANCE,
      {
        buildDefinition: { ...buildDefinition, resolvedDependencies: [{ digest: { "a\n": 1 } }] },
        runDetails,
      },
      'predicate.buildDefinition.resolvedDependencies[0].digest["a\\n"] must be a string',
    ],
    [PROVENANCE_02, { builder: { id: "x" } }, "predicate.buildType is missing"],
    [PROVENANCE_02, { ...SOUND.provenance02, builder: { id: 1 } }, "predicate.builder.id must be a string"],
    [PROVENANCE_02, { ...SOUND.provenance02, materials: [1] }, "predicate.materials[0] must be an object"],
    [VSA, { ...SOUND.vsa, verifier: {} }, "predicate.verifier.id is missing"],
    [VSA, { ...SOUND.vsa, resourceUri: "" }, "predicate.resourceUri must not be empty"],
    [VSA, { ...SOUND.vsa, policy: {} }, "predicate.policy.uri is missing"],
    [VSA, { ...SOUND.vsa, policy: "x" }, "predicate.policy must be an object"],
    [VSA, { ...SOUND.vsa, verifiedLevels: undefined }, "predicate.verifiedLevels is missing"],
    [VSA, { ...SOUND.vsa, verifiedLevels: "FAILED" }, "predicate.verifiedLevels must be an array"],
    [
      VSA,
      { ...SOUND.vsa, verificationResult: "passed" },
      "predicate.verificationResult must be PASSED or FAILED",
    ],
    [
      VSA,
      { ...SOUND.vsa, verificationResult: true },
      "predicate.verificationResult must be PASSED or FAILED",
    ],
    [VSA, { ...SOUND.vsa, verificationResult: undefined }, "predicate.verificationResult is missing"],
    [TEST_RESULT, { configuration: [] }, "predicate.result is missing"],
    [TEST_RESULT, { result: "OK", configuration: [] }, "predicate.result must be PASSED or WARNED or FAILED"],
    [TEST_RESULT, { result: "PASSED" }, "predicate.configuration is missing"],
    [TEST_RESULT, { ...SOUND.testResult, failedTests: [{}] }, "predicate.failedTests[0] must be a string"],
    [SCAI, {}, "predicate.attributes is missing"],
    [SCAI, { attributes: [] }, "predicate.attributes must not be empty"],
    [SCAI, { attributes: [{}] }, "predicate.attributes[0].attribute is missing"],
    [SCAI, { ...SOUND.scai, producer: {} }, "predicate.producer must have a uri, a digest or its content"],
    [VULNS, {}, "predicate.scanner is missing, predicate.metadata is missing"],
    [VULNS, { scanner: scanner({}), metadata }, "predicate.scanner.result must be an array"],
    [VULNS, { scanner: scanner([{ id: "x" }]), metadata }, "predicate.scanner.result[0].severity is missing"],
    [VULNS, { scanner: scanner([{ severity: [] }]), metadata }, "predicate.scanner.result[0].id is missing"],
    [VULNS, { scanner: { ...scanner([]), db: {} }, metadata }, "predicate.scanner.db.lastUpdate is missing"],
    [
      VULNS,
      { scanner: scanner([]), metadata: { ...metadata, scanStartedOn: "2026-08-06T17:45:50+02:00" } },
      "predicate.metadata.scanStartedOn must be a time",
    ],
    [
      VULNS,
      { scanner: scanner([]), metadata: { ...metadata, scanFinishedOn: "2026-02-30T17:45:50Z" } },
      "predicate.metadata.scanFinishedOn must be a time",
    ],
    [VULNS_01, { scanner: scanner([{ vulnerability: {} }]), metadata }, "vulnerability.id is missing"],
    [RELEASE, {}, "predicate.purl is missing"],
    [RELEASE, { purl: "pkg:npm/@angular/http" }, "predicate.purl must be a package URL with a version"],
    [RELEASE, { purl: "pkg:npm/http@" }, "predicate.purl must be a package URL with a version"],
    [RELEASE, { purl: "pkg:npm/http?x=a@1" }, "predicate.purl must be a package URL with a version"],
    [RELEASE, { purl: "npm/http@1" }, "predicate.purl must be a package URL with a version"],
    [RELEASE_01, { purl: "pkg:pypi/urllib3@2", releaseId: 1 }, "predicate.releaseId must be a string"],
    [SPDX, {}, "predicate must be an SPDX document"],
    [`${SPDX}/v2.3`, { ...SOUND.spdx, spdxVersion: "3" }, 'predicate.spdxVersion must begin with "SPDX-2."'],
    [`${SPDX}/v2.3`, SOUND.spdx3, "predicate.spdxVersion is missing"],
    [`${SPDX}/v3`, SOUND.spdx, "predicate.@context"],
    [CYCLONEDX, {}, "predicate.bomFormat is missing, predicate.specVersion is missing"],
    [`${CYCLONEDX}/v1.4`, { bomFormat: "SPDX", specVersion: "1.4" }, "predicate.bomFormat must be CycloneDX"],
  ])("%s: %j, because %s", (predicateType, predicate, text) => {
    expect(check(predicateType, predicate)).toThrow(refused(text));
  });

  test("of many faults the first few are named", () => {
    const result = Array.from({ length: 500 }, () => ({}));
    expect(check(VULNS, { scanner: scanner(result), metadata })).toThrow(refused(", and 997 more."));
  });

  test("a hostile package URL is refused in linear time", () => {
    expect(check(RELEASE, { purl: `pkg:a/${"@/".repeat(500_000)}` })).toThrow(refused("predicate.purl"));
    expect(check(RELEASE, { purl: `pkg:a/${"@".repeat(1_000_000)}` })).toThrow(refused("predicate.purl"));
  });
});

describe("the outcome", () => {
  test("of a verification summary must be PASSED", () => {
    expect(() => checkOutcome(statement(VSA, SOUND.vsa))).not.toThrow();
  });

  test.each([["FAILED"], ["passed"], ["PASSED "], [""], [true], [["PASSED"]], [null], [undefined]])(
    "%j is not PASSED",
    (verificationResult) => {
      expect(() => checkOutcome(statement(VSA, { ...SOUND.vsa, verificationResult }))).toThrow(
        refusal("vsa_not_passed"),
      );
    },
  );

  test("of other predicates is not looked at", () => {
    expect(() => checkOutcome(statement(UNKNOWN, { verificationResult: "FAILED" }))).not.toThrow();
    expect(() => checkOutcome(statement(TEST_RESULT, { result: "FAILED" }))).not.toThrow();
  });
});

describe("what a statement reports", () => {
  const reported = (predicateType: string, predicate?: unknown, subject?: unknown): ReportedArtifacts =>
    reportedArtifacts(statement(predicateType, predicate, subject));
  const provenance = (resolvedDependencies: unknown, subject?: unknown): ReportedArtifacts =>
    reported(
      PROVENANCE,
      { ...SOUND.provenance, buildDefinition: { ...SOUND.provenance.buildDefinition, resolvedDependencies } },
      subject,
    );
  const link = (materials: unknown, subject?: unknown): ReportedArtifacts =>
    reported(LINK, { name: "build", materials }, subject);

  test("by type: what is transformational, and where names are paths", () => {
    const types = [LINK, PROVENANCE, PROVENANCE_02, VSA, SPDX, UNKNOWN, "__proto__"];
    expect(types.filter(isTransformational)).toEqual([LINK, PROVENANCE, PROVENANCE_02]);
    expect(types.filter(comparesNames)).toEqual([LINK]);
  });

  test("a link: subjects are products, by name", () => {
    const subject = [
      { name: "b", digest: sha256("b") },
      { name: "_", digest: sha256("c") },
    ];
    const { materials, products } = link(
      [{ name: "dir/a", digest: { ...sha256("a"), sha1: SHA1 } }],
      subject,
    );
    expect(materials).toEqual(digests({ "dir/a": digests({ ...sha256("a"), sha1: SHA1 }) }));
    expect(products).toEqual(digests({ b: digests(sha256("b")), _: digests(sha256("c")) }));
    expect(link(null).materials.size).toBe(0);
    expect(link(undefined).materials.size).toBe(0);
  });

  test.each([
    [[{ digest: sha256("a") }], "bad_predicate"],
    [[{ name: "", digest: sha256("a") }], "bad_predicate"],
    [
      [
        { name: "a", digest: sha256("a") },
        { name: "a", digest: sha256("a") },
      ],
      "bad_predicate",
    ],
    [[{ name: "a", uri: "https://example.com" }], "weak_artifact_digest"],
    [[{ name: "a", digest: { sha1: SHA1 } }], "weak_artifact_digest"],
    [[{ name: "a", digest: { sha256: "x" } }], "bad_artifact_digest"],
    [[{ name: "../a/../b", digest: sha256("a") }], "path_not_normal"],
    [[{ name: "./a", digest: sha256("a") }], "path_not_normal"],
  ])("a link with the materials %j is refused as %s", (materials, code) => {
    expect(() => link(materials)).toThrow(refusal(code));
  });

  test.each([
    [[undefined], "bad_predicate"],
    [["a", "b", "a"], "bad_predicate"],
    [["a/"], "path_not_normal"],
  ])("a link with products named %j is refused as %s", (names, code) => {
    const subject = names.map((name) => ({ name, digest: sha256("a") }));
    expect(() => link([], subject)).toThrow(refusal(code));
  });

  test("provenance: dependencies are materials, with what they have for a label", () => {
    const uri = "git+https://example.com/repo@refs/heads/main";
    const { materials, products } = provenance([
      { name: "base", uri: "pkg:oci/base", digest: sha256("base") },
      { uri, digest: { gitCommit: SHA1 } },
      { digest: { md5: "b".repeat(32), sha512: hashOf("x") + hashOf("y"), ...sha256("bare") } },
      { digest: { sha1: SHA1 } },
      { uri: "https://example.com/mutable" },
      { name: "inline", content: "eA==" },
    ]);
    expect([...materials]).toEqual([
      ["base", digests(sha256("base"))],
      [uri, digests({ gitCommit: SHA1 })],
      [`sha256:${hashOf("bare")}`, expect.any(Map)],
      [`sha1:${SHA1}`, digests({ sha1: SHA1 })],
    ]);
    expect([...products]).toEqual([["app", digests(sha256("app"))]]);
    expect(provenance(null).materials.size).toBe(0);
  });

  test("provenance 0.2: materials by uri", () => {
    const { materials } = reported(PROVENANCE_02, {
      ...SOUND.provenance02,
      materials: [{ uri: "pkg:a", digest: sha256("a") }, { uri: "pkg:b" }, {}],
    });
    expect(materials).toEqual(digests({ "pkg:a": digests(sha256("a")) }));
  });

  test("labels are never paths, so any text is one", () => {
    const names = ["../../x", "a//b", "__proto__", "constructor", "line\nbreak"];
    const { materials } = provenance(names.map((name) => ({ name, digest: sha256(name) })));
    expect([...materials.keys()]).toEqual(names);
  });

  test("no artifact is lost to another with its label", () => {
    const crafted = `a@sha256:${hashOf("2")}`;
    const { materials } = provenance([
      { name: "a", digest: sha256("1") },
      { name: "a", digest: sha256("1") },
      { name: crafted, digest: sha256("3") },
      { name: "a", digest: sha256("2") },
      { name: "a", digest: sha256("2") },
      { name: "a", digest: { ...sha256("1"), sha1: SHA1 } },
    ]);
    expect([...materials]).toEqual([
      ["a", digests(sha256("1"))],
      [crafted, digests(sha256("3"))],
      [`${crafted}#3`, digests(sha256("2"))],
      [`${crafted}#4`, digests(sha256("2"))],
      [`a@sha256:${hashOf("1")}`, digests({ ...sha256("1"), sha1: SHA1 })],
    ]);
  });

  test("10,000 names that are made to collide cost no more than others", () => {
    const { materials } = provenance(
      Array.from({ length: 10_000 }, (_, index) => ({ name: "a", digest: { x: "1", y: String(index) } })),
    );
    expect(materials.size).toBe(10_000);
  });

  test.each([VSA, TEST_RESULT, SCAI, VULNS, RELEASE, SPDX, CYCLONEDX, UNKNOWN])(
    "%s is about its subjects and passes them on",
    (predicateType) => {
      const { materials, products } = reported(predicateType, { materials: [{ name: "x" }] }, [
        { name: "app", digest: sha256("app") },
        { name: "_", uri: "pkg:oci/app", digest: sha256("2") },
        { name: "_", digest: sha256("3") },
      ]);
      expect([...products.keys()]).toEqual(["app", "pkg:oci/app", `sha256:${hashOf("3")}`]);
      expect(materials).toEqual(products);
    },
  );

  test("10,000 materials are read and 10,001 are not", () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ uri: `pkg:${index}`, digest: { x: "1" } }));
    expect(provenance(many(10_000)).materials.size).toBe(10_000);
    expect(() => provenance(many(10_001))).toThrow(refusal("limit_exceeded"));
  });

  test.each([
    [PROVENANCE, { buildDefinition: [] }],
    [PROVENANCE, { buildDefinition: { resolvedDependencies: {} } }],
    [PROVENANCE_02, { materials: "x" }],
    [LINK, { materials: [1] }],
  ])("%s: what was not checked is refused, not misread: %j", (predicateType, predicate) => {
    expect(() => reported(predicateType, predicate)).toThrow(refusal("wrong_type"));
  });

  test("a dependency's digest must be in the form of its algorithm", () => {
    expect(() => provenance([{ uri: "x:y", digest: { sha256: "x" } }])).toThrow(
      refusal("bad_artifact_digest"),
    );
  });
});

describeWithVectors("slsa-vsa", "real predicates", () => {
  test("Google's verification summary passed", () => {
    const vsa = readStatement(payloadOf(parseJson(vector("slsa-vsa/gke-gce-pre.bcid-vsa.jsonl"))));
    checkPredicate(vsa);
    checkOutcome(vsa);
    const { materials, products } = reportedArtifacts(vsa);
    expect([...products.keys()]).toEqual(["gce_image_id:8970095005306000053"]);
    expect(materials).toEqual(products);
  });

  test("GitHub's provenance", () => {
    const bundle = asObject(parseJson(vector("sigstore/intoto-dsse-v3.sigstore.json")), "bundle");
    const provenance = readStatement(payloadOf(bundle.get("dsseEnvelope")));
    checkPredicate(provenance);
    const { materials, products } = reportedArtifacts(provenance);
    expect([...products.keys()]).toEqual(["a.txt"]);
    expect([...materials]).toEqual([
      [
        "git+https://github.com/loosebazooka/aa-test@refs/heads/main",
        digests({ gitCommit: "ebff8dfbd609b7b22237c7719ce07f2dc7934f5f" }),
      ],
    ]);
  });
});

test("a million faults cost no more than the first", () => {
  const many = Array.from({ length: 1_000_000 }, (_, at) => at % 10);
  const bad = (members: Record<string, unknown>) =>
    readStatement(
      payload({
        predicateType: "https://in-toto.io/attestation/test-result/v0.1",
        predicate: { result: "PASSED", configuration: [], ...members },
      }),
    );
  const digests = Object.fromEntries(many.slice(0, 300_000).map((bad, at) => [`a${at}`, bad]));
  for (const statement of [bad({ passedTests: many }), bad({ configuration: [{ digest: digests }] })]) {
    const memory = process.memoryUsage().heapUsed;
    const before = performance.now();
    expect(() => checkPredicate(statement)).toThrow(/must be a string.*, and 1021 more/);
    expect(performance.now() - before).toBeLessThan(500);
    expect(process.memoryUsage().heapUsed - memory).toBeLessThan(100_000_000);
  }
});
