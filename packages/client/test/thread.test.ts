import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { JobThread } from "../src/index.ts";

let thread: JobThread<number | string, number>;
beforeEach(() => {
  thread = new JobThread({
    module: new URL("./support/jobs.ts", import.meta.url),
    does: "adds",
    mostJobs: 2,
    busy: () => new RangeError("Two sums are being made already."),
  });
});
afterEach(() => thread.stop());

const one = (question: number | string) => thread.run((ask) => ask(question));

test("a job remembers what it was told, and shares nothing with another", async () => {
  const sum = () =>
    thread.run(async (ask) => {
      await ask(1);
      await ask(2);
      return ask(3);
    });
  expect(await Promise.all([sum(), sum()])).toEqual([6, 6]);
});

test("more jobs than there may be are told to come again, and what has ended makes room", async () => {
  const [first, second, third] = [one(1), one(2), one(3)];
  await expect(third).rejects.toThrow(new RangeError("Two sums are being made already."));
  expect(await Promise.all([first, second])).toEqual([1, 2]);
  expect(await one(3)).toBe(3);
});

test("a fault in the thread is an error here, and the next job goes on", async () => {
  await expect(one("throw")).rejects.toThrow(
    /^The thread that adds failed: TypeError: a fault in the thread/,
  );
  expect(await one(1)).toBe(1);
});

test("with the thread all its jobs end, and the next one has a new thread", async () => {
  const outcomes = await Promise.allSettled([one("exit"), one(2)]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await one(1)).toBe(1);
  // It may take a moment until it is gone, or be gone before it is heard; then nothing of it is left.
  await expect(
    (async () => {
      await one("die");
      for (let turn = 0; turn < 1_000; turn += 1) await one(turn);
    })(),
  ).rejects.toThrow("The thread that adds died: nobody catches this");
  expect(await one(1)).toBe(1);
});

test("what nobody waits for any more is passed over: the thread has time for those who do", async () => {
  const controller = new AbortController();
  const first = one("sleep");
  const second = thread.run((ask) => ask("exit"), controller.signal);
  controller.abort();
  await expect(second).rejects.toThrow("Nobody waits for the answer any more.");
  expect(await first).toBeNaN();
  expect(await one(1)).toBe(1);
  await expect(thread.run((ask) => ask("exit"), AbortSignal.abort())).rejects.toThrow("Nobody waits");
});

test("a job whose thread has ended does not go on in another as if nothing had been said", async () => {
  await expect(
    thread.run(async (ask) => {
      await ask(1);
      await thread.stop();
      return ask(2);
    }),
  ).rejects.toThrow("The job began in a thread that has ended.");
});
