import { serveJobs } from "../../src/index.ts";

/** The thread of a test: adds up what it is told in a job, and does what goes wrong on demand. */
serveJobs<number | string, number>(() => {
  let sum = 0;
  return (question) => {
    if (question === "throw") throw new TypeError("a fault in the thread");
    if (question === "sleep") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    if (question === "exit") process.exit(0);
    if (question === "die") {
      process.nextTick(() => {
        throw new Error("nobody catches this");
      });
      return Number.NaN;
    }
    sum += Number(question);
    return sum;
  };
});
