import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { bundleFromJSON } from "@sigstore/bundle";
import { getTrustedRoot } from "@sigstore/tuf";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { readBundle, verifyBundle } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { asObject, encodeBase64, fromPlain, parseDigest, utf8 } from "@stemma/encoding";
import { keylessKey, PAYLOAD_TYPE, PREDICATES_VERSION, signPayload } from "@stemma/in-toto";
import { layoutPath, TRUSTED_ROOT, trustedRootPath } from "@stemma/lineage";
import { MockSigstore } from "../../../test/support/sigstore.ts";
import type { People } from "./support/people.ts";
import { World } from "./support/world.ts";

/*
 * A platform team publishes a private Sigstore's roots of trust by the ceremony of its domain or project. Keyless
 * attestations are recorded and verified with them, and Sigstore's own client finds them in the same place.
 */

let world: World;
let sigstore: MockSigstore;
beforeAll(async () => {
  [world, sigstore] = await Promise.all([World.start(), MockSigstore.create()]);
});
afterAll(() => world.stop());

const ARTIFACT = utf8("an artifact made in CI");
const DIGEST = parseDigest(`sha256:${sha256(ARTIFACT)}`);
const REVIEW = "https://example.com/review/v1";

const statement = (sha256Hex: string = DIGEST.slice(7)): Uint8Array =>
  utf8(
    JSON.stringify({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "app", digest: { sha256: sha256Hex } }],
      predicateType: REVIEW,
      predicate: { by: "a workflow" },
    }),
  );

/** One step, attested by one Sigstore identity. */
async function layout(people: People): Promise<Uint8Array> {
  const { keyId, json } = keylessKey(sigstore.issuer, sigstore.identity);
  const payload = fromPlain({
    _type: "layout",
    expires: "2034-12-31T00:00:00Z",
    readme: "",
    keys: { [keyId]: json },
    inspect: [],
    expected_predicates_version: PREDICATES_VERSION,
    steps: [
      {
        _type: "step",
        name: "build",
        threshold: 1,
        pubkeys: [],
        expected_materials: [],
        expected_products: [["ALLOW", "*"]],
        expected_command: [],
        expected_predicates: [{ predicateType: REVIEW, functionaries: [keyId], threshold: 1 }],
      },
    ],
  });
  return signPayload(asObject(payload, "layout"), people.owners);
}

/** A domain whose project expects keyless attestations, with the trusted root where `place` says. */
async function createDomain(place: "domain" | "project" | "nowhere") {
  const { name, people } = await world.createDomain({ project: false });
  const trustedRoot = sigstore.trustedRoot();
  const signed = await layout(people);
  const files = new Map([[layoutPath("app"), signed]]);
  if (place === "project") files.set(trustedRootPath("app"), trustedRoot);
  const metadata = [await people.projectDocument(1, files)];
  if (place === "domain") {
    metadata.push(await people.targetsDocument(2, { files: new Map([[TRUSTED_ROOT, trustedRoot]]) }));
  }
  const reply = await world.post(`/v1/domains/${name}/metadata?wait=published`, {
    metadata,
    files: [signed, ...(place === "nowhere" ? [] : [trustedRoot])].map((bytes) => encodeBase64(bytes)),
  });
  expect(reply).toMatchObject({ status: 201 });
  return { name, people };
}

const record = (domain: string, evidence: Uint8Array) =>
  world.post(`/v1/domains/${domain}/artifacts/${DIGEST}?wait=published`, {
    descriptor: { mediaType: "application/octet-stream", size: ARTIFACT.length },
    project: "app",
    evidence: [encodeBase64(evidence)],
  });

describe.each(["domain", "project"] as const)("with the trusted root of the %s", (place) => {
  test("a keyless attestation is recorded, verified by the service, and from the bundle with nothing but the root", async () => {
    const { name } = await createDomain(place);
    expect(await record(name, await sigstore.sign(statement(), PAYLOAD_TYPE))).toMatchObject({ status: 201 });
    const own = await world.get(`/v1/domains/${name}/artifacts/${DIGEST}/verify?project=app`);
    expect(own.json.verdict).toMatchObject({
      decision: "allow",
      lineage: {
        steps: [{ functionaries: [{ kind: "sigstore", name: sigstore.identity, issuer: sigstore.issuer }] }],
      },
    });
    const bundle = await world.get(`/v1/domains/${name}/artifacts/${DIGEST}/bundle?project=app`);
    const root = (await world.get(`/${name}/metadata/1.root.json`)).bytes;
    const question = { digest: DIGEST, project: "app", time: new Date() };
    const verdict = verifyBundle(root, readBundle(bundle.bytes), question);
    expect(verdict).toMatchObject({ decision: "allow", reasons: [] });
  });

  test("one by somebody else is not, nor one of another Sigstore", async () => {
    const { name } = await createDomain(place);
    const identity = `${sigstore.identity}-evil`;
    expect(await record(name, await sigstore.sign(statement(), PAYLOAD_TYPE, { identity }))).toMatchObject({
      status: 403,
      json: { code: "functionary_not_authorized" },
    });
    const other = await MockSigstore.create();
    const foreign = await other.sign(statement(), PAYLOAD_TYPE);
    expect((await record(name, foreign)).status).toBeGreaterThanOrEqual(400);
    expect((await world.get(`/v1/domains/${name}/artifacts/${DIGEST}`)).status).toBe(404);
  });
});

test("without a trusted root nothing keyless is recorded, and the answer says what to do", async () => {
  const { name } = await createDomain("nowhere");
  expect(await record(name, await sigstore.sign(statement(), PAYLOAD_TYPE))).toMatchObject({
    status: 422,
    json: { code: "trusted_root_missing" },
  });
});

test("Sigstore's own client takes the trusted root from the domain, by TUF, and verifies with it", async () => {
  const { name } = await createDomain("domain");
  const folder = await mkdtemp(join(tmpdir(), "stemma-sigstore-"));
  try {
    const rootPath = join(folder, "root.json");
    await writeFile(rootPath, (await world.get(`/${name}/metadata/1.root.json`)).bytes);
    const mirrorURL = `${world.service.url}/${name}/metadata`;
    const trustedRoot = await getTrustedRoot({ mirrorURL, rootPath, cachePath: join(folder, "cache") });
    const bundle = JSON.parse(Buffer.from(await sigstore.sign(statement(), PAYLOAD_TYPE)).toString("utf8"));
    const material = toTrustMaterial(trustedRoot, () => {
      throw new Error("no keys");
    });
    const signer = new Verifier(material).verify(toSignedEntity(bundleFromJSON(bundle)));
    expect(signer.identity?.subjectAlternativeName).toBe(sigstore.identity);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

describe("refused when published", () => {
  test("a trusted root that cannot be used, of a domain and of a project", async () => {
    const { name, people } = await world.createDomain();
    const broken = utf8("{}");
    const files = [encodeBase64(broken)];
    const targets = await people.targetsDocument(2, { files: new Map([[TRUSTED_ROOT, broken]]) });
    const project = await people.projectDocument(2, new Map([[trustedRootPath("app"), broken]]));
    for (const metadata of [[targets], [project]]) {
      expect(await world.post(`/v1/domains/${name}/metadata`, { metadata, files })).toMatchObject({
        status: 422,
        json: { code: "bad_trusted_root" },
      });
    }
  });

  test("a file of the domain in a folder: those belong to projects and artifacts", async () => {
    const { name, people } = await world.createDomain();
    for (const path of ["projects/app/layout.json", `sha256/${"0".repeat(64)}`, "../x", ".hidden"]) {
      const bytes = utf8("x");
      const targets = await people.targetsDocument(2, { files: new Map([[path, bytes]]) });
      const reply = await world.post(`/v1/domains/${name}/metadata`, {
        metadata: [targets],
        files: [encodeBase64(bytes)],
      });
      expect(reply).toMatchObject({ status: 422, json: { code: "bad_target_path" } });
    }
  });
});
