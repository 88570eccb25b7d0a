import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { generatePrivateKey, sha256, signerFromPem } from "@stemma/crypto";
import { recordPath, utf8 } from "@stemma/encoding";
import { readChange, readHead } from "@stemma/store";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import { DEFAULT_PERIODS } from "../src/periods.ts";
import { PUBLISH_STEPS, Publisher, type PublisherOptions, type PublishStep } from "../src/publish.ts";
import { checkDomain } from "./support/check-domain.ts";
import { freshClient, lookUp } from "./support/client.ts";
import { acceptDomain, acceptMetadata, acceptRecord, digestOf, Owners } from "./support/domain.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const PEM = generatePrivateKey("ed25519");
let owners: Owners;
let domainId: number;
let domains = 0;

beforeEach(async () => {
  owners = new Owners(signerFromPem(PEM));
  domains += 1;
  domainId = await acceptDomain(database.repository, `faults-${domains}`, owners);
  await newPublisher().publish(domainId);
});

function newPublisher(options: Partial<PublisherOptions> = {}): Publisher {
  return new Publisher({
    pool: database.signer,
    signers: [owners.online],
    periods: DEFAULT_PERIODS,
    bitLength: 4,
    clock: () => new Date(),
    ...options,
  });
}

describe("kill -9 of the signer at every step (F1)", () => {
  for (const step of PUBLISH_STEPS) {
    test(`at ${step}`, async () => {
      const id = await acceptRecord(database.repository, domainId, "image");
      await killAt(step);
      const head = await readHead(database.repository, domainId);
      expect(head?.epoch).toBe(step === "committed" ? 2 : 1);
      await freshClient(database.repository, domainId);
      await checkDomain(database.owner, domainId);

      // Whoever comes next finishes the work, once.
      await newPublisher().publish(domainId);
      expect(await readChange(database.repository, id)).toMatchObject({ outcome: "published", epoch: 2 });
      expect(await lookUp(database.repository, domainId, recordPath(digestOf("image")))).toBeDefined();
      await checkDomain(database.owner, domainId);
    });
  }

  async function killAt(step: PublishStep): Promise<void> {
    const script = new URL("./support/signer-process.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [script, database.signerUrl, String(domainId), step], {
      env: { ...process.env, KEY: PEM },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

describe("an insert that fails (F2)", () => {
  for (const table of ["metadata", "outbox"]) {
    test(`into ${table} rolls everything back, and the retry works`, async () => {
      const id = await acceptRecord(database.repository, domainId, "image");
      await database.owner.query(`
        CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER fail_once BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION fail_once()`);
      try {
        await expect(newPublisher().publish(domainId)).rejects.toMatchObject({ code: "53100" });
        expect((await readHead(database.repository, domainId))?.epoch).toBe(1);
        expect(await readChange(database.repository, id)).toMatchObject({ outcome: undefined });
      } finally {
        await database.owner.query(`DROP TRIGGER fail_once ON ${table}; DROP FUNCTION fail_once()`);
      }
      await newPublisher().publish(domainId);
      expect(await readChange(database.repository, id)).toMatchObject({ outcome: "published" });
      await checkDomain(database.owner, domainId);
    });
  }
});

describe("two signers at once (F5, F6)", () => {
  for (const step of ["planned", "verified"] as const) {
    test(`one that was paused at ${step} cannot publish over the other`, async () => {
      await acceptRecord(database.repository, domainId, "first");
      const paused = Promise.withResolvers<void>();
      const resume = Promise.withResolvers<void>();
      const stale = newPublisher({
        async onStep(at) {
          if (at !== step) return;
          paused.resolve();
          await resume.promise;
        },
      });
      const attempt = stale.publish(domainId);
      attempt.catch(() => undefined);
      await paused.promise;
      await expect(newPublisher().publish(domainId)).resolves.toMatchObject({ epoch: 2 });
      resume.resolve();
      await expect(attempt).rejects.toMatchObject({ code: "superseded" });
      await checkDomain(database.owner, domainId);
      // It goes on from what is published by now.
      await acceptRecord(database.repository, domainId, "second");
      await expect(stale.publish(domainId)).resolves.toMatchObject({ epoch: 3 });
      await checkDomain(database.owner, domainId);
    });
  }

  test("one whose session was cut off loses its work, and nothing else", async () => {
    await acceptRecord(database.repository, domainId, "first");
    const cut = newPublisher({
      async onStep(at) {
        if (at !== "head_moved") return;
        await database.owner.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE usename = 'stemma_signer_login' AND state = 'idle in transaction' AND datname = current_database()`,
        );
      },
    });
    await expect(cut.publish(domainId)).rejects.toThrow();
    await expect(newPublisher().publish(domainId)).resolves.toMatchObject({ epoch: 2 });
    await checkDomain(database.owner, domainId);
  });

  test("under 16 concurrent recorders and two signers every change is published once, in order (P9)", async () => {
    const signers = [newPublisher(), newPublisher()];
    let done = false;
    const publishing = signers.map(async (publisher) => {
      while (!done) {
        await publisher.publish(domainId).catch((error: { code?: string }) => {
          if (error.code !== "superseded") throw error;
        });
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
      }
    });
    const ids = await Promise.all(
      Array.from({ length: 16 }, async (_, recorder) => {
        const own: number[] = [];
        for (let n = 0; n < 10; n++) {
          own.push(
            await acceptRecord(database.repository, domainId, `artifact-${recorder}-${n % 7}`, [
              `${recorder}.${n}`,
            ]),
          );
        }
        return own;
      }),
    );
    for (const id of ids.flat()) {
      while ((await readChange(database.repository, id))?.outcome === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(await readChange(database.repository, id)).toMatchObject({ outcome: "published" });
    }
    done = true;
    await Promise.all(publishing);
    await checkDomain(database.owner, domainId);
    const { rows } = await database.owner.query<{ count: number }>(
      "SELECT count(*) AS count FROM outbox WHERE domain_id = $1",
      [domainId],
    );
    expect(rows[0]?.count).toBe((await readHead(database.owner, domainId))?.epoch);
  });
});

describe("the clock", () => {
  test("going back stops all signing (F8)", async () => {
    await acceptRecord(database.repository, domainId, "image");
    const yesterday = newPublisher({ clock: () => new Date(Date.now() - 86_400_000) });
    await expect(yesterday.publish(domainId)).rejects.toMatchObject({ code: "clock_behind" });
    expect((await readHead(database.repository, domainId))?.epoch).toBe(1);
    await expect(newPublisher().publish(domainId)).resolves.toMatchObject({ epoch: 2 });
  });

  test("a few milliseconds behind another signer are waited for", async () => {
    await acceptRecord(database.repository, domainId, "image");
    const behind = newPublisher({ clock: () => new Date(Date.now() - 200) });
    await expect(behind.publish(domainId)).resolves.toMatchObject({ epoch: 2 });
  });

  test("re-signs ahead of expiry: first the timestamp, then the snapshot, then the bins a few at a time", async () => {
    let now = Date.now();
    const days = (n: number) => {
      now += n * 86_400_000;
    };
    const publisher = newPublisher({ clock: () => new Date(now) });
    await expect(publisher.publish(domainId)).resolves.toBeUndefined();
    days(0.6);
    await expect(publisher.publish(domainId)).resolves.toMatchObject({ epoch: 2 });
    expect(await readHead(database.repository, domainId)).toMatchObject({
      snapshotVersion: 1,
      timestampVersion: 2,
    });
    days(3.4);
    await publisher.publish(domainId);
    expect(await readHead(database.repository, domainId)).toMatchObject({
      snapshotVersion: 2,
      timestampVersion: 3,
    });
    days(11.5);
    await publisher.publish(domainId);
    const trusted = await freshClient(database.repository, domainId, new Date(now));
    expect(trusted.snapshot?.signed.meta.get("bin-0")?.version).toBe(2);
    await checkDomain(database.owner, domainId);
  });

  test("a signer that was away beyond all expiries recovers by itself (F9)", async () => {
    const later = Date.now() + 60 * 86_400_000;
    await expect(freshClient(database.repository, domainId, new Date(later))).rejects.toMatchObject({
      code: "expired",
    });
    await newPublisher({ clock: () => new Date(later) }).publish(domainId);
    await freshClient(database.repository, domainId, new Date(later));
  });
});

describe("what clients would refuse is not published (N-74)", () => {
  test("with expired targets everything waits, and new targets set it free", async () => {
    const far = new Date("2036-01-01T00:00:00Z");
    const publisher = newPublisher({ clock: () => far });
    const id = await acceptRecord(database.repository, domainId, "image");
    await expect(publisher.publish(domainId)).rejects.toMatchObject({ code: "candidate_unverifiable" });
    expect(await readChange(database.repository, id)).toMatchObject({ outcome: undefined });
    expect((await readHead(database.repository, domainId))?.epoch).toBe(1);
    Object.assign(owners, { expires: new Date("2040-01-01T00:00:00Z") });
    await acceptMetadata(database.repository, domainId, [
      await owners.rootMetadata(2),
      await owners.targetsMetadata(2),
    ]);
    await publisher.publish(domainId);
    expect(await readChange(database.repository, id)).toMatchObject({ outcome: "published" });
  });

  test("a key that signs wrongly publishes nothing (F7)", async () => {
    const id = await acceptRecord(database.repository, domainId, "image");
    const broken = newPublisher({
      signers: [{ publicKey: owners.online.publicKey, sign: async () => new Uint8Array(64) }],
    });
    await expect(broken.publish(domainId)).rejects.toMatchObject({ code: "candidate_unverifiable" });
    expect(await readChange(database.repository, id)).toMatchObject({ outcome: undefined });
    await newPublisher().publish(domainId);
    await freshClient(database.repository, domainId);
  });

  test("a record that its bin has no room for is refused, and those after it are published", async () => {
    // Each record of 256 items takes 26 kB, and clients accept 5 MB for a role: 219 do not fit into one bin.
    const publisher = newPublisher({ bitLength: 1 });
    const full = await acceptDomain(database.repository, "full", new Owners(owners.online));
    await publisher.publish(full);
    const evidence = Array.from({ length: 256 }, (_, n) => `link ${n}`);
    const inFirstBin = (name: string): boolean => sha256(utf8(recordPath(digestOf(name)))) < "8";
    const names = Array.from({ length: 1_000 }, (_, n) => `large ${n}`).filter(inFirstBin);
    for (const name of names.slice(0, 219)) await acceptRecord(database.repository, full, name, evidence);
    const small = await acceptRecord(database.repository, full, "small", []);
    while ((await readChange(database.repository, small))?.outcome === undefined)
      await publisher.publish(full);
    const { rows } = await database.owner.query<{ refusal: string | null; count: number }>(
      "SELECT refusal, count(*) AS count FROM change WHERE domain_id = $1 GROUP BY refusal",
      [full],
    );
    const counts = new Map(rows.map(({ refusal, count }) => [refusal, count]));
    expect(counts.get("candidate_unverifiable")).toBeGreaterThan(0);
    expect(counts.get(null)).toBeGreaterThan(150);
    await checkDomain(database.owner, full);
    await freshClient(database.repository, full);
  }, 120_000);
});
