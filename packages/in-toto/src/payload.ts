import type { JsonObject } from "@stemma/encoding";
import { type Envelope, PAYLOAD_TYPE } from "./envelope.ts";
import { InTotoError } from "./error.ts";
import { quote } from "./names.ts";

/** What a payload is, by its `_type`. */
export type PayloadKind = "link" | "layout" | "statement";

const STATEMENT = "https://in-toto.io/Statement/";

/** What an envelope claims to carry; undefined when it is nothing of in-toto. */
export function payloadKind(payload: JsonObject): PayloadKind | undefined {
  const type = payload.get("_type");
  if (type === "link" || type === "layout") return type;
  return typeof type === "string" && type.startsWith(STATEMENT) ? "statement" : undefined;
}

/**
 * Checks what an envelope carries. Throws `wrong_document`, and `unsupported_payload_type` or `unsupported_envelope` where
 * that is not what carries such a document (ITE-5, in-toto attestation 1.1).
 */
export function checkPayloadType(
  { format, payload, payloadType }: Pick<Envelope, "format" | "payload" | "payloadType">,
  expected: PayloadKind,
): void {
  const kind = payloadKind(payload);
  if (kind !== expected) {
    const type = payload.get("_type");
    throw new InTotoError(
      "wrong_document",
      `The payload must be a ${expected}; its _type is ${typeof type === "string" ? quote(type) : "not a string"}.`,
    );
  }
  if (kind === "statement" && format !== "dsse") {
    throw new InTotoError(
      "unsupported_envelope",
      "A statement is signed in a DSSE envelope, not in a metablock.",
    );
  }
  if (kind !== "statement" && payloadType !== PAYLOAD_TYPE) {
    throw new InTotoError(
      "unsupported_payload_type",
      `The payload type of a ${expected} is ${quote(PAYLOAD_TYPE)}, not ${quote(payloadType)}.`,
    );
  }
}
