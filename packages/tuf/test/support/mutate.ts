import type { JsonValue } from "@stemma/encoding";

/** The way from a document to one of its values. */
export type Path = readonly (string | number)[];

/** The way to every value in a document. */
export function* pathsOf(value: JsonValue, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path;
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) yield* pathsOf(item as JsonValue, [...path, at]);
  } else if (value instanceof Map) {
    for (const [name, item] of value as Map<string, JsonValue>) yield* pathsOf(item, [...path, name]);
  }
}

/** A copy with one value replaced, or left out. */
export function replaceAt(value: JsonValue, path: Path, swap: JsonValue | undefined): JsonValue {
  const [step, ...rest] = path;
  if (step === undefined) return swap ?? null;
  if (Array.isArray(value)) {
    return (value as JsonValue[]).map((item, at) => (at === step ? replaceAt(item, rest, swap) : item));
  }
  const copy = new Map(value as Map<string, JsonValue>);
  if (rest.length === 0 && swap === undefined) copy.delete(String(step));
  else copy.set(String(step), replaceAt(copy.get(String(step)) ?? null, rest, swap));
  return copy;
}
