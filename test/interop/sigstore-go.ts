/**
 * Publishes the trusted root of a private Sigstore by a ceremony, as the guide for platform teams has it, and lets
 * Sigstore's clients in Go verify with it: PROGRAM. Then the domain moves to another Sigstore, and they follow.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import { PAYLOAD_TYPE } from "@stemma/in-toto";
import { startService, stemmaJson } from "../support/service.ts";
import { MockSigstore, type SignOptions } from "../support/sigstore.ts";
import { identityToken, SigstoreServer } from "../support/sigstore-server.ts";

interface TestCase {
  readonly name: string;
  readonly bundle: string;
  /** Who fetches the trusted root: sigstore-go unless told. */
  readonly client?: "go-tuf";
  /** Whose root is pinned: that of the domain unless told. */
  readonly pinned?: "stranger";
  /** The key that must have signed; without one, issuer and identity have to be in a certificate. */
  readonly key?: string;
  readonly artifact?: string;
  readonly issuer?: string;
  readonly identity?: string;
  /** What the verifier insists on; all of it unless told. */
  readonly proofs?: readonly Demand[];
  /** What a refusal says. Without it, the bundle has to verify. */
  readonly refused?: string;
}

type Demand = "log" | "time of the log" | "timestamp";

interface Result {
  readonly name: string;
  readonly ok: boolean;
  readonly why: string;
}

const DOMAIN = "live";
const ARTIFACT = "an artifact made in CI";
const REVIEW = "https://example.com/review/v1";
const ALL: readonly Demand[] = ["log", "time of the log", "timestamp"];

const [program = ""] = process.argv.slice(2);
const service = await startService();
const server = await SigstoreServer.start();
const folder = join(service.dataDirectory, "interop");
const file = (name: string): string => join(folder, name);
let token = "";
try {
  await mkdir(folder);
  await createDomain();

  const [first, elsewhere] = [await MockSigstore.create(), await MockSigstore.create()];
  await publish("first.json", first.trustedRoot());
  await makeBundles(first, elsewhere);
  const before = await verify(casesOf(first));

  const [issuer, identity] = ["https://ci.example.com", first.identity];
  await publish("second.json", server.trustedRoot());
  await writeFile(file("token"), identityToken(issuer, identity), { mode: 0o600 });
  await attest("job.json", "--keyless", "--identity-token-file", file("token"));
  const job = { bundle: "job.json", issuer, identity };
  const after = await verify([
    { name: "after another ceremony, what stemma attest --keyless signed with the new Sigstore", ...job },
    { name: "the same, with the trusted root fetched by go-tuf", client: "go-tuf", ...job },
    { name: "what the Sigstore before it signed", ...expected(first), refused: "not enough verified log" },
  ]);
  process.exitCode = before && after ? 0 : 1;
} finally {
  await server.stop();
  await service.stop();
}

/** Keys of both kinds sign root and targets, and a stranger of the same name has a root of other keys. */
async function createDomain(): Promise<void> {
  for (const [name, type] of [
    ["a", "ed25519"],
    ["b", "ecdsa-p256"],
    ["c", "ed25519"],
  ] as const) {
    await stemma("key", "new", file(name), "--type", type, "--no-passphrase");
  }
  for (const [name, keys] of [
    ["domain", ["a", "b"]],
    ["stranger", ["c"]],
  ] as const) {
    const [owners, count] = [keys.map((key) => file(`${key}.pub`)), String(keys.length)];
    await stemma(
      ...["domain", "init", file(name)],
      ...["--root-key", ...owners, "--root-threshold", count],
      ...["--targets-key", ...owners, "--targets-threshold", count],
    );
    for (const key of keys) {
      await stemma("sign", file(`${name}/root.json`), "--key", file(key));
      await stemma("sign", file(`${name}/targets.json`), "--key", file(key));
    }
  }
  const made = await stemma<{ token: string }>("token", "new", "--name", "test", "--scope", "domain:create");
  token = made.token;
  await stemma("domain", "create", DOMAIN, file("domain"));
}

/** One ceremony: one owner drafts and signs, the other finishes it. */
async function publish(name: string, trustedRoot: Uint8Array): Promise<void> {
  await writeFile(file(name), trustedRoot);
  const { ceremony } = await stemma<{ ceremony: string }>(
    ...["trusted-root", "publish", file(name), "--key", file("a")],
  );
  await stemma("sign", "--ceremony", ceremony, "--key", file("b"));
}

async function makeBundles(first: MockSigstore, elsewhere: MockSigstore): Promise<void> {
  await writeFile(file("artifact"), ARTIFACT);
  await writeFile(file("review.json"), JSON.stringify({ by: "a workflow" }));
  const statement = utf8(
    JSON.stringify({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "artifact", digest: { sha256: sha256(utf8(ARTIFACT)) } }],
      predicateType: REVIEW,
      predicate: { by: "a workflow" },
    }),
  );
  const sign = async (name: string, options: SignOptions = {}, sigstore = first): Promise<void> =>
    writeFile(file(name), await sigstore.sign(statement, PAYLOAD_TYPE, options));
  await sign("keyless.json");
  await sign("log.json", { proofs: ["log"] });
  await sign("in-toto.json", { proofs: ["intoto 0.0.2", "timestamp"] });
  await sign("rekor-2.json", { proofs: ["hashedrekord 0.0.2", "timestamp"], promise: false });
  await sign("timestamp.json", { proofs: ["timestamp"] });
  await sign("chain.json", { chain: true });
  await sign("evil.json", { identity: `${first.identity}-evil` });
  await sign("elsewhere.json", {}, elsewhere);
  await attest("key-a.json", "--bundle", "--key", file("a"));
  await attest("key-b.json", "--bundle", "--key", file("b"));
}

function casesOf(first: MockSigstore): readonly TestCase[] {
  const keyless = expected(first);
  const stranger = { pinned: "stranger", refused: "no trusted root" } as const;
  return [
    { name: "a keyless bundle, with its entry in the log and its timestamp", ...keyless },
    { name: "the same, with the trusted root fetched by go-tuf", client: "go-tuf", ...keyless },
    {
      name: "one with an entry in the log alone",
      ...keyless,
      bundle: "log.json",
      proofs: ["log", "time of the log"],
    },
    { name: "one with an entry of the kind intoto", ...keyless, bundle: "in-toto.json" },
    {
      name: "one with an entry of Rekor v2",
      ...keyless,
      bundle: "rekor-2.json",
      proofs: ["log", "timestamp"],
    },
    { name: "one with a timestamp alone", ...keyless, bundle: "timestamp.json", proofs: ["timestamp"] },
    { name: "one of version 0.2, with a chain of certificates", ...keyless, bundle: "chain.json" },
    {
      name: "one by another identity",
      ...keyless,
      bundle: "evil.json",
      refused: "no matching CertificateIdentity",
    },
    {
      name: "one by another issuer",
      ...keyless,
      issuer: "https://other.example.com",
      refused: "no matching CertificateIdentity",
    },
    { name: "one about another artifact", ...keyless, artifact: "another", refused: "artifact" },
    {
      name: "one of another Sigstore",
      ...keyless,
      bundle: "elsewhere.json",
      refused: "not enough verified log",
    },
    { name: "one without the entry in the log", ...keyless, bundle: "timestamp.json", refused: "log" },
    { name: "one with a stranger's root pinned", ...keyless, ...stranger },
    { name: "the same, fetched by go-tuf", ...keyless, ...stranger, client: "go-tuf" },
    { name: "what stemma attest --bundle signed with an Ed25519 key", bundle: "key-a.json", key: "a.pub" },
    { name: "what it signed with an ECDSA key", bundle: "key-b.json", key: "b.pub" },
    { name: "what another key signed", bundle: "key-a.json", key: "c.pub", refused: "signature" },
    {
      name: "what a key signed about another artifact",
      ...{ bundle: "key-a.json", key: "a.pub", artifact: "another", refused: "artifact" },
    },
    {
      name: "what a key signed, where a log must have it",
      ...{ bundle: "key-a.json", key: "a.pub", proofs: ["log"], refused: "not enough verified log" },
    },
  ];
}

/** What a keyless bundle of a Sigstore is asked for. */
function expected({
  issuer,
  identity,
}: MockSigstore): Required<Pick<TestCase, "bundle" | "issuer" | "identity">> {
  return { bundle: "keyless.json", issuer, identity };
}

/** Runs the program, and prints what became of each case. */
async function verify(cases: readonly TestCase[]): Promise<boolean> {
  const plan = {
    mirror: `${service.url}/${DOMAIN}/metadata`,
    cases: cases.map(({ bundle, pinned = "domain", key, artifact = ARTIFACT, client, ...rest }) => ({
      client: client ?? "sigstore-go",
      proofs: key === undefined ? ALL : [],
      ...rest,
      bundle: file(bundle),
      root: file(`${pinned}/root.json`),
      cache: file(`${pinned}-cache`),
      key: key === undefined ? "" : file(key),
      artifact: sha256(utf8(artifact)),
    })),
  };
  await writeFile(file("plan.json"), JSON.stringify(plan));
  const child = spawn(program, [file("plan.json")], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  await once(child, "close");
  const results = new Map((JSON.parse(text) as Result[]).map((result) => [result.name, result]));
  let good = true;
  for (const { name, refused } of cases) {
    const result = results.get(name);
    const holds =
      refused === undefined ? result?.ok === true : result?.ok === false && result.why.includes(refused);
    good &&= holds;
    const said = result?.ok === true ? "verified" : `refused: ${result?.why ?? "no answer"}`;
    process.stdout.write(`${holds ? "ok" : "FAILED"}  ${name}: ${said}\n`);
  }
  return good;
}

async function attest(name: string, ...how: string[]): Promise<void> {
  await stemma(
    ...["attest", file("artifact"), "--type", REVIEW, "--predicate", file("review.json")],
    ...["-o", file(name), ...how],
  );
}

function stemma<T>(...args: string[]): Promise<T> {
  return stemmaJson<T>(args, {
    STEMMA_SERVER: service.url,
    STEMMA_DATA_DIR: service.dataDirectory,
    STEMMA_TOKEN: token,
    STEMMA_DOMAIN: DOMAIN,
    STEMMA_ROOT: file("domain/root.json"),
    STEMMA_CACHE: file("stemma-cache"),
    STEMMA_FULCIO_URL: server.url,
    STEMMA_REKOR_URL: server.url,
    STEMMA_TSA_URL: server.url,
  });
}
