import type { Sha256Hex } from "@stemma/encoding";
import type { Functionary } from "./functionaries.ts";
import type { ItemArtifacts } from "./rules.ts";
import type { Statement } from "./statement.ts";
import type { SublayoutTrace } from "./verdict.ts";

/** What evidence says was done in a step: a link, the summary of a sublayout, or an attestation. */
export interface Report extends ItemArtifacts {
  readonly command: readonly string[];
}

/** A piece of evidence that stands for a step, signed by functionaries of that step. */
export interface FoundReport {
  readonly sha256: Sha256Hex;
  readonly report: Report;
  /** The distinct functionaries of the step that validly signed. At least one. */
  readonly functionaries: readonly Functionary[];
  /** What the sublayout rests on, when it is one. Asked for when it is chosen: there can be thousands of sums. */
  readonly sublayout?: () => SublayoutTrace;
  readonly predicateType?: string;
}

/** An attestation of a further predicate that a step expects, signed by functionaries of that predicate. */
export interface FoundAttestation {
  readonly sha256: Sha256Hex;
  readonly statement: Statement;
  readonly functionaries: readonly Functionary[];
}
