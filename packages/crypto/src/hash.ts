import { hash } from "node:crypto";
import type { Sha256Hex } from "@stemma/encoding";

/** sha256 in lower-case hex. */
export function sha256(bytes: Uint8Array): Sha256Hex {
  return hash("sha256", bytes, "hex") as Sha256Hex;
}

/** sha512 in lower-case hex. */
export function sha512(bytes: Uint8Array): string {
  return hash("sha512", bytes, "hex");
}
