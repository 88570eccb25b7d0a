import { serveJobs } from "@stemma/client";
import { type Sha256Hex, StemmaError } from "@stemma/encoding";
import { DEFAULT_LIMITS, Evidence, EvidenceGate, readEnvelope, readLayout } from "@stemma/in-toto";
import { keylessVerifier } from "@stemma/lineage";
import { asGateRefusal, type GateRefusal } from "./gate-refusal.ts";

/**
 * Judges evidence in a thread of its own: with Sigstore bundles, each of which costs a hundred signatures by keys, or by
 * all that was recorded before, which may have 64 MB.
 */

export interface GateQuestion {
  /** The project's layout, which its owners signed: whoever asks has made sure of that. */
  readonly layout: Uint8Array;
  readonly trustedRoot: Uint8Array | undefined;
  readonly time: Date;
  readonly evidence: ReadonlyMap<Sha256Hex, Uint8Array>;
  /** What was recorded before: the sublayouts among it speak for what is offered now. */
  readonly recorded?: ReadonlyMap<Sha256Hex, Uint8Array> | undefined;
}

/** What is not let in of the offered evidence, in the order in which it was offered. */
export type GateAnswer = readonly GateRefusal[];

serveJobs<GateQuestion, GateAnswer>(() => ({ layout, trustedRoot, time, evidence, recorded }) => {
  const keyless = trustedRoot === undefined ? undefined : keylessVerifier(trustedRoot, time);
  const trust = { time, keyless, limits: DEFAULT_LIMITS };
  const gate = new EvidenceGate(readLayout(readEnvelope(layout)), trust);
  const read = (items: typeof evidence) =>
    [...items].map(([name, bytes]) => new Evidence(name, bytes, DEFAULT_LIMITS));
  const sublayouts = recorded === undefined ? [] : read(recorded).filter(isSublayout);
  const refused = gate.offer([...read(evidence), ...sublayouts]).map(asGateRefusal);
  return refused.filter(({ sha256 }) => evidence.has(sha256));
});

/** False for what cannot be read. */
function isSublayout(item: Evidence): boolean {
  try {
    return item.kind === "layout";
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    return false;
  }
}
