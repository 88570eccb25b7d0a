import type { Meter } from "./limits.ts";

/**
 * A pattern of an artifact rule, with the meaning of Python's `fnmatch` (in-toto 4.3.3): `*` matches anything,
 * `/` included; `?` one character; `[seq]` and `[!seq]` one character in or not in the set. There is no escape
 * character, an unclosed `[` is itself, `^` in a set is itself, and the whole name must match. Works on code points.
 *
 * Patterns come from layouts and names from links. Nothing of either becomes a regular expression, and the work is at
 * most the length of the pattern times the length of the name.
 */
export class Glob {
  readonly pattern: string;
  readonly #tokens: readonly Token[];
  /** What the pattern begins with when it is that text alone, or that text and one final `*`. */
  readonly #prefix: string | undefined;
  readonly #open: boolean;

  constructor(pattern: string) {
    this.pattern = pattern;
    this.#tokens = compile(pattern);
    const firstStar = this.#tokens.indexOf(STAR);
    const literals = firstStar < 0 ? this.#tokens : this.#tokens.slice(0, firstStar);
    const simple = literals.every(isLiteral) && (firstStar < 0 || firstStar === this.#tokens.length - 1);
    this.#prefix = simple ? String.fromCodePoint(...literals.filter(isLiteral)) : undefined;
    this.#open = firstStar >= 0;
  }

  /** Whether the whole name matches. The work is added to the meter, which may throw `search_limit`. */
  matches(name: string, meter: Meter): boolean {
    if (this.#prefix !== undefined) {
      meter.spend(1);
      return this.#open ? name.startsWith(this.#prefix) : name === this.#prefix;
    }
    return this.#walk(name, meter);
  }

  /**
   * Two positions move forward; after a mismatch the last `*` takes one character more. An earlier `*` is never
   * revisited: whatever it could take, the last one can take as well.
   */
  #walk(name: string, meter: Meter): boolean {
    const tokens = this.#tokens;
    let token = 0;
    let at = 0;
    let star = -1;
    let starAt = 0;
    let work = 0;
    let matched = true;
    while (at < name.length) {
      const expected = tokens[token];
      work += 1;
      if (expected === STAR) {
        star = token;
        token += 1;
        starAt = at;
        if (token === tokens.length) {
          at = name.length;
        }
        continue;
      }
      const found = name.codePointAt(at) ?? 0;
      if (typeof expected === "object") work += expected.ranges.length;
      if (expected !== undefined && accepts(expected, found)) {
        token += 1;
        at += width(found);
      } else if (star >= 0) {
        token = star + 1;
        starAt += width(name.codePointAt(starAt) ?? 0);
        at = starAt;
      } else {
        matched = false;
        break;
      }
    }
    meter.spend(work);
    while (tokens[token] === STAR) token += 1;
    return matched && token === tokens.length;
  }
}

const STAR = "star";
const ANY = "any";

interface CharacterSet {
  readonly negated: boolean;
  /** Pairs of first and last code point. */
  readonly ranges: readonly number[];
}

/** A literal code point, any character, any text, or one character out of a set. */
type Token = number | typeof ANY | typeof STAR | CharacterSet;

function isLiteral(token: Token): token is number {
  return typeof token === "number";
}

function width(codePoint: number): number {
  return codePoint > 0xffff ? 2 : 1;
}

function accepts(token: Token, found: number): boolean {
  if (typeof token === "number") return token === found;
  if (typeof token === "string") return true;
  const { ranges } = token;
  for (let at = 0; at < ranges.length; at += 2) {
    if (found >= (ranges[at] ?? 0) && found <= (ranges[at + 1] ?? 0)) return !token.negated;
  }
  return token.negated;
}

function compile(pattern: string): Token[] {
  const points = Array.from(pattern, (character) => character.codePointAt(0) ?? 0);
  const tokens: Token[] = [];
  // From here on no set closes: said once, so that a pattern of many "[" is still read in linear time.
  const lastClose = points.lastIndexOf(CLOSE);
  for (let at = 0; at < points.length; at += 1) {
    const point = points[at] ?? 0;
    if (point === ASTERISK) {
      if (tokens.at(-1) !== STAR) tokens.push(STAR);
    } else if (point === QUESTION) {
      tokens.push(ANY);
    } else if (point === OPEN && at < lastClose) {
      const end = endOfSet(points, at + 1);
      if (end < 0) {
        tokens.push(point);
      } else {
        tokens.push(readSet(points.slice(at + 1, end)));
        at = end;
      }
    } else {
      tokens.push(point);
    }
  }
  return tokens;
}

const ASTERISK = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const BANG = 0x21;
const HYPHEN = 0x2d;

/** Where the set that begins at `start` closes, or -1. A `]` in first place, also after `!`, is a member. */
function endOfSet(points: readonly number[], start: number): number {
  let at = start;
  if (points[at] === BANG) at += 1;
  if (points[at] === CLOSE) at += 1;
  return points.indexOf(CLOSE, at);
}

/**
 * The members between the brackets. A hyphen with a character on both sides makes a range, and takes both: in `a-c-e`
 * the second hyphen is a member. A range that runs backwards is empty, as Python has it.
 */
function readSet(points: readonly number[]): CharacterSet {
  const negated = points[0] === BANG;
  const members = negated ? points.slice(1) : points;
  const ranges: number[] = [];
  let at = 0;
  while (at < members.length) {
    const first = members[at] ?? 0;
    const last = members[at + 2];
    if (members[at + 1] === HYPHEN && last !== undefined) {
      if (first <= last) ranges.push(first, last);
      at += 3;
    } else {
      ranges.push(first, first);
      at += 1;
    }
  }
  return { negated, ranges };
}
