import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { compareCodePoints } from "@stemma/encoding";
import { checkArtifactName, DEFAULT_LIMITS, Glob, Meter } from "@stemma/in-toto";
import { CliError } from "./error.ts";
import { unreadable } from "./files.ts";

/** Files by the names that a link gives them, with their digests (in-toto 4.4). Sorted by name. */
export type RecordedArtifacts = ReadonlyMap<string, ReadonlyMap<string, string>>;

export interface RecordOptions {
  /** Names are relative to this folder, and nothing outside it is recorded. */
  readonly workdir: string;
  /** Patterns as in layouts. One without `/` is compared with every part of a name, one with `/` with the whole. */
  readonly exclude: readonly string[];
  /** Told of folders behind symbolic links, which are not followed. */
  readonly warn?: (message: string) => void;
}

/** Left out unless the user says otherwise: links themselves, and what git keeps for itself. */
export const DEFAULT_EXCLUDES: readonly string[] = ["*.link*", ".git"];

const PARALLEL = 8;

/**
 * Records files and everything below folders: sha256 of the content, streamed. Symbolic links to files are recorded under
 * their own name as long as they stay inside the working folder; folders behind symbolic links are not followed, as in
 * in-toto. Whatever else is there (a socket, a dangling link, a name that is not UTF-8) is refused rather than left out,
 * because what is not recorded cannot be checked.
 *
 * Throws `path_outside_workdir`, `not_a_regular_file`, `name_not_recordable`, `file_unreadable`.
 */
export async function recordArtifacts(
  paths: readonly string[],
  options: RecordOptions,
): Promise<RecordedArtifacts> {
  const workdir = await realpath(options.workdir).catch((error: unknown) => {
    throw unreadable(options.workdir, error);
  });
  const walk = new Walk(workdir, options);
  for (const path of paths) await walk.add(artifactName(options.workdir, path));
  const names = [...walk.files].sort(compareCodePoints);
  const digests = new Map<string, string>();
  const queue = [...names];
  const worker = async (): Promise<void> => {
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      digests.set(name, await hashFile(join(workdir, name)));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return new Map(names.map((name) => [name, new Map([["sha256", digests.get(name) ?? ""]])]));
}

/**
 * The name of a path in normal form, relative to the working folder, with `/` on every system. The folder itself is the
 * empty name. Throws `path_outside_workdir`.
 */
export function artifactName(workdir: string, path: string): string {
  const name = relative(resolve(workdir), resolve(workdir, path));
  if (name === ".." || name.startsWith(`..${sep}`) || isAbsolute(name)) {
    throw new CliError(
      "path_outside_workdir",
      `${path} lies outside ${workdir}; names in links stay inside it.`,
    );
  }
  return sep === "/" ? name : name.split(sep).join("/");
}

/** Whether one of the patterns excludes a name. */
export function isExcluded(name: string, patterns: readonly string[]): boolean {
  const meter = new Meter();
  return patterns.some((pattern) => {
    const glob = new Glob(pattern);
    if (pattern.includes("/")) return glob.matches(name, meter);
    return name.split("/").some((part) => glob.matches(part, meter));
  });
}

class Walk {
  readonly files = new Set<string>();
  private readonly workdir: string;
  private readonly options: RecordOptions;

  constructor(workdir: string, options: RecordOptions) {
    this.workdir = workdir;
    this.options = options;
  }

  async add(name: string): Promise<void> {
    if (name !== "") {
      if (isExcluded(name, this.options.exclude)) return;
      checkName(name);
    }
    const path = join(this.workdir, name);
    const found = await lstat(path).catch((error: unknown) => {
      throw unreadable(path, error);
    });
    if (found.isFile()) this.files.add(name);
    else if (found.isDirectory()) await this.addFolder(name, path);
    else if (found.isSymbolicLink()) await this.addLink(name, path);
    else throw new CliError("not_a_regular_file", `${name} is neither a file nor a folder; --exclude it.`);
  }

  private async addFolder(name: string, path: string): Promise<void> {
    for (const entry of await readdir(path, { encoding: "buffer" })) {
      const text = entry.toString("utf8");
      if (!Buffer.from(text, "utf8").equals(entry)) {
        throw new CliError(
          "name_not_recordable",
          `${path} holds a name that is not UTF-8: ${JSON.stringify(text)}.`,
        );
      }
      await this.add(name === "" ? text : `${name}/${text}`);
    }
  }

  private async addLink(name: string, path: string): Promise<void> {
    const target = await realpath(path).catch((error: unknown) => {
      throw new CliError("not_a_regular_file", `${name} is a symbolic link to nothing; --exclude it.`, {
        cause: error,
      });
    });
    if (target !== this.workdir && !target.startsWith(`${this.workdir}${sep}`)) {
      throw new CliError(
        "path_outside_workdir",
        `${name} is a symbolic link to ${target}, outside the working folder; --exclude it.`,
      );
    }
    const found = await stat(path);
    if (found.isFile()) this.files.add(name);
    else if (found.isDirectory()) {
      this.options.warn?.(`${name} is a symbolic link to a folder and is not followed.`);
    } else
      throw new CliError("not_a_regular_file", `${name} leads to neither a file nor a folder; --exclude it.`);
  }
}

/** A name that verifiers would not read must not get into a link. */
function checkName(name: string): void {
  try {
    checkArtifactName(name, DEFAULT_LIMITS.nameLength, "The working folder");
  } catch (error) {
    throw new CliError(
      "name_not_recordable",
      `${JSON.stringify(name)} cannot be the name of an artifact; rename or --exclude it.`,
      { cause: error },
    );
  }
}

/** sha256 of a file's content, without holding it in memory. Throws `file_unreadable`. */
export async function hashFile(path: string): Promise<string> {
  return (await hashAndSize(path)).sha256;
}

/** The same with the number of bytes that were hashed. */
export async function hashAndSize(path: string): Promise<{ readonly sha256: string; readonly size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  return { sha256: hash.digest("hex"), size };
}
