import { chmod, open, readFile, stat } from "node:fs/promises";
import { CryptoError } from "./error.ts";
import { type Signer, signerFromPem } from "./signer.ts";

/**
 * A signer from a PEM file. The file must be readable by its owner alone (checked on POSIX systems), whether or not
 * it is encrypted. Throws `key_file_unprotected`, and what `signerFromPem` throws.
 */
export async function signerFromFile(path: string, passphrase?: string): Promise<Signer> {
  await checkPrivateFile(path);
  return signerFromPem(await readFile(path, "utf8"), passphrase);
}

/** A signer from the text of an environment variable that holds a PEM. The variable is then removed from `env`. */
export function signerFromEnvironment(
  env: Record<string, string | undefined>,
  name: string,
  passphraseName?: string,
): Signer {
  const pem = env[name];
  if (pem === undefined || pem === "") {
    throw new CryptoError("bad_key", `The environment variable ${name} must hold a PEM private key.`);
  }
  const passphrase = passphraseName === undefined ? undefined : env[passphraseName];
  // Child processes and crash reports inherit the environment; the key must not travel with it.
  delete env[name];
  if (passphraseName !== undefined) delete env[passphraseName];
  return signerFromPem(pem, passphrase);
}

/** Refuses a secret's file that others than its owner can read. Throws `key_file_unprotected`. */
export async function checkPrivateFile(path: string): Promise<void> {
  const { mode } = await stat(path);
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new CryptoError("key_file_unprotected", `Others can read ${path}; run: chmod 600 ${path}`);
  }
}

/** Writes a secret to a new file that only its owner can read; an existing file is never overwritten. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  // An unusual umask can only have removed permissions; state the mode all the same.
  await chmod(path, 0o600);
}
