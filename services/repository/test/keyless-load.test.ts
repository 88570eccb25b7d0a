import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { LIMITS } from "@stemma/contract";
import { sha256 } from "@stemma/crypto";
import { encodeBase64, utf8 } from "@stemma/encoding";
import { ARTIFACT, DIGEST, Keyless, statement } from "./support/keyless.ts";
import { newSigner } from "./support/people.ts";
import { World } from "./support/world.ts";

/*
 * A Sigstore bundle costs a hundred times what a signature by a key costs, and anybody may send some. Whoever asks for
 * something else meanwhile is answered.
 */

let world: World;
let keyless: Keyless;
let domain: string;
beforeAll(async () => {
  world = await World.start();
  keyless = await Keyless.create(world);
  domain = (await keyless.createDomain("domain")).name;
});
afterAll(() => world.stop());

/** Bundles of another statement than the one that was signed, which costs almost as much to find out as a good one. */
async function garbage(
  count: number = LIMITS.bundlesPerUpload,
  from: Keyless = keyless,
): Promise<readonly Uint8Array[]> {
  const json = JSON.parse(Buffer.from(await from.sign()).toString());
  json.dsseEnvelope.payload = encodeBase64(statement("somebody else"));
  return Array.from({ length: count }, (_, index) => utf8(JSON.stringify(json) + " ".repeat(index)));
}

const recorded = async () => (await world.get(`/v1/domains/${domain}/artifacts/${DIGEST}`)).status;

test("while bundles are verified, everybody else is answered", async () => {
  const bundles = await garbage(LIMITS.bundlesPerUpload - 1);
  const good = await keyless.sign();
  const events: string[] = [];
  const uploads = Array.from({ length: 4 }, async () => {
    const reply = await keyless.record(domain, good, ...bundles);
    events.push("upload");
    return reply;
  });
  // The first of them is being verified by the time that the first answer is there.
  for (let turn = 0; turn < 100; turn += 1) {
    expect((await world.get(`/${domain}/metadata/timestamp.json`)).status).toBe(200);
    events.push("timestamp");
  }
  const replies = await Promise.all(uploads);
  expect(events.lastIndexOf("timestamp")).toBeLessThan(events.lastIndexOf("upload"));
  // One item that is worth nothing is enough: nothing of the request is taken.
  for (const { status, json } of replies) expect([status, json.code]).toEqual([422, "bad_log_entry"]);
  expect(await recorded()).toBe(404);
}, 60_000);

test("a refusal keeps its words on its way out of the thread", async () => {
  const identity = `${keyless.sigstore.identity}-evil`;
  expect(await keyless.record(domain, await keyless.sign(undefined, identity))).toMatchObject({
    status: 403,
    json: {
      code: "functionary_not_authorized",
      detail: `The bundle is signed by "${identity}" of "${keyless.sigstore.issuer}"; expected "${keyless.sigstore.identity}" of "${keyless.sigstore.issuer}".`,
    },
  });
});

test("more bundles than a request may bring are refused, whatever they are", async () => {
  const reply = await keyless.record(domain, ...(await garbage(LIMITS.bundlesPerUpload + 1)));
  expect(reply).toMatchObject({
    status: 422,
    json: {
      code: "limit_exceeded",
      detail: "The request brings 33 Sigstore bundles; at most 32 are accepted at a time.",
    },
  });
});

test("bundles of senders who have gone are not verified: they keep nobody else waiting", async () => {
  const bundles = await garbage();
  const one = performance.now();
  expect((await keyless.record(domain, ...bundles)).status).toBe(422);
  const cost = performance.now() - one;
  const body = JSON.stringify({
    descriptor: { mediaType: "application/octet-stream", size: ARTIFACT.length },
    project: "app",
    evidence: bundles.map(encodeBase64),
  });
  const controller = new AbortController();
  const gone = Promise.allSettled(
    Array.from({ length: 15 }, () =>
      world.request("POST", `/v1/domains/${domain}/artifacts/${DIGEST}`, {
        headers: { "Content-Type": "application/json" },
        body,
        signal: controller.signal,
      }),
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, 2 * cost));
  controller.abort();
  await gone;
  const before = performance.now();
  expect((await keyless.record(domain, ...bundles.slice(0, 1))).json.code).toBe("bad_log_entry");
  expect(performance.now() - before).toBeLessThan(5 * cost);
  expect(world.log.filter(({ code }) => code === "internal_error")).toEqual([]);
}, 60_000);

test("a thread that ends takes no evidence with it: the fault is ours, is logged, and nothing is recorded", async () => {
  const bundles = await garbage();
  const upload = keyless.record(domain, ...bundles);
  while ((await world.get("/livez")).status === 200) {
    await world.service.context.gate.stop();
    if (world.log.some(({ code }) => code === "internal_error")) break;
  }
  expect(await upload).toMatchObject({ status: 500, json: { code: "internal_error" } });
  const line = world.log.find(({ code }) => code === "internal_error");
  expect(line).toMatchObject({ level: "error", msg: "failed" });
  expect(JSON.stringify(line)).toContain("The thread that verifies Sigstore bundles ended.");
  expect(await recorded()).toBe(404);
});

test("good bundles are recorded by the next thread, many in one request", async () => {
  const bundles = await Promise.all(
    Array.from({ length: LIMITS.bundlesPerUpload }, (_, index) => keyless.sign(statement(`run ${index}`))),
  );
  expect(await keyless.record(domain, ...bundles)).toMatchObject({ status: 201 });
  expect((await world.get(`/v1/domains/${domain}/artifacts/${DIGEST}`)).json.record.evidence).toHaveLength(
    32,
  );
});

test("while verdicts rest on bundles, everybody else is answered", async () => {
  const events: string[] = [];
  const now = Date.now();
  // Each asks about a time for which nothing was proven before.
  const verdicts = Array.from({ length: 4 }, async (_, index) => {
    const at = new Date(now - index * 10).toISOString();
    const reply = await world.get(`/v1/domains/${domain}/artifacts/${DIGEST}/verify?project=app&at=${at}`);
    events.push("verdict");
    return reply;
  });
  for (let turn = 0; turn < 100; turn += 1) {
    expect((await world.get(`/${domain}/metadata/timestamp.json`)).status).toBe(200);
    events.push("timestamp");
  }
  for (const { json } of await Promise.all(verdicts))
    expect(json.verdict).toMatchObject({ decision: "allow" });
  expect(events.lastIndexOf("timestamp")).toBeLessThan(events.lastIndexOf("verdict"));
}, 60_000);

const askSummary = () =>
  world.post(
    `/v1/domains/${domain}/artifacts/${DIGEST}/summary`,
    { project: "app" },
    { Authorization: `Bearer ${world.token}` },
  );

const summaries = async () =>
  (await world.database.owner.query("SELECT envelope FROM summary ORDER BY id")).rows;

/** Until one is asked for that is not issued. */
async function waitingSummary(): Promise<void> {
  while ((await summaries()).at(-1)?.envelope !== null)
    await new Promise((resolve) => setTimeout(resolve, 1));
}

test("however many ask, what was recorded is held for two verdicts, and for two refused uploads, at a time", async () => {
  const { domains, verdicts, gate } = world.service.context;
  const published = await domains.published(domain);
  const root = await domains.firstRoot(published.domain);
  const real = domains.source(published);
  let [held, most, reads] = [0, 0, 0];
  const slowly = async <T>(read: () => Promise<T>): Promise<T> => {
    held += 1;
    reads += 1;
    most = Math.max(most, held);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return read().finally(() => {
      held -= 1;
    });
  };
  const source = {
    ...real,
    evidence: (...args: Parameters<typeof real.evidence>) => slowly(() => real.evidence(...args)),
  };
  const request = { digest: DIGEST, project: "app" };
  await Promise.all(Array.from({ length: 12 }, () => verdicts.verify(root, request, new Date(), source)));
  expect([most, reads]).toEqual([2, 12]);

  [most, reads] = [0, 0];
  const { people } = await keyless.createDomain("nowhere");
  const layout = await keyless.layout(people);
  const question = { layout, trustedRoot: undefined, time: new Date(), evidence: new Map() };
  const recorded = () => slowly(async () => new Map([[sha256(layout), layout]]));
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 12 }, () => gate.offerAfter(question, recorded, signal)));
  expect([most, reads]).toEqual([2, 12]);
  // Nothing is read for those who have gone.
  await expect(gate.offerAfter(question, recorded, AbortSignal.abort())).rejects.toThrow("aborted");
  expect(reads).toBe(12);
});

test("while a summary rests on bundles, the signer publishes what others have recorded", async () => {
  world.verifier = { id: "https://stemma.example/verifier", signer: newSigner() };
  await world.stopSigner();
  await world.startSigner();
  const other = await world.createDomain();
  const events: string[] = [];
  const summary = askSummary().then((reply) => {
    events.push("summary");
    return reply;
  });
  await waitingSummary();
  expect((await world.record(other.name, other.people, "meanwhile")).reply.status).toBe(201);
  events.push("published");
  expect((await summary).status).toBe(200);
  expect(events).toEqual(["published", "summary"]);
}, 60_000);

test("a signer that stops gives up the verdict that it is at, and the next one issues the summary", async () => {
  // Another epoch, so another summary; and a thread that has proven nothing yet.
  expect(await keyless.record(domain, await keyless.sign(statement("one more")))).toMatchObject({
    status: 201,
  });
  await world.stopSigner();
  await world.startSigner();
  const summary = askSummary();
  await waitingSummary();
  await world.stopSigner();
  expect((await summaries()).at(-1)).toEqual({ envelope: null });
  await world.startSigner();
  expect((await summary).status).toBe(200);
}, 60_000);

test("more requests than the thread takes at a time are told to come again", async () => {
  const bundles = await garbage(4);
  const replies = await Promise.all(Array.from({ length: 32 }, () => keyless.record(domain, ...bundles)));
  const codes = new Set(replies.map(({ json }) => json.code));
  expect(codes).toEqual(new Set(["bad_log_entry", "too_busy"]));
}, 60_000);

test("a shutdown does not wait for the thread: it ends, and with it whatever still waited for it", async () => {
  const short = await World.start();
  const other = await Keyless.create(short);
  const { people } = await other.createDomain("domain");
  const evidence = new Map((await garbage(32, other)).map((bytes) => [sha256(bytes), bytes]));
  const question = {
    layout: await other.layout(people),
    trustedRoot: other.sigstore.trustedRoot(),
    time: new Date(),
    evidence,
  };
  const jobs = Promise.allSettled(
    Array.from({ length: 8 }, () => short.service.context.gate.offer(question)),
  );
  await short.stop();
  const reason = new Error("The thread that verifies Sigstore bundles ended.");
  expect((await jobs).at(-1)).toEqual({ status: "rejected", reason });
});
