import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "@jest/globals";
import {
  asyncSource,
  type Bundle,
  bundleSource,
  Client,
  ClientError,
  fileCache,
  freshestSource,
  type Source,
} from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import { layoutPath } from "@stemma/lineage";
import { DomainFixture, days } from "../../../test/support/domain.ts";

let domain: DomainFixture;
beforeEach(async () => {
  domain = await DomainFixture.create();
});

/** The domain as it is now: what a mirror that was made at this moment keeps. */
function mirror(): { metadata: Map<string, Uint8Array>; blobs: Bundle["blobs"] } {
  return { metadata: new Map(domain.metadata), blobs: new Map(domain.blobs) };
}

const served = (bundle: Bundle): Source => asyncSource(bundleSource(bundle));

function unreachable(): Source & { asked: number } {
  const source = {
    asked: 0,
    metadata: () => fail(),
    target: () => fail(),
    evidence: () => fail(),
  };
  async function fail(): Promise<never> {
    source.asked += 1;
    throw new ClientError("source_unreachable", "The cable was cut.");
  }
  return source;
}

/** A source that changes every byte string that it hands on. */
function broken(inner: Source): Source {
  const damage = (bytes: Uint8Array | undefined): Uint8Array | undefined => {
    if (bytes === undefined) return undefined;
    const copy = Uint8Array.from(bytes);
    copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
    return copy;
  };
  return {
    metadata: async (...asked) => damage(await inner.metadata(...asked)),
    target: async (...asked) => damage(await inner.target(...asked)),
    evidence: async (...asked) =>
      new Map(
        [...(await inner.evidence(...asked))].map(([name, bytes]) => [name, damage(bytes) as Uint8Array]),
      ),
  };
}

async function verdict(sources: readonly Source[], time = domain.now) {
  const source = freshestSource({ root: domain.root, sources, time: () => time });
  const client = new Client({ root: domain.root, source });
  return client.verify({ digest: domain.digest, project: "app", time });
}

const version = (found: Awaited<ReturnType<typeof verdict>>, role: string) =>
  found.freshness.roles.find((one) => one.role === role)?.version;

describe("of several sources, the freshest that verifies wins", () => {
  test("over a mirror that stands still, whichever is asked first", async () => {
    const frozen = served(mirror());
    await domain.publish();
    const fresh = served(mirror());
    for (const sources of [
      [frozen, fresh],
      [fresh, frozen],
    ]) {
      const found = await verdict(sources);
      expect(found.decision).toBe("allow");
      expect(version(found, "timestamp")).toBe(2);
    }
  });

  test("so that a revocation arrives in spite of a mirror that has not heard of it", async () => {
    const frozen = served(mirror());
    domain.versions.project += 1;
    await domain.revoke(domain.digest, "it leaks");
    await domain.publish();
    expect((await verdict([frozen])).decision).toBe("allow");
    expect((await verdict([frozen, served(mirror())])).reasons).toMatchObject([{ code: "artifact_revoked" }]);
  });

  test("over one that was rolled back behind what the client remembers", async () => {
    const back = served(mirror());
    await domain.publish();
    const fresh = served(mirror());
    const folder = await mkdtemp(join(tmpdir(), "stemma-freshest-"));
    try {
      const from = (sources: readonly Source[]) => {
        const source = freshestSource({ root: domain.root, sources, time: () => domain.now });
        const client = new Client({ root: domain.root, source, cache: fileCache(join(folder, "cache")) });
        return client.verify({ digest: domain.digest, project: "app", time: domain.now });
      };
      expect((await from([fresh])).decision).toBe("allow");
      expect((await from([back])).reasons).toMatchObject([{ code: "rollback" }]);
      expect((await from([back, fresh])).decision).toBe("allow");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("over one that has expired", async () => {
    const old = served(mirror());
    domain.timestampDays = 5;
    await domain.publish();
    expect((await verdict([old, served(mirror())], days(domain.now, 3))).decision).toBe("allow");
    expect((await verdict([old], days(domain.now, 3))).decision).toBe("deny");
  });

  test("over one that was rolled back behind its own snapshot, or is half written", async () => {
    const before = mirror();
    await domain.publish();
    const whole = mirror();
    await domain.publish();
    // The newest timestamp, and nothing of what it points to.
    before.metadata.set("timestamp", domain.metadata.get("timestamp") as Uint8Array);
    const found = await verdict([served(before), served(whole)]);
    expect(found.decision).toBe("allow");
    expect(version(found, "timestamp")).toBe(2);
  });

  test("and what one lacks comes from another", async () => {
    const old = mirror();
    await domain.publish();
    const newest = mirror();
    const bins = [...newest.metadata.keys()].filter((name) => name.includes("bin-"));
    for (const name of bins) newest.metadata.delete(name);
    const rest = { metadata: new Map(domain.metadata), blobs: new Map() };
    rest.metadata.delete("timestamp");
    const found = await verdict([served(rest), served(newest), served(old)]);
    expect(found).toMatchObject({ decision: "allow", reasons: [] });
    expect(version(found, "timestamp")).toBe(2);
  });

  test("a root that only one of them has is found", async () => {
    const old = served(mirror());
    domain.versions.root = 2;
    await domain.signRoot();
    const found = await verdict([old, served(mirror())]);
    expect(version(found, "root")).toBe(2);
    expect(found.decision).toBe("allow");
  });
});

describe("a source that fails does no harm", () => {
  test("when it cannot be reached; and it is left alone then", async () => {
    const gone = unreachable();
    expect((await verdict([gone, served(mirror())])).decision).toBe("allow");
    expect(gone.asked).toBe(1);
  });

  test("when every byte that it gives is broken", async () => {
    const good = served(mirror());
    expect((await verdict([broken(good), good])).decision).toBe("allow");
    expect((await verdict([good, broken(good)])).decision).toBe("allow");
  });

  test("when only its evidence, its files or its bins are broken", async () => {
    const good = served(mirror());
    const bad = broken(good);
    for (const part of ["metadata", "target", "evidence"] as const) {
      const mixed: Source = {
        ...good,
        metadata: (role, ...rest) =>
          (part === "metadata" && role !== "timestamp" ? bad : good).metadata(role, ...rest),
        ...(part === "metadata" ? {} : { [part]: bad[part] }),
      };
      expect((await verdict([mixed, good])).decision).toBe("allow");
      expect((await verdict([mixed])).decision).toBe("deny");
    }
  });

  test("when it makes a timestamp of its own", async () => {
    const forged = mirror();
    const liar = await DomainFixture.create();
    Object.assign(liar.versions, { online: 99 });
    await liar.publish();
    forged.metadata.set("timestamp", liar.metadata.get("timestamp") as Uint8Array);
    expect((await verdict([served(forged), served(mirror())])).decision).toBe("allow");
    expect((await verdict([served(forged)])).decision).toBe("deny");
  });

  test("when it answers more than may be read", async () => {
    const large: Source = {
      ...served(mirror()),
      metadata: async () => {
        throw new ClientError("source_too_large", "Too much.");
      },
    };
    expect((await verdict([large, served(mirror())])).decision).toBe("allow");
  });
});

describe("nothing is made up", () => {
  test("where none can be reached, none of them says deny", async () => {
    await expect(verdict([unreachable(), unreachable()])).rejects.toMatchObject({
      code: "source_unreachable",
    });
  });

  test("where one cannot tell and the other lacks the evidence, that is no verdict", async () => {
    const poor = mirror();
    const keep = [sha256(domain.projectFiles.get(layoutPath("app")) as Uint8Array)];
    const blobs = new Map([...poor.blobs].filter(([digest]) => keep.includes(digest)));
    const source = served({ ...poor, blobs });
    await expect(verdict([source, unreachable()])).rejects.toMatchObject({ code: "source_unreachable" });
    expect((await verdict([source, source])).reasons).toMatchObject([{ code: "evidence_missing" }]);
  });

  test("a pinned root that is none is refused at once", () => {
    expect(() => freshestSource({ root: utf8("{}"), sources: [], time: () => domain.now })).toThrow();
  });
});

describe("another trust domain", () => {
  test("is had from the freshest source too, once its pinned root has come by", async () => {
    const base = await DomainFixture.create();
    const old: Source = served({ metadata: new Map(base.metadata), blobs: base.blobs });
    await base.publish();
    const fresh = served(base.bundle);
    const root = sha256(base.root);
    domain.blobs.set(root, base.root);
    const home = (foreign: Source): Source => ({ ...served(mirror()), foreign: () => foreign });
    const source = freshestSource({
      root: domain.root,
      sources: [home(old), home(broken(fresh)), home(fresh)],
      time: () => domain.now,
    });
    await source.target("projects/app/base.root.json", root, base.root.length);
    const other = source.foreign?.({ name: "base", root });
    expect(await other?.metadata("timestamp", undefined, 99_999)).toEqual(base.metadata.get("timestamp"));
    expect(source.foreign?.({ name: "base", root })).toBe(other);
  });

  test("is unknown where no source knows of it", () => {
    const source = freshestSource({ root: domain.root, sources: [unreachable()], time: () => domain.now });
    expect(source.foreign?.({ name: "base", root: sha256(utf8("x")) })).toBeUndefined();
  });
});
