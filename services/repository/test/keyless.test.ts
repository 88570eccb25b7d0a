import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { bundleFromJSON } from "@sigstore/bundle";
import { getTrustedRoot } from "@sigstore/tuf";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { readBundle, verifyBundle } from "@stemma/client";
import { encodeBase64, utf8 } from "@stemma/encoding";
import { TRUSTED_ROOT, trustedRootPath } from "@stemma/lineage";
import { DIGEST, Keyless } from "./support/keyless.ts";
import { World } from "./support/world.ts";

/*
 * A platform team publishes a private Sigstore's roots of trust by the ceremony of its domain or project. Keyless
 * attestations are recorded and verified with them, and Sigstore's own client finds them in the same place.
 */

let world: World;
let keyless: Keyless;
beforeAll(async () => {
  world = await World.start();
  keyless = await Keyless.create(world);
});
afterAll(() => world.stop());

describe.each(["domain", "project"] as const)("with the trusted root of the %s", (place) => {
  test("a keyless attestation is recorded, verified by the service, and from the bundle with nothing but the root", async () => {
    const { name } = await keyless.createDomain(place);
    expect(await keyless.record(name, await keyless.sign())).toMatchObject({ status: 201 });
    const own = await world.get(`/v1/domains/${name}/artifacts/${DIGEST}/verify?project=app`);
    expect(own.json.verdict).toMatchObject({
      decision: "allow",
      lineage: {
        steps: [
          {
            functionaries: [
              { kind: "sigstore", name: keyless.sigstore.identity, issuer: keyless.sigstore.issuer },
            ],
          },
        ],
      },
    });
    const bundle = await world.get(`/v1/domains/${name}/artifacts/${DIGEST}/bundle?project=app`);
    const root = (await world.get(`/${name}/metadata/1.root.json`)).bytes;
    const question = { digest: DIGEST, project: "app", time: new Date() };
    const verdict = verifyBundle(root, readBundle(bundle.bytes), question);
    expect(verdict).toMatchObject({ decision: "allow", reasons: [] });
  });

  test("one by somebody else is not, nor one of another Sigstore", async () => {
    const { name } = await keyless.createDomain(place);
    const evil = await keyless.sign(undefined, `${keyless.sigstore.identity}-evil`);
    expect(await keyless.record(name, evil)).toMatchObject({
      status: 403,
      json: { code: "functionary_not_authorized" },
    });
    const other = await Keyless.create(world);
    expect((await keyless.record(name, await other.sign())).status).toBeGreaterThanOrEqual(400);
    expect((await world.get(`/v1/domains/${name}/artifacts/${DIGEST}`)).status).toBe(404);
  });
});

test("without a trusted root nothing keyless is recorded, and the answer says what to do", async () => {
  const { name } = await keyless.createDomain("nowhere");
  expect(await keyless.record(name, await keyless.sign())).toMatchObject({
    status: 422,
    json: { code: "trusted_root_missing" },
  });
});

test("Sigstore's own client takes the trusted root from the domain, by TUF, and verifies with it", async () => {
  const { name } = await keyless.createDomain("domain");
  const folder = await mkdtemp(join(tmpdir(), "stemma-sigstore-"));
  try {
    const rootPath = join(folder, "root.json");
    await writeFile(rootPath, (await world.get(`/${name}/metadata/1.root.json`)).bytes);
    const mirrorURL = `${world.service.url}/${name}/metadata`;
    const trustedRoot = await getTrustedRoot({ mirrorURL, rootPath, cachePath: join(folder, "cache") });
    const bundle = JSON.parse(Buffer.from(await keyless.sign()).toString("utf8"));
    const material = toTrustMaterial(trustedRoot, () => {
      throw new Error("no keys");
    });
    const signer = new Verifier(material).verify(toSignedEntity(bundleFromJSON(bundle)));
    expect(signer.identity?.subjectAlternativeName).toBe(keyless.sigstore.identity);
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
