import type { ExitCode } from "./error.ts";
import { clean, cleanJson } from "./text.ts";

/** A run of text with a style. The text is cleaned when it is printed: nothing from outside reaches a terminal raw. */
export interface Styled {
  readonly style: Style;
  readonly text: string;
}

export type Style = "bold" | "dim" | "good" | "bad" | "warn";

/** One line for people. */
export type Line = string | readonly (string | Styled)[];

/** What a command found or did: a document for `--json`, and the same for people. */
export interface Outcome {
  /** 0 unless told. */
  readonly code?: ExitCode;
  /** For `run`, which ends as the command that it ran did. */
  readonly exitCode?: number;
  /** Maps, dates and bytes are allowed; they are written as objects, RFC 3339 and base64. */
  readonly document: unknown;
  readonly lines: readonly Line[];
  /** `run` leaves the standard output to the command that it runs. */
  readonly stream?: "stdout" | "stderr";
}

const CODES: Readonly<Record<Style, string>> = {
  bold: "1",
  dim: "2",
  good: "32",
  bad: "31",
  warn: "33",
};

/** Text in a style. */
export function styled(style: Style, text: string): Styled {
  return { style, text };
}

/** Whether a stream may be given colours: a terminal, unless the user asked for none (no-color.org). */
function colours(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, TERM } = process.env;
  return stream.isTTY === true && (NO_COLOR === undefined || NO_COLOR === "") && TERM !== "dumb";
}

/** One line, cleaned and with its styles. */
export function render(line: Line, colour: boolean): string {
  if (typeof line === "string") return clean(line);
  return line
    .map((piece) => {
      if (typeof piece === "string") return clean(piece);
      const text = clean(piece.text);
      return colour ? `\u001b[${CODES[piece.style]}m${text}\u001b[0m` : text;
    })
    .join("");
}

/** Prints an outcome: one JSON document, or lines for people. */
export function printOutcome(outcome: Outcome, json: boolean): void {
  if (json) {
    process.stdout.write(`${jsonText(outcome.document)}\n`);
    return;
  }
  const stream = outcome.stream === "stderr" ? process.stderr : process.stdout;
  const colour = colours(stream);
  for (const line of outcome.lines) stream.write(`${render(line, colour)}\n`);
}

/** Says something beside the result: progress, warnings. Always on the standard error. */
export function note(line: Line): void {
  process.stderr.write(`${render(line, colours(process.stderr))}\n`);
}

/** Progress of long work, for people who watch; nothing where nobody does. */
export function progress(text: string): void {
  if (process.stderr.isTTY === true) note([styled("dim", text)]);
}

/** A document as JSON text. */
export function jsonText(document: unknown): string {
  return cleanJson(JSON.stringify(document, replace, 2) ?? "null");
}

function replace(_name: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (typeof value === "bigint") return value.toString();
  return value;
}
