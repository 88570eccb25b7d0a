import { beforeEach, describe, expect, test } from "@jest/globals";
import { verifyBundle } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { type Digest, type Sha256Hex, utf8 } from "@stemma/encoding";
import { signLink } from "@stemma/in-toto";
import { layoutPath, revocationsPath, type Verdict } from "@stemma/lineage";
import { DomainFixture, days, digestOf, newSigner } from "../../../test/support/domain.ts";

let domain: DomainFixture;

beforeEach(async () => {
  domain = await DomainFixture.create();
});

function verdict(digest: Digest = domain.digest, time: Date = domain.now, project = "app"): Verdict {
  return verifyBundle(domain.root, domain.bundle, { digest, project, time });
}

function expectDenied(found: Verdict, code: string): void {
  expect({ decision: found.decision, codes: found.reasons.map((reason) => reason.code) }).toEqual({
    decision: "deny",
    codes: expect.arrayContaining([code]),
  });
  for (const reason of found.reasons) expect(reason.message).toMatch(/\.$/);
}

describe("an artifact that was made as its layout asks", () => {
  test("is allowed, with its lineage and what the verdict rests on", () => {
    const found = verdict();
    expect(found.reasons).toEqual([]);
    expect(found.decision).toBe("allow");
    expect(found.lineage?.steps.map((step) => step.name)).toEqual(["source", "build", "package"]);
    expect(found.lineage?.steps[1]?.functionaries).toEqual([
      expect.objectContaining({ fingerprint: domain.functionaries.build.publicKey.fingerprint }),
    ]);
    const names = found.freshness.roles.map((role) => role.role);
    expect(names.slice(0, 6)).toEqual(["root", "timestamp", "snapshot", "targets", "app", "artifacts"]);
    expect(names[6]).toMatch(/^bin-[0-9a-f]+$/);
    expect(found.freshness.validUntil).toBe(days(domain.now, 1).toISOString());
    expect(found.pinnedRoot).toBe(sha256(domain.root));
  });

  test("has the same verdict for the same bytes at the same time", () => {
    expect(verdict()).toEqual(verdict());
    expect(JSON.parse(JSON.stringify(verdict()))).toMatchObject({ decision: "allow", digest: domain.digest });
  });

  test("is verified as of the time that is given", () => {
    expect(verdict(domain.digest, days(domain.now, 0.9)).decision).toBe("allow");
    expectDenied(verdict(domain.digest, days(domain.now, 1)), "expired");
  });
});

describe("refused by TUF", () => {
  test("frozen metadata", () => {
    expectDenied(verdict(domain.digest, days(domain.now, 2)), "expired");
  });

  test("another pinned root", async () => {
    const other = await DomainFixture.create();
    const found = verifyBundle(other.root, domain.bundle, {
      digest: domain.digest,
      project: "app",
      time: domain.now,
    });
    expectDenied(found, "threshold_not_met");
  });

  test("a pinned root that is no root", () => {
    for (const text of ["", "null", "[]", "{}", '{"signed":null,"signatures":[]}']) {
      const found = verifyBundle(utf8(text), domain.bundle, {
        digest: domain.digest,
        project: "app",
        time: domain.now,
      });
      expect(found.decision).toBe("deny");
    }
  });

  test("a project role signed by one owner only", async () => {
    await domain.signProject(domain.owners.slice(0, 1));
    expectDenied(verdict(), "threshold_not_met");
  });

  test("a record signed by a key that is not the online key", async () => {
    await domain.publish(newSigner());
    expectDenied(verdict(), "threshold_not_met");
  });
});

describe("refused because of what is not there", () => {
  test("a digest without a record", () => {
    expectDenied(verdict(digestOf(utf8("another image"))), "artifact_unknown");
  });

  test.each(["nobody", "artifacts", "bin-0", "targets", "../app", ""])("the project %j", (project) => {
    const found = verdict(domain.digest, domain.now, project);
    expect(found.decision).toBe("deny");
    expect(["project_unknown", "bad_project_name"]).toContain(found.reasons[0]?.code);
  });

  test("a project that the record does not claim", async () => {
    const record = domain.records.get(domain.digest);
    if (record !== undefined) domain.records.set(domain.digest, { ...record, projects: ["other"] });
    await domain.publish();
    expectDenied(verdict(), "project_not_claimed");
  });

  test("a project without a layout", async () => {
    domain.projectFiles.delete(layoutPath("app"));
    await domain.signProject();
    expectDenied(verdict(), "layout_missing");
  });

  test.each(["layout", "revocations"])("the project's %s, withheld by the mirror", async (name) => {
    await domain.revoke(digestOf(utf8("other")), "test");
    const path = name === "layout" ? layoutPath("app") : revocationsPath("app");
    domain.blobs.delete(sha256(domain.projectFiles.get(path) as Uint8Array));
    expectDenied(verdict(), "file_missing");
  });

  test("each link that the mirror withholds", () => {
    for (const item of domain.records.get(domain.digest)?.evidence ?? []) {
      const bytes = domain.blobs.get(item.sha256) as Uint8Array;
      domain.blobs.delete(item.sha256);
      expectDenied(verdict(), "evidence_missing");
      domain.blobs.set(item.sha256, bytes);
    }
    expect.hasAssertions();
  });

  test("each link that the holder of the online key leaves out of the record", async () => {
    const links = await domain.links();
    for (let left = 0; left < links.length; left += 1) {
      await domain.record(
        domain.digest,
        domain.artifact.length,
        links.filter((_link, index) => index !== left),
      );
      await domain.publish();
      expectDenied(verdict(), "link_missing");
    }
  });

  test("a record without any evidence", async () => {
    await domain.record(domain.digest, domain.artifact.length, []);
    await domain.publish();
    expectDenied(verdict(), "link_missing");
  });
});

describe("refused because the bytes are others", () => {
  test("a mirror that changes the layout or a link", async () => {
    for (const [name, bytes] of [...domain.blobs]) {
      const changed = Uint8Array.from(bytes);
      changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1;
      domain.blobs.set(name, changed);
      const found = verdict();
      expect(found.decision).toBe("deny");
      expect(["file_digest_mismatch", "evidence_digest_mismatch"]).toContain(found.reasons[0]?.code);
      domain.blobs.set(name, bytes);
    }
    expect(verdict().decision).toBe("allow");
  });

  test("a record whose hash is not the digest asked about", async () => {
    const evil = digestOf(utf8("evil"));
    const record = domain.records.get(domain.digest);
    if (record !== undefined) {
      domain.records.clear();
      domain.records.set(domain.digest, { ...record, digest: evil });
    }
    await domain.publish();
    expectDenied(verdict(), "bad_record");
  });
});

describe("refused by the project's owners", () => {
  test("a revoked artifact, though everything else holds", async () => {
    await domain.revoke(domain.digest, "CVE-2026-0001");
    const found = verdict();
    expectDenied(found, "artifact_revoked");
    expect(found.reasons).toHaveLength(1);
    expect(found.lineage?.ok).toBe(true);
  });

  test("revocations that cannot be read are not ignored", async () => {
    for (const text of [
      "[]",
      '{"_type":"stemma-revocations","version":2,"revoked":[]}',
      '{"_type":"x","version":1,"revoked":[]}',
      '{"_type":"stemma-revocations","version":1,"revoked":[],"more":1}',
      '{"_type":"stemma-revocations","version":1,"revoked":[{"digest":"sha256:00"}]}',
    ]) {
      await domain.setProjectFile(revocationsPath("app"), utf8(text));
      expect(verdict().decision).toBe("deny");
    }
  });

  test("a layout that one owner signed, against a threshold of two", async () => {
    await domain.setLayout(domain.layout(), domain.owners.slice(0, 1));
    expectDenied(verdict(), "layout_threshold_not_met");
  });

  test("a layout past its expiry", async () => {
    await domain.setLayout({ ...domain.layout(), expires: domain.now });
    expect(verdict().decision).toBe("deny");
  });

  test("a layout without steps (N-47)", async () => {
    const empty = utf8(JSON.stringify({ signed: {}, signatures: [] }));
    await domain.setProjectFile(layoutPath("app"), empty);
    expect(verdict().decision).toBe("deny");
  });
});

describe("a server whose online key was stolen", () => {
  test("cannot vouch for an artifact that nobody made", async () => {
    const evil = digestOf(utf8("evil"));
    await domain.record(evil, 4, []);
    await domain.publish();
    expectDenied(verdict(evil), "link_missing");
  });

  test("cannot lend it the links of another artifact (N-18)", async () => {
    const evil = digestOf(utf8("evil"));
    await domain.record(evil, 4, await domain.links());
    await domain.publish();
    expectDenied(verdict(evil), "product_mismatch");
  });

  test("cannot sign links in place of the functionaries", async () => {
    const evil = digestOf(utf8("evil"));
    const contents = domain.linkContents(evil);
    const forged = await Promise.all(Object.values(contents).map((link) => signLink(link, [domain.online])));
    await domain.record(evil, 4, forged);
    await domain.publish();
    expectDenied(verdict(evil), "functionary_not_authorized");
  });

  test("gains nothing from evidence that one functionary signed for another's step", async () => {
    const evil = digestOf(utf8("evil"));
    const [source, build] = await domain.links(evil);
    const packaged = await signLink(domain.linkContents(evil).package, [domain.functionaries.build]);
    await domain.record(evil, 4, [source, build, packaged] as Uint8Array[]);
    await domain.publish();
    expectDenied(verdict(evil), "functionary_not_authorized");
  });

  test("cannot disturb a verdict by adding evidence: more never turns allow into deny", async () => {
    const junk = [
      utf8("junk"),
      utf8("{}"),
      await signLink(domain.linkContents(digestOf(utf8("x"))).package, [newSigner()]),
    ];
    const others = await domain.links(digestOf(utf8("other")));
    await domain.record(domain.digest, domain.artifact.length, [
      ...(await domain.links()),
      ...junk,
      ...others,
    ]);
    await domain.publish();
    expect(verdict().decision).toBe("allow");
  });
});

describe("removing evidence", () => {
  test("never turns deny into allow (monotone)", async () => {
    const links = [...(await domain.links()), ...(await domain.links(digestOf(utf8("other")))), utf8("junk")];
    const names = links.map((bytes) => sha256(bytes));
    const decisions = new Map<string, boolean>();
    for (let set = 0; set < 1 << links.length; set += 1) {
      const chosen = links.filter((_bytes, index) => (set >> index) & 1);
      await domain.record(domain.digest, domain.artifact.length, chosen);
      await domain.publish();
      decisions.set(key(names, set), verdict().decision === "allow");
    }
    for (let set = 0; set < 1 << links.length; set += 1) {
      for (let less = 0; less < links.length; less += 1) {
        if (((set >> less) & 1) === 0) continue;
        const [more, fewer] = [decisions.get(key(names, set)), decisions.get(key(names, set & ~(1 << less)))];
        expect({ set, allowed: fewer === true && more === false }).toEqual({ set, allowed: false });
      }
    }
    expect([...decisions.values()].filter((allowed) => allowed).length).toBeGreaterThan(0);
  });

  function key(names: readonly Sha256Hex[], set: number): string {
    return names.filter((_name, index) => (set >> index) & 1).join();
  }
});
