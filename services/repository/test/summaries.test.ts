import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type KeyId, readPublicKey, type Signer, sha256 } from "@stemma/crypto";
import { encodeBase64, fromPlain, parseDigest, toPlain } from "@stemma/encoding";
import {
  checkPredicate,
  digestUri,
  PREDICATE_WORDS,
  readEnvelope,
  readStatement,
  signersOf,
  signLayout,
} from "@stemma/in-toto";
import { layoutPath, revocationsPath } from "@stemma/lineage";
import { createToken, findDomain, readSummary, requestSummary } from "@stemma/store";
import { FAR, keysOf, newSigner, type People } from "./support/people.ts";
import { type Reply, World } from "./support/world.ts";

const VERIFIER = "https://stemma.example/verifier";

let world: World;
let key: Signer;
let domain: string;
let people: People;
beforeAll(async () => {
  world = await World.start();
  key = newSigner();
  ({ name: domain, people } = await world.createDomain());
});
afterAll(() => world.stop());

/** A token that may ask for summaries, and for nothing else. */
async function token(...scopes: string[]): Promise<string> {
  return (await createToken(world.database.owner, { name: "summaries", scopes })).secret;
}

async function ask(
  digest: string,
  options: { in?: string; project?: string; token?: string } = {},
): Promise<Reply> {
  const secret = options.token ?? (await token("summary:issue"));
  return world.post(
    `/v1/domains/${options.in ?? domain}/artifacts/${digest}/summary`,
    { project: options.project ?? "app" },
    { Authorization: `Bearer ${secret}` },
  );
}

/** The predicate of a summary, after everything about it was checked that does not depend on the verdict. */
async function predicateOf(bytes: Uint8Array, digest: string) {
  const shown = (await world.get("/v1/verifier-key")).json;
  expect(shown).toMatchObject({ id: VERIFIER, keyid: key.publicKey.keyId });
  const publicKey = readPublicKey(fromPlain(shown.key), "key");
  const envelope = readEnvelope(bytes);
  expect(signersOf(envelope, new Map([[shown.keyid as KeyId, publicKey]]))).toHaveLength(1);
  const statement = readStatement(envelope.payload);
  checkPredicate(statement);
  expect(statement.predicateType).toBe(PREDICATE_WORDS.get("vsa"));
  expect(toPlain(envelope.payload)).toMatchObject({ subject: [{ digest: { sha256: digest.slice(7) } }] });
  // biome-ignore lint/suspicious/noExplicitAny: tests look into predicates of many shapes
  return toPlain(statement.predicate) as any;
}

describe("a signer without a verifier's key", () => {
  test("offers no summaries, and says so", async () => {
    const { digest } = await world.record(domain, people, "before");
    const refusal = { status: 404, json: { code: "summaries_not_offered" } };
    expect(await ask(digest)).toMatchObject(refusal);
    expect(await world.get("/v1/verifier-key")).toMatchObject(refusal);
    const { rows } = await world.database.owner.query("SELECT * FROM summary");
    expect(rows).toEqual([]);
  });
});

describe("with a verifier's key", () => {
  beforeAll(async () => {
    await world.stopSigner();
    world.verifier = { id: VERIFIER, signer: key };
    await world.startSigner();
  });

  test("an artifact that is allowed has PASSED, with all evidence, the layout and no place", async () => {
    const { digest } = await world.record(domain, people, "good");
    const reply = await ask(digest);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toBe("application/vnd.dsse.envelope.v1+json");
    expect(reply.headers.get("cache-control")).toBe("no-store");
    const root = (await world.get(`/${domain}/metadata/1.root.json`)).bytes;
    const project = (await world.get(`/${domain}/metadata/1.app.json`)).json;
    const { evidence } = (await world.get(`/v1/domains/${domain}/artifacts/${digest}`)).json.record;
    expect(evidence).toHaveLength(2);
    expect(await predicateOf(reply.bytes, digest)).toEqual({
      verifier: { id: VERIFIER, version: { stemma: "0.1.0" } },
      timeVerified: expect.stringMatching(/^2.*Z$/),
      resourceUri: digestUri(parseDigest(digest)),
      policy: {
        uri: `https://stemma.dev/policy/v1/${sha256(root)}/app`,
        digest: { sha256: project.signed.targets[layoutPath("app")].hashes.sha256 },
      },
      inputAttestations: evidence.map((item: { sha256: string }) => ({ digest: { sha256: item.sha256 } })),
      verificationResult: "PASSED",
      verifiedLevels: ["STEMMA_LAYOUT_SATISFIED"],
      slsaVersion: "1.2",
    });
  });

  test("one that is denied has FAILED", async () => {
    const { digest, size, evidence } = await people.links("half");
    const record = { descriptor: { mediaType: "application/gzip", size }, project: "app" };
    await world.post(`/v1/domains/${domain}/artifacts/${digest}?wait=published`, {
      ...record,
      evidence: evidence.slice(1),
    });
    const reply = await ask(digest);
    expect(reply.status).toBe(200);
    expect(await predicateOf(reply.bytes, digest)).toMatchObject({
      verificationResult: "FAILED",
      verifiedLevels: ["FAILED"],
      inputAttestations: [{}],
    });
  });

  test("is the same for as long as nothing is published, and another one afterwards", async () => {
    const { digest } = await world.record(domain, people, "again");
    const [first, second] = await Promise.all([ask(digest), ask(digest)]);
    expect(second.bytes).toEqual(first.bytes);
    expect((await ask(digest)).bytes).toEqual(first.bytes);
    await world.record(domain, people, "something else");
    expect((await ask(digest)).status).toBe(200);
    const { rows } = await world.database.owner.query(
      "SELECT FROM summary WHERE digest = $1 AND envelope IS NOT NULL",
      [digest],
    );
    expect(rows).toHaveLength(2);
  });

  test("is issued anew once the artifact is revoked, and FAILED", async () => {
    const other = await world.createDomain();
    const { digest } = await world.record(other.name, other.people, "leaks");
    const before = await ask(digest, { in: other.name });
    expect(await predicateOf(before.bytes, digest)).toMatchObject({ verificationResult: "PASSED" });
    const layout = await other.people.layout();
    const revocations = other.people.revocations([digest]);
    const files = new Map([
      [layoutPath("app"), layout],
      [revocationsPath("app"), revocations],
    ]);
    const published = await world.post(`/v1/domains/${other.name}/metadata?wait=published`, {
      metadata: [await other.people.projectDocument(2, files)],
      files: [encodeBase64(layout), encodeBase64(revocations)],
    });
    expect(published.status).toBe(201);
    const after = await ask(digest, { in: other.name });
    expect(await predicateOf(after.bytes, digest)).toMatchObject({ verificationResult: "FAILED" });
  });

  test("needs a token with its scope", async () => {
    const { digest } = await world.record(domain, people, "tokens");
    const path = `/v1/domains/${domain}/artifacts/${digest}/summary`;
    expect(await world.post(path, { project: "app" })).toMatchObject({
      status: 401,
      json: { code: "not_authenticated" },
    });
    expect(await ask(digest, { token: await token("domain:create", "domain:list") })).toMatchObject({
      status: 403,
      json: { code: "scope_missing" },
    });
  });

  test("is not issued about what is not on record, nor for a project that is not claimed", async () => {
    const { digest } = await world.record(domain, people, "claimed");
    expect(await ask(`sha256:${"0".repeat(64)}`)).toMatchObject({
      status: 404,
      json: { code: "artifact_unknown" },
    });
    expect(await ask(digest, { project: "other" })).toMatchObject({
      status: 409,
      json: { code: "project_not_claimed" },
    });
    expect(await ask(digest, { in: "nowhere" })).toMatchObject({
      status: 404,
      json: { code: "unknown_domain" },
    });
  });

  test("rests on the signer's own verdict, whatever the repository asks it for", async () => {
    const id = (await findDomain(world.database.repository, domain))?.id ?? 0;
    const digest = parseDigest(`sha256:${"5".repeat(64)}`);
    const subject = { domainId: id, digest, project: "app", epoch: 1 };
    await requestSummary(world.database.repository, subject);
    let stored = await readSummary(world.database.repository, subject);
    while (stored === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      stored = await readSummary(world.database.repository, subject);
    }
    expect(await predicateOf(stored.bytes, digest)).toMatchObject({
      verificationResult: "FAILED",
      inputAttestations: [],
    });
  });

  test("waits for a signer that is away, and loses nothing by its restart", async () => {
    const { digest } = await world.record(domain, people, "restart");
    await world.stopSigner();
    const waiting = ask(digest);
    for (;;) {
      const { rows } = await world.database.owner.query("SELECT FROM summary WHERE digest = $1", [digest]);
      if (rows.length > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await world.startSigner();
    const reply = await waiting;
    expect(reply.status).toBe(200);
    expect(await predicateOf(reply.bytes, digest)).toMatchObject({ verificationResult: "PASSED" });
  });

  test("counts as evidence where a layout names the verifier, from end to end", async () => {
    const other = await world.createDomain();
    const { digest } = await world.record(other.name, other.people, "deployed");
    const summary = await ask(digest, { in: other.name });
    const attributes = [{ at: "/predicate/verifier/id", equals: VERIFIER }];
    const layout = await signLayout(
      {
        expires: FAR,
        steps: [
          {
            name: "verified",
            threshold: 1,
            functionaries: [],
            expectedProducts: [["ALLOW", "*"]],
            expectedPredicates: [
              {
                predicateType: PREDICATE_WORDS.get("vsa") ?? "",
                functionaries: keysOf([key]),
                threshold: 1,
                attributes,
              },
            ],
          },
        ],
      },
      other.people.owners,
    );
    const roles = other.people.delegations([{}, { name: "deploy" }]);
    const published = await world.post(`/v1/domains/${other.name}/metadata?wait=published`, {
      metadata: [
        await other.people.targetsDocument(2, { roles }),
        await other.people.projectDocument(1, new Map([[layoutPath("deploy"), layout]]), { role: "deploy" }),
      ],
      files: [encodeBase64(layout)],
    });
    expect(published.status).toBe(201);
    const record = (evidence: Uint8Array) =>
      world.post(`/v1/domains/${other.name}/artifacts/${digest}?wait=published`, {
        descriptor: { mediaType: "application/gzip", size: Buffer.from("the artifact deployed").length },
        project: "deploy",
        evidence: [encodeBase64(evidence)],
      });
    expect(await record(summary.bytes)).toMatchObject({ status: 201 });
    const { verdict } = (
      await world.get(`/v1/domains/${other.name}/artifacts/${digest}/verify?project=deploy`)
    ).json;
    expect(verdict).toMatchObject({ decision: "allow", reasons: [] });
  });
});

test("a signer that does not answer in time is no reason to wait for ever, and the next request gets the summary", async () => {
  const slow = await World.start({ STEMMA_REQUEST_DEADLINE_MS: "3000" });
  try {
    slow.verifier = { id: VERIFIER, signer: newSigner() };
    await slow.stopSigner();
    await slow.startSigner();
    const { name, people: others } = await slow.createDomain();
    const { digest } = await slow.record(name, others, "late");
    await slow.stopSigner();
    const request = () =>
      slow.post(
        `/v1/domains/${name}/artifacts/${digest}/summary`,
        { project: "app" },
        { Authorization: `Bearer ${slow.token}` },
      );
    const reply = await request();
    expect(reply).toMatchObject({ status: 503, json: { code: "deadline_exceeded" } });
    expect(reply.json.detail).toBe("The signer has not issued the summary yet; ask again.");
    expect(reply.headers.get("retry-after")).toBe("1");
    await slow.startSigner();
    expect((await request()).status).toBe(200);
  } finally {
    await slow.stop();
  }
});
