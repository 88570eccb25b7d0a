import type { Meter } from "./limits.ts";

/**
 * A pattern of an artifact rule, with the meaning of Python's `fnmatch` (in-toto 4.3.3): `*` matches anything,
 * `/` included; `?` one character; `[seq]` and `[!seq]` one character in or not in the set. There is no escape
 * character, an unclosed `[` is itself, `^` in a set is itself, and the whole name must match. Works on code points.
 *
 * Patterns come from layouts and names from links. Nothing of either becomes a regular expression, and the work is at
 * most the length of the pattern times the length of the name: what stands between two `*` is taken where it is found
 * first, and never looked for again, because whatever an earlier `*` could take, a later one can take as well.
 */
export class Glob {
  readonly pattern: string;
  /** What stands between the `*`: the first part begins the name, the last one ends it. */
  readonly #parts: readonly Part[];
  /** Texts that every match holds, the longest first. */
  readonly #texts: readonly string[];

  constructor(pattern: string) {
    this.pattern = pattern;
    this.#parts = partsOf(compile(pattern));
    const texts = new Set(this.#parts.slice(1, -1).flatMap((part) => part.texts()));
    this.#texts = [...texts].sort((a, b) => b.length - a.length).slice(0, TEXTS);
  }

  /** Whether the whole name matches. The work is added to the meter, which may throw `search_limit`. */
  matches(name: string, meter: Meter): boolean {
    const parts = this.#parts;
    const [first] = parts;
    const last = parts.at(-1);
    if (first === undefined || last === undefined) throw new RangeError("A pattern has at least one part.");
    let at = first.size === 0 ? 0 : first.matchAt(name, 0);
    if (parts.length === 1 || at < 0) {
      meter.spend(1 + first.size);
      return at === name.length;
    }
    const end = last.startAtEnd(name);
    if (end < at || last.matchAt(name, end) < 0) {
      meter.spend(1 + first.size + last.size);
      return false;
    }
    let work = 1 + first.size + last.size;
    // Nearly every name that does not match is told by what it lacks.
    for (const text of this.#texts) {
      work += Math.ceil(name.length / 8);
      if (name.includes(text)) continue;
      meter.spend(work);
      return false;
    }
    for (let index = 1; index < parts.length - 1; index += 1) {
      const part = parts[index] as Part;
      const before = at;
      at = part.find(name, at, end);
      work += 1 + part.costOf((at < 0 ? end : at) - before);
      if (at < 0) break;
    }
    meter.spend(work);
    return at >= 0;
  }
}

/** Texts that are looked for before anything is matched. */
const TEXTS = 4;

/** A run of tokens without `*`. */
class Part {
  /** Code points that it takes. */
  readonly size: number;
  /** The text, when it is nothing else. */
  readonly text: string | undefined;
  readonly #tokens: readonly OneToken[];

  constructor(tokens: readonly OneToken[]) {
    this.#tokens = tokens;
    this.size = tokens.length;
    this.text = tokens.every(isLiteral) ? String.fromCodePoint(...tokens.filter(isLiteral)) : undefined;
  }

  /** The runs of literal characters in it. */
  texts(): readonly string[] {
    const runs: number[][] = [[]];
    for (const token of this.#tokens) {
      if (isLiteral(token)) runs.at(-1)?.push(token);
      else runs.push([]);
    }
    return runs.filter((run) => run.length > 0).map((run) => String.fromCodePoint(...run));
  }

  /** Where a match that begins here ends, or -1. */
  matchAt(name: string, start: number): number {
    const text = this.text;
    if (text !== undefined) return name.startsWith(text, start) ? start + text.length : -1;
    let at = start;
    for (const token of this.#tokens) {
      if (at >= name.length) return -1;
      const found = name.codePointAt(at) ?? 0;
      if (!accepts(token, found)) return -1;
      at += width(found);
    }
    return at;
  }

  /** Where the first match from `start` on ends, if it ends by `end`; otherwise -1. */
  find(name: string, start: number, end: number): number {
    const text = this.text;
    if (text?.length === 1) {
      const unit = text.charCodeAt(0);
      for (let at = start; at < end; at += 1) if (name.charCodeAt(at) === unit) return at + 1;
      return -1;
    }
    if (text !== undefined) {
      const at = name.indexOf(text, start);
      return at < 0 || at + text.length > end ? -1 : at + text.length;
    }
    for (let at = start; at < end; at += width(name.codePointAt(at) ?? 0)) {
      const found = this.matchAt(name, at);
      if (found >= 0) return found > end ? -1 : found;
    }
    return -1;
  }

  /** Where a match that ends the name would begin: as many code points from its end, or -1. */
  startAtEnd(name: string): number {
    if (this.text !== undefined) return name.length - this.text.length;
    let at = name.length;
    for (let left = this.size; left > 0; left -= 1) {
      if (at === 0) return -1;
      at -= at > 1 && width(name.codePointAt(at - 2) ?? 0) === 2 ? 2 : 1;
    }
    return at;
  }

  /** What it cost to look through so many UTF-16 units: a text is found a few at a time. */
  costOf(units: number): number {
    return this.text === undefined ? units * this.size : Math.ceil(units / 8);
  }
}

const STAR = "star";
const ANY = "any";

interface CharacterSet {
  readonly negated: boolean;
  /** Pairs of first and last code point. */
  readonly ranges: readonly number[];
}

/** A literal code point, any character, or one character out of a set. */
type OneToken = number | typeof ANY | CharacterSet;
/** The same, or any text. */
type Token = OneToken | typeof STAR;

function partsOf(tokens: readonly Token[]): readonly Part[] {
  const runs: OneToken[][] = [[]];
  for (const token of tokens) {
    if (token === STAR) runs.push([]);
    else runs.at(-1)?.push(token);
  }
  return runs.map((run) => new Part(run));
}

function isLiteral(token: Token): token is number {
  return typeof token === "number";
}

function width(codePoint: number): number {
  return codePoint > 0xffff ? 2 : 1;
}

function accepts(token: OneToken, found: number): boolean {
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
