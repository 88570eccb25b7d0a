import { clean } from "./text.ts";

/** Marks that sit on the character before them. */
const NARROW = /\p{M}/u;
/** Characters that take two columns on a terminal, near enough. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;

/** Columns that a text takes. It must have been cleaned. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += NARROW.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** The text cleaned, and cut to a number of columns. */
export function clip(text: string, columns: number): string {
  const line = clean(text);
  if (widthOf(line) <= columns) return line;
  let kept = "";
  for (const character of line) {
    if (widthOf(kept + character) > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** The text cleaned, and filled up with spaces or cut to exactly a number of columns. */
export function fit(text: string, columns: number): string {
  const line = clip(text, columns);
  return line + " ".repeat(columns - widthOf(line));
}

/** The text cleaned, in lines of at most a number of columns, broken between words where that is possible. */
export function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of clean(text).split(" ")) {
    for (const part of partsOf(word, columns)) {
      const longer = line === "" ? part : `${line} ${part}`;
      if (line !== "" && widthOf(longer) > columns) {
        lines.push(line);
        line = part;
      } else {
        line = longer;
      }
    }
  }
  return [...lines, line];
}

/** A word that is longer than a line, in pieces. */
function partsOf(word: string, columns: number): readonly string[] {
  const parts: string[] = [];
  let part = "";
  let width = 0;
  for (const character of word) {
    const more = widthOf(character);
    if (width + more > columns) {
      parts.push(part);
      part = "";
      width = 0;
    }
    part += character;
    width += more;
  }
  return [...parts, part];
}
