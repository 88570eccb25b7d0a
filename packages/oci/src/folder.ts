import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
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

  async writeIndex(index: Uint8Array, layout: Uint8Array): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const once = async function* (bytes: Uint8Array) {
      yield bytes;
    };
    if ((await this.size("oci-layout")) === undefined)
      await writeFile(join(this.folder, "oci-layout"), layout);
    await this.write("index.json", index.length, once(index));
  }

  async finish(): Promise<void> {}
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
