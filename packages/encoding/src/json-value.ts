import { EncodingError } from "./error.ts";

/**
 * A parsed JSON value. Objects are Maps: a member called `__proto__` or `10` is a member like any other,
 * and the order of members is the order of the bytes. Integers beyond 2^53-1 are bigints, so that a signed
 * document that holds one can be encoded again without loss.
 */
export type JsonValue = null | boolean | number | bigint | string | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** Builds an object from names that the code itself fixes; members that are undefined are left out. */
export function jsonObject(members: Record<string, JsonValue | undefined>): JsonObject {
  const object = new Map<string, JsonValue>();
  for (const name of Object.keys(members)) {
    const value = members[name];
    if (value !== undefined) object.set(name, value);
  }
  return object;
}

/** Turns a value into plain data with null-prototype objects, for printing or for a schema. */
export function toPlain(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(toPlain);
  if (value instanceof Map) {
    const plain: Record<string, unknown> = Object.create(null);
    for (const [name, member] of value as JsonObject) plain[name] = toPlain(member);
    return plain;
  }
  return value;
}

/** Turns plain data (own enumerable members only) into a JSON value. Throws `wrong_type` for anything that JSON lacks. */
export function fromPlain(value: unknown): JsonValue {
  if (
    value === null ||
    typeof value === "boolean" ||
    typeof value === "string" ||
    typeof value === "bigint"
  ) {
    return value;
  }
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map(fromPlain);
  if (value instanceof Map) {
    return new Map([...value].map(([name, member]) => [asString(name, "a member name"), fromPlain(member)]));
  }
  if (typeof value === "object") {
    const object = new Map<string, JsonValue>();
    for (const [name, member] of Object.entries(value)) {
      if (member !== undefined) object.set(name, fromPlain(member));
    }
    return object;
  }
  throw new EncodingError("wrong_type", `A ${typeof value} has no JSON form.`);
}

function kindOf(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (value instanceof Map) return "an object";
  return typeof value === "string" ? "a string" : `a ${typeof value}`;
}

function wrongType(value: JsonValue | undefined, expected: string, where: string): EncodingError {
  return new EncodingError("wrong_type", `${where} must be ${expected}; found ${kindOf(value)}.`);
}

/** Reads an object. `where` names the place for people, such as `signed.roles.root`. Throws `wrong_type`. */
export function asObject(value: JsonValue | undefined, where: string): JsonObject {
  if (value instanceof Map) return value as JsonObject;
  throw wrongType(value, "an object", where);
}

/** Reads an array. Throws `wrong_type`. */
export function asArray(value: JsonValue | undefined, where: string): JsonArray {
  if (Array.isArray(value)) return value as JsonArray;
  throw wrongType(value, "an array", where);
}

/** Reads a string. Throws `wrong_type`. */
export function asString(value: JsonValue | undefined, where: string): string {
  if (typeof value === "string") return value;
  throw wrongType(value, "a string", where);
}

/** Reads an integer of at most 2^53-1. Throws `wrong_type`. */
export function asInteger(value: JsonValue | undefined, where: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw wrongType(value, "an integer below 2^53", where);
}

/** Reads a boolean. Throws `wrong_type`. */
export function asBoolean(value: JsonValue | undefined, where: string): boolean {
  if (typeof value === "boolean") return value;
  throw wrongType(value, "true or false", where);
}

/** Reads a member that must be there. Throws `missing_member`. */
export function member(object: JsonObject, name: string, where: string): JsonValue {
  const value = object.get(name);
  if (value === undefined) {
    throw new EncodingError("missing_member", `${where} has no member "${name}", which it must have.`);
  }
  return value;
}
