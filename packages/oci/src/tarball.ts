import { constants } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import type { ContentStore } from "./content-store.ts";
import { OciError } from "./error.ts";
import { sizeOf } from "./folder.ts";
import { type LayoutFiles, LayoutStore } from "./layout-store.ts";
import { BLOCK, readTar, type TarEntry, tarHeader } from "./tar-headers.ts";

/**
 * An image layout in a tarball, uncompressed, as `docker save`, `skopeo copy … oci-archive:` and their like write it. What
 * is written goes to a file beside it, FILE.part, which takes the tarball's place when all is there; a run that was broken
 * off goes on with what it finds in it.
 */
export function tarballStore(file: string): ContentStore {
  return new LayoutStore(new Tarball(file));
}

/** FILE.part is our own: where a link lies in its place, somebody wants another file to be written over. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);
const CHANGE = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);

interface Contents {
  readonly path: string;
  readonly entries: Map<string, TarEntry>;
  /** Where the next entry goes. */
  end: number;
}

class Tarball implements LayoutFiles {
  readonly sequential = true;
  private readonly file: string;
  private contents: Promise<Contents | undefined> | undefined;
  private part: Promise<Contents> | undefined;
  private index: readonly (readonly [string, Uint8Array])[] = [];
  /** A tarball has one end, so there is one writer at a time. */
  private writing: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.file = file;
  }

  get place(): string {
    return `tarball:${this.file}`;
  }

  async size(path: string): Promise<number | undefined> {
    return this.pending(path)?.length ?? (await this.find(path))?.entry.size;
  }

  async *read(path: string): AsyncGenerator<Uint8Array> {
    const pending = this.pending(path);
    if (pending !== undefined) return yield* once(pending);
    const found = await this.find(path);
    if (found === undefined) return;
    const { entry, from } = found;
    if (entry.size === 0) return;
    const file = await open(from);
    try {
      const { offset, size } = entry;
      yield* file.createReadStream({
        start: offset,
        end: offset + size - 1,
        highWaterMark: 1 << 18,
        autoClose: false,
      });
    } finally {
      await file.close();
    }
  }

  write(path: string, size: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    const written = this.writing.catch(() => undefined).then(() => this.append(path, size, content));
    this.writing = written;
    return written;
  }

  /** There is one writer to a FILE.part, and `finish` finds out when there were more. */
  alone(work: () => Promise<void>): Promise<void> {
    return work();
  }

  /** A file of the index that `finish` will write. */
  private pending(path: string): Uint8Array | undefined {
    return this.index.find(([name]) => name === path)?.[1];
  }

  async writeIndex(index: Uint8Array, layout: Uint8Array): Promise<void> {
    this.index = [
      ["oci-layout", layout],
      ["index.json", index],
    ];
  }

  async finish(): Promise<void> {
    if (this.part === undefined && this.index.length === 0) return;
    await this.writing;
    this.part ??= this.openPart();
    const part = await this.part;
    const old = await this.old();
    for (const [path, entry] of old?.entries ?? []) {
      if (!path.startsWith("blobs/") || part.entries.has(path)) continue;
      await this.append(path, entry.size, this.read(path));
    }
    const names = ["oci-layout", "index.json"];
    const unchanged = this.index.length === 0 ? names.filter((name) => old?.entries.has(name)) : [];
    for (const path of unchanged) await this.append(path, (await this.size(path)) ?? 0, this.read(path));
    for (const [path, bytes] of this.index) await this.append(path, bytes.length, once(bytes));
    await withFile(part.path, CHANGE, async (file) => {
      await file.write(Buffer.alloc(2 * BLOCK), 0, 2 * BLOCK, part.end);
      await file.sync();
      await checkAlone(file, part);
    });
    await rename(part.path, this.file);
    this.part = undefined;
    this.contents = undefined;
    this.index = [];
  }

  /** An entry counts from when it is whole. One that was there and is broken is written over, so no name stands twice. */
  private async append(path: string, size: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.part ??= this.openPart();
    const part = await this.part;
    const broken = part.entries.get(path);
    const isSame = broken?.size === size;
    const offset = isSame ? broken.offset : part.end + BLOCK;
    await withFile(part.path, CHANGE, async (file) => {
      if (!isSame) {
        // Cut off first, so that nothing of an entry that came to nothing is ever taken for one.
        await file.truncate(part.end);
        await file.write(tarHeader(path, size), 0, BLOCK, part.end);
      }
      let at = offset;
      for await (const chunk of content) {
        await file.write(chunk, 0, chunk.length, at);
        at += chunk.length;
      }
      if (isSame) return;
      const padding = (BLOCK - (size % BLOCK)) % BLOCK;
      await file.write(Buffer.alloc(padding), 0, padding, at);
      part.end = at + padding;
    });
    part.entries.set(path, { offset, size });
  }

  private async openPart(): Promise<Contents> {
    const path = `${this.file}.part`;
    const flags = (await sizeOf(path)) === undefined ? "wx+" : READ;
    return withFile(path, flags, async (file) => {
      const { entries, end } = await readTar(file, `tarball:${path}`);
      // The index comes last; one that was written before the run broke off is written again.
      const kept = new Map([...entries].filter(([name]) => name.startsWith("blobs/")));
      const others = [...entries].filter(([name]) => !kept.has(name)).map(([, { offset }]) => offset - BLOCK);
      return { path, entries: kept, end: Math.min(end, ...others) };
    });
  }

  private async find(path: string): Promise<{ entry: TarEntry; from: string } | undefined> {
    if (this.part === undefined && (await sizeOf(`${this.file}.part`)) !== undefined) {
      this.part ??= this.openPart();
    }
    const part = await this.part;
    const old = await this.old();
    for (const contents of [part, old]) {
      const entry = contents?.entries.get(path);
      if (contents !== undefined && entry !== undefined) return { entry, from: contents.path };
    }
    return undefined;
  }

  private old(): Promise<Contents | undefined> {
    this.contents ??= (async () => {
      if ((await sizeOf(this.file)) === undefined) return undefined;
      return withFile(this.file, "r", async (file) => {
        const { entries, end } = await readTar(file, this.place);
        return { path: this.file, entries: new Map(entries), end };
      });
    })();
    return this.contents;
  }
}

/** Two runs that write to one FILE.part overwrite each other's entries; what comes of that is no tarball. */
async function checkAlone(file: FileHandle, { path, entries, end }: Contents): Promise<void> {
  const found = await readTar(file, `tarball:${path}`);
  const isOurs = [...entries].every(([name, { offset, size }]) => {
    const entry = found.entries.get(name);
    return entry?.offset === offset && entry.size === size;
  });
  if (isOurs && found.entries.size === entries.size && found.end === end) return;
  throw new OciError(
    "bad_image_layout",
    `${path} was written to by somebody else at the same time; remove it and begin again.`,
  );
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function withFile<T>(
  path: string,
  flags: string | number,
  work: (file: FileHandle) => Promise<T>,
): Promise<T> {
  let file: FileHandle;
  try {
    file = await open(path, flags);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new OciError("bad_image_layout", `${path} cannot be opened: ${code}.`, { cause: error });
  }
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}
