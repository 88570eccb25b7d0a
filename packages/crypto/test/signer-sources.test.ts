import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { generatePrivateKey, signerFromEnvironment, signerFromFile, writePrivateFile } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stemma-crypto-"));
});
afterAll(() => rm(folder, { recursive: true }));

const refused = (code: string) => expect.objectContaining({ code });
const message = utf8("message");

describe("a key in a file", () => {
  test("is written for its owner alone, never over another, and signs", async () => {
    const path = join(folder, "key.pem");
    await writePrivateFile(path, generatePrivateKey("ed25519", "secret"));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const before = await readFile(path, "utf8");
    await expect(writePrivateFile(path, "other")).rejects.toThrow("EEXIST");
    expect(await readFile(path, "utf8")).toBe(before);
    const signer = await signerFromFile(path, "secret");
    expect(signer.publicKey.verify(message, await signer.sign(message))).toBe(true);
    await expect(signerFromFile(path, "wrong")).rejects.toThrow(refused("bad_passphrase"));
  });

  test.each([0o640, 0o604, 0o666])("is refused when others may read it (%s)", async (mode) => {
    const path = join(folder, `key-${mode}`);
    await writeFile(path, generatePrivateKey());
    await chmod(path, mode);
    await expect(signerFromFile(path)).rejects.toThrow(refused("key_file_unprotected"));
  });
});

describe("a key in the environment", () => {
  test("signs, and does not stay where child processes inherit it", async () => {
    const env: Record<string, string | undefined> = {
      KEY: generatePrivateKey("ecdsa-p256", "secret"),
      PASSPHRASE: "secret",
      OTHER: "stays",
    };
    const signer = signerFromEnvironment(env, "KEY", "PASSPHRASE");
    expect(signer.publicKey.verify(message, await signer.sign(message))).toBe(true);
    expect(Object.keys(env)).toEqual(["OTHER"]);
  });

  test.each([undefined, "", "not a key"])("is refused when it is %j", (value) => {
    expect(() => signerFromEnvironment({ KEY: value }, "KEY")).toThrow(refused("bad_key"));
  });
});
