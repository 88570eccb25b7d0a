import { stat } from "node:fs/promises";
import { generatePrivateKey, KEY_KINDS, type KeyKind, signerFromPem, writePrivateFile } from "@stemma/crypto";
import { decodeUtf8 } from "@stemma/encoding";
import { type Command, Option } from "commander";
import { act, leaf } from "../command.ts";
import { CliError } from "../error.ts";
import { readInput, writeOutput } from "../files.ts";
import { keyDocument, openSigner, publicPem, readPublicKeyFile } from "../keys.ts";
import { type Outcome, styled } from "../output.ts";
import { askNewPassphrase, type PassphraseOptions } from "../passphrase.ts";

/** `stemma key`: keys of people. The private half never leaves its owner's machine. */
export function addKeyCommands(program: Command): void {
  const key = program.command("key").description("Make and look at keys");

  const make = leaf(
    key,
    "new <file>",
    "Make a private key in <file>, encrypted, and its public half in <file>.pub",
  )
    .addOption(new Option("--type <type>", "kind of key").choices(KEY_KINDS).default("ed25519"))
    .option("--no-passphrase", "do not encrypt the private key")
    .option("--passphrase-file <file>", "file whose first line is the passphrase");
  act(make, newKey);

  const show = leaf(key, "show <file...>", "Show key ids and fingerprints of keys, public or private").option(
    "--passphrase-file <file>",
    "file whose first line is the passphrase of encrypted keys",
  );
  act(show, showKeys);
}

interface NewOptions extends PassphraseOptions {
  readonly type: KeyKind;
  /** False after `--no-passphrase`. */
  readonly passphrase: boolean;
}

async function newKey(options: NewOptions, file: string): Promise<Outcome> {
  const publicFile = `${file}.pub`;
  for (const path of [file, publicFile]) {
    if (await stat(path).catch(() => undefined)) {
      throw new CliError("file_exists", `${path} exists already and is not overwritten.`);
    }
  }
  const passphrase = options.passphrase ? await askNewPassphrase(file, options) : undefined;
  const pem = generatePrivateKey(options.type, passphrase);
  const { publicKey } = signerFromPem(pem, passphrase);
  await writePrivateFile(file, pem);
  await writeOutput(publicFile, publicPem(publicKey), { create: true });
  return {
    document: { file, publicFile, encrypted: options.passphrase, ...keyDocument(publicKey) },
    lines: [
      ["Private key  ", styled("bold", file), options.passphrase ? "  (encrypted)" : "  (not encrypted)"],
      ["Public key   ", styled("bold", publicFile)],
      ["Key id       ", publicKey.keyId],
      ["Fingerprint  ", publicKey.fingerprint],
    ],
  };
}

async function showKeys(options: PassphraseOptions, files: readonly string[]): Promise<Outcome> {
  const keys = [];
  for (const file of files) {
    const isPrivate = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(decodeUtf8(await readInput(file, 64 * 1024)));
    const key = isPrivate
      ? (await openSigner({ ...options, key: file })).publicKey
      : await readPublicKeyFile(file);
    keys.push({ file, private: isPrivate, ...keyDocument(key) });
  }
  return {
    document: { keys },
    lines: keys.flatMap((key) => [
      [styled("bold", key.file), key.private ? "  (private)" : ""],
      `  type           ${key.keyType}, ${key.scheme}`,
      `  key id         ${key.keyId}`,
      `  legacy key id  ${key.legacyKeyId}`,
      `  fingerprint    ${key.fingerprint}`,
    ]),
  };
}
