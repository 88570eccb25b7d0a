import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Client, httpSource, readBundle, verifyBundle } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { encodeBase64, parseDigest } from "@stemma/encoding";
import { layoutPath, revocationsPath } from "@stemma/lineage";
import { Updater } from "tuf-js";
import type { People } from "./support/people.ts";
import { World } from "./support/world.ts";

let world: World;
let domain: string;
let people: People;
beforeAll(async () => {
  world = await World.start();
  ({ name: domain, people } = await world.createDomain());
});
afterAll(() => world.stop());

describe("from a signed root to a verified artifact", () => {
  test("a record is published, found by digest, bundled and verified", async () => {
    const { digest, reply } = await world.record(domain, people, "one");
    expect(reply).toMatchObject({ status: 201, json: { outcome: "published", domain } });

    const shown = await world.get(`/v1/domains/${domain}/artifacts/${digest}`);
    expect(shown).toMatchObject({
      status: 200,
      json: { state: "published", projects: [{ project: "app", state: "claimed" }], waiting: 0 },
    });
    expect(shown.json.record.evidence).toHaveLength(2);
    for (const { sha256: name } of shown.json.record.evidence) {
      const evidence = await world.get(`/v1/domains/${domain}/evidence/${name}`);
      expect(sha256(evidence.bytes)).toBe(name);
      expect(evidence.headers.get("cache-control")).toContain("immutable");
    }

    const root = (await world.get(`/${domain}/metadata/1.root.json`)).bytes;
    const bundle = await world.get(`/v1/domains/${domain}/artifacts/${digest}/bundle?project=app`);
    expect(bundle.headers.get("content-type")).toBe("application/vnd.stemma.bundle.v2.tar+gzip");
    const question = { digest: parseDigest(digest), project: "app", time: new Date() };
    expect(verifyBundle(root, readBundle(bundle.bytes), question)).toMatchObject({
      decision: "allow",
      reasons: [],
    });

    const client = new Client({ root, source: httpSource(world.service.url, domain) });
    await expect(client.verify(question)).resolves.toMatchObject({ decision: "allow" });

    const verdict = await world.get(`/v1/domains/${domain}/artifacts/${digest}/verify?project=app`);
    expect(verdict).toMatchObject({
      status: 200,
      json: { verifiedBy: "server", verdict: { decision: "allow", digest } },
    });
    expect(verdict.headers.get("cache-control")).toBe("no-store");
  });

  test("the same record again changes nothing; more evidence joins it", async () => {
    const { digest } = await world.record(domain, people, "two");
    const again = await world.record(domain, people, "two");
    expect(again.reply).toMatchObject({ status: 200, json: { outcome: "published" } });
    expect(again.reply.json.change).toBeUndefined();

    const { size, evidence } = await people.links("two");
    const { evidence: others } = await people.links("another");
    const more = await world.post(`/v1/domains/${domain}/artifacts/${digest}?wait=published`, {
      descriptor: { mediaType: "application/gzip", size },
      project: "app",
      evidence: [evidence[0], others[0]],
    });
    expect(more.status).toBe(201);
    const shown = await world.get(`/v1/domains/${domain}/artifacts/${digest}`);
    expect(shown.json.record.evidence).toHaveLength(3);
  });

  test("a revocation by the owners is shown and denies", async () => {
    const { digest } = await world.record(domain, people, "bad");
    const layout = await people.layout();
    const revocations = people.revocations([digest]);
    const files = new Map([
      [layoutPath("app"), layout],
      [revocationsPath("app"), revocations],
    ]);
    const published = await world.post(`/v1/domains/${domain}/metadata?wait=published`, {
      metadata: [await people.projectDocument(2, files)],
      files: [encodeBase64(layout), encodeBase64(revocations)],
    });
    expect(published).toMatchObject({ status: 201, json: { outcome: "published" } });
    const shown = await world.get(`/v1/domains/${domain}/artifacts/${digest}`);
    expect(shown.json).toMatchObject({
      state: "revoked",
      projects: [{ state: "revoked", reason: "left a key in it" }],
    });
    const verdict = await world.get(`/v1/domains/${domain}/artifacts/${digest}/verify?project=app`);
    expect(verdict.json.verdict).toMatchObject({ decision: "deny", reasons: [{ code: "artifact_revoked" }] });
  });

  test("without wait the answer is 202 and says where to look", async () => {
    const { digest, size, evidence } = await people.links("later");
    const reply = await world.post(`/v1/domains/${domain}/artifacts/${digest}`, {
      descriptor: { mediaType: "application/gzip", size },
      project: "app",
      evidence,
    });
    expect(reply).toMatchObject({ status: 202, json: { outcome: "waiting" } });
    const where = reply.headers.get("location") ?? "";
    for (let turn = 0; turn < 100; turn += 1) {
      const { json } = await world.get(where);
      if (json.outcome === "published") return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("The change was never published.");
  });
});

describe("two domains", () => {
  test("of one online key cannot be taken for each other: what is signed for one proves nothing in the other", async () => {
    const other = await world.createDomain();
    const { digest } = await world.record(domain, people, "mixed up");
    // The other's versions are ahead, as a tenant who wants to take clients back would see to.
    for (let turn = 0; turn < 12; turn += 1) await world.record(other.name, other.people, `turn ${turn}`);
    const root = (await world.get(`/${domain}/metadata/1.root.json`)).bytes;
    const [own, foreign] = [httpSource(world.service.url, domain), httpSource(world.service.url, other.name)];
    const question = { digest: parseDigest(digest), project: "app" };
    const verdictFrom = (from: readonly string[]) =>
      new Client({
        root,
        source: {
          ...own,
          metadata: (role, version, maxLength) =>
            (from.includes(role) ? foreign : own).metadata(role, version, maxLength),
        },
      }).verify(question);
    expect(await verdictFrom([])).toMatchObject({ decision: "allow" });
    expect(await verdictFrom(["timestamp"])).toMatchObject({ reasons: [{ code: "other_domain" }] });
    expect(await verdictFrom(["timestamp", "snapshot"])).toMatchObject({
      reasons: [{ code: "other_domain" }],
    });
  });

  test("have no root in common: nobody has a copy of another's signed as fresh", async () => {
    const copied = await world.firstUpload(people);
    const reply = await world.post(
      "/v1/domains?wait=published",
      { name: "copy", ...copied },
      { Authorization: `Bearer ${world.token}` },
    );
    expect(reply.json).toMatchObject({ code: "root_taken" });
    expect(reply.json.detail).toContain("Another trust domain of this service has this version 1 of root");
    expect((await world.get("/copy/metadata/timestamp.json")).json.code).toBe("domain_not_published");
  });

  test("share nothing: what one has does not exist in the other (N-64)", async () => {
    const other = await world.createDomain();
    const { digest } = await world.record(domain, people, "only here");
    const shown = await world.get(`/v1/domains/${domain}/artifacts/${digest}`);
    const [{ sha256: evidence }] = shown.json.record.evidence;
    const layout = (await world.get(`/${domain}/metadata/1.app.json`)).json.signed.targets[layoutPath("app")];
    const { reply } = await world.record(domain, people, "a change");
    const absent = [
      [`/v1/domains/${other.name}/artifacts/${digest}`, "artifact_unknown"],
      [`/v1/domains/${other.name}/artifacts/${digest}/bundle?project=app`, "artifact_unknown"],
      [`/v1/domains/${other.name}/evidence/${evidence}`, "unknown_evidence"],
      [`/v1/domains/${other.name}/changes/${reply.json.change}`, "unknown_change"],
      [`/${other.name}/targets/projects/app/${layout.hashes.sha256}.layout.json`, "unknown_target"],
      [`/${other.name}/metadata/2.app.json`, "unknown_metadata"],
    ] as const;
    for (const [path, code] of absent) {
      expect(await world.get(path)).toMatchObject({ status: 404, json: { code } });
    }
    // The functionaries and owners of one are strangers to the other.
    const { size, evidence: links } = await people.links("only here");
    const body = { descriptor: { mediaType: "application/gzip", size }, project: "app", evidence: links };
    const record = await world.post(`/v1/domains/${other.name}/artifacts/${digest}`, body);
    expect(record).toMatchObject({ status: 403, json: { code: "functionary_not_authorized" } });
    const targets = await world.post(`/v1/domains/${other.name}/metadata`, {
      metadata: [await people.targetsDocument(2)],
    });
    expect(targets).toMatchObject({ status: 422, json: { code: "threshold_not_met" } });
  });
});

describe("the read view", () => {
  test("a stock TUF client follows the domain and finds the layout", async () => {
    const folder = await mkdtemp(join(tmpdir(), "stock-"));
    try {
      await writeFile(join(folder, "root.json"), (await world.get(`/${domain}/metadata/1.root.json`)).bytes);
      const updater = new Updater({
        metadataDir: folder,
        metadataBaseUrl: `${world.service.url}/${domain}/metadata`,
        targetDir: folder,
        targetBaseUrl: `${world.service.url}/${domain}/targets`,
      });
      await updater.refresh();
      const layout = await updater.getTargetInfo("projects/app/layout.json");
      expect(layout).toBeDefined();
      const file = await updater.downloadTarget(layout as NonNullable<typeof layout>);
      expect(file).toContain(folder);
      const { digest } = await people.links("one");
      const record = await updater.getTargetInfo(digest.replace(":", "/"));
      expect(record?.hashes).toEqual({ sha256: digest.slice("sha256:".length) });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("versions are immutable, timestamp is revalidated, and 304 answers who has it", async () => {
    const root = await world.get(`/${domain}/metadata/1.root.json`, { "Accept-Encoding": "identity" });
    expect(root.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(root.headers.get("etag")).toBe(`"${sha256(root.bytes)}"`);
    const timestamp = await world.get(`/${domain}/metadata/timestamp.json`);
    expect(timestamp.headers.get("cache-control")).toBe("no-cache");
    const again = await world.get(`/${domain}/metadata/timestamp.json`, {
      "If-None-Match": timestamp.headers.get("etag") ?? "",
    });
    expect(again).toMatchObject({ status: 304, bytes: Buffer.alloc(0) });
  });

  test.each(["gzip", "br"])("is compressed with %s for those who ask", async (encoding) => {
    const path = `/${domain}/metadata/1.targets.json`;
    const plain = await world.get(path, { "Accept-Encoding": "identity" });
    expect(plain.headers.get("content-encoding")).toBeNull();
    for (let turn = 0; turn < 2; turn += 1) {
      const packed = await world.get(path, { "Accept-Encoding": encoding });
      expect(packed.headers.get("content-encoding")).toBe(encoding);
      expect(packed.headers.get("vary")).toBe("Accept-Encoding");
      expect(packed.bytes.equals(plain.bytes)).toBe(true);
      expect(packed.headers.get("etag")).not.toBe(plain.headers.get("etag"));
    }
  });

  test("HEAD has the headers and no body", async () => {
    const path = `/${domain}/metadata/1.root.json`;
    const head = await world.request("HEAD", path, { headers: { "Accept-Encoding": "identity" } });
    const full = await world.get(path, { "Accept-Encoding": "identity" });
    expect(head.bytes).toHaveLength(0);
    expect(head.headers.get("content-length")).toBe(String(full.bytes.length));
  });

  test("a new timestamp is visible as soon as the writer has the answer", async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      const before = (await world.get(`/${domain}/metadata/timestamp.json`)).json.signed.version;
      await world.record(domain, people, `visible ${turn}`);
      const after = (await world.get(`/${domain}/metadata/timestamp.json`)).json.signed.version;
      expect(after).toBeGreaterThan(before);
    }
  });
});
