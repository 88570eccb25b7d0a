import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { openApiDocument, PROBLEMS, ROUTES, type Route } from "@stemma/contract";
import { createToken, revokeToken } from "@stemma/store";
import { type Reply, World } from "./support/world.ts";

let world: World;
let domain: string;
beforeAll(async () => {
  world = await World.start();
  ({ name: domain } = await world.createDomain());
});
afterAll(() => world.stop());

function expectProblem(reply: Reply, code: keyof typeof PROBLEMS): void {
  expect(reply.json).toMatchObject({ code, status: PROBLEMS[code].status, type: `/docs#${code}` });
  expect(reply.status).toBe(PROBLEMS[code].status);
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  expect(reply.headers.get("x-request-id")).toBe(reply.json.instance);
}

/** A path of the table with its placeholders filled in. */
function fill(path: string): string {
  return path
    .replace("{domain}", domain)
    .replace("{+name}", domain)
    .replace("{reference}", `sha256:${"0".repeat(64)}`)
    .replace("{file}", "1.root.json")
    .replace("{+path}", `projects/app/${"0".repeat(64)}.layout.json`)
    .replace("{digest}", `sha256:${"0".repeat(64)}`)
    .replace("{sha256}", "0".repeat(64))
    .replace("{change}", "1")
    .replace("{ceremony}", "7b1b2a52-6ad5-4d26-9c5b-9a52f3d5a001");
}

/** Bytes as they are over a socket: what no client library would send. */
function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(world.service.url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("close", () => resolve(answer));
    // A server that refuses early may reset what is still being sent; what it said before counts.
    socket.on("error", () => resolve(answer));
    socket.setTimeout(3_000, () => socket.destroy());
  });
}

describe("the route table", () => {
  const routes: readonly Route[] = Object.values(ROUTES);
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

  test("whatever is not in it is denied, method by method", async () => {
    for (const path of new Set(routes.map((route) => route.path))) {
      const allowed = new Set(
        routes.filter((route) => route.path === path).map((route) => route.method as string),
      );
      if (allowed.has("GET")) allowed.add("HEAD");
      for (const method of methods) {
        const reply = await world.request(method, fill(path));
        if (allowed.has(method)) expect([method, path, reply.status]).not.toContain(405);
        else expect([method, path, reply.status]).toEqual([method, path, 405]);
      }
    }
    for (const path of ["/v1", "/v1/", "/v1/domain", "/v3/", "/admin", "/.env", "/v1/domains/x/y"]) {
      for (const method of methods) expect((await world.request(method, path)).status).toBe(404);
    }
  });

  test("tokens: none, unknown, revoked, expired, another scope, the right one", async () => {
    const make = async (scopes: string[], expiresAt?: Date) =>
      createToken(world.database.owner, {
        name: "t",
        scopes,
        ...(expiresAt === undefined ? {} : { expiresAt }),
      });
    const revoked = await make(["domain:create", "domain:list"]);
    await revokeToken(world.database.owner, revoked.token.id);
    const expired = await make(["domain:create", "domain:list"], new Date(Date.now() - 1000));
    const other = await make(["something:else"]);
    const bad = [
      undefined,
      "Bearer x",
      "Basic abc",
      `Bearer stemma_${"A".repeat(43)}`,
      `Bearer ${revoked.secret}`,
    ];
    bad.push(`Bearer ${expired.secret}`, `bearer ${world.token}`, `Bearer ${world.token}x`);
    for (const route of routes) {
      if (route.authorisation.kind !== "token") continue;
      const send = (authorization: string | undefined) =>
        world.request(route.method, fill(route.path), {
          headers: {
            "Content-Type": "application/json",
            ...(authorization === undefined ? {} : { Authorization: authorization }),
          },
          ...(route.method === "POST" ? { body: "{}" } : {}),
        });
      for (const authorization of bad) expectProblem(await send(authorization), "not_authenticated");
      expectProblem(await send(`Bearer ${other.secret}`), "scope_missing");
      const right = await send(`Bearer ${world.token}`);
      expect(right.status).toBe(route.method === "POST" ? 400 : 200);
    }
  });

  test("a token opens nothing that signatures decide", async () => {
    const reply = await world.post(
      `/v1/domains/${domain}/metadata`,
      { metadata: [{ role: "targets", bytes: "e30=" }] },
      { Authorization: `Bearer ${world.token}` },
    );
    expectProblem(reply, "missing_member");
  });

  test("lists domains page by page", async () => {
    await world.createDomain({ project: false });
    const headers = { Authorization: `Bearer ${world.token}` };
    const first = await world.get("/v1/domains?limit=1", headers);
    expect(first.json).toMatchObject({ domains: [{ domain: "domain-1" }], next: "domain-1" });
    const second = await world.get(`/v1/domains?limit=1&after=${first.json.next}`, headers);
    expect(second.json.domains).toMatchObject([{ domain: "domain-2" }]);
  });

  test.each([
    "limit=0",
    "limit=-1",
    "limit=1e9",
    "limit=1000000000",
    "limit=1&limit=2",
    "after=../x",
    "sort=name",
  ])("refuses the query %s (N-59, N-65)", async (query) => {
    expectProblem(
      await world.get(`/v1/domains?${query}`, { Authorization: `Bearer ${world.token}` }),
      "bad_parameter",
    );
  });
});

describe("the request", () => {
  const path = () => `/v1/domains/${domain}/metadata`;
  const send = (headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer> = "{}") =>
    world.request("POST", path(), { headers, body });

  test.each([
    "text/plain",
    "application/json\t;x",
    "application/json; charset=utf-8",
    "APPLICATION/JSON",
    "application/x-www-form-urlencoded",
    "application/json, text/plain",
  ])("of the content type %j is refused (N-66, N-70)", async (type) => {
    expectProblem(await send({ "Content-Type": type }), "unsupported_media_type");
  });

  test("without a content type is refused", async () => {
    expectProblem(await send({}, new Uint8Array([123, 125])), "unsupported_media_type");
  });

  test.each(["gzip", "br", "identity"])(
    "with the content encoding %s is refused (N-56)",
    async (encoding) => {
      expectProblem(
        await send({ "Content-Type": "application/json", "Content-Encoding": encoding }),
        "unsupported_content_encoding",
      );
    },
  );

  test("may be as large as the limit, and no byte larger", async () => {
    const small = await World.start({ STEMMA_BODY_LIMIT: "65536" });
    try {
      const of = (length: number) => {
        const empty = JSON.stringify({ metadata: [], files: [], pad: "" });
        return JSON.stringify({ metadata: [], files: [], pad: "x".repeat(length - empty.length) });
      };
      const post = (body: string) =>
        small.request("POST", "/v1/domains/x/metadata", {
          headers: { "Content-Type": "application/json" },
          body,
        });
      expectProblem(await post(of(65536)), "bad_body");
      expectProblem(await post(of(65537)), "body_too_large");
      // Without a Content-Length the bytes are counted as they come.
      const stream = new ReadableStream({
        start(controller) {
          for (let i = 0; i < 80; i += 1) controller.enqueue(Buffer.alloc(1024, 32));
          controller.close();
        },
      });
      const chunked = await small.request("POST", "/v1/domains/x/metadata", {
        headers: { "Content-Type": "application/json" },
        body: stream,
        duplex: "half",
      } as RequestInit);
      expectProblem(chunked, "body_too_large");
    } finally {
      await small.stop();
    }
  });

  test("with a claimed length of a terabyte costs nothing", async () => {
    const before = process.memoryUsage().rss;
    const answer = await raw(
      `POST ${path()} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 1000000000000\r\n\r\n`,
    );
    expect(answer).toContain("413");
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });

  test("with a URL of 8 KiB passes, and one byte more does not", async () => {
    const at = (length: number) => `/v1/${"x".repeat(length - 4)}`;
    expectProblem(await world.get(at(8192)), "unknown_route");
    expectProblem(await world.get(at(8193)), "url_too_long");
  });

  test("with headers of more than 16 KiB is refused (N-58)", async () => {
    const answer = await raw(`GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${"a".repeat(17_000)}\r\n\r\n`);
    expect(answer).toContain("431");
    expect(answer).toContain('"code":"headers_too_large"');
  });

  test("with a token of a million dots costs less than 10 ms of work (N-58)", async () => {
    const started = performance.now();
    expectProblem(
      await world.get("/v1/domains", { Authorization: `Bearer ${".".repeat(10_000)}` }),
      "not_authenticated",
    );
    expect(performance.now() - started).toBeLessThan(200);
    const answer = await raw(
      `GET /v1/domains HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${".".repeat(1e6)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^(?:$|HTTP\/1\.1 431 )/);
  });

  test("that is not HTTP gets an answer and does no harm", async () => {
    const answer = await raw("\x16\x03\x01\x02\x00 hello\r\n\r\n");
    expect(answer).toContain('"code":"malformed_request"');
    expect((await world.get("/livez")).status).toBe(200);
  });

  test("that never ends is cut off", async () => {
    const slow = await World.start({ STEMMA_REQUEST_DEADLINE_MS: "300" });
    try {
      const { hostname, port } = new URL(slow.service.url);
      const answer = await new Promise<string>((resolve) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(
            "POST /v1/domains/x/metadata HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
          );
        });
        socket.once("data", (chunk) => {
          resolve(chunk.toString());
          socket.destroy();
        });
      });
      expect(answer).toContain("408");
      expect(answer).toContain('"code":"request_timeout"');
    } finally {
      await slow.stop();
    }
  });

  test.each([
    ["/%2e%2e/metadata/1.root.json", 400],
    ["//v1/domains", 404],
    ["/v1/domains/", 404],
    ["/V1/domains", 404],
    ["/v1/%64omains", 404],
    ["/v1/domains/x%2fmetadata", 400],
    ["/v1/domains/%00", 400],
    ["/v1/domains/%ff", 400],
    ["/v1/domains/%zz", 400],
    ["/x/targets/projects%2fapp/y", 400],
    ["/x/targets/..%2f..%2fetc%2fpasswd", 400],
    ["/x/metadata/..%2f1.root.json", 400],
    ["/x/metadata/1.ROOT.json", 400],
    ["/constructor/metadata/timestamp.json", 404],
    ["/__proto__/metadata/timestamp.json", 400],
  ])("for %s answers %i (N-07, N-27, N-72)", async (target, status) => {
    const answer = await raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  test("is believed about nothing by its X-Forwarded headers and method overrides (N-66, N-71)", async () => {
    world.log.length = 0;
    const reply = await world.request("GET", "/v1/nowhere", {
      headers: {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Host": "evil",
        "X-Forwarded-Proto": "https",
        "X-HTTP-Method-Override": "DELETE",
      },
    });
    expect(reply.status).toBe(404);
    expect(JSON.stringify(world.log)).not.toContain("6.6.6.6");
    expect(JSON.stringify(reply.json)).not.toContain("evil");
    expect(world.log.find(({ msg }) => msg === "refused")?.remote).toBe("127.0.0.1");
  });

  test("keeps its id when that is well-formed", async () => {
    const own = await world.get("/livez", { "X-Request-Id": "deploy-2026.11" });
    expect(own.headers.get("x-request-id")).toBe("deploy-2026.11");
    for (const id of ["x", "a b c d e f g h", `${"x".repeat(65)}`, '"><script>alert(1)</script>']) {
      const reply = await world.get("/livez", { "X-Request-Id": id });
      expect(reply.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test("leaves no secret in the log (N-69)", async () => {
    world.log.length = 0;
    await world.get("/v1/domains", { Authorization: `Bearer ${world.token}` });
    await world.get(`/v1/domains?token=${world.token}`, { Authorization: `Bearer ${world.token}x` });
    expect(JSON.stringify(world.log)).not.toContain(world.token);
    expect(world.log.length).toBeGreaterThan(0);
  });
});

describe("answers", () => {
  test("carry the security headers, refusals too", async () => {
    for (const path of ["/", "/docs", "/livez", "/nowhere", `/${domain}/metadata/1.root.json`]) {
      const { headers } = await world.get(path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-powered-by")).toBeNull();
      expect(headers.get("set-cookie")).toBeNull();
    }
  });

  test("escape what came from outside (N-67)", async () => {
    const reply = await world.get("/v1/domains/<script>alert(1)<%2fscript>");
    expect(reply.status).toBe(400);
    expect(reply.headers.get("content-type")).toBe("application/problem+json");
    expect(reply.bytes.toString()).not.toContain("<script>");
  });

  test("OpenAPI and the page describe every route, and need nothing from elsewhere", async () => {
    const { json } = await world.get("/openapi.json");
    expect(json).toEqual(JSON.parse(JSON.stringify(openApiDocument("0.1.0"))));
    const page = (await world.get("/docs")).bytes.toString();
    for (const route of Object.values(ROUTES)) expect(page).toContain(route.path.replaceAll("'", "&#39;"));
    for (const code of Object.keys(PROBLEMS)) expect(page).toContain(`id="${code}"`);
    expect(page).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(page).not.toContain("<script");
  });
});

describe("metrics", () => {
  test("have the same series after ten thousand strange requests (N-57)", async () => {
    const series = async () =>
      (await world.get("/metrics")).bytes
        .toString()
        .split("\n")
        .filter((line) => line.startsWith("stemma_") && !line.includes("_bucket"))
        .map((line) => line.replace(/ [^ ]*$/, ""));
    const { hostname, port } = new URL(world.service.url);
    const storm = (count: number, seed: number) =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(Number(port), hostname);
        let answered = 0;
        let rest = "";
        socket.on("data", (chunk) => {
          const parts = (rest + chunk.toString("latin1")).split("X-Request-Id: ");
          answered += parts.length - 1;
          rest = parts.at(-1)?.slice(-20) ?? "";
          if (answered >= count) socket.end(resolve);
        });
        socket.on("error", reject);
        const verbs = ["GET", "PUT", "POST", "PURGE", "REPORT", "M-SEARCH", "DELETE"];
        for (let i = 0; i < count; i += 1) {
          const verb = verbs[i % verbs.length];
          const path = `/${(seed + i).toString(36)}/x${i % 5 === 0 ? "/metadata/timestamp.json" : ""}`;
          socket.write(`${verb} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
        }
      });
    await storm(1000, 0);
    const before = await series();
    await Promise.all([1, 2, 3].map((seed) => storm(3000, seed * 10_000)));
    expect(await series()).toEqual(before);
  });
});
