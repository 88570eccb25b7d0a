import { beforeEach, describe, expect, test } from "@jest/globals";
import { verifyBundle } from "@stemma/client";
import type { Digest } from "@stemma/encoding";
import { IMAGE_INDEX } from "@stemma/image";
import type { PlatformChoice, Verdict } from "@stemma/lineage";
import { DomainFixture } from "../../../test/support/domain.ts";
import { type IndexEntry, testImage, testIndex } from "../../../test/support/images.ts";

const amd = testImage(["amd 1"]);
const arm = testImage(["arm 1"], { architecture: "arm64" });
const evil = testImage(["evil 1"], { architecture: "riscv64" });
const attestation: IndexEntry = {
  manifest: testImage(["attestation"]).manifest,
  platform: { os: "unknown", architecture: "unknown" },
  annotations: {
    "vnd.docker.reference.type": "attestation-manifest",
    "vnd.docker.reference.digest": amd.digest,
  },
};

let domain: DomainFixture;

beforeEach(async () => {
  domain = await DomainFixture.create();
});

interface Recorded {
  readonly choice: PlatformChoice;
  /** What functionaries signed for. */
  readonly signed: "index" | "platforms" | "both" | "amd";
  readonly entries?: readonly IndexEntry[];
  /** What the platforms' records point to, instead of the index that lists them. */
  readonly pointing?: readonly Digest[];
}

const index = testIndex([amd, arm]);

async function record({ choice, signed, entries = [amd, arm], pointing }: Recorded): Promise<Digest> {
  const made = testIndex(entries);
  if (choice !== "itself") await domain.demand({ platforms: choice });
  const evidenceFor = async (digest: Digest, wanted: boolean): Promise<readonly Uint8Array[]> =>
    wanted ? domain.links(digest) : [];
  await domain.record(
    made.digest,
    made.bytes.length,
    await evidenceFor(made.digest, signed === "index" || signed === "both"),
    { contents: [made.bytes] },
  );
  for (const image of [amd, arm, evil]) {
    const wanted =
      (signed === "platforms" || signed === "both" || (signed === "amd" && image === amd)) && image !== evil;
    await domain.record(image.digest, image.manifest.length, await evidenceFor(image.digest, wanted), {
      contents: [image.manifest, image.config],
      indexes: pointing ?? [made.digest],
    });
  }
  await domain.publish();
  return made.digest;
}

function verify(digest: Digest): Verdict {
  return verifyBundle(domain.root, domain.bundle, { digest, project: "app", time: domain.now });
}

const codes = (verdict: Verdict): readonly string[] => [...new Set(verdict.reasons.map(({ code }) => code))];

describe("who must satisfy the layout, when the digest is", () => {
  const table: [PlatformChoice, Recorded["signed"], "allow" | "deny", "allow" | "deny"][] = [
    // choice, signed for, verdict of the index, verdict of a platform
    ["itself", "index", "allow", "deny"],
    ["itself", "platforms", "deny", "allow"],
    ["index", "index", "allow", "allow"],
    ["index", "platforms", "deny", "deny"],
    ["index", "both", "allow", "allow"],
    ["platform", "index", "deny", "deny"],
    ["platform", "platforms", "allow", "allow"],
    ["platform", "both", "allow", "allow"],
    ["either", "index", "allow", "allow"],
    ["either", "platforms", "allow", "allow"],
    ["both", "index", "deny", "deny"],
    ["both", "platforms", "deny", "deny"],
    ["both", "both", "allow", "allow"],
  ];
  test.each(table)(
    "%s, and functionaries signed for %s: index %s, platform %s",
    async (choice, signed, ofIndex, ofPlatform) => {
      const digest = await record({ choice, signed });
      expect([verify(digest).decision, verify(arm.digest).decision]).toEqual([ofIndex, ofPlatform]);
    },
  );
});

describe("attacks", () => {
  test("an index with an extra child is another index, and nobody signed for it", async () => {
    await record({ choice: "index", signed: "index" });
    const wider = testIndex([amd, arm, evil]);
    await domain.record(wider.digest, wider.bytes.length, await domain.links(index.digest), {
      contents: [wider.bytes],
    });
    await domain.record(evil.digest, evil.manifest.length, [], {
      contents: [evil.manifest, evil.config],
      indexes: [wider.digest, index.digest],
    });
    await domain.publish();
    expect(verify(wider.digest).decision).toBe("deny");
    expect(codes(verify(evil.digest))).toEqual(["index_not_proven"]);
  });

  test("an index of signed platforms and one more is as good as the one more", async () => {
    const digest = await record({ choice: "platform", signed: "platforms", entries: [amd, arm, evil] });
    const verdict = verify(digest);
    expect(codes(verdict)).toEqual(["platform_not_proven"]);
    expect(verdict.reasons[0]?.message).toContain(evil.digest);
    expect(verify(amd.digest).decision).toBe("allow");
  });

  test("a child that only says that it is an attestation counts as an image", async () => {
    for (const disguise of [
      { annotations: attestation.annotations ?? {} },
      { annotations: attestation.annotations ?? {}, platform: { os: "linux", architecture: "amd64" } },
      {
        annotations: { ...attestation.annotations, "vnd.docker.reference.digest": evil.digest },
        platform: { os: "unknown", architecture: "unknown" },
      },
    ]) {
      const entries = [amd, arm, { manifest: evil.manifest, ...disguise }];
      const digest = await record({ choice: "platform", signed: "platforms", entries });
      expect(codes(verify(digest))).toEqual(["platform_not_proven"]);
    }
  });

  test("a real attestation beside the images is no image", async () => {
    const digest = await record({
      choice: "platform",
      signed: "platforms",
      entries: [amd, arm, attestation],
    });
    expect(verify(digest).decision).toBe("allow");
  });

  test("a platform is not good by an index that does not list it, whatever the record says", async () => {
    await record({ choice: "either", signed: "index" });
    await domain.record(evil.digest, evil.manifest.length, [], {
      contents: [evil.manifest, evil.config],
      indexes: [index.digest],
    });
    await domain.publish();
    expect(verify(evil.digest).decision).toBe("deny");
    expect(verify(amd.digest).decision).toBe("allow");
  });

  test("a platform whose record points nowhere is denied, though its index holds", async () => {
    await record({ choice: "index", signed: "index", pointing: [] });
    expect(codes(verify(amd.digest))).toEqual(["index_not_proven"]);
  });

  test("what is neither index nor platform is denied where the two are told apart", async () => {
    await record({ choice: "platform", signed: "platforms" });
    expect(codes(verify(domain.digest))).toEqual(["content_missing"]);
  });

  test("a revoked index does not carry its platforms", async () => {
    await domain.revoke(index.digest, "withdrawn");
    await record({ choice: "index", signed: "index" });
    expect(codes(verify(amd.digest))).toEqual(["index_not_proven"]);
  });

  test("a revoked platform is denied, whatever carries it", async () => {
    await domain.revoke(amd.digest, "withdrawn");
    await record({ choice: "index", signed: "index" });
    expect(codes(verify(amd.digest))).toEqual(["artifact_revoked"]);
    expect(verify(arm.digest).decision).toBe("allow");
  });

  test("an index within an index is no platform, whoever signed for it", async () => {
    const inner = testIndex([evil]);
    await domain.record(inner.digest, inner.bytes.length, await domain.links(inner.digest), {
      contents: [inner.bytes],
    });
    const entries = [amd, { manifest: inner.bytes, mediaType: IMAGE_INDEX }];
    const digest = await record({ choice: "platform", signed: "platforms", entries });
    expect(codes(verify(inner.digest))).toEqual(["platform_not_proven"]);
    expect(codes(verify(digest))).toEqual(["platform_not_proven"]);
    expect(verify(digest).reasons[0]?.message).toContain(inner.digest);
  });

  test("an index without a single image holds nothing", async () => {
    const digest = await record({ choice: "platform", signed: "platforms", entries: [] });
    expect(codes(verify(digest))).toEqual(["platform_not_proven"]);
  });
});

describe("the trace", () => {
  test("tells through which index a platform holds", async () => {
    const digest = await record({ choice: "index", signed: "index" });
    const { ancestry } = verify(arm.digest);
    expect(ancestry).toMatchObject({
      kind: "manifest",
      platforms: "index",
      relatives: [{ relation: "index", digest, platform: "linux/arm64", verdict: { decision: "allow" } }],
    });
  });

  test("tells of every platform of an index", async () => {
    const digest = await record({ choice: "platform", signed: "amd" });
    const { ancestry } = verify(digest);
    expect(ancestry?.relatives.map(({ platform, decision }) => [platform, decision])).toEqual([
      ["linux/amd64", "allow"],
      ["linux/arm64", "deny"],
    ]);
  });
});
