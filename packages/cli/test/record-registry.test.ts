import { mkdir } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { BUNDLE_ARTIFACT_TYPE } from "@stemma/client";
import { type Signer, sha256 } from "@stemma/crypto";
import { type Digest, utf8 } from "@stemma/encoding";
import {
  DSSE_ENVELOPE,
  EMPTY_CONFIG,
  IMAGE_CONFIG,
  IN_TOTO_LAYOUT,
  IN_TOTO_LINK,
  SIGSTORE_BUNDLE,
} from "@stemma/image";
import { PAYLOAD_TYPE, signLink, signStatement } from "@stemma/in-toto";
import { type ContentStore, type Document, registryStore } from "@stemma/oci";
import {
  type MadeArtifact,
  makeArtifact,
  makeImage,
  makeIndex,
  makeReferrer,
  put,
} from "../../../test/support/artifacts.ts";
import { newSigner } from "../../../test/support/domain.ts";
import { LiveDomain } from "../../../test/support/live-domain.ts";
import { MemoryRegistry } from "../../../test/support/registry.ts";
import { type RunningService, startService } from "../../../test/support/service.ts";
import { MockSigstore } from "../../../test/support/sigstore.ts";
import { Desk } from "./support/command-line.ts";

/*
 * What tools have attached to images in a registry already is put on record: whatever functionaries signed. All of it is
 * listed, and nothing that the registry says is believed.
 */

const SCANNED = "https://example.com/scanned/v1";
const REVIEWED = "https://example.com/reviewed/v1";
const NOTATION = "application/vnd.cncf.notary.signature";

interface Item {
  readonly outcome: string;
  readonly kind: string;
  readonly place: string;
  readonly evidence: Digest;
  readonly predicateType?: string;
  readonly code?: string;
}
interface Report {
  readonly digest: Digest;
  readonly onRecord: number;
  readonly subjects: readonly {
    readonly digest: Digest;
    readonly role?: string;
    readonly items: readonly Item[];
  }[];
  readonly leftOut: readonly string[];
}

let service: RunningService;
let desk: Desk;
let domain: LiveDomain;
let sigstore: MockSigstore;
const [scanner, stranger] = [newSigner(), newSigner()];
beforeAll(async () => {
  [service, desk, sigstore] = await Promise.all([startService(), Desk.create(), MockSigstore.create()]);
  const step = { functionaries: [], threshold: 1 };
  domain = await LiveDomain.create(service, {
    trustedRoot: sigstore.trustedRoot(),
    steps: [
      {
        name: "scan",
        ...step,
        expectedPredicates: [{ predicateType: SCANNED, functionaries: [scanner.publicKey], threshold: 1 }],
      },
      {
        name: "review",
        ...step,
        expectedPredicates: [{ predicateType: REVIEWED, functionaries: [sigstore], threshold: 1 }],
      },
    ],
  });
  Object.assign(desk.env, { STEMMA_SERVER: service.url, STEMMA_DOMAIN: domain.name });
  await mkdir(desk.path("home"));
}, 120_000);
afterAll(async () => {
  await service.stop();
  await desk.remove();
}, 60_000);

let registry: MemoryRegistry;
let store: ContentStore;
/** Every test has artifacts of its own: records stay. */
let count = 0;
let images: readonly [MadeArtifact, MadeArtifact];

async function start(referrers: boolean): Promise<void> {
  registry = await MemoryRegistry.start({ referrers });
  store = registryStore({ host: registry.host, repository: "team/app" }, { plainHttp: true });
  count += 1;
  images = [makeImage("amd64", `amd64 ${count}`), makeImage("arm64", `arm64 ${count}`)];
  for (const image of images) await put(store, image);
}
afterEach(() => registry.stop());

const digestOf = (bytes: Uint8Array): string => `sha256:${sha256(bytes)}`;

async function run(expected: number, name = "1.0", ...more: readonly string[]): Promise<Report> {
  return desk.json<Report>(
    [
      ...["record", "--from-registry", `${registry.host}/team/app:${name}`, "--plain-http"],
      ...["--project", "app", ...more],
    ],
    expected,
  );
}

/** `outcome kind place` of what is about a digest. */
function said(report: Report, { digest }: Document): readonly string[] {
  const items = report.subjects.find((subject) => subject.digest === digest)?.items ?? [];
  return items.map(({ outcome, kind, place }) => `${outcome}: ${kind}, ${place}`).sort();
}

function statement(
  signer: Signer,
  predicateType: string,
  ...about: readonly Document[]
): Promise<Uint8Array> {
  const subjects = about.map(({ digest }) => ({
    name: "app",
    digest: new Map([["sha256", digest.slice(7)]]),
  }));
  return signStatement({ subjects, predicateType, predicate: new Map() }, [signer]);
}

function review(about: Document): Promise<Uint8Array> {
  const subject = [{ name: "app", digest: { sha256: about.digest.slice(7) } }];
  const payload = {
    _type: "https://in-toto.io/Statement/v1",
    subject,
    predicateType: REVIEWED,
    predicate: {},
  };
  return sigstore.sign(utf8(JSON.stringify(payload)), PAYLOAD_TYPE);
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

/** As cosign before version 3 has it: an image of layers under a tag made of the digest. */
async function underTag(
  of: Document,
  ending: string,
  mediaType: string,
  ...layers: Uint8Array[]
): Promise<void> {
  const made = makeArtifact({
    config: [IMAGE_CONFIG, "{}"],
    layers: layers.map((bytes) => [mediaType, text(bytes)] as const),
  });
  await put(store, made, { tag: `${of.digest.replace(":", "-")}${ending}` });
}

async function evidenceOnRecord({ digest }: Document): Promise<readonly string[]> {
  const response = await fetch(`${service.url}/v1/domains/${domain.name}/artifacts/${digest}`);
  if (response.status === 404) return [];
  const { record } = (await response.json()) as { record: { evidence: { sha256: string }[] } };
  return record.evidence.map((item) => `sha256:${item.sha256}`).sort();
}

describe.each([true, false])("a registry with the referrers API: %p", (referrers) => {
  beforeEach(() => start(referrers));

  test("an image with cosign's tags: the attestation is recorded, the signature is listed", async () => {
    const [{ document }] = images;
    await store.writeDocument(document, { tag: "1.0" });
    const envelope = await statement(scanner, SCANNED, document);
    await underTag(document, ".att", DSSE_ENVELOPE, envelope);
    await underTag(
      document,
      ".sig",
      "application/vnd.dev.cosign.simplesigning.v1+json",
      utf8('{"critical":{}}'),
    );
    await underTag(document, ".sbom", "text/spdx+json", utf8("{}"));
    const report = await run(0);
    expect(said(report, document)).toEqual([
      "not judged: cosign-signature, tag .sig",
      "not judged: other, tag .sbom",
      "recorded: dsse, tag .att",
    ]);
    expect(report.subjects[0]?.items.find(({ kind }) => kind === "dsse")?.predicateType).toBe(SCANNED);
    expect(await evidenceOnRecord(document)).toEqual([digestOf(envelope)]);
    // Once more changes nothing.
    expect(said(await run(0), document)).toContain("on record: dsse, tag .att");
    expect(await evidenceOnRecord(document)).toEqual([digestOf(envelope)]);
  });

  test("an index: what is about it and about each of its images is recorded for each of them", async () => {
    const index = makeIndex(images);
    await store.writeDocument(index, { tag: "1.0" });
    const [amd, arm] = images.map(({ document }) => document) as [Document, Document];
    const both = await statement(scanner, SCANNED, index, amd);
    await put(store, makeReferrer(index, DSSE_ENVELOPE, text(both)));
    const reviewed = await review(arm);
    await put(store, makeReferrer(arm, SIGSTORE_BUNDLE, text(reviewed)));
    const report = await run(0);
    expect(report.subjects.map(({ role }) => role)).toEqual(["index", "linux/arm64", "linux/amd64"]);
    expect(said(report, index)).toEqual(["recorded: dsse, referrer"]);
    expect(said(report, amd)).toEqual(["recorded: dsse, referrer"]);
    expect(said(report, arm)).toEqual(["recorded: sigstore-bundle, referrer"]);
    expect(await evidenceOnRecord(index)).toEqual([digestOf(both)]);
    expect(await evidenceOnRecord(amd)).toEqual([digestOf(both)]);
    expect(await evidenceOnRecord(arm)).toEqual([digestOf(reviewed)]);
    // The record has the descriptor of what was received.
    const { record } = (await (
      await fetch(`${service.url}/v1/domains/${domain.name}/artifacts/${index.digest}`)
    ).json()) as { record: object };
    expect(record).toMatchObject({ mediaType: index.mediaType, length: index.bytes.length });
  });

  test("attestations in the index: BuildKit's are unsigned, docker/attest's are offered", async () => {
    const [amd] = images;
    const signed = await statement(scanner, SCANNED, amd.document);
    const attestation = makeArtifact({
      config: [IMAGE_CONFIG, "{}"],
      layers: [
        ["application/vnd.in-toto+json", '{"_type":"https://in-toto.io/Statement/v1"}'],
        ["application/vnd.in-toto.scanned+dsse", text(signed)],
      ],
    });
    await put(store, attestation);
    const index = makeIndex(images, [[attestation, amd]]);
    await store.writeDocument(index, { tag: "1.0" });
    const report = await run(0);
    expect(report.subjects.map(({ digest }) => digest)).not.toContain(attestation.document.digest);
    expect(said(report, amd.document)).toEqual([
      "recorded: dsse, in the index",
      "unsigned: unsigned-statement, in the index",
    ]);
    expect(await evidenceOnRecord(amd.document)).toEqual([digestOf(signed)]);
  });

  test("what nobody may sign, what is about something else, and what cannot be read is told apart, and nothing else suffers", async () => {
    const [{ document }, other] = images;
    await store.writeDocument(document, { tag: "1.0" });
    const good = await statement(scanner, SCANNED, document);
    for (const [type, content] of [
      [DSSE_ENVELOPE, text(await statement(stranger, SCANNED, document))],
      [DSSE_ENVELOPE, text(await statement(scanner, SCANNED, other.document))],
      [DSSE_ENVELOPE, "{}"],
      [DSSE_ENVELOPE, "not JSON"],
      [SIGSTORE_BUNDLE, `{"mediaType":"${SIGSTORE_BUNDLE}","messageSignature":{}}`],
      [NOTATION, "a JWS"],
      ["application/spdx+json", "{}"],
      [DSSE_ENVELOPE, text(good)],
    ] as const) {
      await put(store, makeReferrer(document, type, content));
    }
    const report = await run(0);
    expect(said(report, document)).toEqual([
      "about another: dsse, referrer",
      "not judged: notation-signature, referrer",
      "not judged: other, referrer",
      "not judged: sigstore-bundle, referrer",
      "recorded: dsse, referrer",
      "refused: dsse, referrer",
      "unreadable: dsse, referrer",
      "unreadable: dsse, referrer",
    ]);
    const items = report.subjects[0]?.items ?? [];
    expect(items.find(({ outcome }) => outcome === "refused")?.code).toBe("functionary_not_authorized");
    expect(
      items
        .filter(({ outcome }) => outcome === "unreadable")
        .map(({ code }) => code)
        .sort(),
    ).toEqual(["bad_json", "unsupported_envelope"]);
    expect(await evidenceOnRecord(document)).toEqual([digestOf(good)]);
    expect(await evidenceOnRecord(other.document)).toEqual([]);
  });

  test("bytes that are not those of their digest are never offered", async () => {
    const [{ document }] = images;
    await store.writeDocument(document, { tag: "1.0" });
    const envelope = await statement(scanner, SCANNED, document);
    await put(store, makeReferrer(document, DSSE_ENVELOPE, text(envelope)));
    registry.blobs.set(digestOf(envelope), await statement(scanner, SCANNED, document, document));
    const report = await run(1);
    expect(report.subjects[0]?.items).toMatchObject([
      { outcome: "unreadable", code: "blob_digest_mismatch" },
    ]);
    expect(await evidenceOnRecord(document)).toEqual([]);
  });

  test("an image with nothing attached is told so", async () => {
    await store.writeDocument(images[0].document, { tag: "1.0" });
    expect(await run(1)).toMatchObject({ onRecord: 0, subjects: [{ items: [] }] });
    const people = await desk.stemma([
      ...[
        "record",
        "--from-registry",
        `oci:${registry.host}/team/app:1.0`,
        "--plain-http",
        "--project",
        "app",
      ],
    ]);
    expect(people.stdout).toContain("0 of 0 items on record");
    expect(people.code).toBe(1);
  });
});

describe("with the referrers API", () => {
  beforeEach(() => start(true));

  test("the table for people names each outcome and each reason", async () => {
    const [{ document }] = images;
    await store.writeDocument(document, { tag: "1.0" });
    await put(
      store,
      makeReferrer(document, DSSE_ENVELOPE, text(await statement(scanner, SCANNED, document))),
    );
    await put(
      store,
      makeReferrer(document, DSSE_ENVELOPE, text(await statement(stranger, SCANNED, document))),
    );
    const { stdout, code } = await desk.stemma([
      ...["record", "--from-registry", `${registry.host}/team/app@${document.digest}`],
      ...["--plain-http", "--project", "app"],
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("1 of 2 items on record, attached to 1 manifest");
    expect(stdout).toMatch(new RegExp(`^ {2}recorded +DSSE envelope +referrer +${SCANNED}$`, "m"));
    expect(stdout).toMatch(/^ {2}refused +DSSE envelope +referrer/m);
    expect(stdout).toContain("(functionary_not_authorized)");
  });

  test("what the registry lists and does not refer here is left out, and said", async () => {
    const [{ document }, other] = images;
    await store.writeDocument(document, { tag: "1.0" });
    const foreign = makeReferrer(
      other.document,
      DSSE_ENVELOPE,
      text(await statement(scanner, SCANNED, document)),
    );
    await put(store, foreign);
    registry.intervene = ({ path }, response) => {
      if (!path.includes(`/referrers/${document.digest}`)) return false;
      const { digest, bytes, mediaType } = foreign.document;
      response.writeHead(200, { "content-type": "application/vnd.oci.image.index.v1+json" });
      response.end(
        JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest, size: bytes.length }] }),
      );
      return true;
    };
    const report = await run(1);
    expect(report.leftOut).toEqual([`${foreign.document.digest} is listed and refers to something else`]);
    expect(await evidenceOnRecord(document)).toEqual([]);
  });

  test("what is attached to something attached is left out, and said", async () => {
    const [{ document }] = images;
    await store.writeDocument(document, { tag: "1.0" });
    const sbom = makeReferrer(document, "application/spdx+json", "{}");
    await put(store, sbom);
    await put(store, makeReferrer(sbom.document, NOTATION, "a signature of the SBOM"));
    const report = await run(1);
    expect(said(report, document)).toEqual(["not judged: other, referrer"]);
    expect(report.leftOut).toEqual([expect.stringContaining(`belongs to ${sbom.document.digest}`)]);
  });

  test("a bundle of Stemma's is named, and is not taken apart", async () => {
    const [{ document }] = images;
    await store.writeDocument(document, { tag: "1.0" });
    const bundle = makeReferrer(document, BUNDLE_ARTIFACT_TYPE, "{}");
    await put(store, bundle);
    const report = await run(1);
    expect(said(report, document)).toEqual([]);
    expect(report.leftOut).toEqual([expect.stringContaining(`${bundle.document.digest} is a Stemma bundle`)]);
  });

  test("an index may lie about what attests what: another digest is left out", async () => {
    const attestation = makeArtifact({ config: [EMPTY_CONFIG, "{}"], layers: [[DSSE_ENVELOPE, "{}"]] });
    await put(store, attestation);
    const index = makeIndex(images, [[attestation, makeImage("riscv64")]]);
    await store.writeDocument(index, { tag: "1.0" });
    const report = await run(1);
    expect(report.leftOut).toEqual([expect.stringContaining("which is not in the index")]);
  });

  test("a link goes in with the layout that speaks for it, in whatever order they are found", async () => {
    const [{ document }] = images;
    await store.writeDocument(document, { tag: "1.0" });
    const compiler = newSigner();
    const products = new Map([["app", new Map([["sha256", document.digest.slice(7)]])]]);
    const link = await signLink(
      { name: "compile", command: [], materials: new Map(), products },
      [compiler],
      "metablock",
    );
    const layout = await domain.sublayout(compiler);
    // One manifest has the two of them in its own order.
    const layers = [
      [IN_TOTO_LINK, text(link)],
      [IN_TOTO_LAYOUT, text(layout)],
    ] as const;
    await put(store, makeArtifact({ config: [EMPTY_CONFIG, "{}"], layers: layers.slice(0, 1) }, document));
    expect(said(await run(1), document)).toEqual(["refused: link, referrer"]);
    await put(store, makeArtifact({ config: [EMPTY_CONFIG, "{}"], layers }, document));
    expect(said(await run(0), document)).toEqual(["recorded: layout, referrer", "recorded: link, referrer"]);
    expect(await evidenceOnRecord(document)).toEqual([digestOf(link), digestOf(layout)].sort());
  });

  test("more than anybody attaches is refused before any of it is read", async () => {
    const [{ document }] = images;
    await store.writeDocument(document, { tag: "1.0" });
    const layers = Array.from({ length: 1_025 }, () => [DSSE_ENVELOPE, "{}"] as const);
    await put(store, makeArtifact({ config: [EMPTY_CONFIG, "{}"], layers }, document));
    const args = ["record", "--from-registry", `${registry.host}/team/app:1.0`, "--plain-http"];
    expect(await desk.json([...args, "--project", "app"], 1)).toMatchObject({
      error: { code: "too_much_attached" },
    });
  });

  test("bases that name bases without end are followed for as long as a record may hold them", async () => {
    let made = makeArtifact({ config: [EMPTY_CONFIG, "{}"], layers: [] });
    for (let depth = 0; depth < 400; depth += 1) {
      const { digest, mediaType, bytes } = made.document;
      registry.manifests.set(`team/app@${digest}`, { mediaType, bytes });
      const annotations = new Map([["org.opencontainers.image.base.digest", digest]]);
      made = makeArtifact({ config: [EMPTY_CONFIG, "{}"], layers: [], annotations });
    }
    await put(store, made, { tag: "1.0" });
    const { document } = made;
    await put(
      store,
      makeReferrer(document, DSSE_ENVELOPE, text(await statement(scanner, SCANNED, document))),
    );
    registry.asked.length = 0;
    expect(said(await run(0), document)).toEqual(["recorded: dsse, referrer"]);
    expect(registry.asked.length).toBeLessThan(300);
  });

  test("a project that is not there is one refusal and not one for each item", async () => {
    const [{ document }] = images;
    await store.writeDocument(document, { tag: "1.0" });
    await put(
      store,
      makeReferrer(document, DSSE_ENVELOPE, text(await statement(scanner, SCANNED, document))),
    );
    const args = ["record", "--from-registry", `${registry.host}/team/app:1.0`, "--plain-http"];
    expect(await desk.json([...args, "--project", "nowhere"], 1)).toMatchObject({
      error: { code: "project_unknown" },
    });
  });

  test.each<[string, readonly string[], number, string]>([
    ["an image that is not there", ["HOST/team/app:2.0", "--plain-http"], 3, "manifest_not_found"],
    ["a name that is none", ["HOST/team/app"], 2, "bad_reference"],
    ["an artifact beside it", ["HOST/team/app:1.0", "app.tgz"], 2, "usage"],
    ["evidence beside it", ["HOST/team/app:1.0", "--evidence", "x"], 2, "usage"],
    ["a registry elsewhere in the clear", ["registry.example.com/team/app:1.0", "--plain-http"], 2, "usage"],
  ])("is refused for %s", async (_name, args, code, problem) => {
    const [image = "", ...more] = args.map((arg) => arg.replace("HOST", registry.host));
    const refused = await desk.json(["record", ...more, "--from-registry", image, "--project", "app"], code);
    expect(refused).toMatchObject({ error: { code: problem } });
  });

  test("without --from-registry it still needs an artifact and evidence", async () => {
    expect(await desk.json(["record", "--project", "app"], 2)).toMatchObject({ error: { code: "usage" } });
    expect(await desk.json(["record", "x", "--project", "app"], 2)).toMatchObject({
      error: { code: "usage" },
    });
  });
});
