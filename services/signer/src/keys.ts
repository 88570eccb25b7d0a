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
import type { KeyPlace, VerifierConfig } from "./config.ts";
import { SignerError } from "./error.ts";
import type { SummarySigner } from "./summaries.ts";

type Environment = Record<string, string | undefined>;

/** A key as messages call it, and the beginning of its variables. */
interface KeyName {
  readonly words: string;
  readonly prefix: "STEMMA_SIGNER" | "STEMMA_VERIFIER";
}

const ONLINE: KeyName = { words: "online key", prefix: "STEMMA_SIGNER" };
const VERIFIER: KeyName = { words: "verifier's key", prefix: "STEMMA_VERIFIER" };

/** The online key. Throws `bad_configuration` with a sentence that names the file, never what is in it. */
export function loadKey(place: KeyPlace, environment: Environment): Promise<Signer> {
  return load(ONLINE, place, environment);
}

/**
 * The verifier and its key. Throws as `loadKey`, and when it is the online key: summaries must not be worth as much as
 * publishing is, nor the other way round.
 */
export async function loadVerifier(
  { id, ...place }: VerifierConfig,
  environment: Environment,
  online: Signer,
): Promise<SummarySigner> {
  const signer = await load(VERIFIER, place, environment);
  if (signer.publicKey.fingerprint === online.publicKey.fingerprint) {
    throw new SignerError(
      "bad_configuration",
      "The verifier's key cannot be used: it is the online key; give summaries a key of their own.",
    );
  }
  return { id, signer };
}

async function load(name: KeyName, place: KeyPlace, environment: Environment): Promise<Signer> {
  const { keyFile, passphraseFile, createKey } = place;
  try {
    if (keyFile === undefined) {
      const variable = `${name.prefix}_PASSPHRASE`;
      const passphrase = environment[variable] ? variable : undefined;
      return signerFromEnvironment(environment, `${name.prefix}_KEY`, passphrase);
    }
    if (createKey && !existsSync(keyFile)) await create(name, keyFile, passphraseFile);
    return await signerFromFile(keyFile, await readPassphrase(name, passphraseFile, environment));
  } catch (error) {
    const isOurs = error instanceof StemmaError || (error as NodeJS.ErrnoException).syscall !== undefined;
    if (!isOurs) throw error;
    const why = (error as Error).message;
    throw new SignerError("bad_configuration", `The ${name.words} cannot be used: ${why}`, { cause: error });
  }
}

/** The passphrase first: a key without its passphrase would be of no use, a passphrase without a key does no harm. */
async function create(name: KeyName, keyFile: string, passphraseFile: string | undefined): Promise<void> {
  if (passphraseFile === undefined) {
    throw new SignerError(
      "bad_configuration",
      `${name.prefix}_PASSPHRASE_FILE must say where the new key's passphrase goes.`,
    );
  }
  if (!existsSync(passphraseFile))
    await writePrivateFile(passphraseFile, `${randomBytes(32).toString("base64url")}\n`);
  await writePrivateFile(
    keyFile,
    generatePrivateKey("ed25519", (await readPassphrase(name, passphraseFile, {})) ?? ""),
  );
}

async function readPassphrase(
  { prefix }: KeyName,
  file: string | undefined,
  environment: Environment,
): Promise<string | undefined> {
  if (file === undefined) {
    const variable = `${prefix}_PASSPHRASE`;
    const passphrase = environment[variable];
    // Whatever this process starts, or dumps, must not carry it along.
    delete environment[variable];
    return passphrase || undefined;
  }
  await checkPrivateFile(file);
  return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
}
