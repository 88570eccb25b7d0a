import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { publicKeyFromPem, sha256 } from "@stemma/crypto";
import { repositoryRoot } from "../../test/support/service.ts";
import type { Stage } from "./stage.ts";
import { createProject, ownSupplyChain, type Release, type Say } from "./story.ts";

const TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1";

/** One verdict of the story: what was done before, and how it must come out. */
export interface Episode {
  readonly words: string;
  /** The code of the denial; undefined when it must be allowed. */
  readonly code: string | undefined;
  /** The artifact that is asked about. */
  readonly what: string;
  readonly come: () => Promise<unknown>;
}

/**
 * A second project makes the same artifact and demands one thing more: a tester's attestation that the packed command
 * passed its test. Until it is there the artifact is held back, and what sets it free is the evidence.
 */
export async function testedProject(stage: Stage, release: Release, say: Say): Promise<readonly Episode[]> {
  await stage.stemma("key", "new", stage.key("tester"));
  const tester = publicKeyFromPem(await readFile(stage.publicKey("tester"), "utf8"));
  const steps = [
    ...(await ownSupplyChain(stage, ["package"], 1)),
    {
      name: "test",
      threshold: 1,
      functionaries: [],
      expectedMaterials: [
        ["MATCH", "*", "WITH", "PRODUCTS", "FROM", "package"],
        ["DISALLOW", "*"],
      ],
      expectedProducts: [
        ["MATCH", "*", "WITH", "PRODUCTS", "FROM", "package"],
        ["DISALLOW", "*"],
      ],
      expectedPredicates: [
        {
          predicateType: TEST_RESULT,
          functionaries: [tester],
          threshold: 1,
          attributes: [{ at: "/predicate/result", equals: "PASSED" }],
        },
      ],
    },
  ];
  await createProject(stage, "tested", steps, say);
  const record = (evidence: readonly string[]) =>
    stage.stemma("record", release.image, "--project", "tested", "--evidence", ...evidence);
  const attest = async (name: string, args: readonly string[]): Promise<void> => {
    const file = stage.path(`${name}.attestation.json`);
    await attestTest(stage, release, file, args);
    await record([file]);
  };
  return [
    {
      words: "with the links of all other steps",
      code: "no_matching_attestation",
      what: release.imageDigest,
      come: () => record(release.links),
    },
    {
      words: "with the attestation of a test that failed",
      code: "attribute_failed",
      what: release.imageDigest,
      come: () => attest("failed", ["--no-such-option"]),
    },
    {
      words: "with the attestation of one that passed",
      code: undefined,
      what: release.imageDigest,
      come: () => attest("passed", ["--version"]),
    },
  ];
}

/** Really runs the packed command, and attests how it ended. */
async function attestTest(
  stage: Stage,
  release: Release,
  file: string,
  args: readonly string[],
): Promise<void> {
  const child = spawn(process.execPath, [join(repositoryRoot, "dist/stemma.mjs"), ...args], {
    stdio: "ignore",
  });
  const [exitCode] = await once(child, "exit");
  const predicate = stage.path("test-result.json");
  const manifest = await readFile(join(repositoryRoot, "package.json"));
  await writeFile(
    predicate,
    JSON.stringify({
      result: exitCode === 0 ? "PASSED" : "FAILED",
      configuration: [{ name: "package.json", digest: { sha256: sha256(manifest) } }],
    }),
  );
  await stage.stemma(
    ...["attest", release.image, "--type", "test-result", "--predicate", predicate],
    ...["--key", stage.key("tester"), "-o", file],
  );
}
