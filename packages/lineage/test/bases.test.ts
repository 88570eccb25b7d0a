import { beforeAll, describe, expect, test } from "@jest/globals";
import { driveSync } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import type { Digest } from "@stemma/encoding";
import { parseDigest, utf8 } from "@stemma/encoding";
import { signLink } from "@stemma/in-toto";
import { revocationsPath, type Verdict, verifyFromRoot } from "@stemma/lineage";
import { DomainFixture } from "../../../test/support/domain.ts";
import { type TestImage, testImage, testIndex } from "../../../test/support/images.ts";

/** The platform team's domain, whose images others build upon, and the domain of those who do. */
let upstream: DomainFixture;
let domain: DomainFixture;

const base = testImage(["base 1", "base 2"]);
const BASE_DIGEST = "org.opencontainers.image.base.digest";
const naming = (digest: Digest): Record<string, string> => ({ [BASE_DIGEST]: digest });
const onBase = testImage(["base 1", "base 2", "app"], { annotations: naming(base.digest) });

beforeAll(async () => {
  upstream = await DomainFixture.create();
  await recordImage(upstream, base);
  await upstream.publish();
  domain = await DomainFixture.create();
  await domain.pinDomain("upstream", upstream.root);
  await domain.demand({ bases: { grade: "proven", from: [{ domain: "upstream", project: "app" }] } });
});

async function recordImage(
  into: DomainFixture,
  image: TestImage,
  more: { contents?: readonly Uint8Array[] } = {},
): Promise<void> {
  await into.record(image.digest, image.manifest.length, await into.links(image.digest), {
    ...more,
    contents: [image.manifest, image.config, ...(more.contents ?? [])],
  });
}

function verify(digest: Digest, home = domain, others = [upstream], explore = false): Verdict {
  const source = {
    ...home.source,
    foreign: ({ root }: { root: string }) =>
      [...others, home].find((one) => sha256(one.root) === root)?.source ?? {
        metadata: () => undefined,
        target: () => undefined,
        evidence: () => new Map(),
      },
  };
  return driveSync(verifyFromRoot(home.root, { digest, project: "app", explore }, home.now), source);
}

async function verdictOf(image: TestImage, more: Parameters<typeof recordImage>[2] = {}): Promise<Verdict> {
  await recordImage(domain, image, more);
  await domain.publish();
  return verify(image.digest);
}

function expectDenied(verdict: Verdict, code: string): void {
  expect({ decision: verdict.decision, codes: verdict.reasons.map((reason) => reason.code) }).toEqual({
    decision: "deny",
    codes: [code],
  });
  for (const { message } of verdict.reasons) expect(message).toMatch(/\.$/);
}

describe("an image upon a base of another trust domain", () => {
  test("is allowed when its layers begin with the base's and the base holds there", async () => {
    const verdict = await verdictOf(onBase);
    expect(verdict.reasons).toEqual([]);
    expect(verdict.decision).toBe("allow");
    expect(verdict.ancestry).toMatchObject({ kind: "manifest", platforms: "itself", dependencies: [] });
    expect(verdict.ancestry?.bases).toEqual([
      expect.objectContaining({
        image: onBase.digest,
        digest: base.digest,
        grade: "proven",
        namedBy: ["annotation"],
        layers: { base: 2, image: 3 },
        origin: { project: "app", domain: "upstream", root: sha256(upstream.root) },
        problem: undefined,
      }),
    ]);
    expect(verdict.ancestry?.bases[0]?.verdict).toMatchObject({
      decision: "allow",
      pinnedRoot: sha256(upstream.root),
    });
  });

  test("holds no longer than the verdict of its base", async () => {
    await verdictOf(onBase);
    const days = upstream.timestampDays;
    upstream.timestampDays = 0.5;
    await upstream.publish();
    const verdict = verify(onBase.digest);
    expect(verdict.freshness.validUntil).toBe(new Date(domain.now.getTime() + 43_200_000).toISOString());
    upstream.timestampDays = days;
    await upstream.publish();
  });

  test("is allowed whatever compressed the layers, because diff_ids say what they are", async () => {
    const image = testImage(["base 1", "base 2", "recompressed"], {
      level: 1,
      annotations: naming(base.digest),
    });
    expect((await verdictOf(image)).decision).toBe("allow");
  });

  test("is allowed when nothing lies on top of the base", async () => {
    const image = testImage(["base 1", "base 2"], { label: "renamed", annotations: naming(base.digest) });
    expect((await verdictOf(image)).decision).toBe("allow");
  });

  test("says nothing of ancestors where nobody demands or asks", async () => {
    const verdict = verify(base.digest, upstream, []);
    expect(verdict.decision).toBe("allow");
    expect(verdict).not.toHaveProperty("ancestry");
  });
});

describe("attacks on a base", () => {
  const attacks: [string, TestImage, string][] = [
    [
      "a layer of it was swapped",
      testImage(["base 1", "evil", "app"], { annotations: naming(base.digest) }),
      "base_not_contained",
    ],
    [
      "a layer was inserted",
      testImage(["base 1", "evil", "base 2", "app"], { annotations: naming(base.digest) }),
      "base_not_contained",
    ],
    [
      "a layer was put below it",
      testImage(["evil", "base 1", "base 2"], { annotations: naming(base.digest) }),
      "base_not_contained",
    ],
    [
      "its layers were reordered",
      testImage(["base 2", "base 1", "app"], { annotations: naming(base.digest) }),
      "base_not_contained",
    ],
    [
      "a layer of it was left out",
      testImage(["base 1", "app"], { annotations: naming(base.digest) }),
      "base_not_contained",
    ],
    ["nothing names a base", testImage(["base 1", "base 2", "silent"]), "base_missing"],
    [
      "the annotation names a digest that nobody knows",
      testImage(["base 1", "base 2", "x"], { annotations: naming(parseDigest(`sha256:${"1".repeat(64)}`)) }),
      "base_not_contained",
    ],
    [
      "the annotation is no digest",
      testImage(["base 1", "base 2", "y"], { annotations: { [BASE_DIGEST]: "debian:12" } }),
      "base_missing",
    ],
    [
      "it is for another platform",
      testImage(["base 1", "base 2", "z"], { architecture: "arm64", annotations: naming(base.digest) }),
      "base_not_contained",
    ],
  ];
  test.each(attacks)("denied when %s", async (_name, image, code) => {
    expectDenied(await verdictOf(image), code);
  });

  test("denied when the base is one that nobody vouches for, though the annotation tells the truth", async () => {
    const unknown = testImage(["unknown 1"]);
    const image = testImage(["unknown 1", "app"], { annotations: naming(unknown.digest) });
    expectDenied(await verdictOf(image, { contents: [unknown.manifest, unknown.config] }), "base_not_proven");
  });

  test("denied when an annotation lies about a proven base, and the true one is not proven", async () => {
    const image = testImage(["unknown 1", "other app"], { annotations: naming(base.digest) });
    expectDenied(await verdictOf(image), "base_not_contained");
  });

  test("denied when the base was revoked where it comes from", async () => {
    const revoked = testImage(["revoked 1"]);
    await recordImage(upstream, revoked);
    await upstream.revoke(revoked.digest, "vulnerable");
    upstream.versions.project += 1;
    await upstream.signProject();
    await upstream.publish();
    const image = testImage(["revoked 1", "app"], { annotations: naming(revoked.digest) });
    const verdict = await verdictOf(image);
    expectDenied(verdict, "base_not_proven");
    expect(verdict.reasons[0]?.message).toContain("artifact_revoked");
    upstream.projectFiles.delete(revocationsPath("app"));
    upstream.versions.project += 1;
    await upstream.signProject();
    await upstream.publish();
  });

  test("denied when the evidence of the base is another artifact's", async () => {
    const forged = testImage(["forged 1"]);
    await upstream.record(forged.digest, forged.manifest.length, await upstream.links(base.digest), {
      contents: [forged.manifest, forged.config],
    });
    await upstream.publish();
    const image = testImage(["forged 1", "app"], { annotations: naming(forged.digest) });
    expectDenied(await verdictOf(image), "base_not_proven");
  });

  test("denied when the other domain is served with another root, or not at all", async () => {
    await verdictOf(onBase);
    expectDenied(verify(onBase.digest, domain, []), "base_not_contained");
    const imposter = await DomainFixture.create();
    const foreign = { ...domain.source, foreign: () => imposter.source };
    const verdict = driveSync(
      verifyFromRoot(domain.root, { digest: onBase.digest, project: "app" }, domain.now),
      foreign,
    );
    expect(verdict.decision).toBe("deny");
    expect(verdict.reasons[0]?.message).toMatch(/In the trust domain [a-z]+: /);
  });

  test("denied when the contents on record are withheld or changed", async () => {
    await verdictOf(onBase);
    const name = sha256(onBase.config);
    for (const bytes of [undefined, utf8("{}")]) {
      if (bytes === undefined) domain.blobs.delete(name);
      else domain.blobs.set(name, bytes);
      expectDenied(verify(onBase.digest), "content_missing");
    }
    domain.blobs.set(name, onBase.config);
    expect(verify(onBase.digest).decision).toBe("allow");
  });

  test("denied by what it says when the file of demands cannot be read", async () => {
    const strange = await DomainFixture.create();
    await strange.demand({ bases: { grade: "proved" } });
    await strange.publish();
    expectDenied(verify(strange.digest, strange, []), "bad_lineage_policy");
  });

  test("denied when the root of the domain is not pinned", async () => {
    const unpinned = await DomainFixture.create();
    await unpinned.demand({ bases: { grade: "proven", from: [{ domain: "upstream", project: "app" }] } });
    await recordImage(unpinned, onBase, { contents: [base.manifest, base.config] });
    await unpinned.publish();
    const verdict = verify(onBase.digest, unpinned);
    expectDenied(verdict, "base_not_proven");
    expect(verdict.reasons[0]?.message).toContain("does not pin its root");
  });
});

describe("grades", () => {
  let own: DomainFixture;
  const plain = testImage(["plain 1"]);
  const named = testImage(["plain 1", "named"], { annotations: naming(plain.digest) });

  async function under(policy: Record<string, unknown>, record: () => Promise<void>): Promise<Verdict> {
    own = await DomainFixture.create();
    await own.demand(policy);
    await record();
    await own.publish();
    return verify(named.digest, own, []);
  }

  test("claimed: the annotation is enough, and what is known of the layers is told", async () => {
    const verdict = await under({ bases: { grade: "claimed" } }, () => recordImage(own, named));
    expect(verdict.decision).toBe("allow");
    expect(verdict.ancestry?.bases).toEqual([
      expect.objectContaining({
        grade: "claimed",
        problem: expect.objectContaining({ code: "content_missing" }),
      }),
    ]);
  });

  test("contained: the manifest and the configuration of the base are enough", async () => {
    const contents = [plain.manifest, plain.config];
    const verdict = await under({ bases: { grade: "contained" } }, () =>
      recordImage(own, named, { contents }),
    );
    expect(verdict.decision).toBe("allow");
    expect(verdict.ancestry?.bases[0]).toMatchObject({ grade: "contained", layers: { base: 1, image: 2 } });
  });

  test("contained: a claim alone is not enough", async () => {
    const verdict = await under({ bases: { grade: "contained" } }, () => recordImage(own, named));
    expectDenied(verdict, "base_not_contained");
  });

  test("what is looked at beyond the demands changes no decision", async () => {
    await under({ bases: { grade: "contained" } }, async () => {
      await recordImage(own, named);
      await recordImage(own, plain);
    });
    expect(verify(named.digest, own, []).decision).toBe("deny");
    expect(verify(named.digest, own, [], true).decision).toBe("deny");
    const free = await DomainFixture.create();
    await recordImage(free, named);
    await recordImage(free, plain);
    await free.publish();
    const explored = verify(named.digest, free, [], true);
    expect(explored.decision).toBe("allow");
    expect(explored.ancestry?.bases[0]).toMatchObject({
      grade: "proven",
      origin: { project: "app", domain: undefined },
    });
  });
});

describe("depth", () => {
  const chain = [
    testImage(["1"]),
    testImage(["1", "2"], { annotations: naming(testImage(["1"]).digest) }),
    testImage(["1", "2", "3"], {
      annotations: naming(testImage(["1", "2"], { annotations: naming(testImage(["1"]).digest) }).digest),
    }),
  ] as const;
  const top = chain[2];

  async function chained(
    policy: Record<string, unknown>,
    recorded: readonly TestImage[] = chain,
  ): Promise<Verdict> {
    const own = await DomainFixture.create();
    await own.pinDomain("lower", upstream.root);
    await own.demand(policy);
    await recordImage(own, top);
    for (const image of recorded) await recordImage(upstream, image);
    await upstream.publish();
    await own.publish();
    return verify(top.digest, own, [upstream]);
  }

  const from = [{ domain: "lower", project: "app" }];

  test("two levels are followed to where they begin", async () => {
    const verdict = await chained({ bases: { grade: "proven", from, depth: 2 } });
    expect(verdict.reasons).toEqual([]);
    expect(verdict.ancestry?.bases.map(({ digest, grade }) => [digest, grade])).toEqual([
      [chain[1].digest, "proven"],
      [chain[0].digest, "proven"],
    ]);
  });

  test("a chain that is too short is denied, unless its end may be the lowest", async () => {
    expectDenied(await chained({ bases: { grade: "proven", from, depth: 3 } }), "base_missing");
    const foundation = [{ domain: "lower", project: "app", foundation: true }];
    expect((await chained({ bases: { grade: "proven", from: foundation, depth: 3 } })).decision).toBe(
      "allow",
    );
  });

  test("images that name each other as bases come to an end", async () => {
    // Two images cannot annotate each other, but what is said of one beside its digest can close the circle.
    const one = testImage(["same"], { label: "one" });
    const two = testImage(["same"], { label: "two", annotations: naming(one.digest) });
    const own = await DomainFixture.create();
    await own.demand({ bases: { grade: "proven", from: [{ project: "app" }] } });
    const { package: pack } = own.linkContents(one.digest);
    const circular = {
      ...pack,
      materials: new Map([
        ...pack.materials,
        ["pkg:oci/two", new Map([["sha256", two.digest.slice(7)]])] as const,
      ]),
    };
    const layout = own.layout();
    const steps = layout.steps.map((step) =>
      step.name === "package"
        ? { ...step, expectedMaterials: [["ALLOW", "pkg:*"], ...(step.expectedMaterials ?? [])] }
        : step,
    );
    await own.setLayout({ ...layout, steps });
    const links = (await own.links(one.digest)).slice(0, 2);
    const evidence = [...links, await signLink(circular, [own.functionaries.package])];
    await own.record(one.digest, one.manifest.length, evidence, { contents: [one.manifest, one.config] });
    await recordImage(own, two);
    await own.publish();
    expectDenied(verify(two.digest, own, []), "base_not_proven");
  });
});

describe("indexes of bases", () => {
  test("a base that is named by its index, as BuildKit does, is compared by platform", async () => {
    const arm = testImage(["arm 1"], { architecture: "arm64" });
    const amd = testImage(["amd 1"]);
    const index = testIndex([arm, amd]);
    await upstream.record(index.digest, index.bytes.length, await upstream.links(index.digest), {
      contents: [index.bytes, arm.manifest, arm.config, amd.manifest, amd.config],
    });
    await upstream.publish();
    const image = testImage(["amd 1", "app"], { annotations: naming(index.digest) });
    const verdict = await verdictOf(image);
    expect(verdict.reasons).toEqual([]);
    expect(verdict.ancestry?.bases[0]).toMatchObject({
      digest: index.digest,
      manifest: amd.digest,
      grade: "proven",
    });
    expectDenied(
      await verdictOf(testImage(["arm 1", "app"], { annotations: naming(index.digest) })),
      "base_not_contained",
    );
  });
});
