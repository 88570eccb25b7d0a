import type { Glob } from "./glob.ts";
import { Meter } from "./limits.ts";
import type { ArtifactRule } from "./rule.ts";

/** Which names a rule can speak about, as far as that can be told from its text. */
export interface Reach {
  /** Two rules with the same text speak about the same names. */
  readonly text: string;
  /** What every one of the names begins with. */
  readonly head: string;
  /** `name`: the head is the only one. `folder`: all names that begin so. `open`: some of those, or all. */
  readonly form: "name" | "folder" | "open";
  /** To try a name with; undefined where parameters change the pattern, or a prefix stands before it. */
  readonly glob: Glob | undefined;
}

/** Where a pattern, or a placeholder for a parameter, begins. */
const SPECIAL = /[*?[{}]/;
const BRACE = /[{}]/;
/** Comparisons of characters after which nothing more is said, which is never wrong. */
const ENOUGH = 5_000_000;

/** The reach of a rule. */
export function reachOf(rule: ArtifactRule): Reach {
  const [prefix, pattern, glob] =
    rule.kind === "require"
      ? [rule.name, "", undefined]
      : rule.kind === "match"
        ? [rule.sourcePrefix, rule.pattern.pattern, undefined]
        : ["", rule.pattern.pattern, rule.pattern];
  const text = JSON.stringify([prefix, pattern]);
  const parameter = prefix.search(BRACE);
  // In a prefix only braces are more than themselves.
  if (parameter >= 0) return { text, head: prefix.slice(0, parameter), form: "open", glob: undefined };
  const special = pattern.search(SPECIAL);
  const head = prefix + (special < 0 ? pattern : pattern.slice(0, special));
  const rest = special < 0 ? "" : pattern.slice(special);
  const form = special < 0 ? "name" : /^\*+$/.test(rest) ? "folder" : "open";
  return { text, head, form, glob: BRACE.test(pattern) ? undefined : glob };
}

/** Tells whether rules reach what others took. One for a layout, so that hostile patterns cost no more than a moment. */
export class Reaches {
  readonly #meter = new Meter();

  /** Whether `big` certainly takes every name that `small` can speak about. */
  covers(big: Reach, small: Reach): boolean {
    if (big.text === small.text) return true;
    if (big.form === "folder") return small.head.startsWith(big.head);
    if (small.form !== "name") return false;
    if (big.form === "name") return big.head === small.head;
    if (big.glob === undefined || this.#meter.work > ENOUGH) return false;
    if (small.head.length * big.glob.pattern.length > ENOUGH) return false;
    return big.glob.matches(small.head, this.#meter);
  }
}
