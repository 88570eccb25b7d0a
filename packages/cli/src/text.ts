/**
 * Terminal escape sequences, whole. They come in names, messages and media types that other people chose, and could
 * paint a verdict that nobody reached (N-67). Both patterns stop at the next escape, so they take linear time.
 */
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?)/g;

/** Control characters, line separators, and marks that change the direction of text or hide in it. */
const INVISIBLE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu;

/** Text from outside as it may be printed: on one line, without anything that a terminal would obey. */
export function clean(text: string): string {
  return text
    .replace(ESCAPES, "")
    .replace(/[\t\n\r]+/g, " ")
    .replace(INVISIBLE, "");
}

/** JSON on which a terminal does nothing either; the document is the same. */
export function cleanJson(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `1 step`, `2 steps`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** The first digits of a key id or a digest: enough to compare by eye. */
export function short(hex: string): string {
  return hex.length > 12 ? hex.slice(0, 12) : hex;
}

/** `812 B`, `1.5 MiB`. */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const at = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${at === 0 ? Math.round(bytes) : (bytes / 1024 ** at).toFixed(1)} ${units[at]}`;
}
