import { beforeEach, describe, expect, test } from "@jest/globals";
import { driveSync, verifyBundle } from "@stemma/client";
import { type Signer, sha256 } from "@stemma/crypto";
import { type Digest, fromPlain, type JsonObject, utf8 } from "@stemma/encoding";
import { signStatement } from "@stemma/in-toto";
import { type Verdict, verifyFromRoot } from "@stemma/lineage";
import { DomainFixture, days, digestOf, newSigner } from "../../../test/support/domain.ts";
import { type TestImage, testImage } from "../../../test/support/images.ts";

const PROVENANCE = "https://slsa.dev/provenance/v1";
const compiler = utf8("the compiler");
const forged = utf8("another compiler");
const artifact = utf8("the program");

/** Two builders, of whom a threshold of one or two must attest provenance; the compiler has links of its own project's. */
let domain: DomainFixture;
let builders: readonly Signer[];

beforeEach(async () => {
  domain = await DomainFixture.create();
  builders = [newSigner(), newSigner()];
  await domain.record(digestOf(compiler), compiler.length, await links(compiler));
});

async function links(bytes: Uint8Array): Promise<readonly Uint8Array[]> {
  return [
    await provenance(digestOf(bytes), [], builders[0] as Signer),
    await provenance(digestOf(bytes), [], builders[1] as Signer),
  ];
}

async function useLayout(threshold: number): Promise<void> {
  await domain.setLayout({
    expires: days(domain.now, 30),
    steps: [
      {
        name: "build",
        threshold: 1,
        functionaries: [],
        expectedPredicates: [
          { predicateType: PROVENANCE, threshold, functionaries: builders.map(({ publicKey }) => publicKey) },
        ],
      },
    ],
  });
}

type Listed = { uri?: string; name?: string; digest?: Record<string, string> };

function provenance(
  subject: Digest,
  resolvedDependencies: readonly Listed[],
  signer: Signer,
): Promise<Uint8Array> {
  const predicate = {
    buildDefinition: { buildType: "https://example.com/build", externalParameters: {}, resolvedDependencies },
    runDetails: { builder: { id: "https://example.com/builder" } },
  };
  return signStatement(
    {
      subjects: [{ digest: new Map([["sha256", subject.slice(7)]]) }],
      predicateType: PROVENANCE,
      predicate: fromPlain(predicate) as JsonObject,
    },
    [signer],
  );
}

const uses = (bytes: Uint8Array, uri = "pkg:generic/compiler@1"): Listed => ({
  uri,
  digest: { sha256: sha256(bytes) },
});
const proven = { dependencies: [{ uri: "pkg:generic/*", grade: "proven", from: [{ project: "app" }] }] };

async function verdictOf(
  policy: Record<string, unknown>,
  listed: readonly (readonly Listed[])[],
  threshold = 1,
): Promise<Verdict> {
  await useLayout(threshold);
  await domain.demand(policy);
  const evidence = await Promise.all(
    listed.map((list, index) => provenance(digestOf(artifact), list, builders[index] as Signer)),
  );
  await domain.record(digestOf(artifact), artifact.length, evidence);
  await domain.publish();
  return verifyBundle(domain.root, domain.bundle, {
    digest: digestOf(artifact),
    project: "app",
    time: domain.now,
  });
}

const codes = (verdict: Verdict): readonly string[] => verdict.reasons.map(({ code }) => code);

describe("dependencies that provenance lists", () => {
  test("claimed: it is enough that one is listed, and none is too few", async () => {
    const policy = { dependencies: [{ uri: "pkg:generic/*", grade: "claimed" }] };
    expect((await verdictOf(policy, [[uses(compiler)]])).decision).toBe("allow");
    const silent = await verdictOf(policy, [
      [{ uri: "git+https://example.com/repo", digest: { gitCommit: "0".repeat(40) } }],
    ]);
    expect(codes(silent)).toEqual(["dependency_missing"]);
  });

  test("an artifact whose own project demands dependencies of every artifact needs them all the way down", async () => {
    // The compiler's provenance lists nothing, so by the same demand the compiler is not proven.
    const verdict = await verdictOf(proven, [[uses(compiler)]]);
    expect(codes(verdict)).toEqual(["dependency_not_proven"]);
    expect(verdict.reasons[0]?.message).toContain("dependency_missing");
  });
});

describe("proven by another trust domain", () => {
  let tools: DomainFixture;
  const policy = {
    dependencies: [{ uri: "pkg:generic/*", grade: "proven", from: [{ domain: "tools", project: "app" }] }],
  };

  beforeEach(async () => {
    tools = await DomainFixture.create();
    await tools.record(digestOf(compiler), compiler.length, await tools.links(digestOf(compiler)));
    await tools.publish();
    await domain.pinDomain("tools", tools.root);
  });

  async function verify(
    listed: readonly (readonly Listed[])[],
    threshold = 1,
    demands: Record<string, unknown> = policy,
  ): Promise<Verdict> {
    await useLayout(threshold);
    await domain.demand(demands);
    const evidence = await Promise.all(
      listed.map((list, index) => provenance(digestOf(artifact), list, builders[index] as Signer)),
    );
    await domain.record(digestOf(artifact), artifact.length, evidence);
    await domain.publish();
    const source = { ...domain.source, foreign: () => tools.source };
    return driveSync(
      verifyFromRoot(domain.root, { digest: digestOf(artifact), project: "app" }, domain.now),
      source,
    );
  }

  test("allowed when every dependency that matches holds there", async () => {
    const verdict = await verify([
      [uses(compiler), { uri: "https://example.com/data", digest: { sha256: sha256(forged) } }],
    ]);
    expect(verdict.reasons).toEqual([]);
    expect(verdict.ancestry?.dependencies).toEqual([
      expect.objectContaining({
        uri: "pkg:generic/compiler@1",
        digest: digestOf(compiler),
        grade: "proven",
        origin: { project: "app", domain: "tools", root: sha256(tools.root) },
      }),
    ]);
  });

  test.each<[string, readonly Listed[], string]>([
    ["another compiler", [uses(forged)], "dependency_not_proven"],
    [
      "one more that nobody knows",
      [uses(compiler), uses(forged, "pkg:generic/linker@1")],
      "dependency_not_proven",
    ],
    ["nothing of the kind", [], "dependency_missing"],
    [
      "a name in place of a URI that does not match",
      [{ name: "compiler", digest: { sha256: sha256(compiler) } }],
      "dependency_missing",
    ],
    ["a dependency without a digest", [{ uri: "pkg:generic/compiler@1" }], "dependency_not_proven"],
    [
      "a dependency by a weak digest",
      [{ uri: "pkg:generic/compiler@1", digest: { sha1: "0".repeat(40) } }],
      "dependency_not_proven",
    ],
  ])("denied when the provenance lists %s", async (_name, listed, code) => {
    expect(codes(await verify([listed]))).toEqual([code]);
  });

  test("further provenance that falls short does not deny what other provenance proves", async () => {
    expect((await verify([[uses(compiler)], [uses(forged)]])).decision).toBe("allow");
  });

  test("as many functionaries must state it as the layout asks for", async () => {
    expect((await verify([[uses(compiler)], [uses(compiler)]], 2)).decision).toBe("allow");
    // The layout itself is content with two that agree on the subject; only one of them lists what is proven.
    const verdict = await verify(
      [[uses(compiler)], [uses(compiler), uses(forged, "pkg:generic/linker@1")]],
      2,
    );
    expect(verdict.decision).toBe("deny");
  });

  test("what two say of different predicates does not add up to two", async () => {
    const reviewed = "https://example.com/reviewed/v1";
    const earlier = "https://slsa.dev/provenance/v0.2";
    const [first, second] = builders as [Signer, Signer];
    const functionaries = builders.map(({ publicKey }) => publicKey);
    await domain.setLayout({
      expires: days(domain.now, 30),
      steps: [
        {
          name: "build",
          threshold: 1,
          functionaries: [],
          expectedPredicates: [reviewed, PROVENANCE, earlier].map((predicateType) => ({
            predicateType,
            threshold: 2,
            functionaries,
          })),
        },
      ],
    });
    await domain.demand(policy);
    const says = (predicateType: string, predicate: Record<string, unknown>, signer: Signer) =>
      signStatement(
        {
          subjects: [{ digest: new Map([["sha256", sha256(artifact) as string]]) }],
          predicateType,
          predicate: fromPlain(predicate) as JsonObject,
        },
        [signer],
      );
    const old = (materials: readonly Listed[], signer: Signer) =>
      says(
        earlier,
        { builder: { id: "https://example.com/builder" }, buildType: "https://example.com/build", materials },
        signer,
      );
    const verdictWith = async (both: boolean): Promise<Verdict> => {
      const evidence = [
        await says(reviewed, {}, first),
        await says(reviewed, {}, second),
        await provenance(digestOf(artifact), [uses(compiler)], first),
        await provenance(digestOf(artifact), both ? [uses(compiler)] : [], second),
        await old([], first),
        await old([uses(compiler)], second),
      ];
      await domain.record(digestOf(artifact), artifact.length, evidence);
      await domain.publish();
      const request = { digest: digestOf(artifact), project: "app" };
      const source = { ...domain.source, foreign: () => tools.source };
      return driveSync(verifyFromRoot(domain.root, request, domain.now), source);
    };
    expect((await verdictWith(true)).reasons).toEqual([]);
    expect(codes(await verdictWith(false))).toEqual(["dependency_not_proven"]);
  });

  test("a domain that is named for ten thousand dependencies is opened once", async () => {
    await useLayout(1);
    await domain.demand(policy);
    const listed = Array.from({ length: 10_000 }, (_, at) => uses(compiler, `pkg:generic/compiler@${at}`));
    await domain.record(digestOf(artifact), artifact.length, [
      await provenance(digestOf(artifact), listed, builders[0] as Signer),
    ]);
    await domain.publish();
    const asked: string[] = [];
    const source = {
      ...domain.source,
      target: (...wanted: Parameters<typeof domain.source.target>) => {
        asked.push(wanted[0]);
        return domain.source.target(...wanted);
      },
      foreign: () => tools.source,
    };
    const request = { digest: digestOf(artifact), project: "app" };
    const verdict = driveSync(verifyFromRoot(domain.root, request, domain.now), source);
    expect(verdict.reasons).toEqual([]);
    expect(asked.filter((path) => path.endsWith("/tools.root.json"))).toHaveLength(1);
  });

  test("provenance of another artifact says nothing of this one", async () => {
    await useLayout(1);
    await domain.demand(policy);
    const own = await provenance(digestOf(artifact), [uses(forged)], builders[0] as Signer);
    const other = await provenance(
      digestOf(utf8("another program")),
      [uses(compiler)],
      builders[0] as Signer,
    );
    await domain.record(digestOf(artifact), artifact.length, [own, other]);
    await domain.publish();
    const source = { ...domain.source, foreign: () => tools.source };
    const verdict = driveSync(
      verifyFromRoot(domain.root, { digest: digestOf(artifact), project: "app" }, domain.now),
      source,
    );
    expect(codes(verdict)).toEqual(["dependency_not_proven"]);
  });

  const base = testImage(["base"]);
  const other = testImage(["other"]);

  /** An image whose provenance names a base, by what it has for layers. */
  async function builtUpon(layers: readonly string[], named: readonly TestImage[]): Promise<Verdict> {
    const image = testImage(layers);
    await tools.record(base.digest, base.manifest.length, await tools.links(base.digest), {
      contents: [base.manifest, base.config],
    });
    await tools.record(other.digest, other.manifest.length, [], { contents: [other.manifest, other.config] });
    await tools.publish();
    await useLayout(1);
    await domain.demand({ bases: { grade: "proven", from: [{ domain: "tools", project: "app" }] } });
    const listed = named.map(({ digest }) => ({
      uri: "pkg:docker/base@1?platform=linux%2Famd64",
      digest: { sha256: digest.slice(7) },
    }));
    const evidence = [await provenance(image.digest, listed, builders[0] as Signer)];
    await domain.record(image.digest, image.manifest.length, evidence, {
      contents: [image.manifest, image.config],
    });
    await domain.publish();
    const source = { ...domain.source, foreign: () => tools.source };
    const request = { digest: image.digest, project: "app" };
    return driveSync(verifyFromRoot(domain.root, request, domain.now), source);
  }

  test("a base that only provenance names is found and proven, among all stages that it names", async () => {
    const verdict = await builtUpon(["base", "app"], [other, base]);
    expect(verdict.reasons).toEqual([]);
    expect(verdict.ancestry?.bases[0]).toMatchObject({
      digest: base.digest,
      namedBy: ["statement"],
      grade: "proven",
    });
  });

  test("provenance that names another base than the image is built upon proves nothing", async () => {
    expect(codes(await builtUpon(["other", "app"], [base]))).toEqual(["base_not_contained"]);
    expect(codes(await builtUpon(["other", "app"], [base, other]))).toEqual(["base_not_proven"]);
    // Built upon the proven base, and said to be upon the other: nobody names the true one, so nobody looks for it.
    expect(codes(await builtUpon(["base", "app"], [other]))).toEqual(["base_not_contained"]);
  });
});

describe("artifacts that rest on each other in many ways", () => {
  const named = (level: number, at: number): Uint8Array => utf8(`artifact ${level} ${at}`);

  /** Every artifact of a level is made of all those of the next. */
  async function build(levels: number, width: number): Promise<void> {
    domain.records.clear();
    for (let level = 0; level < levels; level += 1) {
      for (let at = 0; at < width; at += 1) {
        const below =
          level + 1 === levels
            ? []
            : Array.from({ length: width }, (_, next) => uses(named(level + 1, next)));
        const digest = digestOf(named(level, at));
        const evidence = await provenance(digest, below, builders[0] as Signer);
        await domain.record(digest, 10, [evidence]);
      }
    }
    await useLayout(1);
    await domain.publish();
  }

  const verify = (explore: boolean): Verdict => {
    const request = { digest: digestOf(named(0, 0)), project: "app", explore };
    return driveSync(verifyFromRoot(domain.root, request, domain.now), domain.source);
  };

  test("are each told of once: the document does not grow with the ways", async () => {
    await build(6, 8);
    const verdict = verify(true);
    expect(verdict.decision).toBe("allow");
    const text = JSON.stringify(verdict);
    expect(text.length).toBeLessThan(1_000_000);
    expect(text.match(/"pinnedRoot"/g)).toHaveLength(1 + 5 * 8);
  });

  test("are too many at some point: what is demanded is then denied, and what is only asked for is left out", async () => {
    await build(3, 70);
    expect(verify(false).decision).toBe("allow");
    expect(verify(true).decision).toBe("allow");
    await domain.demand({
      dependencies: [{ uri: "pkg:generic/*", grade: "proven", from: [{ project: "app" }] }],
    });
    await domain.publish();
    expect(verify(false)).toMatchObject({ decision: "deny" });
  });

  test("are too large at some point, before any of their evidence is fetched", async () => {
    await build(2, 1);
    const digest = digestOf(named(1, 0));
    const known = domain.records.get(digest);
    if (known === undefined) throw new Error("There is no record.");
    const evidence = Array.from({ length: 65 }, (_, at) => ({
      sha256: sha256(utf8(`large ${at}`)),
      length: 4 * 1024 * 1024,
    }));
    domain.records.set(digest, { ...known, evidence });
    await domain.publish();
    const [dependency] = verify(true).ancestry?.dependencies ?? [];
    expect(dependency?.verdict?.reasons.map(({ code }) => code)).toEqual(["lineage_limit"]);
  });

  test("are too deep at some point", async () => {
    await build(12, 1);
    expect(verify(true).decision).toBe("allow");
  });
});
