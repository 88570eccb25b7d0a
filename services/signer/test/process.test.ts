import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { generatePrivateKey, signerFromPem } from "@stemma/crypto";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import { loadKey, loadVerifier } from "../src/keys.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  database = await testDatabase({ migrated: false });
  folder = mkdtempSync(path.join(tmpdir(), "stemma-signer-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database.close();
});

function run(environment: Record<string, string>) {
  const { status, stderr } = spawnSync(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, ...environment },
    encoding: "utf8",
    timeout: 20_000,
  });
  return { status, stderr };
}

describe("the process ends with code 2 and one sentence", () => {
  test("on a wrong value", () => {
    expect(run({})).toEqual({
      status: 2,
      stderr: "STEMMA_DATABASE_URL is not set; it must be a postgresql:// URL.\n",
    });
  });

  test("on a key that others can read", () => {
    const key = path.join(folder, "open.pem");
    writeFileSync(key, generatePrivateKey("ed25519"));
    chmodSync(key, 0o644);
    const { status, stderr } = run({ STEMMA_DATABASE_URL: database.signerUrl, STEMMA_SIGNER_KEY_FILE: key });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^The online key cannot be used: Others can read .*\n$/);
  });

  test("on a verifier's key that is the online key", () => {
    const key = generatePrivateKey("ed25519");
    expect(
      run({
        STEMMA_DATABASE_URL: database.signerUrl,
        STEMMA_SIGNER_KEY: key,
        STEMMA_VERIFIER_ID: "https://v.example",
        STEMMA_VERIFIER_KEY: key,
      }),
    ).toEqual({
      status: 2,
      stderr: "The verifier's key cannot be used: it is the online key; give summaries a key of their own.\n",
    });
  });

  test("on a database that has not been migrated", () => {
    const { status, stderr } = run({
      STEMMA_DATABASE_URL: database.ownerUrl,
      STEMMA_SIGNER_KEY: generatePrivateKey("ed25519"),
    });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^The database lacks 0001-init.sql.*\n$/);
  });
});

describe("the online key", () => {
  test("is created once, encrypted, and for its owner alone", async () => {
    const config = {
      keyFile: path.join(folder, "new.pem"),
      passphraseFile: path.join(folder, "new.passphrase"),
      createKey: true,
    };
    const first = await loadKey(config, {});
    const second = await loadKey({ ...config, createKey: false }, {});
    expect(second.publicKey.keyId).toBe(first.publicKey.keyId);
    for (const file of [config.keyFile, config.passphraseFile])
      expect(statSync(file).mode & 0o777).toBe(0o600);
    await expect(loadKey({ ...config, passphraseFile: undefined }, {})).rejects.toMatchObject({
      code: "bad_configuration",
    });
  });

  test("in the environment is removed from there", async () => {
    const environment = {
      STEMMA_SIGNER_KEY: generatePrivateKey("ed25519", "pass"),
      STEMMA_SIGNER_PASSPHRASE: "pass",
    };
    await loadKey({ keyFile: undefined, passphraseFile: undefined, createKey: false }, environment);
    expect(environment).toEqual({});
  });

  test("without its passphrase says so, and nothing of the key", async () => {
    const environment = { STEMMA_SIGNER_KEY: generatePrivateKey("ed25519", "pass") };
    await expect(
      loadKey({ keyFile: undefined, passphraseFile: undefined, createKey: false }, environment),
    ).rejects.toThrow(/no passphrase was given/);
  });
});

describe("the verifier's key", () => {
  const online = signerFromPem(generatePrivateKey("ed25519"));
  const id = "https://v.example";

  test("is created once, beside the online key", async () => {
    const place = {
      id,
      keyFile: path.join(folder, "verifier.pem"),
      passphraseFile: path.join(folder, "verifier.passphrase"),
      createKey: true,
    };
    const first = await loadVerifier(place, {}, online);
    const second = await loadVerifier({ ...place, createKey: false }, {}, online);
    expect(second).toMatchObject({ id, signer: { publicKey: { keyId: first.signer.publicKey.keyId } } });
    for (const file of [place.keyFile, place.passphraseFile]) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("in the environment is removed from there, and the online key's passphrase is not touched", async () => {
    const environment = {
      STEMMA_VERIFIER_KEY: generatePrivateKey("ed25519", "pass"),
      STEMMA_VERIFIER_PASSPHRASE: "pass",
      STEMMA_SIGNER_PASSPHRASE: "another",
    };
    const place = { id, keyFile: undefined, passphraseFile: undefined, createKey: false };
    await loadVerifier(place, environment, online);
    expect(environment).toEqual({ STEMMA_SIGNER_PASSPHRASE: "another" });
  });

  test("that others can read is refused under its own name", async () => {
    const keyFile = path.join(folder, "open-verifier.pem");
    writeFileSync(keyFile, generatePrivateKey("ed25519"));
    chmodSync(keyFile, 0o644);
    await expect(
      loadVerifier({ id, keyFile, passphraseFile: undefined, createKey: false }, {}, online),
    ).rejects.toThrow(/^The verifier's key cannot be used: Others can read/);
  });
});
