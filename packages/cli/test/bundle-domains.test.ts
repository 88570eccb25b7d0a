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
import type { Verdict } from "@stemma/lineage";
import { DomainFixture } from "../../../test/support/domain.ts";
import { testImage } from "../../../test/support/images.ts";
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

  test("is of a denial that names the other domain where a mirror holds only the first", async () => {
    const verify = ["verify", image.digest, "--source", "origin", ...ROOT, ...at()];
    const denied = await desk.json<Verdict>(verify, 1);
    expect(denied.reasons[0]?.message).toContain("In the trust domain upstream: ");
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
