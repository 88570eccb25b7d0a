import { Worker } from "node:worker_threads";
import { ServiceError } from "@stemma/contract";
import type { Sha256Hex } from "@stemma/encoding";
import type { HistoryDocument } from "@stemma/lineage";
import type { DocumentsMessage, FailureMessage, FilesMessage, ReadMessage, WantedMessage } from "./reader.ts";

type Message = WantedMessage | ReadMessage | FailureMessage;

/** Jobs that may wait for the thread at a time; more are told to come again. */
const MOST_JOBS = 8;

/** The thread that reads histories: started when it is first needed, and again when it has died. */
export class HistoryThread {
  readonly #waiting = new Map<number, { resolve(message: Message): void; reject(error: Error): void }>();
  #worker: Worker | undefined;
  #ids = 0;
  #jobs = 0;

  /** Throws `too_busy`. `files` finds stored layouts. */
  async read(
    documents: readonly HistoryDocument[],
    files: (wanted: readonly Sha256Hex[]) => Promise<ReadonlyMap<Sha256Hex, Uint8Array>>,
    at: Date | undefined,
  ): Promise<ReadMessage> {
    if (this.#jobs >= MOST_JOBS) {
      throw new ServiceError("too_busy", "Several histories are being read already; try again shortly.");
    }
    this.#jobs += 1;
    this.#ids += 1;
    const id = this.#ids;
    try {
      const { wanted } = (await this.#ask({ id, documents })) as WantedMessage;
      return (await this.#ask({ id, files: await files(wanted), at })) as ReadMessage;
    } finally {
      this.#jobs -= 1;
    }
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask(message: DocumentsMessage | FilesMessage): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, { resolve, reject });
      this.#thread().postMessage(message);
    });
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./reader.ts", import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
    worker.unref();
    worker.on("message", (message: Message) => {
      const job = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ("failure" in message) job?.reject(new Error(`A history cannot be read: ${message.failure}`));
      else job?.resolve(message);
    });
    const lost = (reason: string) => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(new Error(reason));
      this.#waiting.clear();
    };
    worker.on("error", (error) => lost(`The thread that reads histories died: ${error.message}`));
    worker.on("exit", () => lost("The thread that reads histories ended."));
    this.#worker = worker;
    return worker;
  }
}
