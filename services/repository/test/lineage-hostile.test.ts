import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { type Digest, encodeBase64, utf8 } from "@stemma/encoding";
import { IMAGE_INDEX, IMAGE_MANIFEST } from "@stemma/image";
import { signLink } from "@stemma/in-toto";
import { domainRootPath, layoutPath, lineagePath } from "@stemma/lineage";
import { testImage, testIndex } from "../../../test/support/images.ts";
import type { People } from "./support/people.ts";
import { type Reply, World } from "./support/world.ts";

/** What functionaries may record to harm the index of lineage, and those who come after them. */
let world: World;
let domain: { name: string; people: People };

beforeAll(async () => {
  // One connection, and little memory: whoever holds the one in a transaction and reads past the other waits for ever.
  world = await World.start({ STEMMA_DATABASE_POOL: "1", STEMMA_CACHE_BYTES: "1048576" });
});
afterAll(() => world.stop());
beforeEach(async () => {
  domain = await world.createDomain();
  const { people, name } = domain;
  const policy = utf8(JSON.stringify({ _type: "stemma-lineage", version: 1, platforms: "either" }));
  const files = new Map([
    [layoutPath("app"), await people.layout()],
    [lineagePath("app"), policy],
  ]);
  const reply = await world.post(`/v1/domains/${name}/metadata?wait=published`, {
    metadata: [await people.projectDocument(2, files)],
    files: [...files.values()].map(encodeBase64),
  });
  expect(reply.status).toBe(201);
});

async function linksOf(digest: Digest): Promise<string[]> {
  const { builder, packager } = domain.people;
  const built = new Map([["sha256", sha256(utf8(`built ${digest}`)) as string]]);
  const links = [
    { name: "build", command: [], materials: new Map(), products: new Map([["app", built]]) },
    {
      name: "package",
      command: [],
      materials: new Map([["app", built]]),
      products: new Map([["app.tgz", new Map([["sha256", digest.slice(7)]])]]),
    },
  ] as const;
  const signed = await Promise.all(links.map((link, at) => signLink(link, [at === 0 ? builder : packager])));
  return signed.map(encodeBase64);
}

async function record(
  digest: Digest,
  size: number,
  mediaType: string,
  contents: readonly Uint8Array[],
): Promise<Reply> {
  return world.post(`/v1/domains/${domain.name}/artifacts/${digest}?wait=published`, {
    descriptor: { mediaType, size },
    project: "app",
    evidence: await linksOf(digest),
    contents: contents.map(encodeBase64),
  });
}

/** Whether the index of lineage comes to hold an artifact, within a time in which it follows hundreds. */
async function followed(digest: Digest): Promise<boolean> {
  const { name, people } = domain;
  for (let turn = 0; turn < 100; turn += 1) {
    const { json } = await world.get(
      `/v1/domains/${name}/blast-radius?functionary=${people.packager.publicKey.fingerprint}`,
    );
    if (json.descendants.some((one: { digest: string }) => one.digest === digest)) return true;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return false;
}

describe("an index that holds, whose entries are not what they seem", () => {
  const image = testImage(["amd"]);

  test("keeps nobody's records from being followed", async () => {
    const garbage = utf8("no manifest");
    const index = testIndex([image, { manifest: garbage }]);
    const contents = [index.bytes, image.manifest, image.config, garbage];
    expect((await record(index.digest, index.bytes.length, IMAGE_INDEX, contents)).status).toBe(201);
    expect(await followed(index.digest)).toBe(true);
    const next = testImage(["next"]);
    await record(next.digest, next.manifest.length, IMAGE_MANIFEST, [next.manifest, next.config]);
    expect(await followed(next.digest)).toBe(true);
  });

  test("larger than memory keeps is followed with the one connection that there is", async () => {
    const image = testImage(["large"]);
    const padding = { padding: "x".repeat(600_000) };
    const index = testIndex([{ ...image, annotations: padding }]);
    const contents = [index.bytes, image.manifest, image.config];
    expect((await record(index.digest, index.bytes.length, IMAGE_INDEX, contents)).status).toBe(201);
    expect(await followed(index.digest)).toBe(true);
  });

  test("says nothing of the size and the type of what it lists", async () => {
    const lying = utf8(
      new TextDecoder()
        .decode(testIndex([image]).bytes)
        .replace(`"size":${image.manifest.length}`, '"size":1'),
    );
    const digest = `sha256:${sha256(lying)}` as Digest;
    const contents = [lying, image.manifest, image.config];
    expect((await record(digest, lying.length, IMAGE_INDEX, contents)).status).toBe(201);
    expect(await followed(digest)).toBe(true);
    const own = await record(image.digest, image.manifest.length, IMAGE_MANIFEST, []);
    expect(own.status).toBe(201);
  });

  test("gives no record to what it lists when nobody has its bytes", async () => {
    const unseen = testImage(["unseen"]);
    const index = testIndex([image, unseen]);
    const contents = [index.bytes, image.manifest, image.config];
    expect((await record(index.digest, index.bytes.length, IMAGE_INDEX, contents)).status).toBe(201);
    expect(await followed(index.digest)).toBe(true);
    const { rows } = await world.database.repository.query(
      "SELECT body ->> 'digest' AS digest FROM change WHERE body -> 'indexes' ? $1",
      [index.digest],
    );
    expect(rows.map(({ digest }) => digest)).toEqual([image.digest]);
  });
});

describe("demands that rest on a trust domain which this service does not have", () => {
  test("are told apart from a denial, and keep nobody's records from being followed", async () => {
    const { people, name } = domain;
    const policy = {
      _type: "stemma-lineage",
      version: 1,
      dependencies: [{ uri: "*", grade: "proven", from: [{ domain: "nowhere", project: "app" }] }],
    };
    const { bytes: root } = await world.get(`/${name}/metadata/1.root.json`);
    const digest = testImage(["anything"]).digest;
    const other = await world.createDomain();
    const files = new Map([
      [layoutPath("app"), await people.layout()],
      [lineagePath("app"), utf8(JSON.stringify(policy))],
      [domainRootPath("app", "nowhere"), root],
    ]);
    await world.post(`/v1/domains/${name}/metadata?wait=published`, {
      metadata: [await people.projectDocument(3, files)],
      files: [...files.values()].map(encodeBase64),
    });
    expect((await record(digest, 1, IMAGE_MANIFEST, [])).status).toBe(201);
    for (const question of ["verify", "lineage"]) {
      const reply = await world.get(`/v1/domains/${name}/artifacts/${digest}/${question}?project=app`);
      expect(reply).toMatchObject({ status: 502, json: { code: "domain_unreachable" } });
      expect(reply.json.detail).toContain("nowhere");
    }
    domain = other;
    const next = testImage(["next"]).digest;
    expect((await record(next, 1, IMAGE_MANIFEST, [])).status).toBe(201);
    expect(await followed(next)).toBe(true);
  });
});
