import { isProblemCode, PROBLEMS } from "@stemma/contract";

/** What can be done about a code, in a sentence; undefined for codes that say nothing to anybody. */
export function adviceFor(code: string): string | undefined {
  return isProblemCode(code) ? PROBLEMS[code].advice : undefined;
}
