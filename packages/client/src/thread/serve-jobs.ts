import { parentPort } from "node:worker_threads";

/** One turn of a job. */
export interface JobQuestion<Question> {
  readonly id: number;
  /** Whether it is the first. */
  readonly begins: boolean;
  readonly question: Question;
  /** 1 at its one place: whoever asked has left. */
  readonly left: Int32Array<SharedArrayBuffer>;
}

/** A question of a job, or that a job has ended. */
export type JobMessage<Question> = JobQuestion<Question> | { readonly id: number; readonly ends: true };

/** `failure`: the thread could not do its work. */
export type AnswerMessage<Answer> =
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly failure: string };

/** In a thread of a `JobThread`: answers its questions. `begin` makes what one job remembers from turn to turn. */
export function serveJobs<Question, Answer>(begin: () => (question: Question) => Answer): void {
  const jobs = new Map<number, (question: Question) => Answer>();

  function answer({ id, begins, question, left }: JobQuestion<Question>): Answer {
    if (Atomics.load(left, 0) === 1) throw new Error("Nobody waits for the answer any more.");
    if (begins) jobs.set(id, begin());
    const job = jobs.get(id);
    if (job === undefined) throw new Error("The job has ended, or never began.");
    return job(question);
  }

  parentPort?.on("message", (message: JobMessage<Question>) => {
    const { id } = message;
    if ("ends" in message) {
      jobs.delete(id);
      return;
    }
    let said: AnswerMessage<Answer>;
    try {
      said = { id, answer: answer(message) };
    } catch (error) {
      said = { id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    parentPort?.postMessage(said);
  });
}
