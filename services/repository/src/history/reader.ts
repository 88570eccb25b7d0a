import { serveJobs } from "@stemma/client";
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

/** First turn: the documents. Second turn: those of the layouts that are stored. */
export type HistoryQuestion =
  | { readonly documents: readonly HistoryDocument[] }
  | { readonly files: ReadonlyMap<Sha256Hex, Uint8Array>; readonly at: Date | undefined };

/** First turn: the layouts that the documents name. */
export interface WantedFiles {
  readonly wanted: readonly Sha256Hex[];
}

/** Second turn: the history. */
export interface ReadHistory {
  readonly entries: readonly HistoryEntry[];
  readonly authorities: readonly Authority[] | undefined;
}

serveJobs<HistoryQuestion, WantedFiles | ReadHistory>(() => {
  let documents: readonly HistoryDocument[] = [];
  return (question) => {
    if ("documents" in question) {
      ({ documents } = question);
      return { wanted: wantedBy(documents) };
    }
    const { files, at } = question;
    const find = (sha256: Sha256Hex) => files.get(sha256);
    return {
      entries: readHistory(documents, find),
      authorities: at === undefined ? undefined : authoritiesAt(documents, find, at),
    };
  };
});

function wantedBy(documents: readonly HistoryDocument[]): readonly Sha256Hex[] {
  const wanted = new Set<Sha256Hex>();
  for (const { role, bytes } of documents) {
    if (role === "root" || role === "targets") continue;
    const name = decodeTargets(bytes).signed.targets.get(layoutPath(role))?.hashes.get("sha256");
    if (name !== undefined) wanted.add(name as Sha256Hex);
  }
  return [...wanted];
}
