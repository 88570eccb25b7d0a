import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { readBundle, verifyBundle } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { type Digest, encodeBase64, utf8 } from "@stemma/encoding";
import { IMAGE_INDEX, IMAGE_MANIFEST } from "@stemma/image";
import { signLink } from "@stemma/in-toto";
import { domainRootPath, layoutPath, lineagePath } from "@stemma/lineage";
import { type TestImage, testImage, testIndex } from "../../../test/support/images.ts";
import type { People } from "./support/people.ts";
import { type Reply, World } from "./support/world.ts";

let world: World;
/** Makes base images, and builds upon them. */
let upstream: { name: string; people: People };
let downstream: { name: string; people: People };

const BASE = "org.opencontainers.image.base.digest";
const base = testImage(["base"]);
const image = testImage(["base", "app"], { annotations: { [BASE]: base.digest } });
const swapped = testImage(["evil", "app"], { annotations: { [BASE]: base.digest } });

beforeAll(async () => {
  world = await World.start();
  upstream = await world.createDomain();
  downstream = await world.createDomain();
});
afterAll(() => world.stop());

/** Links of the two steps, of which the last made the digest. */
async function linksOf({ builder, packager }: People, digest: Digest): Promise<string[]> {
  const built = new Map([["sha256", sha256(utf8(`built ${digest}`)) as string]]);
  const product = new Map([["sha256", digest.slice(7)]]);
  return [
    await signLink(
      { name: "build", command: [], materials: new Map(), products: new Map([["app", built]]) },
      [builder],
    ),
    await signLink(
      {
        name: "package",
        command: [],
        materials: new Map([["app", built]]),
        products: new Map([["app.tgz", product]]),
      },
      [packager],
    ),
  ].map(encodeBase64);
}

async function record(
  { name, people }: typeof upstream,
  digest: Digest,
  size: number,
  contents: readonly Uint8Array[],
  mediaType = IMAGE_MANIFEST,
): Promise<Reply> {
  return world.post(`/v1/domains/${name}/artifacts/${digest}?wait=published`, {
    descriptor: { mediaType, size },
    project: "app",
    evidence: await linksOf(people, digest),
    contents: contents.map(encodeBase64),
  });
}

const recordImage = (into: typeof upstream, one: TestImage): Promise<Reply> =>
  record(into, one.digest, one.manifest.length, [one.manifest, one.config]);

let version = 1;
async function demand(policy: unknown, pins: ReadonlyMap<string, Uint8Array> = new Map()): Promise<Reply> {
  const { name, people } = downstream;
  const files = new Map([
    [layoutPath("app"), await people.layout()],
    [lineagePath("app"), utf8(JSON.stringify(policy))],
    ...[...pins].map(([domain, root]) => [domainRootPath("app", domain), root] as const),
  ]);
  const reply = await world.post(`/v1/domains/${name}/metadata?wait=published`, {
    metadata: [await people.projectDocument(version + 1, files)],
    files: [...files.values()].map(encodeBase64),
  });
  if (reply.status === 201) version += 1;
  return reply;
}

const rootOf = async ({ name }: typeof upstream): Promise<Uint8Array> =>
  (await world.get(`/${name}/metadata/1.root.json`)).bytes;

const verdictOf = async (digest: Digest, { name } = downstream): Promise<Reply["json"]> =>
  (await world.get(`/v1/domains/${name}/artifacts/${digest}/verify?project=app`)).json.verdict;

const demands = (domain: string) => ({
  _type: "stemma-lineage",
  version: 1,
  platforms: "either",
  bases: { grade: "proven", from: [{ domain, project: "app" }] },
});

/** Waits until the index of lineage has what is looked for. */
async function eventually(path: string, holds: (json: Reply["json"]) => boolean): Promise<Reply["json"]> {
  for (let turn = 0; turn < 200; turn += 1) {
    const { json, status } = await world.get(path);
    if (status === 200 && holds(json)) return json;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${path} never came to hold it: ${JSON.stringify((await world.get(path)).json)}`);
}

describe("what owners demand of ancestors", () => {
  test.each<[string, () => unknown, string]>([
    [
      "a grade that does not exist",
      () => ({ ...demands("x"), bases: { grade: "certain" } }),
      "bad_lineage_policy",
    ],
    ["a member that is not known", () => ({ ...demands("x"), basis: 1 }), "bad_lineage_policy"],
    ["nothing at all", () => ({ _type: "stemma-lineage", version: 1 }), "bad_lineage_policy"],
    ["a domain whose root is not pinned", () => demands(upstream.name), "target_file_missing"],
  ])("is refused with %s", async (_name, policy, code) => {
    expect(await demand(policy())).toMatchObject({ json: { code } });
  });

  test("a pinned root that is none is refused", async () => {
    const pins = new Map([[upstream.name, utf8("{}")]]);
    expect(await demand(demands(upstream.name), pins)).toMatchObject({
      status: 400,
      json: { code: "missing_member" },
    });
  });

  test("is published with the root of the other domain", async () => {
    const pins = new Map([[upstream.name, await rootOf(upstream)]]);
    expect(await demand(demands(upstream.name), pins)).toMatchObject({ status: 201 });
  });
});

describe("contents", () => {
  test("come with a record, and are served by their sha256", async () => {
    expect(await recordImage(upstream, base)).toMatchObject({ status: 201 });
    const shown = await world.get(`/v1/domains/${upstream.name}/artifacts/${base.digest}`);
    expect(shown.json.record.contents).toHaveLength(2);
    const served = await world.get(`/v1/domains/${upstream.name}/evidence/${sha256(base.config)}`);
    expect(served.bytes).toEqual(Buffer.from(base.config));
  });

  test("of something else are refused, and nothing is recorded", async () => {
    const other = testImage(["other"]);
    const reply = await record(upstream, other.digest, other.manifest.length, [other.manifest, image.config]);
    expect(reply).toMatchObject({ status: 422, json: { code: "content_unrelated" } });
    expect((await world.get(`/v1/domains/${upstream.name}/artifacts/${other.digest}`)).status).toBe(404);
  });

  test("without evidence about the artifact are refused: nobody keeps bytes here by replaying what others signed", async () => {
    const mine = testImage(["mine"]);
    const reply = await world.post(`/v1/domains/${upstream.name}/artifacts/${mine.digest}`, {
      descriptor: { mediaType: IMAGE_MANIFEST, size: mine.manifest.length },
      project: "app",
      evidence: await linksOf(upstream.people, base.digest),
      contents: [mine.manifest, mine.config].map(encodeBase64),
    });
    expect(reply).toMatchObject({ status: 422, json: { code: "content_unrelated" } });
  });

  test("are not looked at before the signatures: whoever has none takes no time of the service", async () => {
    const mine = testImage(["mine"]);
    const { people } = await world.createDomain();
    const reply = await world.post(`/v1/domains/${upstream.name}/artifacts/${mine.digest}`, {
      descriptor: { mediaType: IMAGE_MANIFEST, size: mine.manifest.length },
      project: "app",
      evidence: await linksOf(people, mine.digest),
      contents: [mine.manifest, image.config].map(encodeBase64),
    });
    expect(reply.json.code).toBe("functionary_not_authorized");
  });

  test("more than a record has room for are refused", async () => {
    const contents = Array.from({ length: 257 }, () => encodeBase64(base.config));
    const reply = await world.post(`/v1/domains/${upstream.name}/artifacts/${base.digest}`, {
      descriptor: { mediaType: IMAGE_MANIFEST, size: base.manifest.length },
      project: "app",
      evidence: await linksOf(upstream.people, base.digest),
      contents,
    });
    expect(reply.status).toBe(400);
  });
});

describe("a verdict that rests on another trust domain of the same service", () => {
  test("allows what is built upon a base that holds there, and denies a swapped layer", async () => {
    await recordImage(downstream, image);
    await recordImage(downstream, swapped);
    expect(await verdictOf(image.digest)).toMatchObject({
      decision: "allow",
      ancestry: {
        bases: [{ digest: base.digest, grade: "proven", origin: { domain: upstream.name, project: "app" } }],
      },
    });
    expect(await verdictOf(swapped.digest)).toMatchObject({
      decision: "deny",
      reasons: [{ code: "base_not_contained" }],
    });
  });

  test("its bundle follows what the other domain publishes", async () => {
    const path = `/v1/domains/${downstream.name}/artifacts/${image.digest}/bundle?project=app`;
    const before = await world.get(path);
    await recordImage(upstream, testImage(["another base"]));
    const after = await world.get(path);
    expect(sha256(after.bytes)).not.toBe(sha256(before.bytes));
    const verdict = verifyBundle(await rootOf(downstream), readBundle(after.bytes), {
      digest: image.digest,
      project: "app",
      time: new Date(),
    });
    expect(verdict.decision).toBe("allow");
  });

  test("its lineage is told with everything below it", async () => {
    const { json } = await world.get(
      `/v1/domains/${downstream.name}/artifacts/${image.digest}/lineage?project=app`,
    );
    expect(json).toMatchObject({
      verifiedBy: "server",
      verdict: {
        decision: "allow",
        ancestry: { bases: [{ verdict: { decision: "allow", digest: base.digest } }] },
      },
    });
  });
});

describe("what rests on what", () => {
  const descendants = (digest: Digest, more = ""): string =>
    `/v1/domains/${downstream.name}/artifacts/${digest}/descendants${more}`;

  test("the descendants of a base, without those that were denied", async () => {
    const found = await eventually(descendants(base.digest), ({ descendants: list }) => list.length > 0);
    expect(found.descendants).toEqual([
      { digest: image.digest, relations: [{ relation: "base", grade: "proven" }] },
    ]);
  });

  test("what lies further below is found too, and in pages", async () => {
    const { people, name } = downstream;
    const pins = new Map([[upstream.name, await rootOf(upstream)]]);
    await demand(
      {
        ...demands(upstream.name),
        bases: { grade: "proven", from: [{ domain: upstream.name, project: "app" }, { project: "app" }] },
      },
      pins,
    );
    const further = testImage(["base", "app", "more"], { annotations: { [BASE]: image.digest } });
    await recordImage(downstream, further);
    const all = await eventually(descendants(base.digest), ({ descendants: list }) => list.length === 2);
    expect(all.descendants[1]).toEqual({ digest: further.digest, relations: [] });
    const first = await world.get(descendants(base.digest, "?limit=1"));
    const second = await world.get(descendants(base.digest, `?limit=1&after=${first.json.next}`));
    expect([...first.json.descendants, ...second.json.descendants]).toEqual(all.descendants);
    expect(second.json.next).toBeUndefined();

    const radius = `/v1/domains/${name}/blast-radius`;
    const whose = await world.get(`${radius}?functionary=${people.packager.publicKey.fingerprint}`);
    expect(whose.json.descendants.map(({ digest }: { digest: string }) => digest).sort()).toEqual(
      [image.digest, further.digest].sort(),
    );
    // The key of the base's packager stands in another domain, and what rests on it is found here all the same.
    const foreign = await world.get(
      `${radius}?functionary=${upstream.people.packager.publicKey.fingerprint}`,
    );
    expect(foreign.json.descendants.map(({ digest }: { digest: string }) => digest)).toEqual(
      expect.arrayContaining([base.digest, image.digest, further.digest]),
    );
    const [link = ""] = (await linksOf(people, image.digest)).slice(1);
    const evidence = sha256(Buffer.from(link, "base64"));
    const rested = await world.get(`${radius}?evidence=${evidence}`);
    expect(rested.json.descendants).toEqual([
      { digest: image.digest, relations: [{ relation: "evidence" }] },
      { digest: further.digest, relations: [] },
    ]);
    const owner = await world.get(`${radius}?functionary=${people.owners[0]?.publicKey.fingerprint}`);
    expect(owner.json.descendants[0]).toMatchObject({ relations: [{ relation: "layout" }] });
  });

  test("of what nobody rests on there is nothing, and that is said", async () => {
    const found = await world.get(descendants(swapped.digest));
    expect(found.json).toMatchObject({ known: false, descendants: [] });
  });

  test.each([
    "",
    "?functionary=x",
    `?evidence=${"0".repeat(64)}&artifact=sha256:${"0".repeat(64)}`,
    "?after=-1",
    "?kind=1",
    "?certificate=%00",
    "?certificate=CN%3Dx%0A",
    `?evidence=${"0".repeat(64)}&after=${"9".repeat(20)}`,
    `?evidence=${"0".repeat(64)}&after=9223372036854775808`,
    `?evidence=${"0".repeat(64)}&limit=0`,
  ])("bad questions are refused: %s", async (query) => {
    expect((await world.get(`/v1/domains/${downstream.name}/blast-radius${query}`)).status).toBe(400);
  });

  test("the index is brought up to date from where it stood, by whoever comes first", async () => {
    const other = await world.database.repository.query(
      "SELECT epoch, change_id FROM lineage_cursor ORDER BY domain_id",
    );
    expect(other.rows.every(({ epoch }) => epoch > 0)).toBe(true);
    expect((await world.get("/metrics")).bytes.toString()).toContain("stemma_lineage_domains_behind 0");
  });

  test("edges cannot be taken out or made worse", async () => {
    const { repository, owner } = world.database;
    await expect(repository.query("DELETE FROM lineage_edge")).rejects.toMatchObject({ code: "42501" });
    await expect(owner.query("DELETE FROM lineage_reach")).rejects.toMatchObject({ code: "42501" });
    await expect(
      owner.query("UPDATE lineage_edge SET grade = 'claimed' WHERE grade = 'proven'"),
    ).rejects.toMatchObject({ code: "23514" });
  });
});

describe("an index that holds", () => {
  test("lets its platforms be found by it, and they are verified through it", async () => {
    const amd = testImage(["base", "amd"], { annotations: { [BASE]: base.digest } });
    const arm = testImage(["base", "arm"], { annotations: { [BASE]: base.digest } });
    const index = testIndex([amd, arm]);
    const contents = [index.bytes, amd.manifest, amd.config, arm.manifest, arm.config];
    const reply = await record(downstream, index.digest, index.bytes.length, contents, IMAGE_INDEX);
    expect(reply.status).toBe(201);
    const shown = await eventually(
      `/v1/domains/${downstream.name}/artifacts/${arm.digest}`,
      ({ record: found }) => found?.indexes?.length === 1,
    );
    expect(shown.record).toMatchObject({ indexes: [index.digest], evidence: [], mediaType: IMAGE_MANIFEST });
    expect(await verdictOf(arm.digest)).toMatchObject({
      decision: "allow",
      ancestry: { relatives: [{ relation: "index", digest: index.digest }] },
    });
    const below = await eventually(
      `/v1/domains/${downstream.name}/artifacts/${base.digest}/descendants`,
      ({ descendants: list }) => list.length >= 5,
    );
    expect(below.descendants.map(({ digest }: { digest: string }) => digest)).toEqual(
      expect.arrayContaining([index.digest, amd.digest, arm.digest]),
    );
  });
});
