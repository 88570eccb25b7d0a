import type { Sha256Hex } from "@stemma/encoding";
import type { Refused } from "@stemma/in-toto";

/** A refusal of the gate as it travels between threads, which carry no errors of our own. */
export interface GateRefusal {
  readonly sha256: Sha256Hex;
  readonly code: string;
  readonly message: string;
}

export function asGateRefusal({ evidence, refusal }: Refused): GateRefusal {
  return { sha256: evidence.sha256, code: refusal.code, message: refusal.message };
}
