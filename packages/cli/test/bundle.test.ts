import { readdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  asyncSource,
  folderDestination,
  mirrorDomain,
  packBundle,
  readBundle,
  writeBundleFile,
} from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { parseDigest, utf8 } from "@stemma/encoding";
import type { Verdict } from "@stemma/lineage";
import { registryStore } from "@stemma/oci";
import { makeImage, put } from "../../../test/support/artifacts.ts";
import { bundleFile } from "../../../test/support/bundle.ts";
import { DomainFixture, days } from "../../../test/support/domain.ts";
import { testImage } from "../../../test/support/images.ts";
import { MemoryRegistry } from "../../../test/support/registry.ts";
import { StaticServer } from "../../../test/support/static-server.ts";
import { Desk } from "./support/command-line.ts";

let desk: Desk;
let domain: DomainFixture;
beforeEach(async () => {
  desk = await Desk.create();
  domain = await DomainFixture.create();
  await writeFile(desk.path("root.json"), domain.root);
  await writeFile(desk.path("app"), domain.artifact);
  await writeFile(desk.path("app.bundle"), await bundleFile(domain));
});
afterEach(() => desk.remove());

const ROOT = ["--root", "root.json"];
const at = (time: Date = domain.now) => ["--at", time.toISOString()];

interface Verified {
  readonly verdict: Verdict;
  readonly bundle: { readonly digest: string; readonly subject: { readonly digest: string } };
  readonly standing: {
    readonly madeAt: string;
    readonly whenMade?: { readonly decision: string };
    readonly expired: { readonly role: string }[];
    readonly timestamp?: { readonly version: number };
    readonly cannotKnow: string;
  };
}

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

describe("a bundle of an image whose base is of another trust domain", () => {
  const base = testImage(["base 1", "base 2"]);
  const image = testImage(["base 1", "base 2", "app"], {
    annotations: { "org.opencontainers.image.base.digest": base.digest },
  });
  let upstream: DomainFixture;

  const mirrorOf = (of: DomainFixture, ...place: string[]) =>
    mirrorDomain({
      root: of.root,
      source: asyncSource(of.source),
      destination: folderDestination(desk.path(...place)),
      time: of.now,
    });

  beforeEach(async () => {
    upstream = await DomainFixture.create();
    for (const [into, { digest, manifest, config }] of [
      [upstream, base],
      [domain, image],
    ] as const) {
      await into.record(digest, manifest.length, await into.links(digest), { contents: [manifest, config] });
    }
    await upstream.publish();
    await domain.pinDomain("upstream", upstream.root);
    await domain.demand({ bases: { grade: "proven", from: [{ domain: "upstream", project: "app" }] } });
    await domain.publish();
    await mirrorOf(domain, "origin");
    await mirrorOf(upstream, "upstream");
  });

  const create = (...more: string[]) =>
    desk.json<{ documents: number }>([
      ...["bundle", "create", image.digest, "-o", "image.bundle", "--project", "app"],
      ...["--directory", "origin", ...ROOT, ...at(), ...more],
    ]);
  const verify = (file: string, expected = 0) =>
    desk.json<Verified>(["bundle", "verify", file, image.digest, ...ROOT, ...at()], expected);

  test("holds both, and verifies without either", async () => {
    expect(await create("--foreign", "upstream=upstream")).toMatchObject({ decision: "allow" });
    expect((await verify("image.bundle")).verdict).toMatchObject({
      decision: "allow",
      ancestry: { bases: [{ digest: base.digest, grade: "proven", origin: { domain: "upstream" } }] },
    });
    await desk.json(["bundle", "extract", "image.bundle", "--to", "mirror"]);
    expect(await readdir(desk.path("mirror", "foreign"))).toEqual([sha256(upstream.root)]);
    await desk.json(["verify", image.digest, "--directory", "mirror", ...ROOT, ...at()]);
    const again = [
      "bundle",
      "create",
      image.digest,
      "-o",
      "again.bundle",
      "--directory",
      "mirror",
      ...ROOT,
      ...at(),
    ];
    await desk.json(again);
    expect(await readFile(desk.path("again.bundle"))).toEqual(await readFile(desk.path("image.bundle")));
  }, 60_000);

  test("denies where the other domain's documents were left out, or are under another's name", async () => {
    await create("--foreign", `${sha256(upstream.root)}=upstream`);
    const bundle = readBundle(await readFile(desk.path("image.bundle")));
    const subject = bundle.subject;
    const hints = { project: "app", time: domain.now };
    const changed = {
      without: bundle.documents.filter((document) => document.domain === undefined),
      elsewhere: bundle.documents.map((document) => ({
        ...document,
        domain: document.domain === undefined ? undefined : sha256(domain.root),
      })),
    };
    for (const [name, documents] of Object.entries(changed)) {
      await writeFile(desk.path(name), await writeBundleFile(packBundle(subject, documents, hints)));
      expect((await verify(name, 1)).verdict).toMatchObject({ decision: "deny" });
    }
  }, 60_000);

  test("is not made where the other domain is out of reach; a mirror may hold it in its own folder", async () => {
    const failed = [
      "bundle",
      "create",
      image.digest,
      "-o",
      "x",
      "--source",
      "http://127.0.0.1:9#example",
      ...ROOT,
      ...at(),
    ];
    expect(await desk.json(failed, 3)).toHaveProperty("error.code", "source_unreachable");
    await mirrorOf(upstream, "origin", "foreign", sha256(upstream.root));
    expect(await create()).toMatchObject({ decision: "allow" });
    const server = await StaticServer.start(desk.path("origin"));
    try {
      const web = ["verify", image.digest, "--source", server.url, "--cache", "web", ...ROOT, ...at()];
      expect(await desk.json(web)).toMatchObject({ decision: "allow" });
      // A cache of the other domain lies beside that of the first.
      expect((await readdir(desk.path("web"))).sort()).toEqual(
        [sha256(domain.root), sha256(upstream.root)].sort(),
      );
      const both = ["verify", image.digest, "--source", server.url, "--source", "origin", ...ROOT, ...at()];
      expect(await desk.json(both)).toMatchObject({ decision: "allow" });
    } finally {
      await server.stop();
    }
  }, 60_000);
});

test("a bundle takes along what stemma lineage shows and nobody demands, when it is asked to", async () => {
  const base = testImage(["base"]);
  const image = testImage(["base", "app"], {
    annotations: { "org.opencontainers.image.base.digest": base.digest },
  });
  for (const { digest, manifest, config } of [base, image]) {
    await domain.record(digest, manifest.length, await domain.links(digest), {
      contents: [manifest, config],
    });
  }
  await domain.publish();
  const source = asyncSource(domain.source);
  const destination = folderDestination(desk.path("origin"));
  await mirrorDomain({ root: domain.root, source, destination, time: domain.now });
  const create = (file: string, ...more: string[]) =>
    desk.json<{ documents: number }>([
      ...["bundle", "create", image.digest, "-o", file, "--directory", "origin", ...ROOT, ...at(), ...more],
    ]);
  const basesIn = async (file: string) => {
    const drawn = ["lineage", image.digest, "--bundle", file, "--project", "app", ...ROOT, ...at()];
    return (await desk.json<Verdict>(drawn)).ancestry?.bases.map(({ grade }) => grade);
  };
  const plain = await create("plain.bundle");
  const whole = await create("whole.bundle", "--lineage");
  expect(whole.documents).toBeGreaterThan(plain.documents);
  expect(await basesIn("whole.bundle")).toEqual(["proven"]);
  expect(await basesIn("plain.bundle")).not.toEqual(["proven"]);
}, 60_000);

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

describe("beside an image in a registry", () => {
  let registry: MemoryRegistry;
  beforeEach(async () => {
    registry = await MemoryRegistry.start({ referrers: true });
  });
  afterEach(() => registry.stop());

  const repository = (host = registry.host) => `oci:${host}/team/app`;
  const attach = (file: string, expected = 0) =>
    desk.json<{ bundle: string; subject: string; blobs: { written: number; there: number } }>(
      ["bundle", "attach", file, repository(), "--plain-http"],
      expected,
    );

  /** Puts an image there, and its digest on record. */
  async function recordImage(): Promise<string> {
    const image = makeImage("amd64");
    await put(registryStore({ host: registry.host, repository: "team/app" }, { plainHttp: true }), image, {
      tag: "1.0",
    });
    const { digest, bytes } = image.document;
    await domain.record(digest, bytes.length, await domain.links(digest));
    await domain.publish();
    await writeFile(desk.path("image.bundle"), await bundleFile(domain, digest));
    return digest;
  }

  test("is attached, found by the image's tag, verified, extracted, and copied along", async () => {
    const digest = await recordImage();
    const attached = await attach("image.bundle");
    expect(attached).toMatchObject({
      subject: digest,
      bundle: readBundle(await readFile(desk.path("image.bundle"))).manifest.digest,
    });
    expect((await attach("image.bundle")).blobs).toMatchObject({ written: 0 });
    const plain = ["--plain-http"];
    const found = await desk.json<Verified>([
      "bundle",
      "verify",
      `${repository()}:1.0`,
      digest,
      ...ROOT,
      ...at(),
      ...plain,
    ]);
    expect(found.verdict).toMatchObject({ decision: "allow", digest });
    const byDigest = `${repository()}@${attached.bundle}`;
    expect(
      (await desk.json<Verified>(["bundle", "verify", byDigest, ...ROOT, ...at(), ...plain])).verdict.digest,
    ).toBe(digest);
    await desk.json(["bundle", "extract", byDigest, "--to", "mirror", ...plain]);
    await desk.json(["verify", digest, "--directory", "mirror", ...ROOT, ...at()]);

    // A registry without the referrers API, reached by copying: the bundle is one of the things that belong to the image.
    const other = await MemoryRegistry.start();
    try {
      await desk.json(["copy", `${repository()}:1.0`, `${repository(other.host)}:1.0`, ...plain]);
      const moved = await desk.json<Verified>([
        ...["bundle", "verify", `${repository(other.host)}:1.0`, digest, ...ROOT, ...at(), ...plain],
      ]);
      expect(moved.verdict).toEqual(found.verdict);
    } finally {
      await other.stop();
    }
  }, 60_000);

  test("the newest of several is taken, and shared documents are stored once", async () => {
    const digest = await recordImage();
    await attach("image.bundle");
    Object.assign(domain, { now: new Date(domain.now.getTime() + 60_000) });
    await domain.publish();
    await writeFile(desk.path("newer.bundle"), await bundleFile(domain, parseDigest(digest)));
    const newer = await attach("newer.bundle");
    expect(newer.blobs.there).toBeGreaterThan(5);
    const found = await desk.json<Verified>([
      ...["bundle", "verify", `${repository()}:1.0`, ...ROOT, ...at(), "--plain-http"],
    ]);
    expect(found.bundle.digest).toBe(newer.bundle);
  }, 60_000);

  test("is missing, or was changed: no verdict", async () => {
    const digest = await recordImage();
    const verify = ["bundle", "verify", `${repository()}:1.0`, digest, ...ROOT, ...at(), "--plain-http"];
    expect(await desk.json(verify, 3)).toHaveProperty("error.code", "bundle_missing");
    const { bundle } = await attach("image.bundle");
    const name = `sha256:${domain.records.get(parseDigest(digest))?.evidence[0]?.sha256}`;
    registry.blobs.set(name, utf8("other bytes"));
    expect(await desk.json(verify, 1)).toHaveProperty("error.code", "blob_digest_mismatch");
    registry.manifests.set(`team/app@${bundle}`, {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      bytes: utf8("{}"),
    });
    expect(
      await desk.json(["bundle", "verify", `${repository()}@${bundle}`, ...ROOT, "--plain-http"], 1),
    ).toHaveProperty("error.code", "manifest_digest_mismatch");
    expect(await desk.json(["bundle", "attach", "image.bundle", `${repository()}:1.0`], 2)).toHaveProperty(
      "error.code",
      "usage",
    );
  }, 60_000);
});
