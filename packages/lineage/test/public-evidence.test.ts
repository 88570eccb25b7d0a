import { expect, test } from "@jest/globals";
import { generatePrivateKey, publicKeyFromPem, sha256, signerFromPem } from "@stemma/crypto";
import { asObject, type Digest, decodeUtf8, fromPlain, type JsonValue, parseDigest } from "@stemma/encoding";
import { keylessKey, PREDICATES_VERSION, signPayload, verifyLayout } from "@stemma/in-toto";
import { describeWithVectors, vector } from "../../in-toto/test/support/vectors.ts";
import { keylessVerifier } from "../src/index.ts";

/* Evidence that nobody here made, in a layout that expects it: a keyless provenance of GitHub's, a summary of a cloud's. */

const owner = signerFromPem(generatePrivateKey());
const TIME = new Date("2026-11-24T00:00:00Z");

interface Expected {
  readonly keys: Record<string, JsonValue>;
  readonly predicateType: string;
  readonly attributes: readonly Record<string, unknown>[];
  readonly evidence: Uint8Array;
  readonly digest: Digest;
  readonly trustedRoot?: Uint8Array;
}

async function judge({ keys, predicateType, attributes, evidence, digest, trustedRoot }: Expected) {
  const layout = fromPlain({
    _type: "layout",
    expires: "2027-01-01T00:00:00Z",
    readme: "",
    keys,
    inspect: [],
    expected_predicates_version: PREDICATES_VERSION,
    steps: [
      {
        _type: "step",
        name: "build",
        threshold: 1,
        pubkeys: [],
        expected_materials: [],
        expected_products: [],
        expected_command: [],
        expected_predicates: [
          { predicateType, functionaries: Object.keys(keys), threshold: 1, expectedAttributes: attributes },
        ],
      },
    ],
  });
  const verdict = verifyLayout({
    layoutEnvelope: await signPayload(asObject(layout, "layout"), [owner]),
    owners: { keys: new Map([[owner.publicKey.keyId, owner.publicKey]]), threshold: 1 },
    evidence: new Map([[sha256(evidence), evidence]]),
    digest,
    time: TIME,
    ...(trustedRoot === undefined ? {} : { keyless: keylessVerifier(trustedRoot, TIME) }),
  });
  return verdict.reasons.map(({ code }) => code);
}

describeWithVectors("sigstore", "a keyless provenance from GitHub Actions, in the public Sigstore", () => {
  const ISSUER = "https://token.actions.githubusercontent.com";
  const WORKFLOW =
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
  const BUILDER = "https://github.com/loosebazooka/aa-test/.github/workflows/provenance.yaml@refs/heads/main";
  const provenance = (identity: string, changes: Partial<Expected> = {}): Expected => {
    const { keyId, json } = keylessKey(ISSUER, identity);
    return {
      keys: { [keyId]: json },
      predicateType: "https://slsa.dev/provenance/v1",
      attributes: [
        { at: "/predicate/runDetails/builder/id", equals: BUILDER },
        { at: "/predicate/buildDefinition/externalParameters/workflow/ref", glob: "refs/heads/*" },
      ],
      evidence: vector("sigstore/intoto-dsse-v3.sigstore.json"),
      digest: parseDigest(`sha256:${sha256(vector("sigstore/a.txt"))}`),
      trustedRoot: vector("sigstore/trusted_root.public-good.json"),
      ...changes,
    };
  };

  test("satisfies a layout that names its exact identity", async () => {
    expect(await judge(provenance(WORKFLOW))).toEqual([]);
  });

  test("satisfies none that names another, a shorter or a longer one (N-35)", async () => {
    for (const identity of [WORKFLOW.slice(0, -1), `${WORKFLOW}s`, BUILDER]) {
      expect(await judge(provenance(identity))).toEqual(["functionary_not_authorized"]);
    }
  });

  test("says nothing of another artifact (N-46)", async () => {
    const digest = parseDigest(`sha256:${"0".repeat(64)}`);
    expect(await judge(provenance(WORKFLOW, { digest }))).toEqual(["product_mismatch"]);
  });

  test("counts for nothing without a trusted root", async () => {
    const { trustedRoot: _, ...without } = provenance(WORKFLOW);
    expect(await judge(without)).toEqual(["trusted_root_missing"]);
  });
});

describeWithVectors("slsa-vsa", "a verification summary of a cloud vendor", () => {
  test("is by its key, whose label nobody else knows; and is about no sha256", async () => {
    const key = publicKeyFromPem(decodeUtf8(vector("slsa-vsa/vsa_signing_public_key.pem")));
    const [line = ""] = decodeUtf8(vector("slsa-vsa/gke-gce-pre.bcid-vsa.jsonl")).split("\n");
    const summary = (id: string): Expected => ({
      keys: { [key.keyId]: key.toJson() },
      predicateType: "https://slsa.dev/verification_summary/v1",
      attributes: [{ at: "/predicate/verifier/id", equals: id }],
      evidence: new TextEncoder().encode(line),
      digest: parseDigest(`sha256:${"0".repeat(64)}`),
    });
    const verifier = "https://bcid.corp.google.com/verifier/bcid_package_enforcer/v0.1";
    expect(await judge(summary(verifier))).toEqual(["product_mismatch"]);
    expect(await judge(summary("https://verifier.example"))).toEqual(["attribute_failed"]);
  });
});
