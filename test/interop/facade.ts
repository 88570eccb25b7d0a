/**
 * Stock clients of registries read evidence from the façade of a registry: the conformance suite of the OCI distribution
 * specification in its read-only mode, cosign, oras, regctl and crane, all unchanged, from the PATH. The image that
 * the evidence is about is in no registry that they can reach.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type PublicKey, publicKeyFromPem, sha256 } from "@stemma/crypto";
import { type Digest, utf8 } from "@stemma/encoding";
import { IMAGE_MANIFEST } from "@stemma/image";
import { PAYLOAD_TYPE, type PredicateContent } from "@stemma/in-toto";
import { digestOf } from "../support/domain.ts";
import { LiveDomain } from "../support/live-domain.ts";
import { startService, stemmaJson } from "../support/service.ts";
import { MockSigstore } from "../support/sigstore.ts";
import { type Case, runCases } from "./stock-tools.ts";

const REVIEW = "https://example.com/review/v1";
const TESTED = "https://example.com/tested/v1";
/** Nothing listens there. */
const ELSEWHERE = "127.0.0.1:1/team/app";

const service = await startService();
const folder = join(service.dataDirectory, "interop");
const file = (name: string): string => join(folder, name);
try {
  await mkdir(folder);
  process.exitCode = (await run()) ? 0 : 1;
} finally {
  await service.stop();
}

async function run(): Promise<boolean> {
  const sigstore = await MockSigstore.create();
  await writeFile(file("trusted_root.json"), sigstore.trustedRoot());
  const key = await newKey("functionary");
  await newKey("stranger");
  const step = (name: string, predicate: Omit<PredicateContent, "threshold">) => ({
    name,
    functionaries: [],
    threshold: 1,
    expectedPredicates: [{ threshold: 1, ...predicate }],
  });
  const domain = await LiveDomain.create(service, {
    trustedRoot: sigstore.trustedRoot(),
    steps: [
      step("review", { predicateType: REVIEW, functionaries: [sigstore] }),
      step("test", { predicateType: TESTED, functionaries: [key] }),
    ],
  });
  const image = utf8(JSON.stringify({ schemaVersion: 2, mediaType: IMAGE_MANIFEST, layers: [] }));
  const digest = digestOf(image);
  const evidence = {
    link: await domain.linkTo(digest, "metablock"),
    keyless: await sigstore.sign(statement(digest, REVIEW), PAYLOAD_TYPE),
    bundle: await attest(digest, "bundle.json", "--bundle"),
    envelope: await attest(digest, "envelope.json"),
  };
  await domain.recordAll({ digest, mediaType: IMAGE_MANIFEST, size: image.length }, Object.values(evidence));
  const alone = digestOf(utf8("an artifact that has an envelope and nothing else"));
  await domain.recordAll({ digest: alone, mediaType: "application/octet-stream", size: 49 }, [
    await attest(alone, "alone.json"),
  ]);

  const host = new URL(service.url).host;
  const repository = `${host}/${domain.name}`;
  const listed = await referrersOf(repository, digest);
  return runCases(casesOf({ host, repository, digest, alone, sigstore, listed, evidence }), folder);
}

interface Setting {
  readonly host: string;
  readonly repository: string;
  readonly digest: Digest;
  /** Of an artifact that has a DSSE envelope and nothing else. */
  readonly alone: Digest;
  readonly sigstore: MockSigstore;
  readonly listed: readonly Referrer[];
  readonly evidence: Readonly<Record<string, Uint8Array>>;
}

function casesOf({ host, repository, digest, alone, sigstore, listed, evidence }: Setting): readonly Case[] {
  const names = Object.values(evidence).map((bytes) => `sha256:${sha256(bytes)}`);
  const types = listed.map(({ artifactType }) => artifactType);
  const conformance = (passes: readonly string[], environment: Record<string, string>) => ({
    command: ["conformance"],
    // It prints what it found, and then stumbles over its own files of a run that pushed nothing.
    faulty: true,
    says: ["OCI Conformance Result: Pass", ...passes.map((api) => `${api.padEnd(30, ".")}:       Pass`)],
    never: ["FAIL\n"],
    environment: {
      OCI_REGISTRY: host,
      OCI_TLS: "disabled",
      OCI_REPO1: `${repository.slice(host.length + 1)}/conformance`,
      OCI_VERSION: "1.1",
      OCI_API_PUSH: "false",
      OCI_API_BLOBS_DELETE: "false",
      OCI_API_MANIFESTS_DELETE: "false",
      OCI_API_TAGS_DELETE: "false",
      // Of manifests it cannot look at the header unless it has pushed them; `registry.test.ts` does.
      OCI_API_BLOBS_DIGEST_HEADER: "true",
      OCI_RESULTS_DIR: file("conformance"),
      ...environment,
    },
  });
  const apis = (by: string) => [`Manifest get by ${by}`, `Manifest head by ${by}`];
  const where = { COSIGN_REPOSITORY: `${repository}/signatures` };
  const offline = ["--trusted-root", file("trusted_root.json"), "--allow-http-registry"];
  const cosign = (type: string, how: readonly string[], of = digest) => [
    ...["cosign", "verify-attestation", "--type", type, ...offline, ...how],
    `${ELSEWHERE}@${of}`,
  ];
  const identity = [
    "--certificate-identity",
    sigstore.identity,
    "--certificate-oidc-issuer",
    sigstore.issuer,
  ];
  const key = (name: string) => ["--key", file(`${name}.pub`), "--insecure-ignore-tlog"];
  const plain = ["--host", `reg=${host},tls=disabled`];
  return [
    {
      name: "the conformance suite, read-only: manifests, blobs, referrers, tags",
      ...conformance([...apis("digest"), "Blob get", "Blob head", "Referrers", "Tag listing", "Ping"], {
        OCI_RO_DATA_MANIFESTS: listed.map((item) => item.digest).join(" "),
        OCI_RO_DATA_BLOBS: names.join(" "),
        OCI_RO_DATA_REFERRERS: digest,
      }),
    },
    {
      name: "the conformance suite, read-only: the fallback tag, which is not listed",
      ...conformance(apis("tag"), { OCI_RO_DATA_TAGS: digest.replace(":", "-"), OCI_API_TAGS_LIST: "false" }),
    },
    {
      name: "cosign verify-attestation finds what an identity signed",
      command: cosign(REVIEW, identity),
      environment: where,
      says: ["The cosign claims were validated"],
    },
    {
      name: "and what a key signed",
      command: cosign(TESTED, key("functionary")),
      environment: where,
      says: ["The cosign claims were validated"],
    },
    {
      name: "and refuses it for another key",
      command: cosign(TESTED, key("stranger")),
      environment: where,
      refuses: "no matching attestations",
    },
    {
      name: "and for another identity",
      command: cosign(REVIEW, identity.with(1, `${sigstore.identity}-evil`)),
      environment: where,
      refuses: "no matching attestations",
    },
    {
      name: "and, as cosign before version 3 does, an envelope under its tag",
      command: cosign(TESTED, ["--new-bundle-format=false", ...key("functionary")], alone),
      environment: where,
      says: ["The cosign claims were validated"],
    },
    {
      name: "which it refuses for another key, too",
      command: cosign(TESTED, ["--new-bundle-format=false", ...key("stranger")], alone),
      environment: where,
      refuses: "no matching attestations",
    },
    {
      name: "oras discover lists it",
      command: ["oras", "discover", "--plain-http", "--format", "json", `${repository}@${digest}`],
      says: [...listed.map((item) => item.digest), ...types],
    },
    {
      name: "and by the fallback tag",
      command: [
        ...["oras", "discover", "--plain-http", "--distribution-spec", "v1.1-referrers-tag"],
        ...["--format", "json", `${repository}@${digest}`],
      ],
      says: listed.map((item) => item.digest),
    },
    {
      name: "and of one type alone",
      command: [
        ...["oras", "discover", "--plain-http", "--format", "json"],
        ...["--artifact-type", listed[0]?.artifactType ?? "", `${repository}@${digest}`],
      ],
      says: [listed[0]?.digest ?? ""],
      never: types.filter((type) => type !== listed[0]?.artifactType),
    },
    {
      name: "oras pulls a piece of evidence",
      command: ["oras", "blob", "fetch", "--plain-http", "--output", "-", `${repository}@${names[0]}`],
      says: [Buffer.from(evidence.link ?? []).toString()],
    },
    {
      name: "regctl artifact list --external lists it",
      command: [
        ...["regctl", ...plain, "artifact", "list", "--external", repository],
        ...["--format", "body", `${ELSEWHERE}@${digest}`],
      ],
      says: listed.map((item) => item.digest),
    },
    {
      name: "regctl artifact get --external brings one of them",
      command: [
        ...[
          "regctl",
          ...plain,
          "artifact",
          "get",
          "--external",
          repository,
          "--subject",
          `${ELSEWHERE}@${digest}`,
        ],
        ...["--filter-artifact-type", "application/vnd.in-toto.link+json"],
      ],
      says: [Buffer.from(evidence.link ?? []).toString()],
    },
    {
      name: "crane reads a manifest and its blob",
      command: ["crane", "manifest", "--insecure", `${repository}@${listed[0]?.digest}`],
      says: [digest],
    },
  ];
}

interface Referrer {
  readonly digest: string;
  readonly artifactType: string;
}

async function referrersOf(repository: string, digest: Digest): Promise<readonly Referrer[]> {
  const [host, ...name] = repository.split("/");
  const response = await fetch(`http://${host}/v2/${name.join("/")}/referrers/${digest}`);
  const { manifests } = (await response.json()) as { manifests: readonly Referrer[] };
  if (manifests.length !== 4) throw new Error(`Four pieces of evidence were recorded: ${manifests.length}`);
  return manifests;
}

function statement(digest: Digest, predicateType: string): Uint8Array {
  return utf8(
    JSON.stringify({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "app", digest: { sha256: digest.slice(7) } }],
      predicateType,
      predicate: { by: "somebody" },
    }),
  );
}

/** Keys as people have them: cosign reads the public one. */
async function newKey(name: string): Promise<PublicKey> {
  await stemmaJson(["key", "new", file(name), "--type", "ecdsa-p256", "--no-passphrase"], {});
  return publicKeyFromPem(await readFile(file(`${name}.pub`), "utf8"));
}

async function attest(digest: Digest, name: string, ...how: readonly string[]): Promise<Uint8Array> {
  await writeFile(file("predicate.json"), JSON.stringify({ by: name }));
  await stemmaJson(
    [
      ...["attest", digest, "--type", TESTED, "--predicate", file("predicate.json")],
      ...["--key", file("functionary"), "-o", file(name), ...how],
    ],
    {},
  );
  return readFile(file(name));
}
