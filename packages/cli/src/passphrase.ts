import { checkPrivateFile } from "@stemma/crypto";
import { CliError } from "./error.ts";
import { readInput } from "./files.ts";

/** Where a passphrase may come from. Never from the arguments, which every user of the machine can read. */
export interface PassphraseOptions {
  readonly passphraseFile?: string;
}

const MAX_PASSPHRASE = 4096;

/**
 * The passphrase of a key: the first line of a file, STEMMA_PASSPHRASE, or what is typed on the terminal.
 * Throws `passphrase_missing` where there is none of them, and CryptoError `key_file_unprotected`.
 */
export async function askPassphrase(prompt: string, options: PassphraseOptions): Promise<string> {
  const { passphraseFile } = options;
  if (passphraseFile !== undefined) {
    const bytes = await readInput(passphraseFile, MAX_PASSPHRASE);
    await checkPrivateFile(passphraseFile);
    const [line = ""] = Buffer.from(bytes).toString("utf8").split(/\r?\n/);
    if (line === "")
      throw new CliError("passphrase_missing", `The first line of ${passphraseFile} is empty.`);
    return line;
  }
  const fromEnvironment = process.env.STEMMA_PASSPHRASE;
  if (fromEnvironment !== undefined && fromEnvironment !== "") return fromEnvironment;
  if (process.stdin.isTTY !== true) {
    throw new CliError(
      "passphrase_missing",
      "The key needs a passphrase: use --passphrase-file, STEMMA_PASSPHRASE, or a terminal to type it on.",
    );
  }
  return readHidden(prompt);
}

/** A new passphrase. On a terminal it is asked for twice. */
export async function askNewPassphrase(path: string, options: PassphraseOptions): Promise<string> {
  const typed = options.passphraseFile === undefined && !process.env.STEMMA_PASSPHRASE;
  const first = await askPassphrase(`New passphrase for ${path}: `, options);
  if (first === "")
    throw new CliError("passphrase_missing", "An empty passphrase protects nothing; see --no-passphrase.");
  if (typed && (await askPassphrase("The same again: ", options)) !== first) {
    throw new CliError("passphrase_missing", "The two passphrases differ; nothing was written.");
  }
  return first;
}

/** Reads a line from the terminal without showing it. */
function readHidden(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  stdin.resume();
  return new Promise((resolve, reject) => {
    let line = "";
    const finish = (): void => {
      stdin.off("data", read);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write("\n");
    };
    const read = (chunk: string): void => {
      for (const character of chunk) {
        if (character === "\r" || character === "\n") {
          finish();
          resolve(line);
          return;
        }
        if (character === "\u0003" || character === "\u0004") {
          finish();
          reject(new CliError("passphrase_missing", "No passphrase was given."));
          return;
        }
        if (character === "\u007f" || character === "\b") line = [...line].slice(0, -1).join("");
        else if (line.length < MAX_PASSPHRASE) line += character;
      }
    };
    stdin.on("data", read);
  });
}
