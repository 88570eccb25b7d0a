import type { JsonObject, JsonValue } from "@stemma/encoding";
import type { Meter } from "./limits.ts";

/** What stands for every element of an array, and for every member of an object. */
const EVERY = null;

/**
 * A place in a JSON document, or many: a JSON Pointer (RFC 6901) in which a segment that is exactly `*` stands for every
 * element or member there is. A member that is really called `*` is written `~2`, beside `~0` for `~` and `~1` for `/`.
 */
export interface Pointer {
  readonly text: string;
  /** Names of members, or numbers of elements; null for every one. */
  readonly segments: readonly (string | typeof EVERY)[];
  /** Whether it can stand for more than one place. */
  readonly isOpen: boolean;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["~0", "~"],
  ["~1", "/"],
  ["~2", "*"],
]);
const INDEX = /^(?:0|[1-9][0-9]*)$/;

/** Reads a pointer; undefined for text that is not one. */
export function parsePointer(text: string): Pointer | undefined {
  if ((text !== "" && !text.startsWith("/")) || /~(?![012])/.test(text)) return undefined;
  const segments = text
    .split("/")
    .slice(1)
    .map((segment) =>
      segment === "*" ? EVERY : segment.replace(/~[012]/g, (found) => ESCAPES.get(found) ?? found),
    );
  return { text, segments, isOpen: segments.includes(EVERY) };
}

/** The pointer to one place. */
export function pointerTo(path: readonly string[]): string {
  return path
    .map((name) => `/${name === "*" ? "~2" : name.replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

/**
 * Looks at every value that a pointer stands for, in the order of the document, until `look` returns true, and returns
 * whether it did. Where the document ends before the pointer does, `look` is given undefined and the place where it
 * went no further: `*` of an empty array or object is such an end. No value is looked at twice, so the work is at most
 * the document's size.
 */
export function visit(
  document: JsonValue,
  pointer: Pointer,
  meter: Meter,
  look: (value: JsonValue | undefined, path: readonly string[]) => boolean,
): boolean {
  const path: string[] = [];
  const walk = (value: JsonValue, depth: number): boolean => {
    meter.spend(1);
    const segment = pointer.segments[depth];
    if (segment === undefined) return look(value, path);
    for (const [name, child] of childrenOf(value, segment)) {
      path.push(name);
      const done = child === undefined ? look(undefined, path) : walk(child, depth + 1);
      path.pop();
      if (done) return true;
    }
    return false;
  };
  return walk(document, 0);
}

type Child = readonly [name: string, value: JsonValue | undefined];

/** What a segment stands for in a value: never nothing, so that what is missing is seen as well. */
function childrenOf(value: JsonValue, segment: string | typeof EVERY): Iterable<Child> {
  if (segment === EVERY) {
    const all: readonly Child[] = Array.isArray(value)
      ? value.map((item: JsonValue, index): Child => [String(index), item])
      : value instanceof Map
        ? [...(value as JsonObject)]
        : [];
    return all.length === 0 ? [["*", undefined]] : all;
  }
  if (value instanceof Map) return [[segment, (value as JsonObject).get(segment)]];
  const found = Array.isArray(value) && INDEX.test(segment) ? value[Number(segment)] : undefined;
  return [[segment, found]];
}
