import { parentPort } from "node:worker_threads";
import type { Sha256Hex } from "@stemma/encoding";
import {
  type Authority,
  authoritiesAt,
  type HistoryDocument,
  type HistoryEntry,
  layoutPath,
  readHistory,
} from "@stemma/lineage";
import { decodeTargets } from "@stemma/tuf";

/**
 * Reads histories in a thread of its own: thousands of documents are verified again, and meanwhile the service must
 * answer others. A job has two turns, because only the documents say which layouts are needed.
 */

/** First turn: the documents. */
export interface DocumentsMessage {
  readonly id: number;
  readonly documents: readonly HistoryDocument[];
}

/** Answer to the first turn: the layouts that the documents name. */
export interface WantedMessage {
  readonly id: number;
  readonly wanted: readonly Sha256Hex[];
}

/** Second turn: those of them that are stored. */
export interface FilesMessage {
  readonly id: number;
  readonly files: ReadonlyMap<Sha256Hex, Uint8Array>;
  readonly at: Date | undefined;
}

/** Answer to the second turn. `failure`: the thread could not do its work. */
export interface ReadMessage {
  readonly id: number;
  readonly entries: readonly HistoryEntry[];
  readonly authorities: readonly Authority[] | undefined;
}

export interface FailureMessage {
  readonly id: number;
  readonly failure: string;
}

const jobs = new Map<number, readonly HistoryDocument[]>();

parentPort?.on("message", (message: DocumentsMessage | FilesMessage) => {
  let answer: WantedMessage | ReadMessage | FailureMessage;
  try {
    answer = "documents" in message ? begin(message) : finish(message);
  } catch (error) {
    answer = {
      id: message.id,
      failure: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
  parentPort?.postMessage(answer);
});

function begin({ id, documents }: DocumentsMessage): WantedMessage {
  jobs.set(id, documents);
  const wanted = new Set<Sha256Hex>();
  for (const { role, bytes } of documents) {
    if (role === "root" || role === "targets") continue;
    const name = decodeTargets(bytes).signed.targets.get(layoutPath(role))?.hashes.get("sha256");
    if (name !== undefined) wanted.add(name as Sha256Hex);
  }
  return { id, wanted: [...wanted] };
}

function finish({ id, files, at }: FilesMessage): ReadMessage {
  const documents = jobs.get(id) ?? [];
  jobs.delete(id);
  const find = (sha256: Sha256Hex) => files.get(sha256);
  return {
    id,
    entries: readHistory(documents, find),
    authorities: at === undefined ? undefined : authoritiesAt(documents, find, at),
  };
}
