import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { publicKeyFromPem, sha256 } from "@stemma/crypto";
import { toPlain, utf8 } from "@stemma/encoding";
import {
  checkPredicate,
  payloadKind,
  readEnvelope,
  readLink,
  readStatement,
  signersOf,
} from "@stemma/in-toto";
import { readTrustedRoot, verifyKeyless } from "@stemma/sigstore";
import { identityToken, SigstoreServer } from "../../../test/support/sigstore-server.ts";
import { Desk } from "./support/command-line.ts";

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.create();
  await desk.json(["key", "new", "a.pem", "--no-passphrase"]);
  await writeFile(desk.path("app.tgz"), "the artifact");
  await writeFile(desk.path("result.json"), JSON.stringify(RESULT));
});
afterEach(() => desk.remove());

const RESULT = { result: "PASSED", configuration: [{ uri: "https://ci.example/tests" }] };
const DIGEST = `sha256:${sha256(utf8("the artifact"))}`;
const ATTEST = ["attest", "app.tgz", "--type", "test-result", "--predicate", "result.json"];

const envelopeIn = async (file: string) => readEnvelope(await readFile(desk.path(file)));
const statementIn = async (file: string) => readStatement((await envelopeIn(file)).payload);
const keysOf = async (...names: string[]) => {
  const keys = await Promise.all(
    names.map(async (name) => publicKeyFromPem(await readFile(desk.path(`${name}.pub`), "utf8"))),
  );
  return new Map(keys.map((key) => [key.keyId, key]));
};

describe("attest", () => {
  test("wraps a predicate in a signed statement about a file", async () => {
    const said = await desk.json([...ATTEST, "--key", "a.pem"]);
    expect(said).toMatchObject({ bundle: false, type: "statement", file: desk.path(FILE) });
    const statement = await statementIn(FILE);
    checkPredicate(statement);
    expect(statement.predicateType).toBe("https://in-toto.io/attestation/test-result/v0.1");
    expect(statement.subjects).toMatchObject([
      { name: "app.tgz", digest: new Map([["sha256", DIGEST.slice(7)]]) },
    ]);
    expect(toPlain(statement.predicate)).toEqual(RESULT);
    expect(signersOf(await envelopeIn(FILE), await keysOf("a.pem"))).toHaveLength(1);
  });
  const FILE = "app.tgz.test-result.json";

  test("signs one envelope with several keys, and with no key twice", async () => {
    await desk.json(["key", "new", "b.pem", "--no-passphrase", "--type", "rsa"]);
    const { signedBy } = await desk.json<{ signedBy: unknown[] }>([
      ...ATTEST,
      ...["--key", "a.pem", "--key", "b.pem", "-o", "both.json"],
    ]);
    expect(signedBy).toHaveLength(2);
    expect(signersOf(await envelopeIn("both.json"), await keysOf("a.pem", "b.pem"))).toHaveLength(2);
    expect(await desk.json([...ATTEST, "--key", "a.pem", "--key", "a.pem"], 2)).toHaveProperty(
      "error.code",
      "usage",
    );
  });

  test("is about many artifacts: files by their paths, digests by the names that are given", async () => {
    await mkdir(desk.path("dist"));
    await writeFile(desk.path("dist/b"), "b");
    const rest = ["--type", "https://example.com/t/v1", "--predicate", "result.json", "--key", "a.pem"];
    await desk.json(["attest", "dist/b", DIGEST, ...rest, "-o", "two.json"]);
    expect((await statementIn("two.json")).subjects.map(({ name }) => name)).toEqual(["dist/b", undefined]);
    await desk.json(["attest", DIGEST, ...rest, "--name", "app", "-o", "named.json"]);
    expect((await statementIn("named.json")).subjects).toMatchObject([{ name: "app" }]);
    expect(await desk.json(["attest", "dist/b", DIGEST, ...rest, "--name", "app"], 2)).toHaveProperty(
      "error.code",
      "usage",
    );
  });

  test.each([
    ["a predicate that lacks something", '{"configuration": []}', [], 1, "bad_predicate"],
    ["a predicate that is no object", "[]", [], 2, "usage"],
    [
      "a whole statement for a predicate",
      '{"_type": "https://in-toto.io/Statement/v1"}',
      ["--type", "https://example.com/t"],
      2,
      "usage",
    ],
    ["a type that is no URI", JSON.stringify(RESULT), ["--type", "tests"], 2, "usage"],
    ["nobody who signs", JSON.stringify(RESULT), [], 2, "usage"],
  ])("refuses %s", async (name, predicate, more, code, reason) => {
    await writeFile(desk.path("result.json"), predicate);
    const key = name.startsWith("nobody") ? [] : ["--key", "a.pem"];
    expect(await desk.json([...ATTEST, ...key, ...more], code)).toHaveProperty("error.code", reason);
    expect((await readdir(desk.folder)).filter((file) => file.startsWith("app.tgz."))).toEqual([]);
  });

  test("says exactly what is missing", async () => {
    await writeFile(desk.path("result.json"), "{}");
    const said = await desk.stemma([...ATTEST, "--key", "a.pem"]);
    expect(said.stderr).toContain("predicate.result is missing, predicate.configuration is missing");
  });

  test.each([`sha1:${"0".repeat(40)}`, `md5:${"0".repeat(32)}`, `sha256:${"0".repeat(40)}`])(
    "refuses the digest %s",
    async (digest) => {
      const said = await desk.json(["attest", digest, ...ATTEST.slice(2), "--key", "a.pem"], 2);
      expect(said).toMatchObject({ error: { code: "usage", message: expect.stringContaining("64") } });
    },
  );

  test("reads a predicate from the standard input", async () => {
    const child = desk.start([...ATTEST.slice(0, 4), "--predicate", "-", "--key", "a.pem", "-o", "in.json"], {
      stdin: JSON.stringify(RESULT),
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(0);
    expect(toPlain((await statementIn("in.json")).predicate)).toEqual(RESULT);
  });
});

describe("a statement on disk", () => {
  test("takes a further signature, after it was shown what it says", async () => {
    await desk.json(["key", "new", "b.pem", "--no-passphrase"]);
    await desk.json([...ATTEST, "--key", "a.pem", "-o", "s.json"]);
    const said = await desk.stemma(["sign", "s.json", "--key", "b.pem"]);
    expect(said.code).toBe(0);
    expect(said.stderr).toContain("statement of type https://in-toto.io/attestation/test-result/v0.1");
    expect(said.stderr).toContain(DIGEST);
    expect(signersOf(await envelopeIn("s.json"), await keysOf("a.pem", "b.pem"))).toHaveLength(2);
  });

  test("is shown, as what it says and not as what is verified", async () => {
    await desk.json([...ATTEST, "--key", "a.pem", "-o", "s.json"]);
    await desk.json([...ATTEST, "--key", "a.pem", "--bundle", "-o", "b.json"]);
    const [keyId] = (await keysOf("a.pem")).keys();
    for (const [file, format] of [
      ["s.json", "dsse"],
      ["b.json", "sigstore-bundle"],
    ] as const) {
      expect(await desk.json(["show", file])).toMatchObject({
        format,
        verified: false,
        keyIds: [keyId],
        type: "statement",
        subjects: [{ name: "app.tgz", digests: [DIGEST] }],
      });
    }
    expect((await desk.stemma(["show", "s.json"])).stdout).toContain("no signature was verified");
    expect(await desk.json(["sign", "b.json", "--key", "a.pem"])).toMatchObject({ alreadySigned: true });
    await desk.json(["key", "new", "b.pem", "--no-passphrase"]);
    expect(await desk.json(["sign", "b.json", "--key", "b.pem"], 2)).toHaveProperty(
      "error.code",
      "not_signable",
    );
    expect(await desk.json(["show", "app.tgz"], 1)).toHaveProperty("error.code");
    expect(await desk.json(["show", "s.json", "--project", "app"], 2)).toHaveProperty("error.code", "usage");
  });
});

describe("a bundle by a key of one's own", () => {
  test("holds the signature where verifiers by key find it", async () => {
    const said = await desk.json([...ATTEST, "--key", "a.pem", "--bundle"]);
    expect(said).toMatchObject({ bundle: true });
    const envelope = await envelopeIn("app.tgz.test-result.sigstore.json");
    expect(envelope.bundle).toBe(true);
    const keys = await keysOf("a.pem");
    expect(signersOf(envelope, keys)).toHaveLength(1);
    expect(envelope.signatures[0]?.keyId).toBe([...keys.keys()][0]);
    const document = JSON.parse(await readFile(desk.path("app.tgz.test-result.sigstore.json"), "utf8"));
    expect(document).toMatchObject({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: { publicKey: { hint: [...keys.keys()][0] } },
    });
    // sigstore-go, and so cosign, refuses a key id that is not of the kind that it computes itself.
    expect(document.dsseEnvelope.signatures).toEqual([{ sig: expect.any(String) }]);
  });

  test("takes one key, of a kind that others verify", async () => {
    await desk.json(["key", "new", "p384.pem", "--no-passphrase", "--type", "ecdsa-p384"]);
    for (const keys of [[], ["--key", "a.pem", "--key", "p384.pem"], ["--key", "p384.pem"]]) {
      expect(await desk.json([...ATTEST, "--bundle", ...keys], 2)).toHaveProperty("error.code", "usage");
    }
  });
});

describe("keyless", () => {
  const ISSUER = "https://token.ci.example";
  const IDENTITY = "https://git.example.com/org/app/.github/workflows/release.yml@refs/heads/main";
  const token = identityToken(ISSUER, IDENTITY);
  let server: SigstoreServer;
  beforeAll(async () => {
    server = await SigstoreServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    server.failWith = undefined;
    server.received.clear();
    await writeFile(desk.path("token"), `${token}\n`, { mode: 0o600 });
    desk.env.STEMMA_FULCIO_URL = server.url;
    desk.env.STEMMA_REKOR_URL = server.url;
    desk.env.STEMMA_TSA_URL = server.url;
  });
  const KEYLESS = [...ATTEST, "--keyless"];
  const FILE = "app.tgz.test-result.sigstore.json";
  const signerOf = async (file: string) =>
    verifyKeyless(
      await readFile(desk.path(file)),
      readTrustedRoot(server.trustedRoot()),
      new Date(server.now.getTime() + 60_000),
    );

  test.each([
    ["a token in a file", ["--identity-token-file", "token"], {}],
    ["the token that CI offers", [], { SIGSTORE_ID_TOKEN: token }],
  ])("signs with %s; the bundle verifies as that identity", async (_name, options, env) => {
    const said = await desk.stemma([...KEYLESS, ...options, "--json"], { env });
    expect(said.code).toBe(0);
    expect(JSON.parse(said.stdout)).toMatchObject({
      bundle: true,
      signedBy: [{ issuer: ISSUER, identity: IDENTITY }],
    });
    expect(said.stderr).toMatch(/become public for good/);
    expect(await signerOf(FILE)).toMatchObject({ issuer: ISSUER, identity: IDENTITY });
    expect((await desk.stemma(["show", FILE])).stdout).toContain(`signed by ${IDENTITY}`);
    expect(toPlain((await statementIn(FILE)).predicate)).toEqual(RESULT);
    const bundle = JSON.parse(await readFile(desk.path(FILE), "utf8"));
    expect(bundle.mediaType).toBe("application/vnd.dev.sigstore.bundle.v0.3+json");
    expect(bundle.verificationMaterial.tlogEntries).toMatchObject([{ kindVersion: { kind: "dsse" } }]);
    expect(bundle.verificationMaterial.timestampVerificationData.rfc3161Timestamps).toHaveLength(1);
  });

  test("never prints the token, and sends it to the certificate authority alone", async () => {
    const said = await desk.stemma([...KEYLESS, "--identity-token-file", "token"]);
    const broken = `${identityToken(ISSUER, "").split(".").slice(0, 2).join(".")}.c2VjcmV0`;
    await writeFile(desk.path("broken"), broken);
    const refused = await desk.stemma([...KEYLESS, "--identity-token-file", "broken"]);
    await writeFile(desk.path("nonsense"), "my-secret-token");
    const nonsense = await desk.stemma([...KEYLESS, "--identity-token-file", "nonsense", "--json"]);
    expect([said.code, nonsense.code]).toEqual([0, 2]);
    expect(JSON.parse(nonsense.stdout)).toHaveProperty("error.code", "no_identity_token");
    const printed = [said, refused, nonsense].map(({ stdout, stderr }) => stdout + stderr).join();
    expect(printed).not.toMatch(/my-secret-token|c2VjcmV0|eyJ/);
    const told = [...server.received].filter(([, bodies]) => bodies.join().includes(token));
    expect(told.map(([path]) => path)).toEqual(["/api/v2/signingCert"]);
  });

  test.each([
    [403, 1, "sigstore_refused"],
    [503, 3, "sigstore_unreachable"],
  ])(
    "that is answered with %i leaves no file",
    async (status, code, reason) => {
      server.failWith = status;
      const said = await desk.json([...KEYLESS, "--identity-token-file", "token"], code);
      expect(said).toHaveProperty("error.code", reason);
      expect(await readdir(desk.folder)).not.toContain(FILE);
    },
    60_000,
  );

  test.each([
    ["no token", [], 2, "no_identity_token"],
    ["a key beside it", ["--identity-token-file", "token", "--key", "a.pem"], 2, "usage"],
    [
      "a service in the clear",
      ["--identity-token-file", "token", "--rekor-url", "http://rekor.example"],
      2,
      "usage",
    ],
  ])("with %s is refused before anything is sent", async (_name, options, code, reason) => {
    expect(await desk.json([...KEYLESS, ...options], code)).toHaveProperty("error.code", reason);
    expect(server.received.size).toBe(0);
  });

  test("never mixes services of one's own with the public ones", async () => {
    desk.env.STEMMA_FULCIO_URL = "";
    expect(await desk.json([...KEYLESS, "--identity-token-file", "token"], 2)).toHaveProperty(
      "error.code",
      "usage",
    );
  });

  test("keeps the token from the command that is run", async () => {
    const run = ["run", "--step", "build", "--products", "app.tgz", "--keyless", "-o", "x.json", "--"];
    const env = { SIGSTORE_ID_TOKEN: token };
    const command = ["sh", "-c", 'echo "seen:$SIGSTORE_ID_TOKEN:"'];
    expect((await desk.stemma([...run, ...command], { env })).stdout).toContain("seen::");
  });

  test("signs what a run made", async () => {
    const run = ["run", "--step", "build", "--products", "app.tgz", "--keyless"];
    const options = ["--identity-token-file", "token", "--format", "provenance", "--builder-id", ISSUER];
    await desk.json([...run, ...options, "--", "true"]);
    expect(await signerOf("build.provenance.sigstore.json")).toMatchObject({ identity: IDENTITY });
    await desk.json([...run, ...options.slice(0, 2), "--", "true"]);
    const { payload } = await envelopeIn("build.link.sigstore.json");
    expect(payloadKind(payload)).toBe("link");
  });
});

describe("run", () => {
  const run = (...more: string[]) => ["run", "--step", "build", "--key", "a.pem", ...more];
  const made = ["--materials", "result.json", "--products", "app.tgz"];

  test("writes a link unless told", async () => {
    const { link } = await desk.json<{ link: string }>(run(...made, "--", "true"));
    expect(link).toMatch(/build\.[0-9a-f]{8}\.link$/);
    expect(readLink(readEnvelope(await readFile(link))).name).toBe("build");
    await desk.json(run(...made, "--envelope", "metablock", "-o", "m.link", "--", "true"));
    expect((await envelopeIn("m.link")).format).toBe("metablock");
  });

  test("writes the same as an attestation", async () => {
    await desk.json(run(...made, "--format", "link-attestation", "-o", "l.json", "--", "true"));
    const statement = await statementIn("l.json");
    expect(statement.predicateType).toBe("https://in-toto.io/attestation/link/v0.3");
    expect(statement.subjects).toMatchObject([{ name: "app.tgz" }]);
    expect(toPlain(statement.predicate)).toMatchObject({
      name: "build",
      command: ["true"],
      materials: [{ name: "result.json", digest: { sha256: sha256(utf8(JSON.stringify(RESULT))) } }],
    });
  });

  test("writes provenance, with what the command printed if that was asked for", async () => {
    const before = Date.now();
    const options = ["--format", "provenance", "--builder-id", "https://ci.example", "--record-streams"];
    const { link } = await desk.json<{ link: string }>(run(...made, ...options, "--", "echo", "hello"));
    expect(link).toMatch(/build\.[0-9a-f]{8}\.provenance\.json$/);
    const { predicate } = readStatement(readEnvelope(await readFile(link)).payload);
    const { buildDefinition, runDetails } = toPlain(predicate) as Record<string, Record<string, unknown>>;
    expect(buildDefinition).toMatchObject({
      buildType: "https://stemma.dev/run/v1",
      externalParameters: { command: ["echo", "hello"] },
      resolvedDependencies: [{ name: "result.json" }],
    });
    expect(runDetails).toMatchObject({
      builder: { id: "https://ci.example" },
      byproducts: [{ name: "stdout", content: Buffer.from("hello\n").toString("base64") }],
    });
    const { startedOn = "" } = (runDetails?.metadata ?? {}) as { startedOn?: string };
    expect(Date.parse(startedOn)).toBeGreaterThan(before - 2_000);
  });

  test.each([
    ["provenance without a builder", ["--products", "app.tgz", "--format", "provenance"]],
    ["a builder for a link", ["--products", "app.tgz", "--builder-id", "https://ci.example"]],
    ["an attestation about nothing", ["--format", "link-attestation"]],
    ["a statement in a metablock", [...made, "--format", "link-attestation", "--envelope", "metablock"]],
  ])("refuses %s before it runs anything", async (_name, options) => {
    expect(await desk.json(run(...options, "--", "touch", "ran"), 2)).toHaveProperty("error.code", "usage");
    expect(await readdir(desk.folder)).not.toContain("ran");
  });
});
