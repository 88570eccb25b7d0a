import { StemmaError } from "@stemma/encoding";
import type { BlobName } from "./content-store.ts";
import { OciError } from "./error.ts";
import { type Answer, discard } from "./exchange.ts";
import type { Transport } from "./transport.ts";

const MAX_FAILURES = 5;
/** Bytes that must have come since for a failure to be forgotten: one byte at a time would take for ever. */
const MIN_PROGRESS = 64 * 1024;

/**
 * A blob from a registry, unchecked. Where the connection breaks, it goes on from the byte that came last (distribution 1.1,
 * "Resumable Pull"); where the registry knows no ranges, what is here already is read over. It gives up after five failures
 * without 64 KiB between them. More bytes than the blob's are never handed out by more than one piece.
 *
 * Throws, while it is read, `blob_missing`, `registry_unreachable`, `registry_refused`, `registry_login_refused`.
 */
export async function* download(transport: Transport, blob: BlobName): AsyncGenerator<Uint8Array> {
  let offset = 0;
  let failures = 0;
  let counted = 0;
  for (;;) {
    let failure: unknown;
    try {
      for await (const chunk of await openAt(transport, blob, offset)) {
        offset += chunk.length;
        yield chunk;
        if (offset > blob.size) return;
      }
    } catch (error) {
      if (error instanceof StemmaError) throw error;
      failure = error;
    }
    if (offset >= blob.size) return;
    const goesOn = offset - counted >= MIN_PROGRESS;
    if (goesOn) counted = offset;
    failures = goesOn ? 1 : failures + 1;
    if (failures >= MAX_FAILURES) {
      throw new OciError(
        "registry_unreachable",
        `${transport.place}: the transfer of ${blob.digest} broke off ${failures} times at byte ${offset}.`,
        { cause: failure },
      );
    }
    await transport.wait(failures, undefined);
  }
}

/** The bytes from an offset on. */
async function openAt(
  transport: Transport,
  blob: BlobName,
  offset: number,
): Promise<AsyncIterable<Uint8Array>> {
  const answer = await transport.send({
    path: `blobs/${blob.digest}`,
    follow: true,
    size: blob.size,
    // Compressed on the way, offsets would mean nothing.
    headers: { "accept-encoding": "identity", ...(offset === 0 ? {} : { range: `bytes=${offset}-` }) },
  });
  if (answer.status === 200) return offset === 0 ? answer.body : skip(answer.body, offset);
  if (answer.status === 206 && offset > 0 && startsAt(answer, offset)) return answer.body;
  if (answer.status === 404) {
    discard(answer);
    throw new OciError("blob_missing", `${transport.place} has no blob ${blob.digest}.`);
  }
  if (answer.status === 416) {
    discard(answer);
    throw new OciError(
      "blob_digest_mismatch",
      `${transport.place}: the blob ${blob.digest} ends at byte ${offset} of ${blob.size}.`,
    );
  }
  throw await transport.refusal(answer, `the request for the blob ${blob.digest}`);
}

function startsAt({ headers }: Answer, offset: number): boolean {
  return /^bytes (\d{1,16})-/.exec(headers["content-range"] ?? "")?.[1] === String(offset);
}

async function* skip(chunks: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of chunks) {
    if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
