import { asObject, decodeBase64, type JsonObject, type JsonValue, parseJson, utf8 } from "@stemma/encoding";
import { hashOf } from "./chain.ts";

/** Plain data as it comes out of the parser; what JSON cannot say is given as text. */
export function json(value: unknown): JsonValue {
  return parseJson(utf8(typeof value === "string" ? value : JSON.stringify(value)), { fractions: true });
}

/** The payload of a statement about one artifact, with other members on top; undefined takes a member away. */
export function payload(members: Record<string, unknown> = {}): JsonObject {
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "app", digest: { sha256: hashOf("app") } }],
    predicateType: "https://example.com/anything/v1",
    predicate: {},
    ...members,
  };
  return asObject(json(statement), "statement");
}

/** The payload of a DSSE envelope, unverified. */
export function payloadOf(envelope: JsonValue | undefined): JsonObject {
  const text = asObject(envelope, "envelope").get("payload");
  return asObject(parseJson(decodeBase64(String(text)), { fractions: true }), "payload");
}
