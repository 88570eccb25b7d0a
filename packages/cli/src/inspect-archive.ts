import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { checkArtifactName, DEFAULT_LIMITS, type ItemArtifacts } from "@stemma/in-toto";
import { extract, type Header } from "tar-stream";
import { isExcluded } from "./artifacts.ts";
import { INSPECTION_EXCLUDES, InspectionRefusal } from "./inspection-refusal.ts";
import type { InspectedFile } from "./inspections.ts";

/** An archive that an inspection unpacks. */
export interface NamedArchive {
  readonly name: string;
  /** Whether the command says that it is compressed; tar finds out by itself otherwise. */
  readonly gzip: boolean;
}

const MAX_ARCHIVE = 256 * 1024 * 1024;
const MAX_UNPACKED = MAX_ARCHIVE;
const MAX_ENTRIES = 50_000;
const BLOCK = 512;

/**
 * The archive that `tar xf`, `tar xzf`, `tar -xzvf` and the like unpack; undefined for every other command. After a
 * hyphen the `f` must come last, because tar takes what follows it for the archive's name.
 */
export function archiveNamed(run: readonly string[]): NamedArchive | undefined {
  const [program, letters = "", name = "", ...others] = run;
  const isUnpacking = /^(?:-[xzv]*f|[xzvf]+)$/.test(letters) && /x/.test(letters) && /f/.test(letters);
  if (program !== "tar" || !isUnpacking || /(.).*\1/.test(letters)) return undefined;
  if (name === "" || others.length > 0) return undefined;
  return { name, gzip: letters.includes("z") };
}

/**
 * What `tar` would find in a folder that holds the archive and nothing else: the archive before, and the archive and its
 * files after. Nothing is written to disk and nothing is run.
 *
 * Refused, with an InspectionRefusal, is whatever two readers of an archive could read differently or that leaves the
 * folder: links and devices, sparse files, paths that are absolute, not in normal form or lead out, a name that stands
 * twice, entries after the end, another digest than was verified, and archives beyond the limits.
 */
export async function listArchive(archive: NamedArchive, file: InspectedFile): Promise<ItemArtifacts> {
  const packed = await readVerified(file);
  const bytes = await unpacked(packed, archive);
  const own = new Map([["sha256", hashOf(packed)]]);
  const files = await filesIn(bytes, archive.name);
  return { materials: new Map([[archive.name, own]]), products: new Map([[archive.name, own], ...files]) };
}

/** The bytes of the file, if they are those that the verdict is about. */
async function readVerified({ path, digest }: InspectedFile): Promise<Buffer> {
  const handle = await open(path);
  try {
    if ((await handle.stat()).size > MAX_ARCHIVE) throw new InspectionRefusal("the archive is too large");
    const bytes = await handle.readFile();
    if (`sha256:${hashOf(bytes)}` === digest) return bytes;
    throw new InspectionRefusal(`${path} is no longer the file whose digest is verified`);
  } finally {
    await handle.close();
  }
}

async function unpacked(bytes: Buffer, { gzip }: NamedArchive): Promise<Buffer> {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isGzip && gzip) throw new InspectionRefusal("the archive is not compressed by gzip");
  if (!isGzip) return bytes;
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: MAX_UNPACKED });
  } catch {
    throw new InspectionRefusal("the archive cannot be unpacked, or is too large then");
  }
}

type File = readonly [name: string, digests: ReadonlyMap<string, string>];

async function filesIn(bytes: Buffer, archive: string): Promise<readonly File[]> {
  const files: File[] = [];
  const names = new Names(archive);
  const reader = extract();
  reader.end(bytes);
  let end = 0;
  let entries = 0;
  try {
    for await (const entry of reader) {
      const header = entry.header as Header & { readonly byteOffset: number };
      entries += 1;
      if (entries > MAX_ENTRIES) throw new InspectionRefusal("the archive has too many entries");
      // tar stops at the first empty block; the library reads on.
      checkNoEnd(bytes, end, header.byteOffset - BLOCK);
      const size = header.size ?? 0;
      end = header.byteOffset + Math.ceil(size / BLOCK) * BLOCK;
      const hash = createHash("sha256");
      for await (const chunk of entry) hash.update(chunk as Buffer);
      const name = names.take(header);
      if (name === undefined || isExcluded(name, INSPECTION_EXCLUDES)) continue;
      files.push([name, new Map([["sha256", hash.digest("hex")]])]);
    }
  } catch (error) {
    if (error instanceof InspectionRefusal) throw error;
    throw new InspectionRefusal("the archive cannot be read");
  }
  return files;
}

function checkNoEnd(bytes: Buffer, from: number, to: number): void {
  for (let at = from; at < to; at += BLOCK) {
    if (bytes.subarray(at, at + BLOCK).every((byte) => byte === 0)) {
      throw new InspectionRefusal("the archive has entries after its end");
    }
  }
}

/** The names of an archive, each for one file, none of them leading out or through a file. */
class Names {
  private readonly files: Set<string>;
  private readonly folders = new Set<string>();

  constructor(archive: string) {
    this.files = new Set([archive]);
    this.addParents(archive);
  }

  /** The name of a file; undefined for a folder. */
  take(header: Header): string | undefined {
    const { type, pax } = header;
    const isFolder = type === "directory";
    const isSparse = Object.keys(pax ?? {}).some((key) => key.startsWith("GNU.sparse"));
    if ((type !== "file" && !isFolder) || isSparse) {
      throw new InspectionRefusal(
        `the archive holds ${quote(header.name)}, which is neither a file nor a folder`,
      );
    }
    if (isFolder && (header.size ?? 0) > 0)
      throw new InspectionRefusal("a folder of the archive has content");
    const written = header.name.replace(/^(?:\.\/+)+/, "");
    const name = isFolder ? written.replace(/\/+$/, "") : written;
    if (isFolder && (name === "" || name === ".")) return undefined;
    this.check(name, header.name);
    if (isFolder ? this.files.has(name) : this.files.has(name) || this.folders.has(name)) {
      throw new InspectionRefusal(`the archive holds ${quote(name)} twice`);
    }
    if (isFolder) this.folders.add(name);
    else this.files.add(name);
    this.addParents(name);
    return isFolder ? undefined : name;
  }

  private check(name: string, written: string): void {
    const leadsOut = name.startsWith("/") || name.split("/").includes("..");
    if (leadsOut || name === "" || name.includes("\ufffd")) {
      throw new InspectionRefusal(`the archive holds ${quote(written)}, which is no path below the folder`);
    }
    try {
      checkArtifactName(name, DEFAULT_LIMITS.nameLength, "The archive");
    } catch {
      throw new InspectionRefusal(`the archive holds ${quote(written)}, which is no path in normal form`);
    }
  }

  private addParents(name: string): void {
    for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1)) {
      const folder = name.slice(0, at);
      if (this.files.has(folder)) throw new InspectionRefusal(`the archive holds ${quote(folder)} twice`);
      if (this.folders.has(folder)) return;
      this.folders.add(folder);
    }
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}
