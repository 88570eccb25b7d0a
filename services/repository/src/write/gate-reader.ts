import { serveJobs } from "@stemma/client";
import type { Sha256Hex } from "@stemma/encoding";
import { DEFAULT_LIMITS, Evidence, EvidenceGate, readEnvelope, readLayout } from "@stemma/in-toto";
import { keylessVerifier } from "@stemma/lineage";
import { asGateRefusal, type GateRefusal } from "./gate-refusal.ts";

/** Judges evidence with Sigstore bundles in a thread of its own: each of them costs a hundred signatures by keys. */

export interface GateQuestion {
  /** The project's layout, which its owners signed: whoever asks has made sure of that. */
  readonly layout: Uint8Array;
  readonly trustedRoot: Uint8Array | undefined;
  readonly time: Date;
  readonly evidence: ReadonlyMap<Sha256Hex, Uint8Array>;
}

/** What is not let in, in the order in which it was offered. */
export type GateAnswer = readonly GateRefusal[];

serveJobs<GateQuestion, GateAnswer>(() => ({ layout, trustedRoot, time, evidence }) => {
  const keyless = trustedRoot === undefined ? undefined : keylessVerifier(trustedRoot, time);
  const trust = { time, keyless, limits: DEFAULT_LIMITS };
  const gate = new EvidenceGate(readLayout(readEnvelope(layout)), trust);
  const offered = [...evidence].map(([name, bytes]) => new Evidence(name, bytes, DEFAULT_LIMITS));
  return gate.offer(offered).map(asGateRefusal);
});
