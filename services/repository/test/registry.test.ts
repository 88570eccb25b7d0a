import { createHash } from "node:crypto";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { encodeBase64 } from "@stemma/encoding";
import { signLayout, signStatement } from "@stemma/in-toto";
import { layoutPath } from "@stemma/lineage";
import fc from "fast-check";
import { DIGEST, Keyless, statement } from "./support/keyless.ts";
import { FAR, type People } from "./support/people.ts";
import { type Reply, World } from "./support/world.ts";

/*
 * The façade of a registry: what is published about a digest, as stock clients of registries read it. The stock clients
 * themselves are in test/interop/facade.sh.
 */

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const DSSE = "application/vnd.dsse.envelope.v1+json";
const LINK = "application/vnd.in-toto.link+json";
const EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const NOTHING = `sha256:${"0".repeat(64)}`;

const agent = new Agent({ keepAlive: true });
let world: World;
let name: string;
let people: People;
let digest: string;
let evidence: Uint8Array[];
beforeAll(async () => {
  world = await World.start();
  ({ name, people } = await world.createDomain());
  const links = await people.links("served");
  digest = links.digest;
  evidence = links.evidence.map((text) => Buffer.from(text, "base64"));
  const reply = await world.post(`/v1/domains/${name}/artifacts/${digest}?wait=published`, {
    descriptor: { mediaType: "application/vnd.oci.image.manifest.v1+json", size: links.size },
    project: "app",
    evidence: links.evidence,
  });
  expect(reply.status).toBe(201);
});
afterAll(() => {
  agent.destroy();
  return world.stop();
});

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

function expectError(reply: Reply, status: number, code: string): void {
  expect(reply.json?.errors).toMatchObject([{ code }]);
  expect(reply.status).toBe(status);
  expect(reply.headers.get("content-type")).toBe("application/json");
  expect(reply.json.errors[0].detail.instance).toBe(reply.headers.get("x-request-id"));
}

interface Listed {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType: string;
  readonly annotations: Record<string, string>;
}

async function referrers(of: string, repository = name, query = ""): Promise<readonly Listed[]> {
  const reply = await world.get(`/v2/${repository}/referrers/${of}${query}`);
  expect([reply.status, reply.headers.get("content-type")]).toEqual([200, INDEX]);
  expect(reply.json).toMatchObject({ schemaVersion: 2, mediaType: INDEX });
  return reply.json.manifests;
}

interface Found {
  // biome-ignore lint/suspicious/noExplicitAny: a document that clients of registries read
  readonly manifest: any;
  readonly bytes: Buffer;
}

/** GET of a path exactly as it stands: `fetch` tidies paths up before it sends them. */
function asSent(path: string): Promise<{ readonly status: number; readonly text: string }> {
  const { hostname, port } = new URL(world.service.url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject).end();
  });
}

/** Walks from a digest to the bytes of its evidence, as every client does, and checks each digest on the way. */
async function walk(of: string, repository = name): Promise<Found[]> {
  const found = [];
  for (const item of await referrers(of, repository)) {
    const manifest = await world.get(`/v2/${repository}/manifests/${item.digest}`);
    expect([manifest.status, manifest.headers.get("content-type")]).toEqual([200, MANIFEST]);
    expect(digestOf(manifest.bytes)).toBe(item.digest);
    expect(manifest.bytes.length).toBe(item.size);
    expect(manifest.headers.get("docker-content-digest")).toBe(item.digest);
    expect(manifest.json).toMatchObject({
      artifactType: item.artifactType,
      annotations: item.annotations,
      config: { digest: EMPTY, size: 2 },
      subject: { digest: of },
    });
    expect(manifest.json.layers).toHaveLength(1);
    const [layer] = manifest.json.layers;
    const blob = await world.get(`/v2/${repository}/blobs/${layer.digest}`);
    expect(digestOf(blob.bytes)).toBe(layer.digest);
    expect(blob.bytes.length).toBe(layer.size);
    found.push({ manifest: manifest.json, bytes: blob.bytes });
  }
  return found;
}

describe("the evidence of an artifact", () => {
  test("is listed, and its exact bytes are found from there", async () => {
    const found = await walk(digest);
    expect(found.map(({ bytes }) => digestOf(bytes)).sort()).toEqual(evidence.map(digestOf).sort());
    expect(found.map(({ manifest }) => manifest.artifactType).sort()).toEqual([DSSE, LINK]);
    expect(found[0]?.manifest.subject).toEqual({ mediaType: MANIFEST, digest, size: 19 });
  });

  test("is the same under any name of the domain, and in every answer", async () => {
    const listed = await referrers(digest);
    expect(await referrers(digest, `${name}/any/thing`)).toEqual(listed);
    expect(await referrers(digest)).toEqual(listed);
    expect(await walk(digest, `${name}/signatures`)).toEqual(await walk(digest));
  });

  test("is filtered by its type", async () => {
    const reply = await world.get(`/v2/${name}/referrers/${digest}?artifactType=${encodeURIComponent(LINK)}`);
    expect(reply.headers.get("oci-filters-applied")).toBe("artifactType");
    expect(reply.json.manifests).toMatchObject([{ artifactType: LINK }]);
    expect(await referrers(digest, name, "?artifactType=x")).toEqual([]);
    expect(
      (await world.get(`/v2/${name}/referrers/${digest}`)).headers.get("oci-filters-applied"),
    ).toBeNull();
  });

  test("of a Sigstore bundle and of an attestation carries what cosign looks for", async () => {
    const keyless = await Keyless.create(world);
    const domain = await keyless.createDomain("domain");
    expect(await keyless.record(domain.name, await keyless.sign())).toMatchObject({ status: 201 });
    const [found, ...more] = await walk(DIGEST, domain.name);
    expect(more).toEqual([]);
    expect(found?.manifest).toMatchObject({
      artifactType: BUNDLE,
      annotations: {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": "https://example.com/review/v1",
        "org.opencontainers.image.created": expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      },
      layers: [{ mediaType: BUNDLE }],
    });
    // More evidence of the same artifact: what was there keeps its digests.
    await keyless.record(domain.name, await keyless.sign(statement("another workflow")));
    const after = await referrers(DIGEST, domain.name);
    expect(after).toHaveLength(2);
    expect(after.map((item) => item.digest)).toContain(
      digestOf(Buffer.from(JSON.stringify(found?.manifest))),
    );
    // The evidence of one domain is nothing in another.
    expect(await referrers(DIGEST)).toEqual([]);
    expectError(await world.get(`/v2/${name}/manifests/${after[0]?.digest}`), 404, "MANIFEST_UNKNOWN");
    expectError(
      await world.get(`/v2/${name}/blobs/${digestOf(found?.bytes ?? Buffer.alloc(0))}`),
      404,
      "BLOB_UNKNOWN",
    );
  });

  test("has the fallback tag, whose list is found by its digest until it is another", async () => {
    const { digest: other, reply } = await world.record(name, people, "tagged");
    expect(reply.status).toBe(201);
    const tag = other.replace(":", "-");
    const list = await world.get(`/v2/${name}/manifests/${tag}`);
    expect([list.status, list.headers.get("content-type")]).toEqual([200, INDEX]);
    expect(list.json.manifests).toEqual(await referrers(other));
    const address = digestOf(list.bytes);
    expect(list.headers.get("docker-content-digest")).toBe(address);
    expect((await world.get(`/v2/${name}/manifests/${address}`)).bytes).toEqual(list.bytes);
    const more = await people.links("more about tagged");
    // A functionary's link may be recorded for any artifact; whether it adds up is for verdicts.
    await world.post(`/v1/domains/${name}/artifacts/${other}?wait=published`, {
      descriptor: { mediaType: "application/gzip", size: "the artifact tagged".length },
      project: "app",
      evidence: more.evidence,
    });
    expect((await world.get(`/v2/${name}/manifests/${tag}`)).json.manifests).toHaveLength(4);
    expectError(await world.get(`/v2/${name}/manifests/${address}`), 404, "MANIFEST_UNKNOWN");
  });

  test("that cosign before version 3 reads is under its tag", async () => {
    const SCAN = "https://example.com/scan/v1";
    const { name: scanned, people: team } = await world.createDomain({ project: false });
    const [builder, scan] = [[team.builder.publicKey], { predicateType: SCAN, threshold: 1 }];
    const steps = [
      { name: "build", threshold: 1, functionaries: builder },
      {
        name: "scan",
        threshold: 1,
        functionaries: [],
        expectedPredicates: [{ ...scan, functionaries: builder }],
      },
    ];
    const layout = await signLayout({ expires: FAR, steps }, team.owners);
    const project = await team.projectDocument(1, new Map([[layoutPath("app"), layout]]));
    const published = await world.post(`/v1/domains/${scanned}/metadata?wait=published`, {
      metadata: [project],
      files: [encodeBase64(layout)],
    });
    expect(published.status).toBe(201);
    const { digest: attested, size } = await team.links("attested");
    const tag = `/v2/${scanned}/manifests/${attested.replace(":", "-")}.att`;
    const record = async (item: Uint8Array) => {
      const reply = await world.post(`/v1/domains/${scanned}/artifacts/${attested}?wait=published`, {
        descriptor: { mediaType: "application/gzip", size },
        project: "app",
        evidence: [encodeBase64(item)],
      });
      expect(reply.status).toBe(201);
    };
    await record(await team.bigLink("a link is no attestation", 1_000));
    expectError(await world.get(tag), 404, "MANIFEST_UNKNOWN");
    const subjects = [{ digest: new Map([["sha256", attested.slice(7)]]) }];
    const envelope = await signStatement({ subjects, predicateType: SCAN, predicate: new Map() }, [
      team.builder,
    ]);
    await record(envelope);
    const manifest = await world.get(tag);
    expect([manifest.status, manifest.headers.get("content-type")]).toEqual([200, MANIFEST]);
    expect(manifest.json.layers).toEqual([
      {
        mediaType: DSSE,
        digest: digestOf(envelope),
        size: envelope.length,
        annotations: { "dev.cosignproject.cosign/signature": "", predicateType: SCAN },
      },
    ]);
    const address = manifest.headers.get("docker-content-digest");
    expect(address).toBe(digestOf(manifest.bytes));
    expect((await world.get(`/v2/${scanned}/manifests/${address}`)).bytes).toEqual(manifest.bytes);
  });

  test("is not shown while it waits to be published", async () => {
    const { digest: waiting, size, evidence: items } = await people.links("waiting");
    const blobs = items.map((item) => digestOf(Buffer.from(item, "base64")));
    await world.stopSigner();
    try {
      const reply = await world.post(`/v1/domains/${name}/artifacts/${waiting}`, {
        descriptor: { mediaType: "application/gzip", size },
        project: "app",
        evidence: items,
      });
      expect(reply.status).toBe(202);
      expect(await referrers(waiting)).toEqual([]);
      for (const blob of blobs)
        expectError(await world.get(`/v2/${name}/blobs/${blob}`), 404, "BLOB_UNKNOWN");
      const tag = waiting.replace(":", "-");
      expectError(await world.get(`/v2/${name}/manifests/${tag}`), 404, "MANIFEST_UNKNOWN");
      expect((await world.request("HEAD", `/v2/${name}/manifests/${waiting}`)).status).toBe(404);
    } finally {
      await world.startSigner();
    }
  });

  test("that was damaged on a disk is never handed out", async () => {
    const { digest: damaged } = await world.record(name, people, "damaged");
    const [listed] = await referrers(damaged);
    await world.database.owner.query("ALTER TABLE referrer DISABLE TRIGGER ALL");
    await world.database.owner.query("ALTER TABLE referrer DROP CONSTRAINT referrer_check");
    await world.database.owner.query("UPDATE referrer SET manifest = 'x' WHERE sha256 = $1", [
      listed?.digest.slice(7),
    ]);
    await world.database.owner.query("ALTER TABLE referrer ENABLE TRIGGER ALL");
    expectError(await world.get(`/v2/${name}/manifests/${listed?.digest}`), 500, "STORED_BYTES_DAMAGED");
    expectError(
      await world.get(`/v2/${name}/referrers/${damaged}?after=${"0".repeat(64)}`),
      500,
      "STORED_BYTES_DAMAGED",
    );
  });
});

describe("answers", () => {
  test("the base says that this is a registry", async () => {
    for (const method of ["GET", "HEAD"]) {
      const reply = await world.request(method, "/v2/");
      expect(reply.status).toBe(200);
      expect(reply.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
    }
  });

  test("HEAD says what GET would", async () => {
    const [listed] = await referrers(digest);
    const [found] = await walk(digest);
    const layer = found?.manifest.layers[0].digest;
    for (const path of [
      `manifests/${listed?.digest}`,
      `blobs/${layer}`,
      `blobs/${EMPTY}`,
      `manifests/${digest.replace(":", "-")}`,
    ]) {
      const [get, head] = [
        await world.get(`/v2/${name}/${path}`),
        await world.request("HEAD", `/v2/${name}/${path}`),
      ];
      expect([head.status, head.bytes.length]).toEqual([200, 0]);
      for (const header of ["content-type", "content-length", "docker-content-digest", "etag"]) {
        expect([header, head.headers.get(header)]).toEqual([header, get.headers.get(header)]);
      }
    }
  });

  test("of an artifact on record, HEAD gives its descriptor, and GET says where the bytes are not", async () => {
    const head = await world.request("HEAD", `/v2/${name}/manifests/${digest}`);
    expect(head.status).toBe(200);
    expect(head.headers.get("content-type")).toBe(MANIFEST);
    expect(head.headers.get("content-length")).toBe("19");
    expect(head.headers.get("docker-content-digest")).toBe(digest);
    expectError(await world.get(`/v2/${name}/manifests/${digest}`), 404, "MANIFEST_UNKNOWN");
  });

  test("what has a digest may be kept for ever, and a list for seconds", async () => {
    const [listed] = await referrers(digest);
    const of = async (path: string) => (await world.get(`/v2/${name}/${path}`)).headers.get("cache-control");
    expect(await of(`manifests/${listed?.digest}`)).toBe("public, max-age=31536000, immutable");
    expect(await of(`blobs/${EMPTY}`)).toBe("public, max-age=31536000, immutable");
    expect(await of(`referrers/${digest}`)).toBe("public, max-age=10");
    expect(await of(`manifests/${digest.replace(":", "-")}`)).toBe("public, max-age=10");
    expect(await of(`manifests/${NOTHING}`)).toBe("no-store");
  });

  test("the client that has it is told so, and nothing is compressed on the way", async () => {
    const [listed] = await referrers(digest);
    const path = `/v2/${name}/manifests/${listed?.digest}`;
    const etag = (await world.get(path)).headers.get("etag") ?? "";
    expect((await world.get(path, { "If-None-Match": etag })).status).toBe(304);
    const [found] = await walk(digest);
    const blob = await world.get(`/v2/${name}/blobs/${found?.manifest.layers[0].digest}`, {
      "Accept-Encoding": "br, gzip",
    });
    expect(blob.headers.get("content-encoding")).toBeNull();
    expect(blob.headers.get("vary")).toBeNull();
  });

  test.each([
    ["bytes=0-9", 206, 0, 10],
    ["bytes=5-", 206, 5, undefined],
    ["bytes=-7", 206, -7, undefined],
    ["bytes=0-99999999", 206, 0, undefined],
    ["bytes=99999999-", 416, 0, 0],
    ["bytes=-0", 416, 0, 0],
    ["bytes=9-5", 200, 0, undefined],
    ["bytes=0-1,4-5", 200, 0, undefined],
    ["bytes=a-b", 200, 0, undefined],
    ["lines=0-1", 200, 0, undefined],
  ])("the range %s of a blob is answered with %i", async (range, status, first, end) => {
    const [found] = await walk(digest);
    const whole = found?.bytes ?? Buffer.alloc(0);
    const reply = await world.get(`/v2/${name}/blobs/${found?.manifest.layers[0].digest}`, { Range: range });
    expect(reply.status).toBe(status);
    expect(reply.bytes).toEqual(whole.subarray(first, end));
    expect(reply.headers.get("accept-ranges")).toBe("bytes");
    if (status === 206) {
      const from = first < 0 ? whole.length + first : first;
      expect(reply.headers.get("content-range")).toBe(
        `bytes ${from}-${from + reply.bytes.length - 1}/${whole.length}`,
      );
    }
    if (status === 416) expect(reply.headers.get("content-range")).toBe(`bytes */${whole.length}`);
  });

  test("a range of something else is the whole (If-Range)", async () => {
    const path = `/v2/${name}/blobs/${EMPTY}`;
    const etag = `"${EMPTY.slice(7)}"`;
    expect((await world.get(path, { Range: "bytes=0-0", "If-Range": etag })).status).toBe(206);
    expect((await world.get(path, { Range: "bytes=0-0", "If-Range": '"other"' })).status).toBe(200);
  });

  test("no tags are listed", async () => {
    expect((await world.get(`/v2/${name}/x/tags/list?n=5`)).json).toEqual({ name: `${name}/x`, tags: [] });
  });
});

describe("refusals are those of a registry", () => {
  test.each([
    ["GET", `/v2/nowhere/referrers/${NOTHING}`, 404, "NAME_UNKNOWN"],
    ["GET", "/v2/nowhere/tags/list", 404, "NAME_UNKNOWN"],
    ["GET", `/v2/v2/blobs/${NOTHING}`, 404, "NAME_UNKNOWN"],
    ["GET", "/v2/1/tags/list", 404, "NAME_UNKNOWN"],
    ["GET", "/v2/DOMAIN/manifests/latest", 404, "MANIFEST_UNKNOWN"],
    ["GET", `/v2/DOMAIN/manifests/${NOTHING}`, 404, "MANIFEST_UNKNOWN"],
    ["HEAD", `/v2/DOMAIN/manifests/${NOTHING}`, 404, ""],
    ["GET", `/v2/DOMAIN/manifests/sha512:${"0".repeat(128)}`, 404, "MANIFEST_UNKNOWN"],
    ["GET", `/v2/DOMAIN/blobs/${NOTHING}`, 404, "BLOB_UNKNOWN"],
    ["GET", `/v2/DOMAIN/blobs/sha512:${"0".repeat(128)}`, 404, "BLOB_UNKNOWN"],
    ["GET", "/v2/DOMAIN/referrers/sha256:xyz", 400, "DIGEST_INVALID"],
    ["GET", "/v2/DOMAIN/referrers/latest", 400, "DIGEST_INVALID"],
    ["GET", `/v2/DOMAIN/referrers/SHA256:${"0".repeat(64)}`, 400, "DIGEST_INVALID"],
    ["GET", "/v2/DOMAIN/blobs/sha256:0", 400, "DIGEST_INVALID"],
    ["GET", "/v2/DOMAIN/manifests/md5:0", 400, "DIGEST_INVALID"],
    ["GET", "/v2/DOMAIN/a/", 404, "UNSUPPORTED"],
    ["GET", "/v2/_catalog", 404, "UNSUPPORTED"],
    ["GET", "/v2", 404, "UNSUPPORTED"],
    ["GET", "/v2/DOMAIN//x/tags/list", 400, "NAME_INVALID"],
    ["GET", "/v2//tags/list", 404, "UNSUPPORTED"],
    ["GET", "/v2/DOMAIN/../x/tags/list", 400, "NAME_INVALID"],
    ["GET", "/v2/DOMAIN/UPPER/tags/list", 400, "NAME_INVALID"],
    ["GET", "/v2/DOMAIN/a..b/tags/list", 400, "NAME_INVALID"],
    ["GET", `/v2/DOMAIN/${"x/".repeat(130)}x/tags/list`, 400, "NAME_INVALID"],
    ["GET", "/v2/DOMAIN%2fx/tags/list", 400, "BAD_PARAMETER"],
    ["GET", "/v2/DOMAIN/blobs/sha256%2f0", 400, "DIGEST_INVALID"],
    ["GET", "/v2/DOMAIN/%00/tags/list", 400, "NAME_INVALID"],
    ["GET", "/v2/DOMAIN/%zz/tags/list", 400, "BAD_PARAMETER"],
    ["GET", `/v2/DOMAIN/referrers/${NOTHING}?after=x`, 400, "BAD_PARAMETER"],
    ["GET", `/v2/DOMAIN/referrers/${NOTHING}?artifactType=a&artifactType=b`, 400, "BAD_PARAMETER"],
    ["GET", `/v2/${"x".repeat(9000)}`, 414, "URL_TOO_LONG"],
    ["POST", "/v2/DOMAIN/blobs/uploads/", 405, "UNSUPPORTED"],
    ["PUT", "/v2/DOMAIN/manifests/latest", 405, "UNSUPPORTED"],
    ["DELETE", `/v2/DOMAIN/manifests/${NOTHING}`, 405, "UNSUPPORTED"],
    ["PATCH", "/v2/DOMAIN/blobs/uploads/1", 405, "UNSUPPORTED"],
  ])("%s %s: %i %s", async (method, path, status, code) => {
    const target = path.replaceAll("DOMAIN", name);
    const { hostname, port } = new URL(world.service.url);
    // Over a socket: clients tidy such paths up before they send them.
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
      );
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
      });
      socket.on("close", () => resolve(text));
      socket.on("error", reject);
    });
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    if (code !== "") expect(answer).toContain(`{"errors":[{"code":"${code}"`);
    if (status === 405) expect(answer).toContain("Allow: GET, HEAD\r\n");
  });

  test("names that begin as the paths of other routes do are names all the same", async () => {
    for (const first of ["targets", "metadata"]) {
      const reply = await world.get(`/v2/${first}/manifests/${NOTHING}`);
      expectError(reply, 404, "NAME_UNKNOWN");
    }
  });

  test("any path is answered with what clients of registries read, and never with a fault", async () => {
    const segment = fc.oneof(
      fc.constantFrom(
        name,
        "referrers",
        "manifests",
        "blobs",
        "tags",
        "list",
        NOTHING,
        "..",
        "%2e",
        "__proto__",
        "",
      ),
      fc.string({ maxLength: 20 }).map(encodeURIComponent),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { maxLength: 8 }), async (segments) => {
        const reply = await asSent(`/v2/${segments.join("/")}`);
        expect(reply.status).toBeLessThan(500);
        if (reply.status >= 400) expect(JSON.parse(reply.text).errors).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });
});

describe("lists that were never made", () => {
  test("hold all that a record may have, in one answer, whoever asks first", async () => {
    const full = await world.createDomain();
    const { digest: of, size } = await full.people.links("full");
    const items = await Promise.all(
      Array.from({ length: 256 }, (_, at) => full.people.bigLink(`item ${at}`, 1_000)),
    );
    for (const part of [items.slice(0, 128), items.slice(128)]) {
      const reply = await world.post(`/v1/domains/${full.name}/artifacts/${of}?wait=published`, {
        descriptor: { mediaType: "application/gzip", size },
        project: "app",
        evidence: part.map((item) => encodeBase64(item)),
      });
      expect(reply.status).toBe(201);
    }
    const names = ["", "/a", "/b", "/c"].map((rest) => `${full.name}${rest}`);
    const lists = await Promise.all(names.map((repository) => referrers(of, repository)));
    for (const list of lists) expect(list).toEqual(lists[0]);
    expect(new Set(lists[0]?.map((item) => item.digest)).size).toBe(256);
    expect((await world.get(`/v2/${full.name}/referrers/${of}`)).headers.get("link")).toBeNull();
  }, 60_000);

  test("are made in parts when there is much to read, with a link from each to the next", async () => {
    const big = await world.createDomain();
    // Each link is padded to a little under the largest that the service takes.
    const items: Uint8Array[] = [];
    for (let i = 0; i < 6; i += 1) items.push(await big.people.bigLink(`big ${i}`, 3_900_000));
    const { digest: of, size } = await big.people.links("big");
    for (const item of items) {
      const reply = await world.post(`/v1/domains/${big.name}/artifacts/${of}?wait=published`, {
        descriptor: { mediaType: "application/gzip", size },
        project: "app",
        evidence: [encodeBase64(item)],
      });
      expect(reply.status).toBe(201);
    }
    const first = await world.get(`/v2/${big.name}/referrers/${of}`);
    expect(first.json.manifests).toHaveLength(4);
    const link = /^<(.+)>; rel="next"$/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    const second = await world.get(link);
    expect(second.headers.get("link")).toBeNull();
    const whole = await world.get(`/v2/${big.name}/referrers/${of}`);
    expect(whole.headers.get("link")).toBeNull();
    expect(whole.json.manifests).toEqual([...first.json.manifests, ...second.json.manifests]);
    expect(whole.json.manifests).toHaveLength(6);
  }, 120_000);
});
