import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import { checkArtifactName, DEFAULT_LIMITS } from "@stemma/in-toto";
import fc from "fast-check";
import { artifactName, DEFAULT_EXCLUDES, isExcluded, recordArtifacts } from "../src/artifacts.ts";

let workdir: string;
const warnings: string[] = [];
beforeEach(async () => {
  workdir = await realpath(await mkdtemp(join(tmpdir(), "stemma-artifacts-")));
  warnings.length = 0;
});
afterEach(() => rm(workdir, { recursive: true, force: true }));

const record = (paths: readonly string[], exclude: readonly string[] = DEFAULT_EXCLUDES) =>
  recordArtifacts(paths, { workdir, exclude, warn: (text) => warnings.push(text) });

async function put(name: string, text = name): Promise<void> {
  await mkdir(join(workdir, name, ".."), { recursive: true });
  await writeFile(join(workdir, name), text);
}

describe("recordArtifacts", () => {
  test("records every file below a folder once, sorted by code point, with its sha256", async () => {
    for (const name of ["b/2", "b/10", "a", "b/é", "Z"]) await put(name);
    const found = await record([".", "b", "./b/../a"]);
    expect([...found]).toEqual(
      ["Z", "a", "b/10", "b/2", "b/é"].map((name) => [name, new Map([["sha256", sha256(utf8(name))]])]),
    );
  });

  test("hashes files larger than one read", async () => {
    const text = "0123456789abcdef".repeat(200_000);
    await put("large", text);
    expect((await record(["large"])).get("large")?.get("sha256")).toBe(sha256(utf8(text)));
  });

  test("leaves out links and git's own files, and what --exclude says", async () => {
    for (const name of [".git/config", "build.1a2b.link", "src/a.o", "src/a.c", "out/x/a.c"]) await put(name);
    expect([...(await record(["."], [...DEFAULT_EXCLUDES, "*.o", "out/*"])).keys()]).toEqual(["src/a.c"]);
  });

  test("records a symbolic link to a file by its own name, and follows none to a folder", async () => {
    await put("real/file", "content");
    await symlink("real/file", join(workdir, "link"));
    await symlink("real", join(workdir, "folder"));
    const found = await record(["."]);
    expect([...found.keys()]).toEqual(["link", "real/file"]);
    expect(found.get("link")).toEqual(found.get("real/file"));
    expect(warnings).toEqual([expect.stringContaining("folder")]);
  });

  test("refuses what it could only leave out in silence", async () => {
    await symlink("/etc/passwd", join(workdir, "outside"));
    await expect(record(["."])).rejects.toMatchObject({ code: "path_outside_workdir" });
    await rm(join(workdir, "outside"));
    await symlink("nowhere", join(workdir, "dangling"));
    await expect(record(["."])).rejects.toMatchObject({ code: "not_a_regular_file" });
    await rm(join(workdir, "dangling"));
    if (spawnSync("mkfifo", [join(workdir, "pipe")]).status === 0) {
      await expect(record(["."])).rejects.toMatchObject({ code: "not_a_regular_file" });
      await rm(join(workdir, "pipe"));
    }
    await expect(record(["missing"])).rejects.toMatchObject({ code: "file_unreadable" });
    await put("back\\slash");
    await expect(record(["."])).rejects.toMatchObject({ code: "name_not_recordable" });
  });
});

const segment = fc.stringMatching(/^[a-z]{1,3}$/);
const detour = fc.constantFrom(".", "", "x/..", "./y/.././.");

describe("artifactName", () => {
  test("is the normal form of every way to write a path below the folder", () => {
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1, maxLength: 5 }),
        fc.array(detour, { maxLength: 5 }),
        (parts, ways) => {
          const written = parts.map(
            (part, index) => `${ways[index] === undefined ? "" : `${ways[index]}/`}${part}`,
          );
          // A way that begins with nothing would be an absolute path.
          const path = `./${written.join("/")}`;
          const name = artifactName("/work", path);
          expect(name).toBe(parts.join("/"));
          expect(() => checkArtifactName(name, DEFAULT_LIMITS.nameLength, "test")).not.toThrow();
          expect(artifactName("/base", `/base/${path}`)).toBe(name);
        },
      ),
    );
  });

  test("refuses every path that leaves the folder", () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 3 }), segment, (down, last) => {
        const path = [...down, ...down.map(() => ".."), "..", last].join("/");
        fc.pre(last !== "work");
        expect(() => artifactName("/top/work", path)).toThrow(/outside/);
      }),
    );
    expect(() => artifactName("/top/work", "/top/workshop")).toThrow(/outside/);
    expect(artifactName("/top/work", "..file")).toBe("..file");
  });
});

test("a pattern without a slash is about every part of a name, one with a slash about the whole", () => {
  expect(isExcluded("a/node_modules/b/c", ["node_modules"])).toBe(true);
  expect(isExcluded("a/b.o", ["*.o"])).toBe(true);
  expect(isExcluded("a/b/c", ["b/*"])).toBe(false);
  expect(isExcluded("b/c/d", ["b/*"])).toBe(true);
});
