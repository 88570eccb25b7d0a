import { utf8 } from "./text.ts";

/**
 * DSSE's pre-authentication encoding (DSSE 1.0, "Signature Definition"): the bytes that a DSSE signature covers.
 * Lengths are counted in bytes of UTF-8, never in characters, or a payload type beyond ASCII could be
 * shifted against its payload (N-24).
 */
export function pae(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8(payloadType);
  const head = utf8(`DSSEv1 ${type.length} `);
  const middle = utf8(` ${payload.length} `);
  const message = new Uint8Array(head.length + type.length + middle.length + payload.length);
  message.set(head, 0);
  message.set(type, head.length);
  message.set(middle, head.length + type.length);
  message.set(payload, head.length + type.length + middle.length);
  return message;
}
