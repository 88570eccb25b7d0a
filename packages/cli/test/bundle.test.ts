import { readdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { readBundle } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import type { Verdict } from "@stemma/lineage";
import { bundleFile } from "../../../test/support/bundle.ts";
import { DomainFixture, days } from "../../../test/support/domain.ts";
import { StaticServer } from "../../../test/support/static-server.ts";
import { bundleDesk, ROOT, type Verified } from "./support/bundle-desk.ts";
import type { Desk } from "./support/command-line.ts";

let desk: Desk;
let domain: DomainFixture;
beforeEach(async () => {
  ({ desk, domain } = await bundleDesk());
});
afterEach(() => desk.remove());

const at = (time: Date = domain.now) => ["--at", time.toISOString()];

describe("bundle verify", () => {
  test("reaches the verdict for the file, for the digest, and for what the bundle names", async () => {
    for (const what of [["app"], [domain.digest], []]) {
      const found = await desk.json<Verified>(["bundle", "verify", "app.bundle", ...what, ...ROOT, ...at()]);
      expect(found.verdict).toMatchObject({ decision: "allow", digest: domain.digest, project: "app" });
      expect(found.bundle.subject.digest).toBe(domain.digest);
      expect(found.standing).toMatchObject({
        madeAt: domain.now.toISOString(),
        expired: [],
        timestamp: { version: 1 },
      });
      expect(found.standing.cannotKnow).toContain("published after timestamp 1");
    }
    expect(await desk.json(["verify", "app", "--bundle", "app.bundle", ...ROOT, ...at()])).toMatchObject({
      decision: "allow",
    });
  }, 30_000);

  test("denies another file, and a bundle of another domain", async () => {
    await writeFile(desk.path("other"), "another");
    const other = await desk.json<Verified>(["bundle", "verify", "app.bundle", "other", ...ROOT, ...at()], 1);
    expect(other.verdict.decision).toBe("deny");
    const people = await desk.stemma(["bundle", "verify", "app.bundle", "other", ...ROOT, ...at()]);
    expect(people.stdout).toMatch(/made for another artifact: sha256:/);
    const stranger = await DomainFixture.create();
    await writeFile(desk.path("other.json"), stranger.root);
    const found = await desk.json<Verified>(
      ["bundle", "verify", "app.bundle", "--root", "other.json", ...at()],
      1,
    );
    expect(found.verdict.decision).toBe("deny");
  }, 30_000);

  test("of a bundle that has grown old says what it can no longer promise, and what it said when it was new", async () => {
    const then = new Date("2001-01-01T00:00:00Z");
    Object.assign(domain, { now: then });
    await domain.signRoot();
    await domain.signTargets();
    await domain.setLayout(domain.layout());
    await domain.publish();
    await writeFile(desk.path("root.json"), domain.root);
    await writeFile(desk.path("old.bundle"), await bundleFile(domain));
    const found = await desk.json<Verified>(["bundle", "verify", "old.bundle", ...ROOT], 1);
    expect(found.verdict.reasons).toMatchObject([{ code: "expired" }]);
    expect(found.standing.whenMade).toMatchObject({ decision: "allow", time: then.toISOString() });
    expect(found.standing.expired.map(({ role }) => role)).toEqual(
      expect.arrayContaining(["root", "timestamp", "snapshot", "targets", "app"]),
    );
    const said = await desk.stemma(["bundle", "verify", "old.bundle", ...ROOT]);
    expect(said.stdout).toContain("DENY");
    expect(said.stdout).toMatch(/made as of 2001-01-01 00:00 UTC \(\d+ days ago\), by its own word/);
    expect(said.stdout).toMatch(
      /no longer promises that timestamp 2 is the newest: it expired at 2001-01-02/,
    );
    expect(said.stdout).toContain("as of then, the verdict was ALLOW (--at 2001-01-01T00:00:00.000Z)");
    expect(said.stdout).toContain("revocations");
    // As of a moment that was asked for, nothing is said of another.
    const later = days(then, 3);
    const asked = await desk.json<Verified>(["bundle", "verify", "old.bundle", ...ROOT, ...at(later)], 1);
    expect(asked.standing.whenMade).toBeUndefined();
  }, 30_000);

  test("of a bundle that cannot be read is no verdict", async () => {
    await writeFile(desk.path("bad.bundle"), "hello");
    expect(await desk.json(["bundle", "verify", "bad.bundle", ...ROOT], 3)).toHaveProperty(
      "error.code",
      "bad_bundle",
    );
    expect(await desk.json(["bundle", "verify", "none.bundle", ...ROOT], 2)).toHaveProperty(
      "error.code",
      "file_unreadable",
    );
    expect(await desk.json(["bundle", "verify", "app.bundle"], 2)).toHaveProperty(
      "error.code",
      "no_pinned_root",
    );
    expect(
      await desk.json(["bundle", "verify", "app.bundle", "--server", "http://x", ...ROOT], 2),
    ).toHaveProperty("error.code", "usage");
  }, 30_000);
});

describe("bundle extract", () => {
  test("writes a mirror that gives the same verdict, from a folder and from a plain web server", async () => {
    expect(await desk.json(["bundle", "extract", "app.bundle", "--to", "mirror"])).toMatchObject({
      folder: "mirror",
      digest: domain.digest,
    });
    expect((await readdir(desk.path("mirror"))).sort()).toEqual(["evidence", "metadata", "targets"]);
    expect(await readFile(desk.path("mirror", "metadata", "1.root.json"))).toEqual(Buffer.from(domain.root));
    const server = await StaticServer.start(desk.path("mirror"));
    try {
      for (const source of [
        ["--directory", "mirror"],
        ["--source", "mirror"],
        ["--source", `${server.url}/`],
        ["--source", server.url],
      ]) {
        const cache = ["--cache", `cache-${source[0]}`];
        expect(await desk.json(["verify", "app", ...source, ...cache, ...ROOT, ...at()])).toMatchObject({
          decision: "allow",
        });
      }
    } finally {
      await server.stop();
    }
  }, 30_000);

  test("leaves a folder alone in which something lies", async () => {
    await desk.json(["bundle", "extract", "app.bundle", "--to", "mirror"]);
    expect(await desk.json(["bundle", "extract", "app.bundle", "--to", "mirror"], 2)).toHaveProperty(
      "error.code",
      "file_exists",
    );
    expect(await desk.json(["bundle", "extract", "app.bundle", "--to", "app"], 2)).toHaveProperty(
      "error.code",
      "file_unreadable",
    );
  }, 30_000);
});

describe("bundle create", () => {
  test("makes the same bundle from a folder as from a bundle", async () => {
    await desk.json(["bundle", "extract", "app.bundle", "--to", "mirror"]);
    for (const source of [
      ["--directory", "mirror"],
      ["--bundle", "app.bundle"],
    ]) {
      const made = await desk.json([
        "bundle",
        "create",
        "app",
        "-o",
        "again.bundle",
        ...source,
        ...ROOT,
        ...at(),
      ]);
      const bytes = await readFile(desk.path("again.bundle"));
      expect(made).toMatchObject({
        decision: "allow",
        digest: domain.digest,
        project: "app",
        bytes: bytes.length,
      });
      expect(bytes).toEqual(await readFile(desk.path("app.bundle")));
      expect(made).toHaveProperty("bundle", readBundle(bytes).manifest.digest);
    }
  }, 30_000);

  test("takes the roots before the pinned one along, so that it serves whoever pinned an older one", async () => {
    const first = domain.root;
    domain.versions.root = 2;
    await domain.signRoot();
    const second = domain.metadata.get("2.root") as Uint8Array;
    await writeFile(desk.path("all.bundle"), await bundleFile(domain));
    await writeFile(desk.path("root2.json"), second);
    await desk.json([
      ...["bundle", "create", domain.digest, "-o", "new.bundle", "--bundle", "all.bundle"],
      ...["--root", "root2.json", ...at()],
    ]);
    await writeFile(desk.path("root1.json"), first);
    for (const root of ["root1.json", "root2.json"]) {
      const found = await desk.json<Verified>(["bundle", "verify", "new.bundle", "--root", root, ...at()]);
      expect(found.verdict.freshness.roles).toContainEqual(
        expect.objectContaining({ role: "root", version: 2 }),
      );
    }
  }, 30_000);

  test("of what is not on record makes nothing", async () => {
    const digest = `sha256:${sha256(utf8("unknown"))}`;
    expect(
      await desk.json(
        ["bundle", "create", digest, "-o", "x.bundle", "--bundle", "app.bundle", ...ROOT, ...at()],
        1,
      ),
    ).toMatchObject({ decision: "deny" });
    expect(await readdir(desk.folder)).not.toContain("x.bundle");
  }, 30_000);
});

describe("several sources", () => {
  test("an older one, a broken one and one out of reach do no harm to the freshest", async () => {
    await desk.json(["bundle", "extract", "app.bundle", "--to", "old"]);
    await desk.json(["bundle", "extract", "app.bundle", "--to", "broken"]);
    await writeFile(desk.path("broken", "metadata", "timestamp.json"), "{}");
    for (const name of await readdir(desk.path("broken", "evidence"))) {
      await writeFile(desk.path("broken", "evidence", name), "other bytes");
    }
    await domain.publish();
    await writeFile(desk.path("new.bundle"), await bundleFile(domain));
    const found = await desk.json<Verdict>([
      ...["verify", "app", ...ROOT, ...at(), "--source", "http://127.0.0.1:9/"],
      ...["--source", "broken", "--source", "old", "--source", "new.bundle"],
    ]);
    expect(found.decision).toBe("allow");
    expect(found.freshness.roles).toContainEqual(expect.objectContaining({ role: "timestamp", version: 2 }));
  }, 30_000);

  test("are given in one way", async () => {
    for (const more of [
      ["--source", "a", "--bundle", "app.bundle"],
      ["--directory", "a", "--bundle", "app.bundle"],
      ["--source", "http://%zz/"],
      ["--foreign", "base"],
      ["--foreign", "base=app.bundle", "--foreign", "base=app.bundle"],
    ]) {
      expect(await desk.json(["verify", "app", ...ROOT, ...at(), ...more], 2)).toHaveProperty(
        "error.code",
        "usage",
      );
    }
  }, 30_000);
});
