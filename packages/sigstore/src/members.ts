import { asArray, asString, decodeBase64, type JsonObject, type JsonValue, member } from "@stemma/encoding";
import { SigstoreError } from "./error.ts";

/** A member that may be absent. In the JSON of protobuf, null is absent. */
export function optional(object: JsonObject, name: string): JsonValue | undefined {
  return object.get(name) ?? undefined;
}

/** A list that may be absent, which means empty. The libraries would take anything else for an empty list, too. */
export function list(object: JsonObject, name: string, where: string): readonly JsonValue[] {
  const value = optional(object, name);
  return value === undefined ? [] : asArray(value, `${where}.${name}`);
}

/**
 * Which one of several members is there; in protobuf they are the cases of one field. Where two are there, two readers
 * could see two documents, so that is refused.
 */
export function oneOf<const Name extends string>(
  object: JsonObject,
  names: readonly Name[],
  where: string,
): Name {
  const present = names.filter((name) => optional(object, name) !== undefined);
  const [name] = present;
  if (name === undefined || present.length > 1) {
    throw new SigstoreError(
      "bad_sigstore_bundle",
      `${where} must have exactly one of ${names.join(", ")}; it has ${present.join(" and ") || "none"}.`,
    );
  }
  return name;
}

/** Bytes in base64, strictly: the libraries skip what is not base64, so another reader could see other bytes (N-08). */
export function bytes(object: JsonObject, name: string, where: string): Uint8Array<ArrayBuffer> {
  const text = asString(member(object, name, where), `${where}.${name}`);
  return Uint8Array.from(decodeBase64(text, { urlSafe: true }));
}

/** Checks a 64-bit integer that may be absent: JSON of protobuf writes it as text, or as a number. */
export function checkInt64(object: JsonObject, name: string, where: string): void {
  const value = optional(object, name);
  if (value === undefined) return;
  // The libraries read these with Number and BigInt, which know more spellings, and take long to read long ones.
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(typeof value === "object" ? "" : String(value))) {
    throw new SigstoreError(
      "bad_sigstore_bundle",
      `${where}.${name} must be an integer of at most 19 digits.`,
    );
  }
}
