import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { parseDigest, utf8 } from "@stemma/encoding";
import { describeBytes, IMAGE_INDEX, writeIndex } from "@stemma/image";
import { blobsOf, checkArtifact, referrersTag } from "@stemma/oci";
import { makeImage, makeIndex, makeReferrer, put } from "../../../test/support/artifacts.ts";
import type { Asked, MemoryRegistry } from "../../../test/support/registry.ts";
import { Desk, readAll, repository } from "./support/desk.ts";

let desk: Desk;
let registry: MemoryRegistry;

beforeEach(async () => {
  desk = await Desk.open();
  registry = await desk.registry();
});
afterEach(() => desk.close());

const refused = (code: string) => expect.objectContaining({ code });
const image = makeImage("amd64");
const content = utf8("0123456789".repeat(100_000));
const large = describeBytes("application/octet-stream", content);

describe("a registry that lies", () => {
  test("about a layer is refused (N-51)", async () => {
    const store = repository(registry);
    await put(store, image, { tag: "1.0" });
    const layer = image.blobs[1] ?? content;
    registry.blobs.set(`sha256:${sha256(layer)}`, utf8("files for someone"));
    await expect(checkArtifact(store, "1.0")).rejects.toThrow(refused("blob_digest_mismatch"));
    registry.blobs.set(`sha256:${sha256(layer)}`, layer.subarray(1));
    await expect(checkArtifact(store, "1.0")).rejects.toThrow(refused("blob_digest_mismatch"));
  });

  test("about a layer of one of the images of an index is refused", async () => {
    const store = repository(registry);
    const images = [image, makeImage("arm64")];
    for (const one of images) await put(store, one);
    await store.writeDocument(makeIndex(images), { tag: "all" });
    await checkArtifact(store, "all");
    registry.blobs.set(`sha256:${sha256(images[1]?.blobs[1] ?? content)}`, utf8("evil"));
    await expect(checkArtifact(store, "all")).rejects.toThrow(refused("blob_digest_mismatch"));
  });

  test("with a blob that never ends is read no further than its size (N-54)", async () => {
    const store = repository(registry);
    await put(store, image, { tag: "1.0" });
    registry.blobs.set(`sha256:${sha256(image.blobs[1] ?? content)}`, new Uint8Array(50_000_000));
    await expect(checkArtifact(store, "1.0")).rejects.toThrow(refused("blob_digest_mismatch"));
  });

  test("about a manifest that was asked for by digest is refused (N-51)", async () => {
    const store = repository(registry);
    await put(store, image, { tag: "1.0" });
    const other = registry.manifests.get("team/app:1.0");
    const evil = makeImage("evil").document;
    registry.manifests.set(`team/app@${image.document.digest}`, {
      mediaType: "",
      ...other,
      bytes: evil.bytes,
    });
    await expect(checkArtifact(store, image.document.digest)).rejects.toThrow(
      refused("manifest_digest_mismatch"),
    );
  });

  test("with a manifest that is too large is refused", async () => {
    registry.intervene = (_asked, response) => {
      response.writeHead(200, { "content-type": IMAGE_INDEX });
      response.end(new Uint8Array(5_000_000).fill(0x20));
      return true;
    };
    await expect(repository(registry).findDocument("1.0")).rejects.toThrow(refused("bad_manifest"));
  });
});

describe("a registry with faults", () => {
  beforeEach(async () => {
    await repository(registry).writeBlob(large, blobsOf(content));
    registry.asked.length = 0;
  });

  test("whose transfers break off is asked for the rest", async () => {
    let broken = 0;
    registry.intervene = ({ headers }, response) => {
      const start = Number(/bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
      if (start >= 600_000) return false;
      broken += 1;
      breakOff(response, content.subarray(start, start + 300_000), content.length - start, start);
      return true;
    };
    expect(await readAll(repository(registry).readBlob(large))).toEqual(Buffer.from(content));
    expect(broken).toBeGreaterThan(1);
    expect(registry.asked.at(-1)?.headers.range).toMatch(/^bytes=\d+-$/);
  });

  test("that knows no ranges sends all of it again", async () => {
    let first = true;
    registry.intervene = (_asked, response) => {
      if (first) breakOff(response, content.subarray(0, 300_000), content.length, 0);
      else response.writeHead(200, { "content-length": content.length }).end(content);
      first = false;
      return true;
    };
    expect(await readAll(repository(registry).readBlob(large))).toEqual(Buffer.from(content));
  });

  test("whose second part is of something else is refused", async () => {
    registry.intervene = ({ headers }, response) => {
      if (headers.range === undefined) breakOff(response, content.subarray(0, 300_000), content.length, 0);
      else return false;
      return true;
    };
    registry.blobs.set(large.digest, utf8("9876543210".repeat(100_000)));
    await expect(readAll(repository(registry).readBlob(large))).rejects.toThrow(
      refused("blob_digest_mismatch"),
    );
  });

  test("that stops sending is given up, again and again, and then for good", async () => {
    registry.intervene = (_asked, response) => {
      response.writeHead(200, { "content-length": content.length });
      response.flushHeaders();
      return true;
    };
    await expect(readAll(repository(registry, "team/app", { idle: 50 }).readBlob(large))).rejects.toThrow(
      refused("registry_unreachable"),
    );
  });

  test("that sends a byte at a time and breaks off is given up", async () => {
    registry.intervene = ({ headers }, response) => {
      const start = Number(/bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
      breakOff(response, content.subarray(start, start + 1), content.length - start, start);
      return true;
    };
    await expect(readAll(repository(registry).readBlob(large))).rejects.toThrow(
      refused("registry_unreachable"),
    );
    expect(registry.asked.length).toBeLessThan(10);
  });

  test("that is busy is asked again when it says", async () => {
    let times = 0;
    registry.intervene = (_asked, response) => {
      times += 1;
      if (times > 2) return false;
      response.writeHead(times === 1 ? 429 : 503, { "retry-after": times === 1 ? "1" : "0" }).end();
      return true;
    };
    const began = performance.now();
    expect(await readAll(repository(registry).readBlob(large))).toHaveLength(content.length);
    expect(performance.now() - began).toBeGreaterThan(990);
    expect(times).toBe(3);
  });

  test("that is busy for an hour is not waited for", async () => {
    registry.intervene = (_asked, response) => {
      response.writeHead(429, { "retry-after": "3600" }).end();
      return true;
    };
    await expect(repository(registry).findDocument("1.0")).rejects.toThrow(/3600 seconds/);
  });

  test("that stays out of order is given up, with its own code for it", async () => {
    registry.intervene = (_asked, response) => {
      response.writeHead(500, { "content-type": "application/json" });
      response.end('{"errors":[{"code":"UNKNOWN","message":"secret stack trace"}]}');
      return true;
    };
    const error = await repository(registry)
      .findDocument("1.0")
      .catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      code: "registry_refused",
      message: expect.stringMatching(/500 \(UNKNOWN\)/),
    });
    expect(String(error)).not.toContain("secret");
    expect(registry.asked).toHaveLength(3);
  });

  test("whose uploads break off gets them anew", async () => {
    let puts = 0;
    registry.intervene = ({ method }, response) => {
      if (method !== "PUT") return false;
      puts += 1;
      if (puts === 1) return response.destroy() !== undefined;
      if (puts > 2) return false;
      response.writeHead(503, { "retry-after": "0" }).end();
      return true;
    };
    const blob = describeBytes("text/plain", utf8("again"));
    expect(await repository(registry).writeBlob(blob, blobsOf(utf8("again")))).toBe("written");
    expect(puts).toBe(3);
  });

  test("that does not answer at all is out of reach", async () => {
    const gone = await desk.registry();
    const store = repository(gone);
    await gone.stop();
    await expect(store.findDocument("1.0")).rejects.toThrow(refused("registry_unreachable"));
  });
});

describe("redirects", () => {
  let elsewhere: Server;
  let host: string;
  const there: Asked[] = [];

  beforeEach(async () => {
    there.length = 0;
    elsewhere = createServer((request, response) => {
      there.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers });
      const isIndex = request.url?.includes("referrers") === true;
      const bytes = isIndex ? writeIndex({ manifests: [] }) : content;
      response.writeHead(200, isIndex ? { "content-type": IMAGE_INDEX } : {}).end(bytes);
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
    host = `127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => elsewhere.close(resolve)));

  const login = { kind: "basic", username: "robot", password: "hunter2" } as const;
  const credentials = async () => ({ ...login, kind: "password" as const });

  test("of blobs are followed, and no login with them", async () => {
    const locked = await desk.registry({ login });
    locked.intervene = ({ headers }, response) => {
      if (headers.authorization === undefined) return false;
      response.writeHead(307, { location: `http://${host}/storage?signature=x` }).end();
      return true;
    };
    const store = repository(locked, "team/app", { credentials });
    expect(await readAll(store.readBlob(large))).toHaveLength(content.length);
    expect(locked.asked.at(-1)?.headers.authorization).toMatch(/^Basic /);
    expect(there).toHaveLength(1);
    expect(there[0]?.headers.authorization).toBeUndefined();
  });

  test("without end are refused", async () => {
    registry.intervene = ({ path }, response) => {
      response.writeHead(302, { location: path }).end();
      return true;
    };
    await expect(readAll(repository(registry).readBlob(large))).rejects.toThrow(/redirects without end/);
  });

  test("of referrers mean that the registry knows none: the tag is read", async () => {
    const store = repository(registry);
    await put(store, image, { tag: "1.0" });
    const sbom = makeReferrer(image.document, "text/spdx", "sbom");
    await put(store, sbom);
    registry.intervene = ({ path }, response) => {
      if (!path.includes("/referrers/")) return false;
      response.writeHead(303, { location: `http://${host}/v2/x/referrers/y` }).end();
      return true;
    };
    const listed = await store.listReferrers(image.document.digest);
    expect(listed.map(({ digest }) => digest)).toEqual([sbom.document.digest]);
    expect(there).toEqual([]);
  });

  test("of an upload to another host are refused", async () => {
    registry.intervene = ({ method }, response) => {
      if (method !== "POST") return false;
      response.writeHead(202, { location: `http://${host}/take-it` }).end();
      return true;
    };
    await expect(repository(registry).writeBlob(large, blobsOf(content))).rejects.toThrow(
      refused("registry_refused"),
    );
    expect(there).toEqual([]);
  });
});

describe("lists of referrers", () => {
  const subject = image.document.digest;
  const page = (link?: string) => (_asked: Asked, response: ServerResponse) => {
    response.writeHead(200, { "content-type": IMAGE_INDEX, ...(link === undefined ? {} : { link }) });
    response.end(writeIndex({ manifests: [describeBytes("text/x", utf8(String(Math.random())))] }));
    return true;
  };

  test("with pages without end are refused", async () => {
    registry.intervene = (asked, response) =>
      page(`<${asked.path.split("?")[0]}?last=${Math.random()}>; rel="next"`)(asked, response);
    await expect(repository(registry).listReferrers(subject)).rejects.toThrow(refused("too_many_referrers"));
    expect(registry.asked.length).toBeLessThan(100);
  });

  test("with pages elsewhere are refused", async () => {
    registry.intervene = page('<http://registry.invalid/v2/x>; rel="next"');
    await expect(repository(registry).listReferrers(subject)).rejects.toThrow(refused("registry_refused"));
  });

  test("with a page that fails are refused, rather than cut short", async () => {
    registry.intervene = (asked, response) => {
      if (!asked.path.includes("last=")) return page('<?last=x>; rel="next"')(asked, response);
      response.writeHead(404).end();
      return true;
    };
    await expect(repository(registry).listReferrers(subject)).rejects.toThrow(refused("registry_refused"));
  });

  test("of a registry that is busy are not taken for empty", async () => {
    registry.intervene = (_asked, response) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(repository(registry).listReferrers(subject)).rejects.toThrow(refused("registry_refused"));
  });

  test.each<[string, (response: ServerResponse) => void]>([
    ["404", (response) => response.writeHead(404).end()],
    [
      "a page for people",
      (response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
    ],
    ["a manifest's type", (response) => response.writeHead(200, { "content-type": "a/b" }).end("{}")],
    ["400", (response) => response.writeHead(400).end()],
    ["401", (response) => response.writeHead(401, { "www-authenticate": "Basic" }).end()],
    ["403", (response) => response.writeHead(403).end()],
    ["500", (response) => response.writeHead(500).end()],
  ])("are read from the tag when the registry answers %s", async (_name, answer) => {
    const store = repository(registry);
    await put(store, image, { tag: "1.0" });
    const sbom = makeReferrer(image.document, "text/spdx", "sbom");
    await put(store, sbom);
    registry.intervene = ({ path }, response) => {
      if (!path.includes("/referrers/")) return false;
      answer(response);
      return true;
    };
    const listed = await store.listReferrers(subject);
    expect(listed.map(({ digest }) => digest)).toEqual([sbom.document.digest]);
  });

  test("that are no index under the tag are refused, and not written over", async () => {
    const store = repository(registry);
    await put(store, image, { tag: "1.0" });
    await put(store, makeImage("arm64"), { tag: referrersTag(subject) });
    await expect(store.listReferrers(subject)).rejects.toThrow(refused("bad_manifest"));
    await expect(put(store, makeReferrer(image.document, "text/spdx", "x"))).rejects.toThrow(
      refused("bad_manifest"),
    );
  });

  test.each(["a manifest", "an index"])(
    "are none where cosign copy left %s under its own tag",
    async (kind) => {
      const store = repository(registry);
      await put(store, image, { tag: "1.0" });
      const document = kind === "an index" ? makeIndex([image]) : image.document;
      await store.writeDocument(document, { tag: referrersTag(document.digest) });
      expect(await store.listReferrers(document.digest)).toEqual([]);
      const sbom = makeReferrer(document, "text/spdx", "x");
      await put(store, sbom);
      const listed = await store.listReferrers(document.digest);
      expect(listed.map(({ digest }) => digest)).toEqual([sbom.document.digest]);
    },
  );

  test("of a registry that does not tell their types are not lost", async () => {
    const entry = { ...describeBytes("text/x", content), artifactType: "application/vnd.oci.empty.v1+json" };
    registry.intervene = (_asked, response) => {
      response.writeHead(200, { "content-type": IMAGE_INDEX });
      response.end(writeIndex({ manifests: [entry, { ...entry, artifactType: "text/other" }] }));
      return true;
    };
    const listed = await repository(registry).listReferrers(subject, { artifactType: "text/spdx" });
    expect(listed.map(({ artifactType }) => artifactType)).toEqual([entry.artifactType]);
    expect(registry.asked.at(-1)?.path).not.toContain("artifactType");
  });

  test("are not kept by a client where the registry keeps them", async () => {
    const able = await desk.registry({ referrers: true });
    const store = repository(able);
    await put(store, image, { tag: "1.0" });
    await put(store, makeReferrer(image.document, "text/spdx", "x"));
    expect(await store.findDocument(referrersTag(subject))).toBeUndefined();
  });

  test("written by many at once have all of them", async () => {
    const store = repository(registry);
    await put(store, image, { tag: "1.0" });
    const many = Array.from({ length: 12 }, (_, at) => makeReferrer(image.document, "text/spdx", `${at}`));
    await Promise.all(many.map((one) => put(store, one)));
    expect(await store.listReferrers(subject)).toHaveLength(12);
  });
});

test("a blob is lent from one repository of a registry to another, and only there", async () => {
  const [one, two] = [repository(registry, "team/one"), repository(registry, "team/two")];
  await one.writeBlob(large, blobsOf(content));
  expect(await two.writeBlob(large, one)).toBe("mounted");
  expect(registry.asked.some(({ method, path }) => method === "GET" && path.includes("/blobs/"))).toBe(false);
  const other = await desk.registry();
  expect(await repository(other).writeBlob(large, one)).toBe("written");
});

test("a digest of sha512 names the same bytes", async () => {
  const store = repository(registry);
  const bytes = image.document.bytes;
  const { createHash } = await import("node:crypto");
  const digest = parseDigest(`sha512:${createHash("sha512").update(bytes).digest("hex")}`);
  registry.intervene = (_asked, response) => {
    response.writeHead(200).end(bytes);
    return true;
  };
  expect((await store.findDocument(digest))?.digest).toBe(digest);
});

/** Sends a part of what was announced, and hangs up. */
function breakOff(response: ServerResponse, part: Uint8Array, announced: number, start: number): void {
  response.writeHead(start > 0 ? 206 : 200, {
    "content-length": announced,
    ...(start > 0 ? { "content-range": `bytes ${start}-${start + announced - 1}/${start + announced}` } : {}),
  });
  response.write(part, () => setTimeout(() => response.destroy(), 20));
}
