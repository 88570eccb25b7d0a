import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { listen, listOnlineKeys, readChange, readHead, readSigners } from "@stemma/store";
import { pino } from "pino";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import { readConfig, SIGNER_SETTINGS } from "../src/config.ts";
import { type SignerService, startSigner } from "../src/service.ts";
import { checkDomain } from "./support/check-domain.ts";
import { acceptDomain, acceptRecord, newSigner, Owners } from "./support/domain.ts";

let database: TestDatabase;
const running: SignerService[] = [];
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await Promise.all(running.map((service) => service.stop()));
  await database.close();
});

async function start(
  owners: Owners,
  environment: Record<string, string> = {},
  overrides = {},
): Promise<SignerService> {
  const config = readConfig({
    STEMMA_DATABASE_URL: database.signerUrl,
    STEMMA_SIGNER_KEY: "given by the test",
    STEMMA_BIN_BITS: "4",
    STEMMA_SIGNER_INSTANCE: "test",
    ...environment,
  });
  const service = await startSigner(config, { online: owners.online }, pino({ level: "silent" }), overrides);
  running.push(service);
  return service;
}

async function outcome(id: number): Promise<string> {
  for (;;) {
    const change = await readChange(database.repository, id);
    if (change?.outcome !== undefined) return change.outcome;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("a running signer", () => {
  test("announces its key, reports itself, publishes what waits, and tells those who listen", async () => {
    const owners = new Owners(newSigner());
    const domainId = await acceptDomain(database.repository, "running", owners);
    const heard: string[] = [];
    const listener = listen({
      connectionString: database.repositoryUrl,
      applicationName: "test",
      channels: new Map([["stemma_published", (payload) => heard.push(payload)]]),
    });
    await listener.ready;
    const service = await start(owners);
    const { keyId } = owners.online.publicKey;
    expect((await listOnlineKeys(database.repository)).map((key) => key.keyId)).toContain(keyId);
    await expect(readSigners(database.repository)).resolves.toMatchObject([
      { instance: "test", failures: 0 },
    ]);

    // Found at the start, then by notification alone: the timer is half a minute away.
    while ((await readHead(database.repository, domainId))?.epoch !== 1)
      await new Promise((r) => setTimeout(r, 5));
    expect(await outcome(await acceptRecord(database.repository, domainId, "image"))).toBe("published");
    while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(heard).toEqual([`${domainId}:1`, `${domainId}:2`]);
    await listener.close();
    await service.stop();
    running.pop();
  });

  test("goes on after its connection was cut, and sees what it missed", async () => {
    const owners = new Owners(newSigner());
    const domainId = await acceptDomain(database.repository, "cut", owners);
    await start(owners);
    expect(await outcome(await acceptRecord(database.repository, domainId, "one"))).toBe("published");
    await database.owner.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'stemma_signer_login'",
    );
    expect(await outcome(await acceptRecord(database.repository, domainId, "two"))).toBe("published");
  });

  test("re-signs by its timer, ahead of expiry", async () => {
    const owners = new Owners(newSigner());
    const domainId = await acceptDomain(database.repository, "timer", owners);
    let ahead = 0;
    await start(owners, { STEMMA_SIGNER_TICK_SECONDS: "1" }, { clock: () => new Date(Date.now() + ahead) });
    while ((await readHead(database.repository, domainId))?.epoch !== 1)
      await new Promise((r) => setTimeout(r, 5));
    ahead = 13 * 3600_000;
    while ((await readHead(database.repository, domainId))?.epoch !== 2)
      await new Promise((r) => setTimeout(r, 20));
    expect(await readHead(database.repository, domainId)).toMatchObject({
      timestampVersion: 2,
      snapshotVersion: 1,
    });
  });

  test("puts what arrives during a publish into the next one together", async () => {
    const owners = new Owners(newSigner());
    const domainId = await acceptDomain(database.repository, "group", owners);
    await start(owners);
    const ids = await Promise.all(
      Array.from({ length: 48 }, (_, n) => acceptRecord(database.repository, domainId, `artifact ${n}`)),
    );
    for (const id of ids) expect(await outcome(id)).toBe("published");
    const head = await readHead(database.repository, domainId);
    expect(head?.epoch).toBeLessThan(40);
    await checkDomain(database.owner, domainId);
  });
});

describe("configuration", () => {
  const good = { DATABASE_URL: "postgres://u:secret@h/d", STEMMA_SIGNER_KEY_FILE: "/k" };
  test("takes its defaults", () => {
    expect(readConfig(good)).toMatchObject({
      periods: { timestamp: 86_400, snapshot: 604_800, bins: 2_592_000 },
      bitLength: 6,
      createKey: false,
      verifier: undefined,
    });
  });

  const verifier = { STEMMA_VERIFIER_ID: "https://v.example", STEMMA_VERIFIER_KEY_FILE: "/v" };
  test("a verifier has a name and a key", () => {
    expect(readConfig({ ...good, ...verifier, STEMMA_VERIFIER_PASSPHRASE_FILE: "/p" }).verifier).toEqual({
      id: "https://v.example",
      keyFile: "/v",
      passphraseFile: "/p",
      createKey: false,
    });
    const { STEMMA_VERIFIER_ID } = verifier;
    const inEnvironment = { ...good, STEMMA_VERIFIER_ID, STEMMA_VERIFIER_KEY: "PEM" };
    expect(readConfig(inEnvironment).verifier).toMatchObject({ keyFile: undefined });
  });

  test("docs/configuration.md lists every setting with its default and meaning", async () => {
    const page = await readFile(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
    for (const { variable, fallback, meaning } of Object.values(SIGNER_SETTINGS)) {
      const shown = fallback === undefined || variable === "STEMMA_SIGNER_INSTANCE" ? "" : `\`${fallback}\``;
      expect(page).toContain(`| \`${variable}\` | ${shown} | ${meaning} |`);
    }
  });

  const WRONG: readonly [string, Record<string, string>, RegExp][] = [
    ["no database", { STEMMA_SIGNER_KEY_FILE: "/k" }, /STEMMA_DATABASE_URL is not set/],
    [
      "a database that is no URL",
      { ...good, DATABASE_URL: "secret" },
      /must be a postgresql:\/\/ URL; what it holds/,
    ],
    ["no key", { DATABASE_URL: good.DATABASE_URL }, /either STEMMA_SIGNER_KEY_FILE or STEMMA_SIGNER_KEY/],
    ["two keys", { ...good, STEMMA_SIGNER_KEY: "x" }, /and not both/],
    ["a period that is no number", { ...good, STEMMA_TIMESTAMP_SECONDS: "1d" }, /found "1d"/],
    ["too many bins", { ...good, STEMMA_BIN_BITS: "15" }, /from 1 to 14; found "15"/],
    [
      "a verifier without a key",
      { ...good, STEMMA_VERIFIER_ID: "https://v.example" },
      /With STEMMA_VERIFIER_ID, set either/,
    ],
    ["a verifier with two keys", { ...good, ...verifier, STEMMA_VERIFIER_KEY: "x" }, /and not both/],
    [
      "a verifier's key without a name",
      { ...good, STEMMA_VERIFIER_KEY_FILE: "/v" },
      /STEMMA_VERIFIER_ID is not set; .* must be a URI/,
    ],
    [
      "a verifier that is no URI",
      { ...good, ...verifier, STEMMA_VERIFIER_ID: "me" },
      /must be a URI; found "me"/,
    ],
    ["a misspelt verifier", { ...good, STEMMA_VERIFIER_KEYFILE: "/v" }, /STEMMA_VERIFIER_KEYFILE is not a/],
    ["a misspelt name", { ...good, STEMMA_SIGNER_TICKS: "1" }, /STEMMA_SIGNER_TICKS is not a setting/],
  ];
  for (const [what, environment, sentence] of WRONG) {
    test(`${what}: one sentence, without secrets`, () => {
      expect(() => readConfig(environment)).toThrow(sentence);
      expect(() => readConfig(environment)).not.toThrow(/secret/);
    });
  }
});
