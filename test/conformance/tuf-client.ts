/**
 * Stemma's TUF client behind the command line protocol of tuf-conformance (its CLIENT-CLI document):
 *
 *   tuf-client --metadata-dir DIR init ROOT
 *   tuf-client --metadata-dir DIR --metadata-url URL refresh
 *   tuf-client --metadata-dir DIR --metadata-url URL --target-name PATH... --target-base-url URL --target-dir DIR download
 *
 * Metadata is kept as received, under unversioned names. Exit code 0: done; 1: refused or failed; 2: wrong usage.
 */
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Cache, drive, fetchBytes, readBounded, type Source, writeAtomically } from "@stemma/client";
import {
  type FoundTarget,
  findTarget,
  refresh,
  TrustedMetadata,
  targetFileName,
  verifyTargetFile,
} from "@stemma/tuf";

/** One target's bytes; TUF leaves the limit to the signed length. */
const NO_RETRY = { attempts: 1 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "metadata-dir": { type: "string" },
    "metadata-url": { type: "string" },
    "target-name": { type: "string", multiple: true },
    "target-base-url": { type: "string" },
    "target-dir": { type: "string" },
  },
});

function option(name: "metadata-dir" | "metadata-url" | "target-base-url" | "target-dir"): string {
  const value = values[name];
  if (value === undefined) {
    process.stderr.write(`--${name} is missing.\n`);
    process.exit(2);
  }
  return value;
}

function asFolder(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}

/** Unversioned names for every role, as the suite reads them. The chain of roots begins with root.json each time. */
function unversionedCache(folder: string): Cache {
  const nameOf = (role: string): string => `${encodeURIComponent(role)}.json`;
  return {
    load: async (role, _version, maxLength) =>
      role === "root" ? undefined : readBounded(join(folder, nameOf(role)), maxLength).catch(() => undefined),
    keep: (role, _version, bytes) => writeAtomically(folder, nameOf(role), bytes),
  };
}

function metadataSource(base: string): Source {
  return {
    metadata: (role, version, maxLength) => {
      const name = `${encodeURIComponent(role)}.json`;
      return fetchBytes(base + (version === undefined ? name : `${version}.${name}`), maxLength, NO_RETRY);
    },
    target: async () => undefined,
    evidence: async () => new Map(),
  };
}

async function updater() {
  const folder = option("metadata-dir");
  const trusted = TrustedMetadata.create(await readFile(join(folder, "root.json")), { time: new Date() });
  const source = metadataSource(asFolder(option("metadata-url")));
  const cache = unversionedCache(folder);
  return {
    refresh: () => drive(refresh(trusted), source, cache),
    find: (path: string) => drive(findTarget(trusted, path), source, cache),
    consistent: () => trusted.root.signed.consistentSnapshot,
  };
}

async function download(): Promise<void> {
  const client = await updater();
  const folder = option("target-dir");
  const base = asFolder(option("target-base-url"));
  await client.refresh();
  await mkdir(folder, { recursive: true });
  for (const path of values["target-name"] ?? []) {
    const found = await client.find(path);
    if (found === undefined) throw new Error(`No role lists the target ${path}.`);
    const name = encodeURIComponent(path);
    if (await isThere(join(folder, name), found)) continue;
    const file = targetFileName(path, found.target, client.consistent());
    const bytes = await fetchBytes(base + file, found.target.length, NO_RETRY);
    if (bytes === undefined) throw new Error(`The target ${path} is not there.`);
    verifyTargetFile(bytes, found.target, path);
    await writeAtomically(folder, name, bytes);
  }
}

async function isThere(file: string, found: FoundTarget): Promise<boolean> {
  try {
    const bytes = await readBounded(file, found.target.length);
    if (bytes === undefined) return false;
    verifyTargetFile(bytes, found.target, found.path);
    return true;
  } catch {
    return false;
  }
}

async function main(): Promise<void> {
  const [command, argument] = positionals;
  switch (command) {
    case "init": {
      if (argument === undefined) throw new Error("init needs the file of the trusted root.");
      const folder = option("metadata-dir");
      await mkdir(folder, { recursive: true });
      await copyFile(argument, join(folder, "root.json"));
      return;
    }
    case "refresh":
      return (await updater()).refresh();
    case "download":
      return download();
    default:
      process.stderr.write("The command is one of init, refresh, download.\n");
      process.exit(2);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
