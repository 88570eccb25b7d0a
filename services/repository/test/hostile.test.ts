import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { PROBLEMS, ROUTES, type Route } from "@stemma/contract";
import { encodeBase64 } from "@stemma/encoding";
import fc from "fast-check";
import { type Reply, World } from "./support/world.ts";

let world: World;
let domain: string;
let digest: string;
let valid: Record<string, unknown>;
beforeAll(async () => {
  world = await World.start({ STEMMA_LOG_LEVEL: "info" });
  const { name, people } = await world.createDomain();
  domain = name;
  const links = await people.links("hostile");
  digest = links.digest;
  valid = {
    descriptor: { mediaType: "application/gzip", size: links.size },
    project: "app",
    evidence: links.evidence,
    name: "other",
    metadata: [await people.rootDocument(2), await people.targetsDocument(2)],
    files: [],
    signatures: [{ role: "root", keyid: "k", sig: "00" }],
  };
});
afterAll(() => world.stop());

const posts: readonly Route[] = Object.values(ROUTES).filter((route) => route.method === "POST");

function fill(path: string): string {
  return path
    .replace("{domain}", domain)
    .replace("{digest}", digest)
    .replace("{ceremony}", "7b1b2a52-6ad5-4d26-9c5b-9a52f3d5a001");
}

function send(route: Route, body: string | Uint8Array): Promise<Reply> {
  return world.request(route.method, fill(route.path), {
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${world.token}` },
    body: typeof body === "string" ? body : Buffer.from(body),
  });
}

/** P8: 4xx with a code of the list, never 5xx, and prototypes stay clean. */
function expectRefusal(reply: Reply): void {
  expect(reply.status).toBeGreaterThanOrEqual(400);
  expect(reply.status).toBeLessThan(500);
  expect(Object.hasOwn(PROBLEMS, reply.json.code)).toBe(true);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
}

/** JSON with the names that have bitten others. */
const hostileJson = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(
    fc.constantFrom(
      "__proto__",
      "constructor",
      "toString",
      "10",
      "metadata",
      "evidence",
      "signatures",
      "files",
    ),
    fc.jsonValue(),
  ),
);

describe("any JSON value on any route is refused with a 4xx (P8)", () => {
  for (const route of posts) {
    test(`${route.method} ${route.path}`, async () => {
      await fc.assert(
        fc.asyncProperty(hostileJson, async (value) =>
          expectRefusal(await send(route, JSON.stringify(value))),
        ),
        { numRuns: 60 },
      );
    });
  }
});

describe("any bytes on any route are refused with a 4xx (P8)", () => {
  for (const route of posts) {
    test(`${route.method} ${route.path}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) =>
          expectRefusal(await send(route, bytes)),
        ),
        { numRuns: 40 },
      );
    });
  }
});

test("a valid body with one member replaced by anything is refused or harmless", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...posts),
      fc.constantFrom("descriptor", "project", "evidence", "name", "metadata", "files", "signatures"),
      hostileJson,
      async (route, member, value) => {
        const shape = (route.body as unknown as { shape: Record<string, unknown> }).shape;
        const body = Object.fromEntries(
          Object.keys(shape).map((name) => [name, name === member ? value : valid[name]]),
        );
        const reply = await send(route, JSON.stringify(body));
        expect(reply.status).toBeLessThan(500);
      },
    ),
    { numRuns: 300 },
  );
});

test("metadata and evidence of any JSON are refused with a 4xx", async () => {
  const document = fc.oneof(
    hostileJson,
    fc.record({ signed: hostileJson, signatures: hostileJson }),
    fc.record({ payload: hostileJson, payloadType: hostileJson, signatures: hostileJson }),
    fc.record({
      signed: fc.record(
        {
          _type: fc.constantFrom("root", "targets", "timestamp", "link", "layout", "x"),
          version: hostileJson,
          expires: hostileJson,
          spec_version: hostileJson,
          keys: hostileJson,
          roles: hostileJson,
          targets: hostileJson,
          delegations: hostileJson,
          steps: hostileJson,
          materials: hostileJson,
          products: hostileJson,
        },
        { requiredKeys: ["_type"] },
      ),
      signatures: fc.array(fc.record({ keyid: hostileJson, sig: hostileJson })),
    }),
  );
  await fc.assert(
    fc.asyncProperty(document, fc.constantFrom("root", "targets", "app"), async (value, role) => {
      const bytes = encodeBase64(Buffer.from(JSON.stringify(value)));
      expectRefusal(await world.post(`/v1/domains/${domain}/metadata`, { metadata: [{ role, bytes }] }));
      expectRefusal(await world.post(`/v1/domains/${domain}/ceremonies`, { metadata: [{ role, bytes }] }));
      const record = { descriptor: valid.descriptor, project: "app", evidence: [bytes] };
      expectRefusal(await world.post(`/v1/domains/${domain}/artifacts/${digest}`, record));
    }),
    { numRuns: 150 },
  );
});

test("any path and query are answered with less than 500", async () => {
  const segment = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 20 }),
    fc.constantFrom(
      "v1",
      "domains",
      "metadata",
      "targets",
      "..",
      "artifacts",
      "bundle",
      "verify",
      "__proto__",
    ),
    fc.constant(domain ?? "domain-1"),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { maxLength: 7 }),
      fc.string({ maxLength: 30 }),
      async (segments, query) => {
        const path = `/${segments.map((part) => encodeURIComponent(part)).join("/")}?${encodeURI(query)}`;
        expect((await world.get(path)).status).toBeLessThan(500);
      },
    ),
    { numRuns: 300 },
  );
});

test("nothing of it was logged as a failure, and the service lives", async () => {
  expect(world.log.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
  expect((await world.get("/readyz")).status).toBe(200);
});
