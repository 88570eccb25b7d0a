import type { BlobName, BlobOutcome, BlobReader } from "./content-store.ts";
import { OciError } from "./error.ts";
import { type Answer, discard } from "./exchange.ts";
import { isTemporary, type Transport } from "./transport.ts";

const MAX_UPLOADS = 3;

/**
 * Writes a blob to a repository unless it is there: from the neighbouring repository if the registry lends it, else
 * in one piece, POST and PUT (distribution 1.1, "Pushing blobs"). An upload that broke off begins anew.
 */
export async function upload(
  transport: Transport,
  blob: BlobName,
  from: BlobReader,
  neighbour: string | undefined,
): Promise<BlobOutcome> {
  const there = await transport.send({ method: "HEAD", path: `blobs/${blob.digest}`, follow: true });
  discard(there);
  if (there.status === 200) return "there";
  for (let attempt = 1; ; attempt += 1) {
    const begun = await begin(transport, blob, neighbour);
    if (begun === "mounted") return "mounted";
    let retryAfter: string | undefined;
    try {
      const done = await put(transport, blob, from, begun);
      if (done === undefined) return "written";
      if (attempt >= MAX_UPLOADS)
        throw await transport.refusal(done, `the upload of the blob ${blob.digest}`);
      discard(done);
      retryAfter = done.headers["retry-after"];
    } catch (error) {
      const broken = error instanceof OciError && error.code === "registry_unreachable";
      if (!broken || attempt >= MAX_UPLOADS) throw error;
    }
    await transport.wait(attempt, retryAfter);
  }
}

async function begin(
  transport: Transport,
  blob: BlobName,
  neighbour: string | undefined,
): Promise<"mounted" | Answer> {
  const mount =
    neighbour === undefined ? "" : `?${new URLSearchParams({ mount: blob.digest, from: neighbour })}`;
  const begun = await transport.send({
    method: "POST",
    path: `blobs/uploads/${mount}`,
    scope: neighbour === undefined ? undefined : `repository:${neighbour}:pull`,
  });
  if (begun.status === 201 && neighbour !== undefined) {
    discard(begun);
    return "mounted";
  }
  if (begun.status !== 202) throw await transport.refusal(begun, "the begin of an upload");
  discard(begun);
  return begun;
}

/** The answer of a registry that is busy; undefined when the blob is written. */
async function put(
  transport: Transport,
  blob: BlobName,
  from: BlobReader,
  begun: Answer,
): Promise<Answer | undefined> {
  const location = transport.locate(begun.headers.location ?? "", begun.url);
  location.searchParams.set("digest", blob.digest);
  const done = await transport.send({
    method: "PUT",
    path: location,
    headers: { "content-type": "application/octet-stream" },
    size: blob.size,
    // An upload session that broke off is of no use to a second PUT.
    attempts: 1,
    body: () => ({ size: blob.size, chunks: from.readBlob(blob) }),
  });
  if (isTemporary(done.status)) return done;
  if (done.status !== 201) throw await transport.refusal(done, `the upload of the blob ${blob.digest}`);
  discard(done);
  return undefined;
}
