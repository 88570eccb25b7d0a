import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { recordPath } from "@stemma/encoding";
import { readRecord } from "@stemma/lineage";
import { readChange, readHead, readMetadata, readOutbox, readWaiting } from "@stemma/store";
import type { DelegatedRoleInput } from "@stemma/tuf";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import { DEFAULT_PERIODS } from "../src/periods.ts";
import { Publisher } from "../src/publish.ts";
import { freshClient, lookUp } from "./support/client.ts";
import { acceptDomain, acceptMetadata, acceptRecord, digestOf, newSigner, Owners } from "./support/domain.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

let owners: Owners;
let publisher: Publisher;
let domainId: number;
let domains = 0;

function newPublisher(options: { clock?: () => Date } = {}): Publisher {
  return new Publisher({
    pool: database.signer,
    signers: [owners.online],
    periods: DEFAULT_PERIODS,
    bitLength: 4,
    clock: options.clock ?? (() => new Date()),
  });
}

beforeEach(async () => {
  owners = new Owners(newSigner());
  publisher = newPublisher();
  domains += 1;
  domainId = await acceptDomain(database.repository, `domain-${domains}`, owners);
});

async function change(id: number) {
  return readChange(database.repository, id);
}

describe("the first publish", () => {
  test("makes artifacts, all bins, snapshot and timestamp, which a client can follow", async () => {
    await expect(publisher.publish(domainId)).resolves.toMatchObject({ epoch: 1, carried: 1, refused: [] });
    const trusted = await freshClient(database.repository, domainId);
    expect(trusted.snapshot?.signed.meta.size).toBe(2 + 16);
    expect(await readHead(database.repository, domainId)).toMatchObject({
      epoch: 1,
      rootVersion: 1,
      targetsVersion: 1,
      snapshotVersion: 1,
      timestampVersion: 1,
    });
    await expect(readOutbox(database.repository, domainId, 0)).resolves.toMatchObject([
      { epoch: 1, kind: "published" },
    ]);
  });

  test("with nothing waiting and nothing due, nothing is published", async () => {
    await publisher.publish(domainId);
    await expect(publisher.publish(domainId)).resolves.toBeUndefined();
  });

  test("waits when its online keys belong to another signer", async () => {
    const stranger = new Publisher({
      pool: database.signer,
      signers: [newSigner()],
      periods: DEFAULT_PERIODS,
      bitLength: 4,
      clock: () => new Date(),
    });
    await expect(stranger.publish(domainId)).resolves.toBeUndefined();
    expect(await readWaiting(database.signer, domainId, 10)).toHaveLength(1);
  });
});

describe("records", () => {
  test("are found by a client, with their evidence", async () => {
    await publisher.publish(domainId);
    const id = await acceptRecord(database.repository, domainId, "image", ["link 1", "link 2"]);
    await publisher.publish(domainId);
    expect(await change(id)).toMatchObject({ outcome: "published", epoch: 2 });
    const found = await lookUp(database.repository, domainId, recordPath(digestOf("image")));
    expect(found?.chain).toHaveLength(3);
    if (!found) throw new Error("not found");
    expect(readRecord(digestOf("image"), found.target).evidence).toHaveLength(2);
  });

  test("of one publish touch only their bins, the snapshot and the timestamp", async () => {
    await publisher.publish(domainId);
    await acceptRecord(database.repository, domainId, "a");
    await publisher.publish(domainId);
    const { rows } = await database.owner.query(
      "SELECT role FROM metadata WHERE domain_id = $1 AND epoch = 2",
      [domainId],
    );
    expect(rows.map(({ role }) => role).sort()).toEqual([
      expect.stringMatching(/^bin-/),
      "snapshot",
      "timestamp",
    ]);
  });

  test("grow: evidence and projects of several changes are united", async () => {
    await publisher.publish(domainId);
    await acceptRecord(database.repository, domainId, "image", ["one"]);
    await publisher.publish(domainId);
    await acceptRecord(database.repository, domainId, "image", ["two"], { projects: ["other"] });
    await acceptRecord(database.repository, domainId, "image", ["three"]);
    await publisher.publish(domainId);
    const found = await lookUp(database.repository, domainId, recordPath(digestOf("image")));
    if (!found) throw new Error("not found");
    const record = readRecord(digestOf("image"), found.target);
    expect(record.evidence).toHaveLength(3);
    expect(record.projects).toEqual(["app", "other"]);
  });

  test("that add nothing are published already", async () => {
    await publisher.publish(domainId);
    await acceptRecord(database.repository, domainId, "image");
    await publisher.publish(domainId);
    const again = await acceptRecord(database.repository, domainId, "image");
    await expect(publisher.publish(domainId)).resolves.toMatchObject({ epoch: undefined, carried: 1 });
    expect(await change(again)).toMatchObject({ outcome: "published", epoch: 2 });
    expect((await readHead(database.repository, domainId))?.epoch).toBe(2);
  });

  test("that contradict what is published are refused, and the others go on", async () => {
    await publisher.publish(domainId);
    await acceptRecord(database.repository, domainId, "image");
    const bad = await acceptRecord(database.repository, domainId, "image", ["x"], {
      descriptor: { mediaType: "application/octet-stream", size: 7 },
    });
    const good = await acceptRecord(database.repository, domainId, "other");
    await publisher.publish(domainId);
    expect(await change(bad)).toMatchObject({ outcome: "refused", refusal: "conflicting_record" });
    expect(await change(good)).toMatchObject({ outcome: "published" });
  });

  test("whose evidence is not stored are refused", async () => {
    await publisher.publish(domainId);
    const id = await acceptRecord(database.repository, domainId, "image", [], {
      evidence: [{ sha256: digestOf("nowhere").slice(7) as never, length: 7 }],
    });
    await publisher.publish(domainId);
    expect(await change(id)).toMatchObject({ outcome: "refused", refusal: "evidence_missing" });
  });
});

describe("offline metadata", () => {
  const layout = new Map([["projects/app/layout.json", new TextEncoder().encode("{}")]]);

  test("a project appears with its files", async () => {
    await publisher.publish(domainId);
    const id = await acceptMetadata(
      database.repository,
      domainId,
      [await owners.projectMetadata(1, layout)],
      [...layout.values()],
    );
    await publisher.publish(domainId);
    expect(await change(id)).toMatchObject({ outcome: "published" });
    const found = await lookUp(database.repository, domainId, "projects/app/layout.json");
    expect(found?.role).toBe("app");
  });

  const REFUSED: readonly [string, string, () => Promise<Parameters<typeof acceptMetadata>[2]>][] = [
    [
      "too few signatures on targets",
      "threshold_not_met",
      async () => [await owners.targetsMetadata(2, { signers: owners.targets.slice(0, 1) })],
    ],
    [
      "a root by its own keys alone",
      "threshold_not_met",
      async () => [await new Owners(owners.online).rootMetadata(2)],
    ],
    ["a version that is skipped", "not_next_version", async () => [await owners.targetsMetadata(3)]],
    [
      "a version that is published with another body",
      "rollback",
      async () => [await owners.targetsMetadata(1, { projects: ["other"] })],
    ],
    ["a version beyond the cap (N-15)", "version_jump", async () => [await owners.targetsMetadata(2 ** 31)]],
    [
      "a project that targets does not name",
      "not_delegated",
      async () => [await owners.projectMetadata(1, new Map(), { role: "unknown" })],
    ],
    [
      "a project by others' keys",
      "threshold_not_met",
      async () => [await owners.projectMetadata(1, new Map(), { signers: owners.root })],
    ],
    [
      "expired targets",
      "expired",
      async () => [await owners.targetsMetadata(2, { expires: new Date("2020-01-01T00:00:00Z") })],
    ],
    [
      "a bin",
      "role_not_writable",
      async () => [await owners.projectMetadata(2, new Map(), { role: "bin-0", signers: [owners.online] })],
    ],
    [
      "a snapshot",
      "role_not_writable",
      async () => [
        await owners.projectMetadata(2, new Map(), { role: "snapshot", signers: [owners.online] }),
      ],
    ],
    [
      "a file that is not stored",
      "target_file_missing",
      async () => [
        await owners.projectMetadata(
          1,
          new Map([["projects/app/layout.json", new TextEncoder().encode("lost")]]),
        ),
      ],
    ],
    [
      "two documents of which one is bad",
      "threshold_not_met",
      async () => [
        await owners.targetsMetadata(2),
        await owners.projectMetadata(1, new Map(), { signers: owners.root }),
      ],
    ],
  ];
  for (const [what, code, documents] of REFUSED) {
    test(`${what}: refused as ${code}, and nothing else is held up`, async () => {
      await publisher.publish(domainId);
      const bad = await acceptMetadata(database.repository, domainId, await documents());
      const good = await acceptMetadata(database.repository, domainId, [await owners.targetsMetadata(2)]);
      await publisher.publish(domainId);
      expect(await change(bad)).toMatchObject({ outcome: "refused", refusal: code });
      expect(await change(good)).toMatchObject({ outcome: "published" });
      await freshClient(database.repository, domainId);
    });
  }

  const RESHAPED: readonly [
    string,
    (roles: readonly DelegatedRoleInput[]) => readonly DelegatedRoleInput[],
  ][] = [
    ["artifacts before a project", (roles) => [...roles].reverse()],
    ["no artifacts at all", (roles) => roles.slice(0, -1)],
    [
      "a project that reaches for artifacts",
      (roles) => roles.map((role) => ({ ...role, paths: ["sha256/*"] })),
    ],
    [
      "a project that reaches for another's files",
      ([project, ...rest]) => [{ ...(project as DelegatedRoleInput), paths: ["projects/other/*"] }, ...rest],
    ],
    ["a project that is not terminating", (roles) => roles.map((role) => ({ ...role, terminating: false }))],
    [
      "a project with the name of a bin",
      ([project, ...rest]) => [
        { ...(project as DelegatedRoleInput), name: "bin-0", paths: ["projects/bin-0/*"] },
        ...rest,
      ],
    ],
  ];
  for (const [what, reshape] of RESHAPED) {
    test(`${what}: refused as tree_shape, whatever the repository accepted`, async () => {
      await publisher.publish(domainId);
      const id = await acceptMetadata(database.repository, domainId, [
        await owners.targetsMetadata(2, { reshape }),
      ]);
      await publisher.publish(domainId);
      expect(await change(id)).toMatchObject({ outcome: "refused", refusal: "tree_shape" });
    });
  }

  test("the same bytes again are published already", async () => {
    await publisher.publish(domainId);
    const id = await acceptMetadata(database.repository, domainId, [await owners.targetsMetadata(1)]);
    await publisher.publish(domainId);
    expect(await change(id)).toMatchObject({ outcome: "published", epoch: 1 });
  });

  test("rotated online keys re-sign everything, and old clients follow", async () => {
    await publisher.publish(domainId);
    await acceptRecord(database.repository, domainId, "image");
    await publisher.publish(domainId);
    owners.online = newSigner();
    const id = await acceptMetadata(database.repository, domainId, [
      await owners.rootMetadata(2),
      await owners.targetsMetadata(2),
    ]);
    // The signer with the old key leaves it to the one with the new key.
    await expect(publisher.publish(domainId)).resolves.toBeUndefined();
    expect(await change(id)).toMatchObject({ outcome: undefined });
    await newPublisher().publish(domainId);
    expect(await change(id)).toMatchObject({ outcome: "published" });
    const found = await lookUp(database.repository, domainId, recordPath(digestOf("image")));
    expect(found).toBeDefined();
    expect((await readMetadata(database.repository, domainId, "root", 2))?.epoch).toBe(3);
  });
});
