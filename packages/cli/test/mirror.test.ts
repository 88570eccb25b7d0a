import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { asyncSource, folderDestination, mirrorDomain } from "@stemma/client";
import type { Verdict } from "@stemma/lineage";
import { DomainFixture } from "../../../test/support/domain.ts";
import { MemoryRegistry } from "../../../test/support/registry.ts";
import { StaticServer } from "../../../test/support/static-server.ts";
import { Desk } from "./support/command-line.ts";

let desk: Desk;
let domain: DomainFixture;
let registry: MemoryRegistry;
beforeEach(async () => {
  desk = await Desk.create();
  domain = await DomainFixture.create();
  await domain.moveToPresent();
  registry = await MemoryRegistry.start();
  await writeFile(desk.path("root.json"), domain.root);
  await writeFile(desk.path("app"), domain.artifact);
  await serve();
});
afterEach(async () => {
  await registry.stop();
  await desk.remove();
});

const ROOT = ["--root", "root.json"];
const plain = "--plain-http";
const repository = () => `oci:${registry.host}/trust/example`;

/** The domain as its service would give it: a folder that is always up to date. */
async function serve(): Promise<void> {
  await mirrorDomain({
    root: domain.root,
    source: asyncSource(domain.source),
    destination: folderDestination(desk.path("origin")),
    time: new Date(),
  });
}

const mirror = (to: string, expected = 0, ...more: string[]) =>
  desk.json<{ versions: { timestamp: number }; files: { written: number; kept: number } }>(
    ["mirror", "--to", to, "--source", "origin", "--cache", `cache-${expected}`, plain, ...ROOT, ...more],
    expected,
  );

const verify = (expected: number, ...sources: string[]) =>
  desk.json<Verdict>(
    [
      ...["verify", "app", ...ROOT, plain, "--cache", "cache"],
      ...sources.flatMap((source) => ["--source", source]),
    ],
    expected,
  );

const tags = () =>
  [...registry.manifests.keys()].flatMap((key) => /^trust\/example:(.+)$/.exec(key)?.[1] ?? []);

const timestampOf = ({ freshness }: Verdict) =>
  freshness.roles.find(({ role }) => role === "timestamp")?.version;

describe("a mirror", () => {
  test("on a web server and in a registry gives the verdict of the domain, alone and together", async () => {
    expect(await mirror("copy")).toMatchObject({
      versions: { timestamp: 2 },
      files: { written: 4, kept: 0 },
    });
    expect(await mirror(repository())).toMatchObject({
      versions: { timestamp: 2 },
      files: { written: 4, kept: 0 },
    });
    const server = await StaticServer.start(desk.path("copy"));
    try {
      for (const sources of [
        [server.url],
        [repository()],
        ["copy"],
        [repository(), server.url, "copy", "http://127.0.0.1:9"],
      ]) {
        const found = await verify(0, ...sources);
        expect(found).toMatchObject({ decision: "allow", project: "app", digest: domain.digest });
      }
    } finally {
      await server.stop();
    }
  }, 60_000);

  test("in a registry has a tag for every role version, and keeps old ones", async () => {
    await mirror(repository());
    const first = [
      "1.root",
      "2.snapshot",
      "1.targets",
      "1.app",
      "2.artifacts",
      "2.bin-0",
      "2.bin-3",
      "timestamp",
    ];
    expect(tags()).toEqual(expect.arrayContaining(first));
    await domain.publish();
    await serve();
    expect(await mirror(repository())).toMatchObject({
      versions: { timestamp: 3 },
      files: { written: 0, kept: 4 },
    });
    expect(tags()).toEqual(expect.arrayContaining([...first, "3.snapshot", "3.bin-0"]));
    expect(timestampOf(await verify(0, repository()))).toBe(3);
    const targets = JSON.parse(
      Buffer.from(registry.manifests.get("trust/example:1.app")?.bytes ?? []).toString(),
    );
    expect(targets.layers).toMatchObject([
      { mediaType: "application/vnd.tuf.metadata+json", annotations: { "tuf.io/filename": "1.app.json" } },
      {
        mediaType: "application/vnd.tuf.target",
        annotations: { "tuf.io/filename": expect.stringContaining("layout") },
      },
    ]);
  }, 60_000);

  test("is written so that readers see the old state until the end", async () => {
    await mirror(repository());
    await domain.publish();
    await serve();
    // A registry that refuses the last manifest: everything else is there.
    registry.intervene = ({ method, path }, response) => {
      if (method !== "PUT" || !path.endsWith("/manifests/timestamp")) return false;
      response.writeHead(403, { "content-type": "application/json" }).end('{"errors":[{"code":"DENIED"}]}');
      return true;
    };
    await mirror(repository(), 3);
    registry.intervene = undefined;
    expect(tags()).toContain("3.snapshot");
    expect(timestampOf(await verify(0, repository()))).toBe(2);
    const asked = registry.asked.length;
    await mirror(repository());
    const uploads = registry.asked.slice(asked).filter(({ method }) => method === "POST");
    expect(uploads).toEqual([]);
    expect(timestampOf(await verify(0, repository()))).toBe(3);
  }, 60_000);

  test("does not go back, and copies nothing that is incomplete", async () => {
    await mirror("old");
    await domain.publish();
    await serve();
    await mirror("copy");
    const before = await readFile(desk.path("copy", "metadata", "timestamp.json"));
    const back = ["mirror", "--to", "copy", "--source", "old", ...ROOT];
    expect(await desk.json(back, 1)).toHaveProperty("error.code", "rollback");
    expect(await readFile(desk.path("copy", "metadata", "timestamp.json"))).toEqual(before);
    const [lost = ""] = await readdir(desk.path("origin", "evidence"));
    await rm(desk.path("origin", "evidence", lost));
    expect(await mirror("new", 3)).toHaveProperty("error.code", "mirror_incomplete");
    expect(await readdir(desk.path("new", "metadata"))).not.toContain("timestamp.json");
    // What one source lacks, another has.
    await mirror("new", 0, "--source", "old");
    expect((await verify(0, "new")).decision).toBe("allow");
  }, 60_000);

  test("in a registry that lies is no verdict or a denial, and does no harm beside a good one", async () => {
    await mirror(repository());
    await mirror("copy");
    const name = domain.records.get(domain.digest)?.evidence[0]?.sha256;
    const bytes = registry.blobs.get(`sha256:${name}`) as Uint8Array;
    registry.blobs.set(`sha256:${name}`, Buffer.from(bytes).reverse());
    expect(await verify(3, repository())).toHaveProperty("error.code", "source_refused");
    expect((await verify(0, repository(), "copy")).decision).toBe("allow");
    registry.blobs.delete(`sha256:${name}`);
    expect((await verify(1, repository())).reasons).toMatchObject([{ code: "evidence_missing" }]);
    expect((await verify(0, repository(), "copy")).decision).toBe("allow");
  }, 60_000);

  test("goes to a place that can be written to", async () => {
    for (const to of ["http://127.0.0.1:1/", `${repository()}:latest`]) {
      expect(await mirror(to, 2)).toHaveProperty("error.code", "usage");
    }
    await writeFile(desk.path("file"), "");
    expect(await mirror("file", 3)).toHaveProperty("error.code", "mirror_unwritable");
  }, 60_000);
});

test("an address with a login is refused, and the login is not repeated", async () => {
  const address = "http://user:secret@127.0.0.1:9/";
  for (const command of [
    ["verify", "app", ...ROOT, "--source", address, "--project", "app"],
    ["verify", "app", ...ROOT, "--server", address, "--domain", "example", "--project", "app"],
    [
      ...["record", "app", "--evidence", "app", "--project", "app"],
      "--server",
      address,
      "--domain",
      "example",
    ],
  ]) {
    const said = await desk.stemma([...command, "--json"]);
    expect(said.code).toBeGreaterThan(0);
    expect(JSON.stringify(said)).not.toContain("secret");
    expect(JSON.stringify(said)).toContain("login");
  }
});
