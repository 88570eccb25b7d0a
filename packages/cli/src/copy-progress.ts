import type { CopyProgress } from "@stemma/oci";
import { bytesText } from "./text.ts";

const EVERY_MS = 200;

/** A line on the terminal that says how far a copy is, rewritten in place; nothing where nobody watches. */
export function copyProgress(): { update(progress: CopyProgress): void; end(): void } {
  const stream = process.stderr;
  if (stream.isTTY !== true) return { update: () => undefined, end: () => undefined };
  let last = 0;
  const began = performance.now();
  return {
    update: ({ blobs, blobsDone, bytes, bytesDone }) => {
      const now = performance.now();
      if (now - last < EVERY_MS && blobsDone < blobs) return;
      last = now;
      const rate = bytesText((bytesDone / Math.max(1, now - began)) * 1000);
      stream.write(
        `\r\u001b[K${blobsDone} of ${blobs} blobs, ${bytesText(bytesDone)} of ${bytesText(bytes)}, ${rate}/s`,
      );
    },
    end: () => void stream.write("\r\u001b[K"),
  };
}
