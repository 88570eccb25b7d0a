import { beforeEach, describe, expect, test } from "@jest/globals";
import { driveSync } from "@stemma/client";
import { sha256, sha512 } from "@stemma/crypto";
import { type Digest, parseDigest, utf8 } from "@stemma/encoding";
import { signLink } from "@stemma/in-toto";
import { type Verdict, verifyFromRoot } from "@stemma/lineage";
import { DomainFixture, digestOf } from "../../../test/support/domain.ts";
import { type TestImage, testImage, testIndex } from "../../../test/support/images.ts";

/** Who makes bases, and who builds upon them. */
let upstream: DomainFixture;
let home: DomainFixture;

const naming = (digest: Digest): Record<string, string> => ({
  "org.opencontainers.image.base.digest": digest,
});

beforeEach(async () => {
  upstream = await DomainFixture.create();
  home = await DomainFixture.create();
  await home.pinDomain("upstream", upstream.root);
});

async function record(
  into: DomainFixture,
  { digest, manifest, config }: TestImage,
  contents: readonly Uint8Array[] = [manifest, config],
): Promise<void> {
  await into.record(digest, manifest.length, await into.links(digest), { contents });
}

async function verdictOf(digest: Digest, parameters = new Map<string, string>()): Promise<Verdict> {
  await upstream.publish();
  await home.publish();
  const source = {
    ...home.source,
    foreign: ({ root }: { root: string }) =>
      [upstream, home].find((one) => sha256(one.root) === root)?.source,
  };
  return driveSync(verifyFromRoot(home.root, { digest, project: "app", parameters }, home.now), source);
}

const codes = ({ reasons }: Verdict): readonly string[] => reasons.map(({ code }) => code);

const PROVEN = { bases: { grade: "proven", from: [{ domain: "upstream", project: "app" }] } };

describe("a base that is named by its index", () => {
  const platform = testImage(["base"]);
  const index = testIndex([platform]);
  const image = testImage(["base", "app"], { annotations: naming(index.digest) });

  beforeEach(async () => {
    await upstream.record(index.digest, index.bytes.length, await upstream.links(index.digest), {
      contents: [index.bytes, platform.manifest, platform.config],
    });
    await home.demand(PROVEN);
    await record(home, image);
  });

  test.each<[string, Digest]>([
    ["index", index.digest],
    ["platform", platform.digest],
  ])("proves nothing once its %s was revoked", async (_name, revoked) => {
    expect(codes(await verdictOf(image.digest))).toEqual([]);
    await upstream.revoke(revoked, "vulnerable");
    upstream.versions.project += 1;
    await upstream.signProject();
    const verdict = await verdictOf(image.digest);
    expect(codes(verdict)).toEqual(["base_not_proven"]);
    expect(verdict.reasons[0]?.message).toContain("artifact_revoked");
  });
});

describe("contents of a base", () => {
  const base = testImage(["base"]);
  const image = testImage(["base", "app"], { annotations: naming(base.digest) });

  test("are found in the domain that proves it, whatever the own domain has on record of it", async () => {
    await home.demand({
      bases: { grade: "proven", from: [{ project: "other" }, { domain: "upstream", project: "app" }] },
    });
    await record(home, image);
    await record(upstream, base);
    expect(codes(await verdictOf(image.digest))).toEqual([]);
    await record(home, base, []);
    expect(codes(await verdictOf(image.digest))).toEqual([]);
  });
});

test("an image is no base of itself, under another digest either", async () => {
  const image = testImage(["app"]);
  const digest = parseDigest(`sha512:${sha512(image.manifest)}`);
  const layout = home.layout();
  await home.setLayout({
    ...layout,
    steps: layout.steps.map((step) =>
      step.name === "package"
        ? { ...step, expectedMaterials: [["ALLOW", "pkg:*"], ...(step.expectedMaterials ?? [])] }
        : step,
    ),
  });
  const { package: pack } = home.linkContents();
  const made = {
    ...pack,
    materials: new Map([
      ...pack.materials,
      ["pkg:oci/app", new Map([["sha256", image.digest.slice(7)]])] as const,
    ]),
    products: new Map([["image/app", new Map([["sha512", digest.slice(7)]])]]),
  };
  const evidence = [...(await home.links()).slice(0, 2), await signLink(made, [home.functionaries.package])];
  await home.record(digest, image.manifest.length, evidence, { contents: [image.manifest, image.config] });
  expect((await verdictOf(digest)).decision).toBe("allow");
  await home.demand({ bases: { grade: "contained" } });
  expect(codes(await verdictOf(digest))).toEqual(["base_missing"]);
});

test("a configuration that tells of fewer layers than the manifest has is not believed", async () => {
  const base = testImage(["base"]);
  const honest = testImage(["base", "evil"], { annotations: naming(base.digest) });
  const manifest = utf8(
    new TextDecoder().decode(honest.manifest).replace(sha256(honest.config), sha256(base.config)),
  );
  const image = { ...honest, manifest, config: base.config, digest: digestOf(manifest) };
  await home.demand(PROVEN);
  await record(upstream, base);
  await record(home, image);
  expect(codes(await verdictOf(image.digest))).toEqual(["content_missing"]);
});

test("a domain that pins itself is another than itself: the caller's parameters are for the one that was asked", async () => {
  const base = testImage(["base"]);
  const image = testImage(["base", "app"], { annotations: naming(base.digest) });
  const layout = home.layout();
  await home.setLayout({
    ...layout,
    steps: layout.steps.map((step) =>
      step.name === "package"
        ? {
            ...step,
            expectedProducts: [
              ["CREATE", "{where}/*"],
              ["DISALLOW", "*"],
            ],
          }
        : step,
    ),
  });
  await home.pinDomain("self", home.root);
  const foundation = { project: "app", foundation: true };
  await home.demand({
    platforms: "itself",
    bases: { grade: "proven", from: [{ domain: "self", ...foundation }, foundation] },
  });
  await record(home, image);
  await record(home, base);
  const parameters = new Map([["where", "image"]]);
  const { ancestry } = await verdictOf(image.digest, parameters);
  // The domain that was asked has the last word: the base names none of its own, and satisfies its layout by the parameters.
  expect(ancestry?.bases[0]?.verdict?.reasons.map(({ code }) => code)).toEqual(["base_missing"]);
});
