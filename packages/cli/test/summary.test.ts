import { readdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { publicKeyFromPem, sha256 } from "@stemma/crypto";
import { toPlain, utf8 } from "@stemma/encoding";
import { checkPredicate, digestUri, readEnvelope, readStatement, signersOf } from "@stemma/in-toto";
import { layoutPath } from "@stemma/lineage";
import { Desk } from "./support/command-line.ts";
import { ProjectDesk } from "./support/project-desk.ts";

let desk: Desk;
let project: ProjectDesk;
beforeEach(async () => {
  desk = await Desk.create();
  project = await ProjectDesk.create(desk, { artifact: utf8("the artifact"), inspections: [] });
  await desk.json(["key", "new", "verifier.pem", "--no-passphrase"]);
});
afterEach(() => desk.remove());

const SUMMARY = [
  "--summary",
  "vsa.json",
  "--key",
  "verifier.pem",
  "--verifier-id",
  "https://verifier.example",
];

/** The predicate of the summary, after everything about it was checked that does not depend on the verdict. */
async function summary(): Promise<unknown> {
  const envelope = readEnvelope(await readFile(desk.path("vsa.json")));
  const key = publicKeyFromPem(await readFile(desk.path("verifier.pem.pub"), "utf8"));
  expect(signersOf(envelope, new Map([[key.keyId, key]]))).toHaveLength(1);
  const statement = readStatement(envelope.payload);
  checkPredicate(statement);
  expect(statement.predicateType).toBe("https://slsa.dev/verification_summary/v1");
  return toPlain(statement.predicate);
}

test("an allow is summed up, naming the digest, the layout and all evidence", async () => {
  expect((await project.verify("app.tgz", ...SUMMARY)).code).toBe(0);
  const { domain, digest } = project;
  const evidence = domain.records.get(digest)?.evidence ?? [];
  expect(evidence).toHaveLength(2);
  expect(await summary()).toEqual({
    verifier: { id: "https://verifier.example", version: { stemma: "0.1.0" } },
    timeVerified: "2026-11-24T00:00:00Z",
    resourceUri: digestUri(digest),
    policy: {
      uri: `https://stemma.dev/policy/v1/${sha256(domain.root)}/app`,
      digest: { sha256: sha256(domain.projectFiles.get(layoutPath("app")) ?? new Uint8Array()) },
    },
    inputAttestations: evidence.map((item) => ({ digest: { sha256: item.sha256 } })),
    verificationResult: "PASSED",
    verifiedLevels: ["STEMMA_LAYOUT_SATISFIED"],
    slsaVersion: "1.2",
  });
}, 30_000);

test("a denial is summed up as one, and stays one", async () => {
  await writeFile(desk.path("other.tgz"), "another artifact");
  expect((await project.verify("other.tgz", ...SUMMARY)).code).toBe(1);
  expect(await summary()).toMatchObject({
    resourceUri: digestUri(`sha256:${sha256(utf8("another artifact"))}` as typeof project.digest),
    inputAttestations: [],
    verificationResult: "FAILED",
    verifiedLevels: ["FAILED"],
  });
}, 30_000);

test("a verdict that could not be reached is not summed up", async () => {
  const server = ["--server", "http://127.0.0.1:9", "--domain", "d"];
  const said = await desk.stemma([
    ...["verify", "app.tgz", "--root", "root.json", "--project", "app", ...server, ...SUMMARY],
  ]);
  expect(said.code).toBe(3);
  expect(await readdir(desk.folder)).not.toContain("vsa.json");
}, 30_000);

test.each([
  ["no key", ["--summary", "vsa.json", "--verifier-id", "https://v.example"]],
  ["no verifier", SUMMARY.slice(0, 4)],
  ["a verifier that is no URI", [...SUMMARY.slice(0, 4), "--verifier-id", "me"]],
  ["no file", SUMMARY.slice(2)],
])("with %s, nothing is verified", async (_name, options) => {
  const said = await project.verify("app.tgz", ...options);
  expect(said.code).toBe(2);
  expect(JSON.parse(said.stdout)).toHaveProperty("error.code", "usage");
});
