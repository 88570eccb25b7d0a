import { createInterface } from "node:readline";
import { StemmaError } from "@stemma/encoding";
import { CliError } from "./error.ts";
import { note, styled } from "./output.ts";

/** Asks questions on a terminal: on the standard error, so that the standard output stays for what was asked for. */
export class Prompter {
  readonly #reader = createInterface({ input: process.stdin, output: process.stderr });
  readonly #lines = this.#reader[Symbol.asyncIterator]();
  #isOpen = true;

  constructor() {
    this.#reader.once("close", () => {
      this.#isOpen = false;
    });
  }

  /** Whether there is anybody to ask. */
  static get isPossible(): boolean {
    return process.stdin.isTTY === true;
  }

  /**
   * Asks until `read` takes the answer; what it throws for an answer is said, and the question is asked again. An empty
   * answer means the fallback, where there is one. Throws `usage` when the answers end.
   */
  async ask<T>(
    question: string,
    fallback: string | undefined,
    read: (answer: string) => T | Promise<T>,
  ): Promise<T> {
    for (;;) {
      const answer = (
        await this.#line(fallback === undefined ? `${question}: ` : `${question} [${fallback}]: `)
      ).trim();
      try {
        return await read(answer === "" ? (fallback ?? "") : answer);
      } catch (error) {
        if (!(error instanceof StemmaError)) throw error;
        note([styled("bad", "  "), error.message]);
      }
    }
  }

  /** Leaves the terminal as it was. */
  close(): void {
    this.#reader.close();
  }

  async #line(prompt: string): Promise<string> {
    // Whoever typed ahead and left may still have answered.
    if (this.#isOpen) {
      this.#reader.setPrompt(prompt);
      this.#reader.prompt();
    } else {
      process.stderr.write(prompt);
    }
    const { done, value } = await this.#lines.next();
    if (done === true)
      throw new CliError("usage", "The questions were not answered to the end; nothing was written.");
    return value;
  }
}
