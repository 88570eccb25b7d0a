import type { FileHandle } from "node:fs/promises";
import { OciError } from "./error.ts";

/** Where the content of a file lies in a tarball. */
export interface TarEntry {
  readonly offset: number;
  readonly size: number;
}

export const BLOCK = 512;
const MAX_ENTRIES = 100_000;
const MAX_EXTENSION = 64 * 1024;
/** Of extended headers nothing else is kept: there may be any number of members, in any number of headers. */
const EXTENSIONS: ReadonlySet<string> = new Set(["path", "size"]);

/**
 * The regular files of a tarball, by name, found by its headers alone (POSIX.1-2017, pax, "ustar Interchange Format"). Of two
 * files with one name the tarball is refused, for two readers could take two. `end` is where the last whole entry ends: a
 * tarball that was cut off goes on there.
 *
 * Throws `bad_image_layout`.
 */
export async function readTar(
  file: FileHandle,
  place: string,
): Promise<{ readonly entries: ReadonlyMap<string, TarEntry>; readonly end: number }> {
  const bad = (why: string) =>
    new OciError("bad_image_layout", `${place} is no tarball of a layout: ${why}.`);
  const { size: total } = await file.stat();
  const entries = new Map<string, TarEntry>();
  const header = Buffer.alloc(BLOCK);
  let extended = new Map<string, string>();
  let at = 0;
  for (let count = 0; ; count += 1) {
    if (count > MAX_ENTRIES) throw bad("it has too many entries");
    if (at + BLOCK > total) return { entries, end: at };
    await file.read(header, 0, BLOCK, at);
    if (header.every((byte) => byte === 0)) return { entries, end: at };
    if (header[0] === 0x1f && header[1] === 0x8b && at === 0) throw bad("it is compressed; unpack it first");
    if (!checksumHolds(header)) throw bad("a header in it is broken");
    const stated = extended.get("size");
    const size = stated === undefined ? numberAt(header, 124, 12) : decimal(stated);
    if (!Number.isSafeInteger(size) || size < 0) throw bad("a size in it cannot be read");
    const offset = at + BLOCK;
    const next = offset + Math.ceil(size / BLOCK) * BLOCK;
    if (next > total) return { entries, end: at };
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === "x" || type === "L") {
      if (size > MAX_EXTENSION) throw bad("an extended header in it is too large");
      const content = Buffer.alloc(size);
      await file.read(content, 0, size, offset);
      extended = new Map([
        ...extended,
        ...(type === "x" ? readPax(content) : [["path", text(content)] as const]),
      ]);
    } else {
      if (type === "0" || type === "\0" || type === "7") {
        const name = (extended.get("path") ?? nameOf(header)).replace(/^(?:\.\/)+/, "");
        if (entries.has(name)) throw bad(`it holds ${JSON.stringify(name.slice(0, 100))} twice`);
        entries.set(name, { offset, size });
      }
      extended = new Map();
    }
    at = next;
  }
}

/** The header of a regular file, always the same for the same name and size. Names are short and sizes below 2^53. */
export function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100, "latin1");
  header.write("0000644\0", 100, "latin1");
  header.write("0000000\0", 108, "latin1");
  header.write("0000000\0", 116, "latin1");
  if (size < 8 ** 11) header.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  else {
    // Base 256, as GNU and every reader of today write sizes that have no room.
    header.writeUInt8(0x80, 124);
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  header.write("00000000000\0", 136, "latin1");
  header.write("0", 156, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  header.write(`${checksum(header).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

function nameOf(header: Buffer): string {
  const name = text(header.subarray(0, 100));
  const isUstar = header.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isUstar ? text(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

function numberAt(header: Buffer, at: number, length: number): number {
  const first = header[at] ?? 0;
  if (first === 0x80) return Number(header.readBigUInt64BE(at + length - 8));
  const digits = header
    .toString("latin1", at, at + length)
    .replace(/[\0 ]+$/, "")
    .trimStart();
  return /^[0-7]{1,12}$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

function decimal(digits: string): number {
  return /^[0-9]{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
}

function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < BLOCK; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (header[at] ?? 0);
  return sum;
}

function checksumHolds(header: Buffer): boolean {
  return checksum(header) === numberAt(header, 148, 8);
}

/** `<length> <key>=<value>\n`, again and again. */
function readPax(content: Buffer): [string, string][] {
  const records: [string, string][] = [];
  let at = 0;
  while (at < content.length) {
    const space = content.indexOf(0x20, at);
    const length = space < 0 ? 0 : Number(content.toString("latin1", at, space));
    if (!Number.isInteger(length) || length < 5 || at + length > content.length) break;
    const record = content.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    const key = record.slice(0, Math.max(0, equals));
    if (EXTENSIONS.has(key)) records.push([key, record.slice(equals + 1)]);
    at += length;
  }
  return records;
}
