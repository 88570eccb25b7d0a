import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parseDigest, utf8 } from "@stemma/encoding";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import {
  announceVerifierKey,
  createDomain,
  listen,
  readRequestedSummaries,
  readSummary,
  readVerifierKey,
  requestSummary,
  type SummarySubject,
  storeSummary,
  withTransaction,
} from "../src/index.ts";

let database: TestDatabase;
let subject: SummarySubject;
beforeAll(async () => {
  database = await testDatabase();
  const domain = await withTransaction(database.repository, (client) => createDomain(client, "one"));
  const digest = parseDigest(`sha256:${"1".repeat(64)}`);
  subject = { domainId: domain?.id ?? 0, digest, project: "app", epoch: 1 };
});
afterAll(() => database.close());

const waiting = () => readRequestedSummaries(database.signer, 0, 10);

describe("a summary", () => {
  test("is asked for once, issued once, and both sides are told", async () => {
    const heard: string[] = [];
    const listener = listen({
      connectionString: database.repositoryUrl,
      applicationName: "test",
      channels: new Map(
        ["stemma_summary", "stemma_published"].map((channel) => [
          channel,
          (payload: string) => heard.push(`${channel} ${payload}`),
        ]),
      ),
    });
    await listener.ready;
    await requestSummary(database.repository, subject);
    await requestSummary(database.repository, subject);
    expect(await readSummary(database.repository, subject)).toBeUndefined();
    const [asked, ...others] = await waiting();
    if (asked === undefined) throw new Error("Nothing waits.");
    expect(others).toEqual([]);
    expect(asked).toMatchObject(subject);
    expect(await storeSummary(database.signer, asked, utf8("signed"))).toBe(true);
    expect(await storeSummary(database.signer, asked, utf8("signed by another"))).toBe(false);
    expect(await waiting()).toEqual([]);
    const stored = await readSummary(database.repository, subject);
    expect(Buffer.from(stored?.bytes ?? []).toString()).toBe("signed");
    while (heard.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(heard).toEqual(["stemma_summary ", "stemma_summary ", `stemma_published ${subject.domainId}:1`]);
    await listener.close();
  });

  test("of another epoch, project or digest is another one", async () => {
    const digest = parseDigest(`sha512:${"2".repeat(128)}`);
    for (const change of [{ epoch: 2 }, { project: "other" }, { digest }]) {
      await requestSummary(database.repository, { ...subject, ...change });
      expect(await readSummary(database.repository, { ...subject, ...change })).toBeUndefined();
    }
    const all = await waiting();
    expect(all).toHaveLength(3);
    expect(await readRequestedSummaries(database.signer, all[0]?.id ?? 0, 1)).toEqual([all[1]]);
  });

  test.each(["sha256:1", `sha256:${"A".repeat(64)}`, `md5:${"1".repeat(32)}`])(
    "is about a digest, which %s is not",
    async (digest) => {
      const wrong = { ...subject, digest: digest as SummarySubject["digest"] };
      await expect(requestSummary(database.repository, wrong)).rejects.toMatchObject({ code: "23514" });
    },
  );
});

describe("the table", () => {
  const issued = "WHERE envelope IS NOT NULL";
  test.each([
    ["repository", "UPDATE summary SET envelope = 'x'", "42501"],
    ["repository", "UPDATE summary SET epoch = 9", "42501"],
    ["repository", "DELETE FROM summary", "42501"],
    ["repository", "TRUNCATE summary", "42501"],
    [
      "repository",
      "INSERT INTO summary (domain_id, digest, project, epoch, envelope) SELECT domain_id, digest, project, 9, 'x' FROM summary",
      "42501",
    ],
    [
      "repository",
      "INSERT INTO verifier_key (key_id, verifier_id, public_key) VALUES ('a', 'b', '{}')",
      "42501",
    ],
    ["signer", `UPDATE summary SET envelope = 'x', sha256 = encode(sha256('x'), 'hex') ${issued}`, "23514"],
    ["signer", `UPDATE summary SET envelope = NULL, sha256 = NULL, issued_at = NULL ${issued}`, "23514"],
    ["signer", "UPDATE summary SET digest = digest", "42501"],
    ["signer", "UPDATE summary SET envelope = 'x', sha256 = repeat('0', 64), issued_at = now()", "23514"],
    ["signer", "INSERT INTO summary (domain_id, digest, project, epoch) VALUES (1, 'x', 'y', 1)", "42501"],
    ["signer", "DELETE FROM summary", "42501"],
    ["signer", "TRUNCATE summary", "42501"],
    ["owner", "DELETE FROM summary", "42501"],
    ["owner", "TRUNCATE summary", "42501"],
    ["owner", "UPDATE summary SET epoch = epoch + 1", "23514"],
  ] as const)("%s: %s is refused", async (user, sql, code) => {
    await expect(database[user].query(sql)).rejects.toMatchObject({ code });
  });
});

describe("the verifier", () => {
  test("is the one that was announced last, and nobody's before", async () => {
    expect(await readVerifierKey(database.repository)).toBeUndefined();
    const old = { verifierId: "https://old.example", keyId: "a".repeat(64), publicKey: { keytype: "x" } };
    const young = { ...old, verifierId: "https://young.example", keyId: "b".repeat(64) };
    await announceVerifierKey(database.signer, old);
    await announceVerifierKey(database.signer, young);
    expect(await readVerifierKey(database.repository)).toEqual(young);
    await announceVerifierKey(database.signer, { ...old, verifierId: "https://renamed.example" });
    expect(await readVerifierKey(database.repository)).toMatchObject({
      verifierId: "https://renamed.example",
    });
    await database.owner.query("UPDATE verifier_key SET announced_at = now() - interval '25 hours'");
    expect(await readVerifierKey(database.repository)).toBeUndefined();
    await announceVerifierKey(database.signer, young);
    const { rows } = await database.owner.query("SELECT key_id FROM verifier_key");
    expect(rows).toEqual([{ key_id: young.keyId }]);
  });
});
