import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

const NOT_SOURCE = new Set(["node_modules", "dist", ".git", ".stemma", "coverage"]);

/** The tracked files of the repository that are there, by name; without git, every file that is no output. */
export async function listSourceFiles(root: string): Promise<string[]> {
  try {
    const args = ["ls-files", "-z", "--cached"];
    const { stdout } = await promisify(execFile)("git", args, { cwd: root, maxBuffer: 16_000_000 });
    const missing = new Set(await listMissing(root));
    return stdout
      .split("\0")
      .filter((name) => name !== "" && !missing.has(name))
      .sort();
  } catch {
    return (await walk(root, "")).sort();
  }
}

async function listMissing(root: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)("git", ["ls-files", "-z", "--deleted"], { cwd: root });
  return stdout.split("\0");
}

async function walk(root: string, below: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const name = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory() && !NOT_SOURCE.has(entry.name)) names.push(...(await walk(root, name)));
    if (entry.isFile()) names.push(name);
  }
  return names;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.stdout.write(`${(await listSourceFiles(process.cwd())).join("\n")}\n`);
}
