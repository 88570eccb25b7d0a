import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Repository } from "../../packages/tuf/test/support/repository.ts";
import { repositoryRoot } from "../support/service.ts";

const client = join(repositoryRoot, "test/conformance/tuf-client");
const FAR = new Date("2099-01-01T00:00:00Z");

let folder: string;
let server: Server;
let repository: Repository;
let requests: string[];
const at = (...parts: string[]) => join(folder, ...parts);
const base = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stemma-conformance-"));
  requests = [];
  repository = await Repository.create((made) => {
    for (const role of ["root", "timestamp", "snapshot"]) made.expires.set(role, FAR);
    made.role("targets").expires = FAR;
    made.addTarget("targets", "dir/file.txt", "content");
    made.addTarget("targets", "other.txt", "other");
  });
  server = createServer((request, response) => {
    const path = request.url ?? "";
    requests.push(path);
    const metadata = /^\/metadata\/(?:(\d+)\.)?(.+)\.json$/.exec(path);
    const bytes =
      metadata === null
        ? [...repository.artifacts].find(([name]) => path === targetPath(name))?.[1]
        : repository.fetch(
            decodeURIComponent(metadata[2] ?? ""),
            metadata[1] === undefined ? undefined : Number(metadata[1]),
          );
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await writeFile(at("trusted.json"), repository.file("1.root"));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function targetPath(name: string): string {
  const digest = repository.role("targets").targets.get(name)?.hashes.get("sha256");
  const slash = name.lastIndexOf("/") + 1;
  return `/targets/${name.slice(0, slash)}${digest}.${name.slice(slash)}`;
}

/** Spawned directly, from a folder that has nothing to do with the checkout. */
async function run(...args: string[]): Promise<number> {
  try {
    await promisify(execFile)(client, ["--metadata-dir", at("metadata"), ...args], { cwd: folder });
    return 0;
  } catch (error) {
    return (error as { code: number }).code;
  }
}

const init = () => run("init", at("trusted.json"));
const refresh = () => run("--metadata-url", `${base()}/metadata/`, "refresh");
const download = (...names: string[]) =>
  run(
    ...["--metadata-url", `${base()}/metadata/`, ...names.flatMap((name) => ["--target-name", name])],
    ...["--target-base-url", `${base()}/targets/`, "--target-dir", at("targets"), "download"],
  );

describe("the adapter of tuf-conformance", () => {
  test("init copies the root and asks nobody", async () => {
    expect(await init()).toBe(0);
    expect(await readdir(at("metadata"))).toEqual(["root.json"]);
    expect(requests).toEqual([]);
  });

  test("refresh asks in the order of the specification, and keeps exact bytes under unversioned names", async () => {
    await init();
    expect(await refresh()).toBe(0);
    expect(requests).toEqual([
      "/metadata/2.root.json",
      "/metadata/timestamp.json",
      "/metadata/1.snapshot.json",
      "/metadata/1.targets.json",
    ]);
    expect((await readdir(at("metadata"))).sort()).toEqual([
      "root.json",
      "snapshot.json",
      "targets.json",
      "timestamp.json",
    ]);
    for (const [name, file] of [
      ["timestamp", "timestamp"],
      ["snapshot", "1.snapshot"],
      ["targets", "1.targets"],
    ] as const) {
      const kept = await readFile(at("metadata", `${name}.json`));
      expect(Buffer.compare(kept, repository.file(file))).toBe(0);
    }
  });

  test("a new root takes the place of root.json", async () => {
    await init();
    await repository.publishRoot();
    expect(await refresh()).toBe(0);
    expect(Buffer.compare(await readFile(at("metadata", "root.json")), repository.file("2.root"))).toBe(0);
  });

  test("refuses with exit code 1 what is not signed, and goes on after it is mended", async () => {
    await init();
    const good = repository.file("timestamp");
    repository.files.set("timestamp", Buffer.from('{"signed":{},"signatures":[]}'));
    expect(await refresh()).toBe(1);
    repository.files.set("timestamp", good);
    expect(await refresh()).toBe(0);
  });

  test("downloads in order, stops at the first failure, and does not fetch again what is there", async () => {
    await init();
    expect(await download("dir/file.txt", "missing.txt", "other.txt")).toBe(1);
    expect(await readdir(at("targets"))).toEqual(["dir%2Ffile.txt"]);
    expect(await readFile(at("targets", "dir%2Ffile.txt"), "utf8")).toBe("content");
    requests.length = 0;
    expect(await download("dir/file.txt", "other.txt")).toBe(0);
    expect(requests.filter((path) => path.startsWith("/targets/"))).toEqual([targetPath("other.txt")]);
  });

  test("replaces a target on disk that is not the right one, and refuses one that the repository changed", async () => {
    await init();
    await mkdir(at("targets"));
    await writeFile(at("targets", "other.txt"), "wrong");
    expect(await download("other.txt")).toBe(0);
    expect(await readFile(at("targets", "other.txt"), "utf8")).toBe("other");
    repository.artifacts.set("dir/file.txt", Buffer.from("changed"));
    expect(await download("dir/file.txt")).toBe(1);
    expect(await readdir(at("targets"))).toEqual(["other.txt"]);
  });

  test.each([[[]], [["--metadata-url", "http://127.0.0.1:9/", "frobnicate"]], [["refresh"]]])(
    "wrong usage %j is exit code 2",
    async (args) => {
      await init();
      expect(await run(...args)).toBe(2);
    },
  );
});
