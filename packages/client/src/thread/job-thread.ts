import { Worker } from "node:worker_threads";
import type { AnswerMessage, JobMessage } from "./serve-jobs.ts";

export interface JobThreadOptions {
  /** The module that the thread runs; it calls `serveJobs`. */
  readonly module: URL;
  /** What the thread does, for messages: "reads histories". */
  readonly does: string;
  /** Jobs that may be under way at a time; more are told to come again. */
  readonly mostJobs: number;
  /** What those are told. */
  readonly busy: () => Error;
}

/** Asks the thread one question of a job, and waits for its answer. */
export type Ask<Question, Answer> = (question: Question) => Promise<Answer>;

interface Waiting<Answer> {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/**
 * A thread for work that would keep everybody else waiting: started when it is first needed, and again when it has died.
 * Whatever goes wrong in it is an Error of ours, never an answer.
 */
export class JobThread<Question, Answer> {
  readonly #options: JobThreadOptions;
  /** By the id of the job. */
  readonly #waiting = new Map<number, Waiting<Answer>>();
  #worker: Worker | undefined;
  #ids = 0;
  #jobs = 0;

  constructor(options: JobThreadOptions) {
    this.#options = options;
  }

  /**
   * Does one job, in as many turns as it takes. Once the signal is aborted, nobody waits for it: the thread passes over
   * what it has not begun. Throws what `busy` makes.
   */
  async run<T>(work: (ask: Ask<Question, Answer>) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { mostJobs, busy } = this.#options;
    if (this.#jobs >= mostJobs) throw busy();
    this.#jobs += 1;
    this.#ids += 1;
    const id = this.#ids;
    let asked: Worker | undefined;
    // Shared with the thread, which reads no message while it is at work.
    const left = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const leave = () => Atomics.store(left, 0, 1);
    signal?.addEventListener("abort", leave);
    if (signal?.aborted === true) leave();
    try {
      return await work(async (question) => {
        const begins = asked === undefined;
        asked ??= this.#thread();
        // What it was told before is lost with the thread that it was told to.
        if (asked !== this.#worker) throw new Error("The job began in a thread that has ended.");
        return this.#ask(asked, { id, begins, question, left });
      });
    } finally {
      signal?.removeEventListener("abort", leave);
      this.#jobs -= 1;
      if (asked !== undefined && asked === this.#worker) asked.postMessage({ id, ends: true });
    }
  }

  /** Ends the thread, whatever it is at. */
  async stop(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask(worker: Worker, message: JobMessage<Question>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, { resolve, reject });
      worker.postMessage(message);
    });
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const { module, does } = this.#options;
    const worker = new Worker(module, { resourceLimits: { maxOldGenerationSizeMb: 512 } });
    worker.unref();
    worker.on("message", (message: AnswerMessage<Answer>) => {
      const job = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ("failure" in message) job?.reject(new Error(`The thread that ${does} failed: ${message.failure}`));
      else job?.resolve(message.answer);
    });
    const lost = (reason: string) => {
      // The thread that has taken its place has nothing to do with this.
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(new Error(reason));
      this.#waiting.clear();
    };
    worker.on("error", (error) => lost(`The thread that ${does} died: ${error.message}`));
    worker.on("exit", () => lost(`The thread that ${does} ended.`));
    this.#worker = worker;
    return worker;
  }
}
