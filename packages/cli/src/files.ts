import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CliError } from "./error.ts";

const MAX_DOCUMENT = 8 * 1024 * 1024;

/** Reads a file that the user named. Throws `file_unreadable` when it is missing, no file, or larger than `maxBytes`. */
export async function readInput(path: string, maxBytes = MAX_DOCUMENT): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) {
      throw new CliError("file_unreadable", `${path} has ${size} bytes; at most ${maxBytes} are read.`);
    }
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw unreadable(path, error);
  }
}

/** Reads a file, or the standard input for `-`. Throws as `readInput`. */
export async function readInputOrStdin(path: string, maxBytes = MAX_DOCUMENT): Promise<Uint8Array> {
  if (path !== "-") return readInput(path, maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new CliError("file_unreadable", `The standard input has more than ${maxBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** The sentence for a file that cannot be read. */
export function unreadable(path: string, error: unknown): CliError {
  const code = (error as NodeJS.ErrnoException).code;
  const why =
    code === "ENOENT"
      ? "there is no such file"
      : code === "EISDIR"
        ? "it is a folder"
        : (code ?? String(error));
  return new CliError("file_unreadable", `${path} cannot be read: ${why}.`, { cause: error });
}

/** Writes a file so that a crash leaves the old bytes or the new. With `create`, an existing file is an error. */
export async function writeOutput(
  path: string,
  bytes: Uint8Array | string,
  options: { readonly create?: boolean } = {},
): Promise<void> {
  if (options.create === true) {
    try {
      const file = await open(path, "wx", 0o644);
      await file.writeFile(bytes);
      await file.close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") {
        throw new CliError("file_exists", `${path} exists already and is not overwritten.`, { cause: error });
      }
      throw unwritable(path, error);
    }
    return;
  }
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}`);
  try {
    const file = await open(temporary, "wx", 0o644);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): CliError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new CliError("file_unreadable", `${path} cannot be written: ${code}.`, { cause: error });
}
