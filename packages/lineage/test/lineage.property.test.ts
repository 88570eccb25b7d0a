import { beforeAll, describe, expect, test } from "@jest/globals";
import { driveSync } from "@stemma/client";
import { type Digest, fromPlain, type JsonObject, type Sha256Hex } from "@stemma/encoding";
import { signStatement } from "@stemma/in-toto";
import { factsOf, type Verdict, verifyFromRoot } from "@stemma/lineage";
import fc from "fast-check";
import { DomainFixture, days } from "../../../test/support/domain.ts";
import { testImage, testIndex } from "../../../test/support/images.ts";

/*
 * Whoever hands over the bytes can withhold any of them. Whatever is missing, of the evidence, of the contents, of the records and
 * what they point to: no verdict becomes an allow by it (decision 0010). And whatever the demands are, a verdict is plain
 * data that comes out the same again.
 */

const BASE = "org.opencontainers.image.base.digest";
const PROVENANCE = "https://slsa.dev/provenance/v1";
const base = testImage(["base 1", "base 2"]);
const other = testImage(["other"]);
const good = testImage(["base 1", "base 2", "app"], { annotations: { [BASE]: base.digest } });
const lying = testImage(["other", "app"], { annotations: { [BASE]: base.digest } });
const unnamed = testImage(["base 1", "base 2", "quiet"]);
const images = [good, lying, unnamed];
const index = testIndex(images);
const subjects: readonly Digest[] = [index.digest, ...images.map(({ digest }) => digest)];

/** Everything of both domains that can be withheld, in one world where what is true lies beside what is not. */
let home: DomainFixture;
let upstream: DomainFixture;

beforeAll(async () => {
  upstream = await DomainFixture.create();
  await upstream.record(base.digest, base.manifest.length, await upstream.links(base.digest), {
    contents: [base.manifest, base.config],
  });
  await upstream.record(other.digest, other.manifest.length, [], {
    contents: [other.manifest, other.config],
  });
  await upstream.publish();
  home = await DomainFixture.create();
  await home.pinDomain("upstream", upstream.root);
  const builders = [home.functionaries.build, home.functionaries.package];
  await home.setLayout({
    expires: days(home.now, 30),
    steps: [
      {
        name: "build",
        threshold: 1,
        functionaries: [],
        expectedPredicates: [
          {
            predicateType: PROVENANCE,
            threshold: 1,
            functionaries: builders.map(({ publicKey }) => publicKey),
          },
        ],
      },
    ],
  });
});

function provenance(
  subject: Digest,
  uses: readonly Digest[],
  which: "build" | "package",
): Promise<Uint8Array> {
  const resolvedDependencies = uses.map((digest, at) => ({
    uri: `pkg:oci/part-${at}`,
    digest: { sha256: digest.slice(7) },
  }));
  return signStatement(
    {
      subjects: [{ digest: new Map([["sha256", subject.slice(7)]]) }],
      predicateType: PROVENANCE,
      predicate: fromPlain({
        buildDefinition: { buildType: "https://example.com/b", externalParameters: {}, resolvedDependencies },
        runDetails: { builder: { id: "https://example.com/builder" } },
      }) as JsonObject,
    },
    [home.functionaries[which]],
  );
}

interface World {
  readonly platforms: string;
  readonly bases: unknown;
  readonly dependencies: readonly unknown[];
  readonly signed: readonly boolean[];
  readonly uses: readonly (readonly Digest[])[];
}

const from = fc.constantFrom(
  [{ domain: "upstream", project: "app" }],
  [{ project: "app" }],
  [{ project: "app" }, { domain: "upstream", project: "app", foundation: true }],
);
const world: fc.Arbitrary<World> = fc.record({
  platforms: fc.constantFrom("itself", "index", "platform", "either", "both"),
  bases: fc.oneof(
    fc.constant(undefined),
    fc.record({ grade: fc.constantFrom("claimed", "contained") }),
    fc.record({ grade: fc.constant("proven"), from, depth: fc.constantFrom(1, 2) }),
  ),
  dependencies: fc.array(
    fc.oneof(
      fc.record({ uri: fc.constantFrom("pkg:oci/*", "*-1"), grade: fc.constant("claimed") }),
      fc.record({ uri: fc.constantFrom("pkg:oci/*", "*-0"), grade: fc.constant("proven"), from }),
    ),
    { maxLength: 1 },
  ),
  signed: fc.array(fc.boolean(), { minLength: subjects.length, maxLength: subjects.length }),
  uses: fc.array(fc.subarray([base.digest, other.digest]), {
    minLength: 2 * subjects.length,
    maxLength: 2 * subjects.length,
  }),
});

async function build({ platforms, bases, dependencies, signed, uses }: World): Promise<void> {
  if (platforms === "itself" && bases === undefined && dependencies.length === 0) {
    home.projectFiles.delete("projects/app/lineage.json");
    await home.signProject();
  } else {
    await home.demand({ platforms, ...(bases === undefined ? {} : { bases }), dependencies });
  }
  home.records.clear();
  for (const [at, digest] of subjects.entries()) {
    const image = images[at - 1];
    const evidence = signed[at]
      ? [
          await provenance(digest, uses[2 * at] ?? [], "build"),
          await provenance(digest, uses[2 * at + 1] ?? [], "package"),
        ]
      : [];
    await home.record(digest, (image?.manifest ?? index.bytes).length, evidence, {
      contents: image === undefined ? [index.bytes] : [image.manifest, image.config],
      ...(image === undefined ? {} : { indexes: [index.digest] }),
    });
  }
  await home.publish();
}

/** The verdict when some blobs, and some signed documents, are not to be had. */
function verdictWithout(digest: Digest, withheld: ReadonlySet<string>): Verdict {
  const without = (domain: DomainFixture) => ({
    ...domain.source,
    metadata: (role: string, version: number | undefined, maxLength: number) =>
      withheld.has(`${version}.${role}`) ? undefined : domain.source.metadata(role, version, maxLength),
    target: (path: string, name: Sha256Hex, length: number) =>
      withheld.has(name) ? undefined : domain.source.target(path, name, length),
    evidence: (wanted: readonly Sha256Hex[], maxLength: number) =>
      domain.source.evidence(
        wanted.filter((name) => !withheld.has(name)),
        maxLength,
      ),
  });
  const source = { ...without(home), foreign: () => without(upstream) };
  return driveSync(verifyFromRoot(home.root, { digest, project: "app" }, home.now), source);
}

describe("whatever is withheld", () => {
  test("no verdict becomes an allow by it", async () => {
    let allowed = 0;
    await fc.assert(
      fc.asyncProperty(world, fc.infiniteStream(fc.double({ min: 0, max: 1 })), async (given, chance) => {
        await build(given);
        const names = [...home.blobs.keys(), ...upstream.blobs.keys(), ...upstream.metadata.keys()];
        const withheld = new Set(names.filter(() => (chance.next().value ?? 1) < 0.1));
        for (const digest of subjects) {
          const all = verdictWithout(digest, new Set());
          if (all.decision === "allow") allowed += 1;
          const some = verdictWithout(digest, withheld);
          expect([all.decision, some.decision]).not.toEqual(["deny", "allow"]);
          expect(some.decision === "deny").toBe(some.reasons.length > 0);
          expect(verdictWithout(digest, new Set())).toEqual(all);
          expect(factsOf(all).length > 0).toBe(all.decision === "allow");
        }
      }),
      { numRuns: 60 },
    );
    // A property that only ever sees denials would show nothing.
    expect(allowed).toBeGreaterThan(20);
  });
});

describe("less evidence of an artifact", () => {
  test("never allows what more of it denied", async () => {
    await fc.assert(
      fc.asyncProperty(world, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), async (given, kept) => {
        await build(given);
        const decisions = subjects.map((digest) => verdictWithout(digest, new Set()).decision);
        for (const [at, digest] of subjects.entries()) {
          const record = home.records.get(digest);
          if (record === undefined) continue;
          const evidence = record.evidence.filter((_, place) => kept[2 * at + place]);
          home.records.set(digest, { ...record, evidence });
        }
        await home.publish();
        for (const [at, digest] of subjects.entries()) {
          expect([decisions[at], verdictWithout(digest, new Set()).decision]).not.toEqual(["deny", "allow"]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
