import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "@jest/globals";
import { fetchBytes, httpSource } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";

const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const refused = (code: string) => expect.objectContaining({ code });
const once = { attempts: 1 };

describe("an HTTP source", () => {
  test("asks for metadata, targets and evidence where a repository serves them", async () => {
    const asked: string[] = [];
    const base = await serve((request, response) => {
      asked.push(request.url ?? "");
      response.end("bytes");
    });
    const source = httpSource(base, "acme");
    const digest = sha256(utf8("x"));
    await source.metadata("root", 2, 100);
    await source.metadata("timestamp", undefined, 100);
    await source.metadata("../odd name", 1, 100);
    await source.target("projects/app/layout.json", digest, 100);
    const found = await source.evidence([digest], 100);
    expect(found.get(digest)?.length).toBe(5);
    expect(asked).toEqual([
      "/acme/metadata/2.root.json",
      "/acme/metadata/timestamp.json",
      "/acme/metadata/1...%2Fodd%20name.json",
      `/acme/targets/projects/app/${digest}.layout.json`,
      `/v1/domains/acme/evidence/${digest}`,
    ]);
  });

  test.each([403, 404])("takes %i for not there", async (status) => {
    const base = await serve((_request, response) => response.writeHead(status).end());
    expect(await fetchBytes(base, 10, once)).toBeUndefined();
  });

  test.each([
    [500, "source_unreachable"],
    [503, "source_unreachable"],
    [429, "source_unreachable"],
    [301, "source_refused"],
    [400, "source_refused"],
    [204, "source_refused"],
  ])("never takes %i for not there (F11)", async (status, code) => {
    const base = await serve((_request, response) =>
      response.writeHead(status, { location: "/elsewhere" }).end(),
    );
    await expect(fetchBytes(base, 10, once)).rejects.toThrow(refused(code));
  });

  test("tries again when a server was down for a moment", async () => {
    let count = 0;
    const base = await serve((_request, response) => {
      count += 1;
      response.writeHead(count < 3 ? 503 : 200).end("back");
    });
    expect(Buffer.from((await fetchBytes(base, 10)) ?? []).toString()).toBe("back");
  });

  test("stops an endless body at its limit (N-54)", async () => {
    let sent = 0;
    const base = await serve((_request, response) => {
      const timer = setInterval(() => {
        sent += 65_536;
        response.write(Buffer.alloc(65_536));
      }, 1);
      response.on("close", () => clearInterval(timer));
    });
    await expect(fetchBytes(base, 100_000, once)).rejects.toThrow(refused("source_too_large"));
    expect(sent).toBeLessThan(50_000_000);
  });

  test("counts decoded bytes, so a small compressed bomb is one as well (N-56)", async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    const base = await serve((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": bomb.length }).end(bomb);
    });
    await expect(fetchBytes(base, 1_000_000, once)).rejects.toThrow(refused("source_too_large"));
  });

  test("gives up on a server that drips or says nothing (N-54)", async () => {
    const silent = await serve(() => undefined);
    await expect(fetchBytes(silent, 10, { ...once, deadline: 100 })).rejects.toThrow(
      refused("source_too_slow"),
    );
    const dripping = await serve((_request, response) => {
      const timer = setInterval(() => response.write("."), 10);
      response.on("close", () => clearInterval(timer));
    });
    await expect(fetchBytes(dripping, 1_000, { ...once, deadline: 200 })).rejects.toThrow(
      refused("source_too_slow"),
    );
  });

  test("reports a truncated body and a closed port as unreachable", async () => {
    const cut = await serve((_request, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("ten bytes.");
      setTimeout(() => response.destroy(), 10);
    });
    await expect(fetchBytes(cut, 1_000, once)).rejects.toThrow(refused("source_unreachable"));
    const server = servers.pop();
    await new Promise((resolve) => server?.close(resolve));
    await expect(fetchBytes(cut, 1_000, once)).rejects.toThrow(refused("source_unreachable"));
  });
});
