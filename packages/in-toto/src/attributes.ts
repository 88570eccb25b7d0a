import type { JsonObject, JsonValue } from "@stemma/encoding";
import {
  type AttributeRule,
  type AttributeTest,
  attributeText,
  expectationText,
  placeText,
  type Scalar,
  scalarText,
} from "./attribute-rule.ts";
import type { Meter } from "./limits.ts";
import { pointerTo, visit } from "./pointer.ts";

export { type AttributeRule, attributeText, readAttributeRules } from "./attribute-rule.ts";

/** Why a statement does not satisfy a rule: the first place that fails it. All of it fits on a line. */
export interface AttributeFailure {
  /** The rule as `attributeText` has it. */
  readonly rule: string;
  /** The place, as a pointer. */
  readonly at: string;
  readonly expected: string;
  readonly found: string;
}

/**
 * The rules that a statement fails, each with the first place where it does; none when it satisfies them all.
 *
 * Every value that a rule's pointer stands for must pass. Where the document ends before the pointer does, there is
 * nothing to pass, and the rule fails unless it allows that: asked for the severity of every finding, a finding without
 * one fails, and so does a list of findings that is missing or empty. `exists` looks at whether there is any value.
 *
 * A rule is about one statement and never about the absence of others, so more evidence can fail nothing. The work is
 * at most the statement's size for each rule, and is added to the meter, which may throw `search_limit`.
 */
export function failedAttributes(
  rules: readonly AttributeRule[],
  statement: JsonObject,
  meter: Meter,
): readonly AttributeFailure[] {
  return rules.flatMap((rule) => {
    const { test } = rule;
    const failure =
      test.kind === "exists"
        ? checkExistence(rule, test.expected, statement, meter)
        : checkValues(rule, test, statement, meter);
    return failure === undefined ? [] : [failure];
  });
}

function checkExistence(
  rule: AttributeRule,
  expected: boolean,
  statement: JsonObject,
  meter: Meter,
): AttributeFailure | undefined {
  let failure = expected ? failed(rule, rule.at.text, undefined) : undefined;
  visit(statement, rule.at, meter, (value, path) => {
    if (value === undefined) return false;
    failure = expected ? undefined : failed(rule, pointerTo(path), value);
    return true;
  });
  return failure;
}

function checkValues(
  rule: AttributeRule,
  test: ValueTest,
  statement: JsonObject,
  meter: Meter,
): AttributeFailure | undefined {
  let failure: AttributeFailure | undefined;
  visit(statement, rule.at, meter, (value, path) => {
    if (value === undefined ? rule.allowEmpty : passes(test, value, meter)) return false;
    failure = failed(rule, pointerTo(path), value);
    return true;
  });
  return failure;
}

function failed(rule: AttributeRule, at: string, value: JsonValue | undefined): AttributeFailure {
  return {
    rule: attributeText(rule),
    at: placeText(at),
    expected: expectationText(rule.test),
    found: foundText(value),
  };
}

type ValueTest = Exclude<AttributeTest, { readonly kind: "exists" }>;

function passes(test: ValueTest, value: JsonValue, meter: Meter): boolean {
  switch (test.kind) {
    case "oneOf":
      meter.spend(test.values.length);
      return test.values.some((expected) => isSame(expected, value));
    case "glob":
      return typeof value === "string" && test.glob.matches(value, meter);
    case "atLeast":
      return isNumber(value) && value >= test.limit;
    case "atMost":
      return isNumber(value) && value <= test.limit;
    case "size": {
      const size = sizeOf(value, meter);
      return size !== undefined && size >= (test.min ?? 0) && size <= (test.max ?? size);
    }
  }
}

/** Numbers are compared as numbers, exactly, whether they fit into 53 bits or not; a text is never a number. */
function isSame(expected: Scalar, value: JsonValue): boolean {
  if (isNumber(expected) && isNumber(value)) return expected <= value && expected >= value;
  return expected === value;
}

function isNumber(value: JsonValue): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** Elements, members, or characters; undefined for what has no size. */
function sizeOf(value: JsonValue, meter: Meter): number | undefined {
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  if (typeof value !== "string") return undefined;
  meter.spend(value.length);
  let size = 0;
  for (const _ of value) size += 1;
  return size;
}

function foundText(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Map) return `an object of ${value.size}`;
  return scalarText(value as Scalar);
}
