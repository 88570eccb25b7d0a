import { createPublicKey } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { generatePrivateKey } from "@stemma/crypto";
import type { Digest } from "@stemma/encoding";
import { signLink } from "@stemma/in-toto";
import { blobPath } from "@stemma/oci";
import { artifacts } from "../../../test/support/domain.ts";
import { type TestImage, testImage, writeTestImage } from "../../../test/support/images.ts";
import { LiveDomain } from "../../../test/support/live-domain.ts";
import { type RunningService, startService } from "../../../test/support/service.ts";
import { Desk } from "./support/command-line.ts";

/*
 * A platform team makes base images in a trust domain of its own; developers build upon them in another one, whose owners demand
 * proof. Everything by the commands that people type, on image layouts and a real service.
 */

let service: RunningService;
let desk: Desk;
let upstream: LiveDomain;
let domain: LiveDomain;

const BASE = "org.opencontainers.image.base.digest";
const base = testImage(["base 1", "base 2"]);
const app = testImage(["base 1", "base 2", "app"], { annotations: { [BASE]: base.digest } });
const swapped = testImage(["base 1", "evil", "app"], { annotations: { [BASE]: base.digest } });
const ownerPem = generatePrivateKey();

beforeAll(async () => {
  [service, desk] = await Promise.all([startService(), Desk.create()]);
  upstream = await LiveDomain.create(service, { name: "upstream" });
  domain = await LiveDomain.create(service, { name: "example", ownerPem });
  Object.assign(desk.env, { STEMMA_SERVER: service.url, STEMMA_DOMAIN: "example", STEMMA_ROOT: "root.json" });
  await writeFile(desk.path("root.json"), domain.root);
  await writeFile(desk.path("upstream-root.json"), upstream.root);
  await writeFile(desk.path("owner.pem"), ownerPem, { mode: 0o600 });
  const owner = createPublicKey(ownerPem).export({ type: "spki", format: "pem" });
  await writeFile(desk.path("owner.pub"), owner);
  for (const [name, image] of [
    ["base", base],
    ["app", app],
    ["swapped", swapped],
  ] as const) {
    await writeTestImage(desk.path(name), image);
  }
}, 120_000);
afterAll(async () => {
  await service.stop();
  await desk.remove();
}, 60_000);

async function record(
  by: LiveDomain,
  image: TestImage,
  folder: string,
  ...more: string[]
): Promise<Record<string, unknown>> {
  const products = artifacts({ image: image.digest });
  const link = await signLink({ name: "build", command: ["build"], materials: new Map(), products }, [
    by.functionary,
  ]);
  await writeFile(desk.path("build.link"), link);
  return desk.json([
    "record",
    folder,
    "--project",
    "app",
    "--evidence",
    "build.link",
    "--domain",
    by.name,
    ...more,
  ]);
}

describe("from a base image to what rests on it", () => {
  test("images are recorded with their manifests and configurations", async () => {
    expect(await record(upstream, base, "base")).toMatchObject({ contents: 2, outcome: "published" });
    expect(await record(domain, app, "app", "--base", "base")).toMatchObject({ contents: 4 });
    expect(await record(domain, swapped, "swapped")).toMatchObject({ contents: 2 });
  });

  test("a base that nothing names is refused before anything is sent", async () => {
    await writeTestImage(desk.path("stranger"), testImage(["stranger"]));
    const said = await desk.stemma([
      "record",
      "app",
      "--project",
      "app",
      "--evidence",
      "build.link",
      "--base",
      "stranger",
    ]);
    expect(said.code).toBe(2);
  });

  test("without demands, lineage is told as far as it is known", async () => {
    const { tree, decision } = await desk.json<{ tree: Record<string, unknown>; decision: string }>([
      "lineage",
      app.digest,
    ]);
    expect(decision).toBe("allow");
    expect(tree).toMatchObject({
      decision: "allow",
      branches: [
        { relation: "base", digest: base.digest, grade: "contained", layers: { base: 2, image: 3 } },
      ],
    });
  });

  test("the owners' demands are written, explained and published with the other domain's root", async () => {
    const written = await desk.json(
      "lineage-policy new lineage.json --platforms either --base proven --from upstream/app:foundation --depth 2".split(
        " ",
      ),
    );
    expect(written).toMatchObject({ policy: { bases: { grade: "proven", depth: 2 } } });
    const { stdout } = await desk.stemma(["lineage-policy", "explain", "lineage.json"]);
    expect(stdout).toContain("proven by app of the trust domain upstream (which may be the lowest)");

    const again = await desk.json(["lineage-policy", "new", "lineage.json", "--platforms", "index"], 2);
    expect(again).toHaveProperty("error.code", "file_exists");
    await writeFile(desk.path("typo.json"), '{"_type": "stemma-lineage", "version": 1,}');
    const typo = await desk.json(["lineage-policy", "explain", "typo.json"], 1);
    expect(typo).toHaveProperty("error.code", "bad_json");

    const publish = ["lineage-policy", "publish", "lineage.json", "--project", "app", "--key", "owner.pem"];
    const unpinned = await desk.stemma(publish);
    expect(unpinned).toMatchObject({ code: 2, stderr: expect.stringContaining("--pin upstream=") });
    const wrong = await desk.stemma([...publish, "--pin", "upstream=lineage.json"]);
    expect(wrong.code).not.toBe(0);
    await desk.json([...publish, "--pin", "upstream=upstream-root.json"]);
  });

  test("what is built upon the base is allowed, and what only says so is not", async () => {
    const good = await desk.json<{ ancestry: unknown }>(["verify", "app"]);
    expect(good.ancestry).toMatchObject({
      bases: [{ grade: "proven", origin: { domain: "upstream", project: "app" } }],
    });
    const bad = await desk.json(["verify", "swapped"], 1);
    expect(bad).toMatchObject({ decision: "deny", reasons: [{ code: "base_not_contained" }] });
    const { stdout } = await desk.stemma(["verify", "swapped"]);
    expect(stdout).toContain("do not begin with those of");
  });

  test("the bundle holds both domains, and is verified without the service", async () => {
    await desk.json(["bundle", "create", app.digest, "-o", "app.bundle"]);
    const env = { STEMMA_SERVER: "http://127.0.0.1:9", STEMMA_DOMAIN: "" };
    const said = await desk.stemma(["bundle", "verify", "app.bundle", "app", "--json"], { env });
    expect(JSON.parse(said.stdout)).toMatchObject({ verdict: { decision: "allow" } });
    const drawn = await desk.stemma(["lineage", app.digest, "--bundle", "app.bundle", "--json"], { env });
    expect(JSON.parse(drawn.stdout)).toMatchObject({ tree: { branches: [{ grade: "proven" }] } });
  });

  test("the tree is drawn for the terminal, as Mermaid and as SVG", async () => {
    const { stdout } = await desk.stemma(["lineage", app.digest]);
    expect(stdout).toContain(`└─ base, proven by app of upstream, 2 of 3 layers  ${base.digest}`);
    const mermaid = await desk.stemma(["lineage", app.digest, "--format", "mermaid"]);
    expect(mermaid.stdout).toMatch(/^flowchart TD\n/);
    expect(mermaid.stdout).toContain("n0 --> n1");
    await desk.stemma(["lineage", app.digest, "--format", "svg", "-o", "lineage.svg"]);
    const svg = await readFile(desk.path("lineage.svg"), "utf8");
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).toContain("base, proven by app of upstream");
  });

  test("the other direction: descendants of the base, and what rests on a key", async () => {
    const found = await eventually(["descendants", base.digest], 1);
    expect(found.descendants).toEqual([
      { digest: app.digest, relations: [{ relation: "base", grade: "contained" }] },
    ]);
    // It was recorded before anybody demanded proof. Whoever asks the service for its lineage brings that up to date.
    await fetch(`${service.url}/v1/domains/example/artifacts/${app.digest}/lineage?project=app`);
    const again = await eventually(["descendants", base.digest], 1);
    expect(again.descendants).toEqual([
      { digest: app.digest, relations: [{ relation: "base", grade: "proven" }] },
    ]);
    const radius = await desk.json<{ descendants: { digest: string }[] }>([
      "blast-radius",
      "--fingerprint",
      domain.functionary.publicKey.fingerprint,
    ]);
    const owned = await desk.json<{ of: unknown; descendants: { relations: unknown }[] }>([
      "blast-radius",
      "--key",
      "owner.pub",
    ]);
    expect(owned.of).toMatchObject({ kind: "functionary", name: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(owned.descendants[0]?.relations).toEqual([{ relation: "layout" }]);
    // What was denied once the demands were there had been allowed before: that was so, and stays in the index.
    expect(radius.descendants.map(({ digest }) => digest)).toContain(app.digest);
    const usage = await desk.stemma(["blast-radius", "--key", "owner.pub", "--artifact", base.digest]);
    expect(usage.code).toBe(2);
    const nothing = await desk.stemma(["descendants", swapped.digest]);
    expect(nothing).toMatchObject({ code: 0, stdout: expect.stringContaining("Nothing rests on") });
  });
});

/** The index of lineage follows a moment after the publish. */
async function eventually(args: readonly string[], count: number): Promise<{ descendants: unknown[] }> {
  for (let turn = 0; turn < 40; turn += 1) {
    const found = await desk.json<{ descendants: unknown[] }>(args);
    if (found.descendants.length >= count) return found;
  }
  throw new Error(`${args.join(" ")} never found ${count}.`);
}

test("an image layout on disk is what it says: a changed blob is refused before its lineage is asked about", async () => {
  const { config } = JSON.parse(Buffer.from(swapped.manifest).toString("utf8")) as {
    config: { digest: Digest };
  };
  const path = join(desk.path("swapped"), blobPath(config.digest));
  await writeFile(path, "{}");
  const said = await desk.stemma(["lineage", "swapped"]);
  expect(said.code).not.toBe(0);
});
