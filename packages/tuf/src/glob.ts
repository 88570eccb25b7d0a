/**
 * Whether a target path matches a path pattern (TUF 4.5), with the meaning of Python's `fnmatchcase` on each segment, as
 * python-tuf has it: `*` any characters, `?` one character (code point), `[seq]` and `[!seq]` one character in or not in
 * seq; nothing matches `/`; case counts on every system; no other character is special.
 *
 * Patterns come from delegating roles and may be hostile. There is no compilation and no recursion: a `*` that fails is
 * moved on by one character, and only the last `*` of a segment is ever tried again, so the work is at most
 * |pattern| × |path|, both bounded by the limits, and one pass where the literal beginning already differs.
 */
export function matchesPattern(path: string, pattern: string): boolean {
  let at = 0;
  let p = 0;
  // Where to go on after the last `*` of this segment, and how much of the path it has swallowed.
  let retryPattern = -1;
  let retryPath = 0;

  while (at < path.length || p < pattern.length) {
    const token = pattern.charCodeAt(p);
    const segmentEnds = at >= path.length || path.charCodeAt(at) === SLASH;

    if (token === STAR) {
      retryPattern = ++p;
      retryPath = at;
      continue;
    }
    if (token === SLASH && segmentEnds && at < path.length) {
      p += 1;
      at += 1;
      // A wildcard never crosses "/", so what a finished segment matched is settled.
      retryPattern = -1;
      continue;
    }
    if (p < pattern.length && token !== SLASH && !segmentEnds) {
      const step = matchOne(path, at, pattern, p, token);
      if (step > 0) {
        at += charLength(path, at);
        p += step;
        continue;
      }
    }
    if (retryPattern < 0 || retryPath >= path.length || path.charCodeAt(retryPath) === SLASH) return false;
    retryPath += charLength(path, retryPath);
    at = retryPath;
    p = retryPattern;
  }
  return true;
}

const SLASH = 0x2f;
const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const BANG = 0x21;
const HYPHEN = 0x2d;

/** The length of the pattern's next token when it matches the character at `at`, else 0. */
function matchOne(path: string, at: number, pattern: string, p: number, token: number): number {
  if (token === QUESTION) return 1;
  const char = path.codePointAt(at) as number;
  if (token === OPEN) {
    const close = classEnd(pattern, p);
    if (close > 0) return inClass(char, pattern, p + 1, close) ? close + 1 - p : 0;
  }
  return pattern.codePointAt(p) === char ? charLength(pattern, p) : 0;
}

function charLength(text: string, at: number): number {
  return (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
}

/** Where the class that opens at `p` is closed; 0 when it is not closed within its segment, so that `[` means itself. */
function classEnd(pattern: string, p: number): number {
  let at = p + 1;
  if (pattern.charCodeAt(at) === BANG) at += 1;
  // A "]" in the first place is a member of the class.
  if (pattern.charCodeAt(at) === CLOSE) at += 1;
  for (; at < pattern.length; at += 1) {
    const code = pattern.charCodeAt(at);
    if (code === CLOSE) return at;
    if (code === SLASH) return 0;
  }
  return 0;
}

function inClass(char: number, pattern: string, from: number, close: number): boolean {
  const negated = pattern.charCodeAt(from) === BANG;
  let at = negated ? from + 1 : from;
  while (at < close) {
    const low = pattern.codePointAt(at) as number;
    at += low > 0xffff ? 2 : 1;
    let high = low;
    if (pattern.charCodeAt(at) === HYPHEN && at + 1 < close) {
      high = pattern.codePointAt(at + 1) as number;
      at += high > 0xffff ? 3 : 2;
    }
    // A range that runs backwards holds nothing.
    if (low <= char && char <= high) return !negated;
  }
  return negated;
}
