import { expect, test } from "@jest/globals";
import { generatePrivateKey, type Signer, sha256, signerFromPem } from "@stemma/crypto";
import { type Digest, parseDigest } from "@stemma/encoding";
import { type LayoutVerdict, signLayout, signLink, verifyLayout } from "@stemma/in-toto";
import { VERDICT_TYPE, type Verdict } from "@stemma/lineage";
import { evidenceOf, hashOf, layout, link, NOW, owners, step } from "../../in-toto/test/support/chain.ts";
import {
  about,
  idOf,
  provenance,
  rawLayout,
  signRaw,
  TYPES,
  testResult,
} from "../../in-toto/test/support/documents.ts";
import { render } from "../src/output.ts";
import { verdictLines } from "../src/verdict-lines.ts";

/* What people see of a verdict: the tree of a lineage of every kind, and why one is denied and what to do. */

const [olga, alice, bob, carl] = [1, 2, 3, 4].map(() => signerFromPem(generatePrivateKey())) as [
  Signer,
  Signer,
  Signer,
  Signer,
];
const DIGEST: Digest = parseDigest(`sha256:${hashOf("app")}`);
const id = (signer: Signer): string => signer.publicKey.keyId.slice(0, 12);

/** source (alice, who answers with a sublayout of bob) → build (provenance by bob, tested by carl). */
async function judge(evidence: readonly Uint8Array[]): Promise<string> {
  const layoutEnvelope = await signRaw(
    rawLayout(
      [alice, bob, carl],
      [
        { name: "source", pubkeys: [idOf(alice)] },
        {
          name: "build",
          expected_materials: [
            ["MATCH", "*", "WITH", "PRODUCTS", "FROM", "source"],
            ["DISALLOW", "*"],
          ],
          expected_predicates: [
            { predicateType: TYPES.provenance, functionaries: [idOf(bob)], threshold: 1 },
            {
              predicateType: TYPES.test,
              functionaries: [idOf(carl)],
              threshold: 1,
              expectedAttributes: [{ at: "/predicate/result", equals: "PASSED" }],
            },
          ],
        },
      ],
      { inspect: [{ _type: "inspection", name: "look", run: ["tar", "tf", "app"] }] },
    ),
    [olga],
  );
  const lineage = verifyLayout({
    layoutEnvelope,
    owners: owners(1, olga),
    evidence: evidenceOf(...evidence),
    digest: DIGEST,
    time: NOW,
    inspect: () => ({ materials: new Map(), products: new Map() }),
  });
  return verdictLines(verdictOf(lineage, evidence.length))
    .map((line) => render(line, false))
    .join("\n");
}

function verdictOf(lineage: LayoutVerdict, evidence: number): Verdict {
  return {
    type: VERDICT_TYPE,
    decision: lineage.ok ? "allow" : "deny",
    digest: DIGEST,
    project: "app",
    time: NOW.toISOString(),
    pinnedRoot: sha256(new Uint8Array()),
    reasons: lineage.reasons,
    warnings: lineage.warnings,
    freshness: { roles: [], layoutExpires: undefined, validUntil: undefined },
    record: {
      digest: DIGEST,
      size: 3,
      mediaType: "application/octet-stream",
      artifactType: undefined,
      projects: ["app"],
      evidence: Array.from({ length: evidence }, () => ({ sha256: sha256(new Uint8Array()), length: 1 })),
    },
    lineage,
  };
}

const sublayout = await signLayout(layout(step("write", [bob])), [alice]);
const write = await signLink(link("write", {}, { "src/a": "A" }), [bob]);
const built = (from: string) => signRaw(provenance([about("app", "app")], [about("git", from)]), [bob]);
const tested = (result: string) => signRaw(testResult([about("_", "app")], result), [carl]);

test("an allowed lineage is a tree down to the steps of its sublayout, with who attested what", async () => {
  const text = await judge([sublayout, write, await built("A"), await tested("PASSED")]);
  expect(text).toContain("ALLOW");
  for (const line of [
    "        ├─ step source: 1 of 1 signature",
    `        │    signed by ${id(alice)}, fingerprint`,
    "        │    by a sublayout (",
    "        │      └─ step write: 1 of 1 signature",
    `        │           signed by ${id(bob)}, fingerprint`,
    "        ├─ step build: 1 of 1 signature",
    `        │    attested ${TYPES.provenance} by ${id(bob)}`,
    `        │    attested ${TYPES.test} by ${id(carl)}`,
    "        └─ inspection look: tar tf app",
  ]) {
    expect(text).toContain(line);
  }
  expect(text).not.toContain("set aside");
});

test("a denial names the rule, the artifact, both digests, and what to do", async () => {
  const text = await judge([sublayout, write, await built("B"), await tested("PASSED")]);
  expect(text).toContain("DENY");
  expect(text).toContain("rule_failed: Rule 2 of the materials of step");
  expect(text).toContain(hashOf("B"));
  expect(text).toContain("artifacts: git");
  expect(text).toContain("build again from what the earlier step made");
});

test("a missing attestation names the type and who may sign; what was set aside says why", async () => {
  const text = await judge([sublayout, write, await built("A"), await tested("FAILED")]);
  expect(text).toContain("attribute_failed:");
  expect(text).toContain(`who may sign: key ${id(carl)}`);
  expect(text).toMatch(/set aside [0-9a-f]{12}: .*PASSED.*FAILED.*\(attribute_failed\)/);
});
