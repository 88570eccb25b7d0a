import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { generatePrivateKey, type Signer, sha256, signerFromPem } from "@stemma/crypto";
import { asObject, fromPlain, parseDigest, parseJson, toPlain, utf8 } from "@stemma/encoding";
import {
  type LayoutVerdict,
  readEnvelope,
  signLink,
  signPayload,
  signStatement,
  verifyLayout,
} from "@stemma/in-toto";
import { artifacts } from "../../../test/support/domain.ts";
import { Desk } from "./support/command-line.ts";

const people = {
  alice: generatePrivateKey(),
  bob: generatePrivateKey(),
  carl: generatePrivateKey(),
  olga: generatePrivateKey(),
};
type Person = keyof typeof people;
const signerOf = (person: Person): Signer => signerFromPem(people[person]);

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.create();
  for (const [name, pem] of Object.entries(people)) {
    const key = signerFromPem(pem).publicKey.toJson();
    await writeFile(desk.path(name), pem, { mode: 0o600 });
    await writeFile(desk.path(`${name}.pub`), JSON.stringify(toPlain(key)));
  }
});
afterEach(() => desk.remove());

const ISSUER = "https://token.actions.githubusercontent.com";
const IDENTITY = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
const make = (template: string) => ["layout", "new", "--template", template];

interface Written {
  readonly file: string;
  readonly steps: readonly string[];
  readonly findings: readonly { readonly severity: string; readonly code: string }[];
}
type Files = Record<string, string>;

/** Verifies evidence against the layout as it was written, signed by olga, for the artifact "it". */
async function verify(evidence: readonly Uint8Array[]): Promise<LayoutVerdict> {
  const payload = asObject(parseJson(await readFile(desk.path("layout.json"))), "layout");
  const { publicKey } = signerOf("olga");
  return verifyLayout({
    layoutEnvelope: await signPayload(payload, [signerOf("olga")]),
    owners: { keys: new Map([[publicKey.keyId, publicKey]]), threshold: 1 },
    evidence: new Map(evidence.map((bytes) => [sha256(bytes), bytes])),
    digest: parseDigest(`sha256:${sha256(utf8("it"))}`),
    time: new Date(),
  });
}

const link = (name: string, signer: Person, materials: Files, products: Files) =>
  signLink({ name, command: [], materials: artifacts(materials), products: artifacts(products) }, [
    signerOf(signer),
  ]);

const codes = ({ reasons }: LayoutVerdict) => reasons.map(({ code, step }) => `${code} ${step}`);

describe("templates", () => {
  const src: Files = { "src/a": "A", "package.json": "{}", "chart/x": "X" };
  const chart: Files = { "chart/x": "X" };
  const image: Files = { "image/index.json": "I", "image/blobs/sha256/m": "it" };
  const built: Files = { "dist/a.js": "a" };
  const bin: Files = { "firmware/a.bin": "it" };

  test.each<
    readonly [
      template: string,
      signers: readonly string[],
      steps: readonly (readonly [string, Person, Files, Files])[],
    ]
  >([
    [
      "container-image",
      ["source=alice", "build=bob", "test=carl"],
      [
        ["source", "alice", {}, src],
        ["build", "bob", src, image],
        ["test", "carl", image, image],
      ],
    ],
    [
      "npm-package",
      ["source=alice", "build=bob", "package=carl"],
      [
        ["source", "alice", {}, src],
        ["build", "bob", src, { ...src, ...built }],
        ["package", "carl", { ...built, "package.json": "{}" }, { "app-1.0.0.tgz": "it" }],
      ],
    ],
    [
      "helm-chart",
      ["source=alice", "test=bob", "package=carl"],
      [
        ["source", "alice", {}, chart],
        ["test", "bob", chart, {}],
        ["package", "carl", chart, { "app-1.0.0.tgz": "it" }],
      ],
    ],
    [
      "firmware",
      ["source=alice", "build=alice", "build=bob", "approve=carl"],
      [
        ["source", "alice", {}, src],
        ["build", "alice", src, bin],
        ["build", "bob", src, bin],
        ["approve", "carl", bin, { ...bin, "firmware/a.bin.sig": "S" }],
      ],
    ],
  ])(
    "%s: its layout has no findings, allows what was made so, and nothing else",
    async (template, signers, steps) => {
      const flags = signers.flatMap((one) => ["--functionary", `${one}.pub`]);
      const written = await desk.json<Written>([...make(template), ...flags]);
      expect(written).toMatchObject({ file: "layout.json", findings: [] });
      expect(written.steps).toEqual([...new Set(steps.map(([name]) => name))]);
      await desk.json(["layout", "lint", "layout.json", "--strict"]);

      const evidence = await Promise.all(steps.map((step) => link(...step)));
      expect(codes(await verify(evidence))).toEqual([]);
      for (const [index, [name, signer, materials, products]] of steps.entries()) {
        const changes = [link(name, signer, materials, { ...products, stowaway: "!" })];
        if (Object.keys(materials).length > 0)
          changes.push(link(name, signer, { ...materials, stowaway: "!" }, products));
        for (const change of await Promise.all(changes)) {
          const verdict = await verify([...evidence.slice(0, index), change, ...evidence.slice(index + 1)]);
          // Whatever is called anything may be source; then it is the next step that does not know it.
          expect(verdict.ok).toBe(name === "source" && template !== "helm-chart");
        }
      }
    },
  );

  const SOURCE = "git+https://github.com/acme/app";
  const subject = { name: "app", digest: new Map([["sha256", sha256(utf8("it"))]]) };
  const statement = (predicateType: string, predicate: object, signer: Signer) =>
    signStatement({ subjects: [subject], predicateType, predicate: asObject(fromPlain(predicate), "it") }, [
      signer,
    ]);
  const provenance = (uri: string, builder = "https://ci.example") =>
    statement(
      "https://slsa.dev/provenance/v1",
      {
        buildDefinition: {
          buildType: "https://ci.example/build",
          externalParameters: {},
          resolvedDependencies: [{ uri, digest: { sha256: "ab".repeat(32) } }],
        },
        runDetails: { builder: { id: builder } },
      },
      signerOf("alice"),
    );
  const scan = (...result: readonly object[]) =>
    statement(
      "https://in-toto.io/attestation/vulns/v0.2",
      {
        scanner: { uri: "https://scanner.example", db: { lastUpdate: "2026-11-24T00:00:00Z" }, result },
        metadata: { scanStartedOn: "2026-11-24T00:00:00Z", scanFinishedOn: "2026-11-24T00:00:00Z" },
      },
      signerOf("bob"),
    );
  const tests = (result: string) =>
    statement(
      "https://in-toto.io/attestation/test-result/v0.1",
      { result, configuration: [] },
      signerOf("bob"),
    );

  test("container-image by attestations: from that repository and builder, and without findings", async () => {
    const flags = ["--evidence", "attestations", "--source", SOURCE, "--builder", "https://ci.example"];
    const signers = ["--functionary", "build=alice.pub", "--functionary", "scan=bob.pub"];
    const written = await desk.json<Written>([...make("container-image"), ...flags, ...signers]);
    expect(written).toMatchObject({ steps: ["build"], findings: [] });
    const good = await provenance(`${SOURCE}@refs/heads/main`);
    expect(codes(await verify([good, await scan()]))).toEqual([]);
    const finding = { id: "CVE-2026-0001", severity: [{ method: "nvd", score: "9.8" }] };
    expect(codes(await verify([good, await scan(finding)]))).toEqual(["attribute_failed build"]);
    expect(codes(await verify([good]))).toEqual(["no_matching_attestation build"]);
    const elsewhere = await provenance(`${SOURCE}-evil@refs/heads/main`);
    expect(codes(await verify([elsewhere, await scan()]))).toEqual(["rule_failed build"]);
    const laptop = await provenance(`${SOURCE}@refs/heads/main`, "https://laptop.example");
    expect(codes(await verify([laptop, await scan()]))).toEqual(["attribute_failed build"]);
  });

  test("npm-package by attestations: with its tests passed", async () => {
    const flags = ["--evidence", "attestations", "--source", SOURCE];
    const signers = ["--functionary", "build=alice.pub", "--functionary", "test=bob.pub"];
    await desk.json([...make("npm-package"), ...flags, ...signers]);
    const good = await provenance(`${SOURCE}@refs/heads/main`);
    expect(codes(await verify([good, await tests("PASSED")]))).toEqual([]);
    expect(codes(await verify([good, await tests("WARNED")]))).toEqual(["attribute_failed build"]);
  });
});

describe("by options", () => {
  test("takes identities, thresholds, names and an expiry", async () => {
    const flags = [
      ...["--functionary", "source=alice.pub", "--identity", `build=${ISSUER},${IDENTITY}`],
      ...["--functionary", "test=bob.pub", "--functionary", "test=carl.pub", "--threshold", "test=2"],
      ...["--rename", "build=compile", "--expires", "2099-01-01"],
    ];
    const written = await desk.json<Written>([
      "layout",
      "new",
      "my.json",
      ...make("container-image").slice(2),
      ...flags,
    ]);
    expect(written).toMatchObject({
      file: "my.json",
      steps: ["source", "compile", "test"],
      findings: [{ code: "expires_late", severity: "warning" }],
    });
    const document = JSON.parse(await readFile(desk.path("my.json"), "utf8"));
    expect(document).toMatchObject({ expires: "2099-01-01T00:00:00Z" });
    expect(document.steps[2]).toMatchObject({
      threshold: 2,
      expected_materials: [
        ["MATCH", "image/*", "WITH", "PRODUCTS", "FROM", "compile"],
        ["DISALLOW", "*"],
      ],
    });
    expect(Object.values(document.keys)).toContainEqual({
      keytype: "sigstore-oidc",
      scheme: "Fulcio",
      keyval: { issuer: ISSUER, identity: IDENTITY },
    });
  });

  test("says what to do next, and signs as it says", async () => {
    const flags = ["source", "test", "package"].flatMap((step) => ["--functionary", `${step}=alice.pub`]);
    const { stdout } = await desk.stemma([...make("helm-chart"), ...flags]);
    expect(stdout).toContain("stemma layout explain layout.json");
    expect(stdout).toContain("stemma sign layout.json --key <owner's key> --any-key");
    const signed = await desk.stemma(["sign", "layout.json", "--key", "olga", "--any-key"]);
    expect(signed.stdout).toContain("it has 1 signature now");
    expect(readEnvelope(await readFile(desk.path("layout.json"))).signatures).toHaveLength(1);
  });

  test("shows whoever signs it all that they give away: identities, attestations and what must stand in them", async () => {
    const flags = ["--evidence", "attestations", "--source", "git+https://github.com/acme/app"];
    const signers = ["--identity", `build=${ISSUER},${IDENTITY}`, "--functionary", "test=bob.pub"];
    await desk.json([...make("npm-package"), ...flags, ...signers]);
    const { stdout, stderr } = await desk.stemma(["sign", "layout.json", "--key", "olga", "--any-key"]);
    const shown = stdout + stderr;
    expect(shown).toContain(
      `attested   https://slsa.dev/provenance/v1: 1 of 1: ${IDENTITY} (identity of ${ISSUER})`,
    );
    expect(shown).toContain('/predicate/result is "PASSED"');
    expect(shown).not.toContain("unusable");
  });

  test("names everything that is missing", async () => {
    const firmware = [
      ...make("firmware"),
      "--functionary",
      "source=alice.pub",
      "--functionary",
      "build=bob.pub",
    ];
    const said = await desk.json<{ error: { code: string; message: string } }>(firmware, 2);
    expect(said.error).toEqual({
      code: "usage",
      message: expect.stringMatching(
        /build needs 2 people .* has 1 .*--threshold build=1\); approve needs somebody .*--identity approve=/,
      ),
    });
    const attested = [...make("npm-package"), "--evidence", "attestations"];
    expect(JSON.stringify(await desk.json(attested, 2))).toMatch(/build needs.*test needs.*--source/);
  });

  test.each<readonly [string, readonly string[], RegExp]>([
    ["no template", [], /Name a --template: container-image, npm-package/],
    ["a template that is none", ["--template", "boat"], /boat/],
    [
      "a form that the template has not",
      ["--template", "firmware", "--evidence", "attestations"],
      /for links/,
    ],
    [
      "a step that it has not",
      ["--template", "firmware", "--functionary", "bulid=alice.pub"],
      /source, build, approve/,
    ],
    ["a private key", ["--template", "firmware", "--functionary", "build=alice"], /private key/],
    [
      "the same functionary twice",
      ["--template", "firmware", "--functionary", "build=alice.pub", "--functionary", "build=alice.pub"],
      /twice/,
    ],
    [
      "a pattern for an identity",
      ["--template", "firmware", "--identity", `build=${ISSUER},https://*`],
      /exact/,
    ],
    [
      "a pattern for a repository",
      ["--template", "npm-package", "--evidence", "attestations", "--source", "git+https://*"],
      /repository/,
    ],
    ["a repository for links", ["--template", "npm-package", "--source", "git+https://a"], /attestations/],
    ["no number", ["--template", "firmware", "--threshold", "build=two"], /number/],
    ["no step", ["--template", "firmware", "--threshold", "2"], /STEP=value/],
  ])("refuses %s", async (_, flags, message) => {
    expect(await desk.json(["layout", "new", ...flags], 2)).toMatchObject({
      error: { code: "usage", message: expect.stringMatching(message) },
    });
  });

  test("overwrites nothing", async () => {
    await writeFile(desk.path("layout.json"), "mine");
    expect(await desk.json(make("firmware"), 2)).toMatchObject({ error: { code: "file_exists" } });
    expect(await readFile(desk.path("layout.json"), "utf8")).toBe("mine");
  });
});

describe("guided", () => {
  /** Node believes that the standard input is a terminal. */
  const terminal = { node: ["--import", "data:text/javascript,process.stdin.isTTY=true"] };
  const answer = (args: readonly string[], ...lines: readonly string[]) =>
    desk.stemma(["layout", "new", ...args], { ...terminal, stdin: `${lines.join("\n")}\n` });

  test("asks for everything, again for what cannot be, and writes what was answered", async () => {
    const said = await answer(
      [],
      ...["boat", "firmware"],
      ...["", "alice.pub", ""],
      ...["compile", "alice.pub", "nobody.pub", "alice.pub", "bob.pub", "", "3", ""],
      ...["", `${ISSUER},${IDENTITY}`, "", "tomorrow", "30d"],
    );
    expect(said).toMatchObject({ code: 0 });
    for (const refusal of [
      /must be one of/,
      /no such file/,
      /twice/,
      /number from 1 to 2/,
      /neither a moment/,
    ]) {
      expect(said.stderr).toMatch(refusal);
    }
    expect(said.stdout).toContain("Wrote layout.json, not signed yet.");
    const { steps } = JSON.parse(await readFile(desk.path("layout.json"), "utf8"));
    expect(steps).toMatchObject([
      { name: "source", threshold: 1, pubkeys: [signerOf("alice").publicKey.keyId] },
      { name: "compile", threshold: 2 },
      { name: "approve", threshold: 1 },
    ]);
  });

  test("asks only for what options do not say", async () => {
    const flags = [
      "--template",
      "container-image",
      "--functionary",
      "build=bob.pub",
      "--functionary",
      "test=carl.pub",
    ];
    const said = await answer([...flags, "--expires", "30d"], "links", "checkout", "alice.pub", "", "", "");
    expect(said).toMatchObject({ code: 0 });
    expect(said.stderr).not.toMatch(/What is made|expires|Another one.*Another one/);
    const { steps } = JSON.parse(await readFile(desk.path("layout.json"), "utf8"));
    expect(steps).toMatchObject([{ name: "checkout" }, { name: "build" }, { name: "test" }]);
    await desk.json(["layout", "lint", "layout.json", "--strict"]);
  });

  test("asks nothing where options say it all", async () => {
    const flags = ["source", "test", "package"].flatMap((step) => ["--functionary", `${step}=alice.pub`]);
    const said = await answer(["--template", "helm-chart", ...flags]);
    expect(said).toMatchObject({ code: 0, stderr: "" });
  });

  test("asks what provenance must name", async () => {
    const said = await answer(
      ["--template", "npm-package"],
      ...["attestations", "github", "git+https://github.com/acme/app", ""],
      ...["", `${ISSUER},${IDENTITY}`, "", "bob.pub", "", ""],
    );
    expect(said).toMatchObject({ code: 0 });
    const { steps } = JSON.parse(await readFile(desk.path("layout.json"), "utf8"));
    expect(steps[0].expected_predicates).toHaveLength(2);
    await desk.json(["layout", "lint", "layout.json", "--strict"]);
  });

  test("writes nothing when the answers end", async () => {
    const said = await answer([], "firmware", "");
    expect(said.code).toBe(2);
    expect(said.stderr).toContain("nothing was written");
    await expect(readFile(desk.path("layout.json"))).rejects.toThrow();
  });
});
