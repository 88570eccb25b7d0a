import { JobThread } from "@stemma/client";
import { ServiceError } from "@stemma/contract";
import type { Sha256Hex } from "@stemma/encoding";
import type { HistoryDocument } from "@stemma/lineage";
import type { HistoryQuestion, ReadHistory, WantedFiles } from "./reader.ts";

/** The thread that reads histories. */
export class HistoryThread {
  readonly #thread = new JobThread<HistoryQuestion, WantedFiles | ReadHistory>({
    module: new URL("./reader.ts", import.meta.url),
    does: "reads histories",
    mostJobs: 8,
    busy: () => new ServiceError("too_busy", "Several histories are being read already; try again shortly."),
  });

  /** Given up once the signal is aborted. Throws `too_busy`. `files` finds stored layouts. */
  read(
    documents: readonly HistoryDocument[],
    files: (wanted: readonly Sha256Hex[]) => Promise<ReadonlyMap<Sha256Hex, Uint8Array>>,
    at: Date | undefined,
    signal: AbortSignal,
  ): Promise<ReadHistory> {
    return this.#thread.run(async (ask) => {
      const { wanted } = (await ask({ documents })) as WantedFiles;
      return (await ask({ files: await files(wanted), at })) as ReadHistory;
    }, signal);
  }

  stop(): Promise<void> {
    return this.#thread.stop();
  }
}
