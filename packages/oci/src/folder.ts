import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StemmaError } from "@stemma/encoding";
import type { ContentStore } from "./content-store.ts";
import { OciError } from "./error.ts";
import { type LayoutFiles, LayoutStore } from "./layout-store.ts";

/** Whether a folder says that it is an image layout. */
export async function isImageLayout(folder: string): Promise<boolean> {
  return (await sizeOf(join(folder, "oci-layout"))) !== undefined;
}

/** An image layout in a folder, which is made when something is written. */
export function folderStore(folder: string): ContentStore {
  return new LayoutStore(new Folder(folder));
}

class Folder implements LayoutFiles {
  readonly sequential = false;
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  get place(): string {
    return `layout:${this.folder}`;
  }

  size(path: string): Promise<number | undefined> {
    return sizeOf(join(this.folder, path));
  }

  read(path: string): AsyncIterable<Uint8Array> {
    return createReadStream(join(this.folder, path), { highWaterMark: 1 << 18 });
  }

  async write(path: string, _size: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    const target = join(this.folder, path);
    await mkdir(dirname(target), { recursive: true });
    const temporary = `${target}.${randomBytes(6).toString("hex")}.part`;
    try {
      const file = await open(temporary, "wx");
      try {
        for await (const chunk of content) await file.write(chunk);
      } finally {
        await file.close();
      }
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      if (error instanceof StemmaError) throw error;
      const { code } = error as NodeJS.ErrnoException;
      throw new OciError("bad_image_layout", `${target} cannot be written: ${code}.`, { cause: error });
    }
  }

  async alone(work: () => Promise<void>): Promise<void> {
    const lock = join(this.folder, "index.json.lock");
    await takeLock(lock);
    try {
      await work();
    } finally {
      await rm(lock, { force: true });
    }
  }

  async writeIndex(index: Uint8Array, layout: Uint8Array): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const once = async function* (bytes: Uint8Array) {
      yield bytes;
    };
    if ((await this.size("oci-layout")) === undefined)
      await this.write("oci-layout", layout.length, once(layout));
    await this.write("index.json", index.length, once(index));
  }

  async finish(): Promise<void> {}
}

/** index.json is held for milliseconds; whoever left its lock behind for longer is gone. */
const LOCK_FORGOTTEN_MS = 5_000;
const LOCK_PAUSE_MS = 10;

/** Makes a file that only one can make, waiting for whoever was first. Throws `bad_image_layout`. */
async function takeLock(path: string): Promise<void> {
  for (;;) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, "", { flag: "wx" });
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EEXIST" || (await isNoFolder(dirname(path)))) {
        throw new OciError("bad_image_layout", `${path} cannot be written: ${code}.`, { cause: error });
      }
    }
    const since = await lstat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    // Of a clock that goes otherwise, a lock may come from the future.
    if (since !== undefined && Math.abs(Date.now() - since) > LOCK_FORGOTTEN_MS)
      await rm(path, { force: true });
    else await sleep(LOCK_PAUSE_MS);
  }
}

async function isNoFolder(path: string): Promise<boolean> {
  return !(await stat(path)).isDirectory();
}

/** The size of a regular file; undefined when there is nothing. Throws `bad_image_layout` for what cannot be looked at. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new OciError("bad_image_layout", `${path} cannot be read: ${code}.`, { cause: error });
  }
}
