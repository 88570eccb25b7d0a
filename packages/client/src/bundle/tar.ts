export const TAR_BLOCK = 512;

/**
 * The one header that a file of a bundle has (POSIX ustar): a regular file that anybody may read, of nobody, without a time.
 * Because name and size determine every byte, a reader need not interpret headers: it compares them.
 */
export function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(TAR_BLOCK);
  header.write(name, 0, 100, "latin1");
  header.write("0000644\0", 100, "latin1");
  header.write("0000000\0", 108, "latin1");
  header.write("0000000\0", 116, "latin1");
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  header.write("00000000000\0", 136, "latin1");
  // The checksum is taken over the header with spaces in its own place.
  header.write("        ", 148, "latin1");
  header.write("0", 156, "latin1");
  header.write("ustar\u000000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** The size that a header states; undefined where that is no number of eleven octal digits. */
export function tarSize(header: Uint8Array): number | undefined {
  const text = Buffer.from(header.subarray(124, 136)).toString("latin1");
  return /^[0-7]{11}\0$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

/** Zeros between the end of a file and the next header. */
export function tarPadding(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
}

/** A tar of these files, in this order. */
export function writeTar(files: Iterable<readonly [name: string, bytes: Uint8Array]>): Buffer {
  const parts: Uint8Array[] = [];
  for (const [name, bytes] of files)
    parts.push(tarHeader(name, bytes.length), bytes, Buffer.alloc(tarPadding(bytes.length)));
  parts.push(Buffer.alloc(2 * TAR_BLOCK));
  return Buffer.concat(parts);
}
