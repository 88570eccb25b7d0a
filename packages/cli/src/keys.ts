import { createPublicKey } from "node:crypto";
import {
  checkPrivateFile,
  type PublicKey,
  publicKeyFromPem,
  readPublicKey,
  type Signer,
  signerFromPem,
} from "@stemma/crypto";
import { decodeUtf8, parseJson } from "@stemma/encoding";
import { CliError } from "./error.ts";
import { readInput } from "./files.ts";
import { askPassphrase, type PassphraseOptions } from "./passphrase.ts";

const MAX_KEY_FILE = 64 * 1024;

/** Options of every command that signs. */
export interface SignerOptions extends PassphraseOptions {
  readonly key: string;
}

/** The signer of `--key`. Throws CryptoError, `file_unreadable`, `passphrase_missing`. */
export async function openSigner(options: SignerOptions): Promise<Signer> {
  const pem = decodeUtf8(await readInput(options.key, MAX_KEY_FILE));
  if (pem.includes("-----BEGIN PUBLIC KEY-----")) {
    throw new CliError("usage", `${options.key} is a public key; signing takes the private one.`);
  }
  await checkPrivateFile(options.key);
  if (!pem.includes("BEGIN ENCRYPTED PRIVATE KEY")) return signerFromPem(pem);
  return signerFromPem(pem, await askPassphrase(`Passphrase for ${options.key}: `, options));
}

/** A public key from a file: PEM, or a key object of TUF and in-toto. Throws CryptoError, `file_unreadable`, `usage`. */
export async function readPublicKeyFile(path: string): Promise<PublicKey> {
  const bytes = await readInput(path, MAX_KEY_FILE);
  const text = decodeUtf8(bytes);
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new CliError("usage", `${path} is a private key; give its public half, ${path}.pub.`);
  }
  if (text.trimStart().startsWith("{")) return readPublicKey(parseJson(bytes), path);
  return publicKeyFromPem(text);
}

/** Several of them. The same public key twice is an error: it would count once toward any threshold. */
export async function readPublicKeyFiles(paths: readonly string[]): Promise<PublicKey[]> {
  const keys: PublicKey[] = [];
  for (const path of paths) {
    const key = await readPublicKeyFile(path);
    if (keys.some((other) => other.fingerprint === key.fingerprint)) {
      throw new CliError("usage", `${path} is a public key that was given already; it would count once.`);
    }
    keys.push(key);
  }
  return keys;
}

/** The PEM of a public key. */
export function publicPem(key: PublicKey): string {
  const object = createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" });
  return object.export({ format: "pem", type: "spki" }) as string;
}

/** A key as documents of this command describe it. */
export interface KeyDocument {
  readonly keyType: string;
  readonly scheme: string;
  readonly keyId: string;
  /** The key id that older in-toto tools compute. */
  readonly legacyKeyId: string;
  /** sha256 of the SubjectPublicKeyInfo: what counts toward thresholds. */
  readonly fingerprint: string;
}

/** Describes a key. */
export function keyDocument(key: PublicKey): KeyDocument {
  return {
    keyType: key.keyType,
    scheme: key.scheme,
    keyId: key.keyId,
    legacyKeyId: key.legacyKeyId,
    fingerprint: key.fingerprint,
  };
}
