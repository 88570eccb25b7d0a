import { widthOf } from "./text-width.ts";

/** Width of a character in the typeface of code, in which all have the same. */
export const CHARACTER = 7.3;

/** A label, by its left end and the middle of its height. */
export interface Label {
  readonly left: number;
  readonly middle: number;
  readonly width: number;
  readonly text: string;
}

/** How wide a label is drawn. */
export function labelWidth(text: string): number {
  return widthOf(text) * CHARACTER + 14;
}

/** A label: code on a white plate, so that lines pass behind it. */
export function drawLabel({ left, middle, width, text }: Label): string {
  const rect = `<rect class="label" x="${round(left)}" y="${round(middle - 9)}" width="${round(width)}" height="18" rx="4"/>`;
  return rect + textAt("code", left + 7, middle + 4, text);
}

/** A line of text in one of the styles of the picture. */
export function textAt(style: string, x: number, y: number, text: string): string {
  return `<text class="${style}" x="${round(x)}" y="${round(y)}">${escapeXml(text)}</text>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for XML 1.0, which does not take every character even as a reference. */
function escapeXml(text: string): string {
  return text.replace(/[\ufffe\uffff]/g, "").replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

/** Tenths are enough, and make the same picture everywhere. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
