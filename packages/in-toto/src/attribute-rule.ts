import type { JsonObject, JsonValue } from "@stemma/encoding";
import { InTotoError } from "./error.ts";
import { Glob } from "./glob.ts";
import { checkLimit } from "./limits.ts";
import { quote } from "./names.ts";
import { type Pointer, parsePointer } from "./pointer.ts";

/** A value that has no parts. */
export type Scalar = string | number | bigint | boolean | null;

/** What is asked of a value. */
export type AttributeTest =
  | { readonly kind: "oneOf"; readonly values: readonly Scalar[] }
  | { readonly kind: "glob"; readonly glob: Glob }
  | { readonly kind: "exists"; readonly expected: boolean }
  | { readonly kind: "atLeast" | "atMost"; readonly limit: number | bigint }
  | { readonly kind: "size"; readonly min: number | undefined; readonly max: number | undefined };

/** What a layout asks of an attestation (the idea of ITE-11, without a language that can run). */
export interface AttributeRule {
  readonly at: Pointer;
  readonly test: AttributeTest;
  /** Whether it is all right when there is nothing at the place. */
  readonly allowEmpty: boolean;
}

const MAX_RULES = 256;
const MAX_TEXT = 1024;
const MAX_VALUES = 64;

/** How each operator is read. */
const OPERATORS: ReadonlyMap<string, (value: JsonValue, where: string) => AttributeTest> = new Map([
  ["equals", (value, where): AttributeTest => ({ kind: "oneOf", values: [readScalar(value, where)] })],
  ["oneOf", (value, where): AttributeTest => ({ kind: "oneOf", values: readScalars(value, where) })],
  ["glob", (value, where): AttributeTest => ({ kind: "glob", glob: new Glob(readText(value, where)) })],
  ["exists", (value, where): AttributeTest => ({ kind: "exists", expected: readFlag(value, where) })],
  ["atLeast", (value, where): AttributeTest => ({ kind: "atLeast", limit: readNumber(value, where) })],
  ["atMost", (value, where): AttributeTest => ({ kind: "atMost", limit: readNumber(value, where) })],
  ["size", readSize],
]);

/**
 * Reads a list of attribute rules; absent, it is empty. Each is an object with
 *
 * - `at`: a place in the statement, as a JSON Pointer in which `*` stands for every element or member (`Pointer`);
 * - exactly one of `equals` (a text, an integer, true, false or null), `oneOf` (1 to 64 of those), `glob` (a pattern for
 *   a text, as in artifact rules), `exists` (true or false), `atLeast` and `atMost` (a number), and `size` (an object
 *   with `min` or `max` or both, for the elements of an array, the members of an object, or the characters of a text);
 * - and, where `at` has a `*` and the operator is not `exists`, perhaps `allowEmpty` (true or false).
 *
 * Anything else is refused, because it was meant to narrow something down (N-44).
 *
 * Throws `bad_attribute_rule` or `limit_exceeded`.
 */
export function readAttributeRules(value: JsonValue | undefined, where: string): readonly AttributeRule[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw bad(where, "must be a list of attribute rules");
  checkLimit(value.length, MAX_RULES, where, "attribute rules");
  return value.map((item: JsonValue, index) => readRule(item, `${where}[${index}]`));
}

function readRule(value: JsonValue, where: string): AttributeRule {
  const rule = readObject(value, where);
  const names = [...rule.keys()].filter((name) => name !== "at" && name !== "allowEmpty");
  const [name, ...others] = names;
  const read = name === undefined ? undefined : OPERATORS.get(name);
  const operand = name === undefined ? undefined : rule.get(name);
  if (read === undefined || operand === undefined || others.length > 0) {
    const known = [...OPERATORS.keys()].join(", ");
    const found = names.length === 0 ? "nothing" : names.map(quote).join(", ");
    throw bad(where, `must have, beside at and allowEmpty, exactly one of ${known}; found ${found}`);
  }
  const text = readText(rule.get("at"), `${where}.at`);
  const at = parsePointer(text);
  if (at === undefined) throw bad(`${where}.at`, `is ${quote(text)}, which is not a JSON Pointer`);
  const allowEmpty = rule.get("allowEmpty");
  if (allowEmpty !== undefined && (!at.isOpen || name === "exists")) {
    throw bad(`${where}.allowEmpty`, 'is only for places with a "*", and never beside exists');
  }
  return {
    at,
    test: read(operand, `${where}.${name}`),
    allowEmpty: allowEmpty !== undefined && readFlag(allowEmpty, `${where}.allowEmpty`),
  };
}

function readObject(value: JsonValue, where: string): JsonObject {
  if (value instanceof Map) return value as JsonObject;
  throw bad(where, "must be an object");
}

function readText(value: JsonValue | undefined, where: string): string {
  if (typeof value !== "string") throw bad(where, "must be a text");
  checkLimit(value.length, MAX_TEXT, where, "characters");
  return value;
}

function readFlag(value: JsonValue, where: string): boolean {
  if (typeof value !== "boolean") throw bad(where, "must be true or false");
  return value;
}

function readNumber(value: JsonValue, where: string): number | bigint {
  if (typeof value !== "number" && typeof value !== "bigint") throw bad(where, "must be a number");
  return value;
}

/** Fractions are no values to be equal to: what was written and what was read need not be the same number. */
function readScalar(value: JsonValue, where: string): Scalar {
  if (typeof value === "string") return readText(value, where);
  if (value === null || typeof value === "boolean" || typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw bad(where, "must be a text, an integer, true, false or null");
}

function readScalars(value: JsonValue, where: string): readonly Scalar[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_VALUES) {
    throw bad(where, `must be a list of 1 to ${MAX_VALUES} values`);
  }
  return value.map((item: JsonValue, index) => readScalar(item, `${where}[${index}]`));
}

function readSize(value: JsonValue, where: string): AttributeTest {
  const size = readObject(value, where);
  const unknown = [...size.keys()].find((name) => name !== "min" && name !== "max");
  if (unknown !== undefined) throw bad(where, `has the member ${quote(unknown)}, which is not known`);
  if (size.size === 0) throw bad(where, "must have a min or a max");
  const bound = (name: "min" | "max"): number | undefined => {
    const found = size.get(name);
    if (found === undefined) return undefined;
    if (typeof found === "number" && Number.isSafeInteger(found) && found >= 0) return found;
    throw bad(`${where}.${name}`, "must be an integer of at least 0");
  };
  const min = bound("min");
  const max = bound("max");
  if (min !== undefined && max !== undefined && min > max) throw bad(where, "has a min above its max");
  return { kind: "size", min, max };
}

function bad(where: string, what: string): InTotoError {
  return new InTotoError("bad_attribute_rule", `${where} ${what}.`);
}

/** Values that one line names. */
const SHOWN = 8;

/** The rule on one line, for people: `/predicate/verificationResult is "PASSED"`. */
export function attributeText(rule: AttributeRule): string {
  const { at, test, allowEmpty } = rule;
  const verb = test.kind === "exists" ? "holds" : test.kind === "size" ? "has" : "is";
  return `${placeText(at.text)} ${verb} ${expectationText(test)}${allowEmpty ? ", or nothing" : ""}`;
}

/** What a rule expects of a value. */
export function expectationText(test: AttributeTest): string {
  switch (test.kind) {
    case "oneOf": {
      const shown = test.values.slice(0, SHOWN).map(scalarText);
      const more = test.values.length > SHOWN ? [`${test.values.length - SHOWN} more`] : [];
      return [...shown, ...more].join(" or ");
    }
    case "glob":
      return `a text like ${quote(test.glob.pattern)}`;
    case "exists":
      return test.expected ? "something" : "nothing";
    case "atLeast":
      return `a number of at least ${test.limit}`;
    case "atMost":
      return `a number of at most ${test.limit}`;
    case "size": {
      const bounds = [
        ...(test.min === undefined ? [] : [`at least ${test.min}`]),
        ...(test.max === undefined ? [] : [`at most ${test.max}`]),
      ];
      return `a size of ${bounds.join(" and ")}`;
    }
  }
}

/** A scalar as JSON has it, cut short. */
export function scalarText(value: Scalar): string {
  return typeof value === "string" ? quote(value) : String(value);
}

/** A pointer, cut short and made printable; without the quotation marks, which no pointer needs. */
export function placeText(pointer: string): string {
  return pointer === "" ? "the statement" : quote(pointer).slice(1, -1);
}
