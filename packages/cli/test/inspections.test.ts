import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { asKeyId, publicKeyFromPem, sha256 } from "@stemma/crypto";
import { decodeUtf8, parseDigest, utf8 } from "@stemma/encoding";
import { type ItemArtifacts, verifyLayout } from "@stemma/in-toto";
import { type Header, pack } from "tar-stream";
import { describeWithVectors, vector } from "../../in-toto/test/support/vectors.ts";
import { archiveNamed, listArchive } from "../src/inspect-archive.ts";
import { Desk, type Said } from "./support/command-line.ts";
import { type ProjectContent, ProjectDesk } from "./support/project-desk.ts";

let desk: Desk;
/** Where folders of inspections are made. */
let scratch: string;
beforeEach(async () => {
  desk = await Desk.create();
  scratch = await mkdtemp(join(tmpdir(), "stemma-scratch-"));
  desk.env.TMPDIR = scratch;
});
afterEach(async () => {
  expect(await readdir(scratch)).toEqual([]);
  await desk.remove();
  await rm(scratch, { recursive: true, force: true });
});

type Entry = readonly [name: string, content: string, header?: Partial<Header>];

async function archive(...entries: readonly Entry[]): Promise<Buffer> {
  const packer = pack();
  for (const [name, content, header] of entries) packer.entry({ name, ...header }, content);
  packer.finalize();
  return buffer(packer);
}

const hash = (text: string): string => sha256(utf8(text));
/** The archive holds what the step source made, and nothing else. */
const UNTAR = {
  name: "untar",
  run: ["tar", "xzf", "app.tgz"],
  materials: [
    ["MATCH", "app.tgz", "WITH", "PRODUCTS", "FROM", "package"],
    ["DISALLOW", "*"],
  ],
  products: [
    ["MATCH", "*", "WITH", "PRODUCTS", "FROM", "source"],
    ["ALLOW", "app.tgz"],
    ["DISALLOW", "*"],
  ],
};
const SOURCES = { "src/a.txt": hash("a"), "b.txt": hash("b") };

const project = (content: Partial<ProjectContent>): Promise<ProjectDesk> =>
  ProjectDesk.create(desk, { artifact: utf8("the artifact"), inspections: [], sources: SOURCES, ...content });

const codes = ({ stdout }: Said): string[] =>
  (JSON.parse(stdout) as { reasons: { code: string }[] }).reasons.map(({ code }) => code);

describe("an archive is unpacked without running anything", () => {
  test.each([
    [["tar", "xzf", "app.tgz"], true],
    [["tar", "xf", "app.tgz"], true],
    [["tar", "-xzvf", "app.tgz"], true],
    [["tar", "xf", "app.tgz"], false],
  ])("%j", async (run, compressed) => {
    const tar = await archive(
      ["./", "", { type: "directory" }],
      ["src/", "", { type: "directory" }],
      ["./src/a.txt", "a"],
      ["b.txt", "b"],
    );
    const artifact = compressed ? gzipSync(tar) : tar;
    const said = await (await project({ artifact, inspections: [{ ...UNTAR, run }] })).verify("app.tgz");
    expect(said.stderr).toBe("");
    expect(codes(said)).toEqual([]);
    expect(said.code).toBe(0);
    expect(JSON.parse(said.stdout).lineage.inspections[0].products.entries).toHaveLength(3);
  });

  test("under whatever name it was downloaded", async () => {
    const artifact = gzipSync(await archive(["b.txt", "b"]));
    const at = await project({ artifact, product: "app.tgz", inspections: [UNTAR] });
    await writeFile(desk.path("download.bin"), artifact);
    expect((await at.verify("download.bin")).code).toBe(0);
  });

  test("another file in it, or another content, fails by its rule", async () => {
    for (const entry of [
      ["c.txt", "c"],
      ["b.txt", "evil"],
    ] as const) {
      const artifact = gzipSync(await archive(["src/a.txt", "a"], entry));
      const said = await (await project({ artifact, inspections: [UNTAR] })).verify("app.tgz");
      expect(codes(said)).toEqual(["rule_failed"]);
    }
  });

  test("a digest alone has nothing to be unpacked", async () => {
    const at = await project({ artifact: gzipSync(await archive(["b.txt", "b"])), inspections: [UNTAR] });
    const said = await at.verify(at.digest);
    expect(codes(said)).toEqual(["unsupported_inspection"]);
    expect(said.stderr).toContain("name the artifact's file");
  });

  const afterItsEnd = async (): Promise<Buffer> =>
    Buffer.concat([await archive(["src/a.txt", "a"]), await archive(["b.txt", "b"])]);
  test.each<[string, () => Promise<Buffer>]>([
    ["a path that leads out", () => archive(["../b.txt", "b"])],
    ["a path that leads out on the way", () => archive(["src/../../b.txt", "b"])],
    ["an absolute path", () => archive(["/b.txt", "b"])],
    ["a path that is not normal", () => archive(["src//a.txt", "a"])],
    ["a symbolic link", () => archive(["b.txt", "", { type: "symlink", linkname: "/etc/passwd" }])],
    [
      "a hard link",
      () => archive(["src/a.txt", "a"], ["b.txt", "", { type: "link", linkname: "src/a.txt" }]),
    ],
    ["a device", () => archive(["b.txt", "", { type: "character-device" }])],
    ["one name twice", () => archive(["b.txt", "evil"], ["./b.txt", "b"])],
    ["a file for a folder", () => archive(["src", "x"], ["src/a.txt", "a"])],
    ["a folder for a file", () => archive(["src/a.txt", "a"], ["src", "x"])],
    ["the archive itself", () => archive(["app.tgz", "x"])],
    ["entries after its end", afterItsEnd],
    ["half an entry", async () => (await archive(["b.txt", "b".repeat(2000)])).subarray(0, 1500)],
    ["no archive at all", async () => Buffer.from("not an archive".repeat(100))],
  ])("%s is not unpacked", async (_name, make) => {
    const artifact = gzipSync(await make());
    const said = await (await project({ artifact, inspections: [UNTAR] })).verify("app.tgz");
    expect(codes(said)).toEqual(["unsupported_inspection"]);
    expect(said.stderr).toContain("The inspection untar was not carried out");
  });

  test("nor what grows beyond all measure, nor what is not compressed as the command says", async () => {
    const bomb = gzipSync(Buffer.alloc(260 * 1024 * 1024));
    for (const artifact of [bomb, await archive(["b.txt", "b"])]) {
      const said = await (await project({ artifact, inspections: [UNTAR] })).verify("app.tgz");
      expect(codes(said)).toEqual(["unsupported_inspection"]);
    }
  }, 60_000);
});

describe("a command of a layout", () => {
  const RUN = "--run-inspections";
  const inspecting = (...run: readonly string[]): Promise<ProjectDesk> =>
    project({ inspections: [{ name: "look", run }] });
  /** `sh -c` is nothing that Stemma adds: a layout may name a shell like any program. */
  const script = (text: string): Promise<ProjectDesk> => inspecting("sh", "-c", text);

  test("is not run unless that is asked for", async () => {
    const at = await inspecting("touch", join(desk.folder, "ran"));
    const said = await at.verify("app.tgz");
    expect([said.code, codes(said)]).toEqual([1, ["unsupported_inspection"]]);
    expect(existsSync(desk.path("ran"))).toBe(false);
  });

  test("is not run for a layout that nobody of the project signed", async () => {
    const at = await inspecting("touch", join(desk.folder, "ran"));
    const other = await ProjectDesk.create(await Desk.create(), { artifact: utf8("x"), inspections: [] });
    await writeFile(desk.path("root.json"), other.domain.root);
    await other.desk.remove();
    expect((await at.verify("app.tgz", RUN)).code).toBe(1);
    expect(existsSync(desk.path("ran"))).toBe(false);
  });

  test("finds the artifact, and what it makes, in a folder of its own", async () => {
    const at = await project({
      product: "dist/app.tgz",
      inspections: [
        {
          name: "look",
          run: ["sh", "-c", "cp dist/app.tgz copy && pwd > where"],
          materials: [
            ["MATCH", "dist/app.tgz", "WITH", "PRODUCTS", "FROM", "package"],
            ["DISALLOW", "*"],
          ],
          products: [
            ["REQUIRE", "copy"],
            ["ALLOW", "copy"],
            ["ALLOW", "dist/app.tgz"],
            ["ALLOW", "where"],
            ["DISALLOW", "*"],
          ],
        },
      ],
    });
    const said = await at.verify("app.tgz", RUN);
    expect([said.code, codes(said)]).toEqual([0, []]);
    const [{ products }] = JSON.parse(said.stdout).lineage.inspections;
    expect(products.entries.map(({ name }: { name: string }) => name)).toEqual([
      "copy",
      "dist/app.tgz",
      "where",
    ]);
    expect(await readdir(desk.folder)).not.toContain("copy");
  });

  test("has none of the environment, and no input", async () => {
    desk.env.STEMMA_PASSPHRASE = "secret";
    desk.env.NODE_OPTIONS = "";
    const at = await script(
      'test -z "$STEMMA_PASSPHRASE$NODE_OPTIONS$TMPDIR" && test "$HOME" = "$PWD" && test -z "$(cat)"',
    );
    expect((await at.verify("app.tgz", RUN)).code).toBe(0);
  });

  test("is of the system's folders alone, never of the artifact's or of PATH (N-49)", async () => {
    await writeFile(desk.path("look"), `#!/bin/sh\ntouch ${desk.path("ran")}\n`);
    await chmod(desk.path("look"), 0o755);
    desk.env.PATH = `.:${desk.folder}:${process.env.PATH}`;
    for (const program of ["look", "./look", "./app.tgz", "app.tgz", ""]) {
      const said = await (await inspecting(program)).verify("app.tgz", RUN);
      expect([program, codes(said)]).toEqual([program, ["unsupported_inspection"]]);
    }
    expect(existsSync(desk.path("ran"))).toBe(false);
  }, 60_000);

  test("that fails, denies", async () => {
    const said = await (await script("exit 3")).verify("app.tgz", RUN);
    expect(codes(said)).toEqual(["unsupported_inspection"]);
    expect(said.stderr).toContain("ended with 3");
  });

  test("that takes too long is killed with all that it started", async () => {
    const at = await script(`(sleep 4; touch ${desk.path("late")}) & sleep 60`);
    const started = Date.now();
    const said = await at.verify("app.tgz", RUN, "--inspection-timeout", "1");
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(codes(said)).toEqual(["unsupported_inspection"]);
    expect(said.stderr).toContain("longer than 1 second");
    await sleep(4_000);
    expect(existsSync(desk.path("late"))).toBe(false);
  }, 60_000);

  test("that leaves a child behind does not wait for it, nor let it live", async () => {
    const at = await script(`(sleep 3; touch ${desk.path("late")}) &`);
    const started = Date.now();
    expect((await at.verify("app.tgz", RUN)).code).toBe(0);
    expect(Date.now() - started).toBeLessThan(8_000);
    await sleep(4_000);
    expect(existsSync(desk.path("late"))).toBe(false);
  }, 60_000);

  test("that prints without end is stopped, and nothing of it is printed", async () => {
    const said = await (await inspecting("yes", "noise")).verify("app.tgz", RUN);
    expect(codes(said)).toEqual(["unsupported_inspection"]);
    expect(said.stderr).toContain("printed too much");
    expect(said.stdout + said.stderr).not.toMatch(/^noise/m);
  }, 30_000);

  test.each([
    ["a link that leads out", "ln -s /etc/hostname out"],
    ["a pipe", "mkfifo pipe"],
    ["a link to nothing", "ln -s nowhere nothing"],
  ])("that leaves %s, denies", async (_name, text) => {
    expect(codes(await (await script(text)).verify("app.tgz", RUN))).toEqual(["unsupported_inspection"]);
  });

  test("cannot keep its folder from being removed", async () => {
    const said = await (await script("mkdir -p a/b && touch a/b/c && chmod 0 a/b a")).verify("app.tgz", RUN);
    // Whoever may read everything reads that folder, too; it is gone either way (afterEach).
    expect(process.getuid?.() === 0 ? said.code : codes(said)[0]).toBe(
      process.getuid?.() === 0 ? 0 : "unsupported_inspection",
    );
  });

  test("leaves nothing behind when it is interrupted", async () => {
    const at = await script(`touch ${desk.path("started")}; sleep 30`);
    const time = at.domain.now.toISOString();
    const child = desk.start([
      ...["verify", "app.tgz", "--root", "root.json", "--bundle", "all.bundle", "--project", "app"],
      ...["--at", time, RUN, "--inspection-timeout", "60"],
    ]);
    const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(signal ?? code)));
    while (!existsSync(desk.path("started"))) await sleep(50);
    child.kill("SIGTERM");
    expect(await ended).toBe("SIGTERM");
  }, 30_000);

  test("looks at the file behind a symbolic link", async () => {
    const at = await script("true");
    await writeFile(desk.path("real.tgz"), await readFile(desk.path("app.tgz")));
    await rm(desk.path("app.tgz"));
    await symlink("real.tgz", desk.path("app.tgz"));
    expect((await at.verify("app.tgz", RUN)).code).toBe(0);
  });

  test("serves where the archive is beyond the function", async () => {
    const tar = await archive(["src/a.txt", "a"], ["b.txt", "", { type: "link", linkname: "src/a.txt" }]);
    const artifact = gzipSync(tar);
    const at = await project({
      artifact,
      sources: { "src/a.txt": hash("a"), "b.txt": hash("a") },
      inspections: [UNTAR],
    });
    expect(codes(await at.verify("app.tgz"))).toEqual(["unsupported_inspection"]);
    expect((await at.verify("app.tgz", RUN)).code).toBe(0);
  });
});

test.each(["0", "-1", "ten", "100000"])("an inspection cannot take %s seconds", async (seconds) => {
  const said = await desk.stemma(["verify", "x", "--inspection-timeout", seconds, "--json"]);
  expect(said.code).toBe(2);
});

describeWithVectors("in-toto-golang", "in-toto-golang: tar xfz foo.tar.gz", () => {
  const FOO = parseDigest("sha256:52947cb78b91ad01fe81cd6aef42d1f6817e92b9e6936c1e5aabb7c98514f355");
  const ALICE = asKeyId("70ca5750c2eda80b18f41f4ec5f92146789b5d68dd09577be422a0159bd13680", "test");
  const RUN = ["tar", "xfz", "foo.tar.gz"];

  test("demo.dsse.layout verifies by what the archive holds", async () => {
    await writeFile(desk.path("foo.tar.gz"), vector("in-toto-golang/foo.tar.gz"));
    const named = archiveNamed(RUN) ?? { name: "", gzip: false };
    const found: ItemArtifacts = await listArchive(named, { path: desk.path("foo.tar.gz"), digest: FOO });
    expect([...found.products.keys()]).toEqual(["foo.tar.gz", "foo.py"]);
    const links = ["write-code.b7d643de.link", "package.d3ffd108.link"].map((name) =>
      vector(`in-toto-golang/${name}`),
    );
    const alice = publicKeyFromPem(decodeUtf8(vector("in-toto-golang/alice.pub")));
    const verdict = verifyLayout({
      layoutEnvelope: vector("in-toto-golang/demo.dsse.layout"),
      owners: { keys: new Map([[ALICE, alice]]), threshold: 1 },
      evidence: new Map(links.map((bytes) => [sha256(bytes), bytes])),
      digest: FOO,
      time: new Date("2026-11-24T00:00:00Z"),
      inspect: ({ run }) => (run.join(" ") === RUN.join(" ") ? found : undefined),
    });
    expect(verdict.reasons).toEqual([]);
    expect(verdict.ok).toBe(true);
  });

  test.each([
    [["tar", "xf"]],
    [["tar", "xf", "a", "b"]],
    [["tar", "-xfz", "a"]],
    [["tar", "cf", "a"]],
    [["tar", "xxf", "a"]],
    [["tar", "xf", "--to-command=sh", "a"]],
    [["/bin/tar", "xf", "a"]],
    [["unzip", "a"]],
    [[]],
  ])("%j is not one of these commands", (run) => {
    expect(archiveNamed(run)).toBeUndefined();
  });
});
