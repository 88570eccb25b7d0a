import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import {
  checkPrivateFile,
  generatePrivateKey,
  type Signer,
  signerFromEnvironment,
  signerFromFile,
  writePrivateFile,
} from "@stemma/crypto";
import { StemmaError } from "@stemma/encoding";
import type { SignerConfig } from "./config.ts";
import { SignerError } from "./error.ts";

/** The online key. Throws `bad_configuration` with a sentence that names the file, never what is in it. */
export async function loadKey(
  config: Pick<SignerConfig, "keyFile" | "passphraseFile" | "createKey">,
  environment: Record<string, string | undefined>,
): Promise<Signer> {
  try {
    if (config.keyFile === undefined) {
      const passphrase = environment.STEMMA_SIGNER_PASSPHRASE ? "STEMMA_SIGNER_PASSPHRASE" : undefined;
      return signerFromEnvironment(environment, "STEMMA_SIGNER_KEY", passphrase);
    }
    if (config.createKey && !existsSync(config.keyFile))
      await createKey(config.keyFile, config.passphraseFile);
    const passphrase = await readPassphrase(config.passphraseFile, environment);
    return await signerFromFile(config.keyFile, passphrase);
  } catch (error) {
    const isOurs = error instanceof StemmaError || (error as NodeJS.ErrnoException).syscall !== undefined;
    if (!isOurs) throw error;
    throw new SignerError("bad_configuration", `The online key cannot be used: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** The passphrase first: a key without its passphrase would be of no use, a passphrase without a key does no harm. */
async function createKey(keyFile: string, passphraseFile: string | undefined): Promise<void> {
  if (passphraseFile === undefined) {
    throw new SignerError(
      "bad_configuration",
      "STEMMA_SIGNER_PASSPHRASE_FILE must say where the new key's passphrase goes.",
    );
  }
  if (!existsSync(passphraseFile))
    await writePrivateFile(passphraseFile, `${randomBytes(32).toString("base64url")}\n`);
  await writePrivateFile(
    keyFile,
    generatePrivateKey("ed25519", (await readPassphrase(passphraseFile, {})) ?? ""),
  );
}

async function readPassphrase(
  file: string | undefined,
  environment: Record<string, string | undefined>,
): Promise<string | undefined> {
  if (file === undefined) {
    const passphrase = environment.STEMMA_SIGNER_PASSPHRASE;
    // Whatever this process starts, or dumps, must not carry it along.
    delete environment.STEMMA_SIGNER_PASSPHRASE;
    return passphrase || undefined;
  }
  await checkPrivateFile(file);
  return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
}
