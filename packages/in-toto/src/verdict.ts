import type { KeyFingerprint, KeyId } from "@stemma/crypto";
import type { Sha256Hex } from "@stemma/encoding";
import type { ArtifactType } from "./rule.ts";
import type { Mismatch, RuleTrace } from "./rules.ts";

/** A functionary in a verdict. */
export interface SignerTrace {
  readonly keyId: KeyId;
  readonly fingerprint: KeyFingerprint;
}

/** Why the layout is not satisfied. `code` is stable; the rest is for people and for tools that explain. */
export interface Reason {
  /** A code of this package, or of `@stemma/encoding` or `@stemma/crypto` for a layout that cannot be read. */
  readonly code: string;
  readonly message: string;
  readonly step?: string;
  /** The rule that failed, as the layout has it; `ruleList` and `ruleIndex` (from 0) say where. */
  readonly rule?: string;
  readonly ruleList?: ArtifactType;
  readonly ruleIndex?: number;
  /** Artifact names, the first of them when there are many. */
  readonly artifacts?: readonly string[];
  /** What MATCH rules found and expected for those artifacts. */
  readonly mismatches?: readonly Mismatch[];
  readonly evidence?: readonly Sha256Hex[];
}

/** Something that does not make a verdict worse, but that somebody should look at. */
export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
  readonly step?: string;
}

export const WARNING_CODES = [
  "command_differs",
  "open_rules",
  "pattern_not_normal",
  "unsupported_inspection",
  "unsupported_certificate",
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

/** Evidence that was not used, and why. */
export interface SetAside {
  readonly sha256: Sha256Hex;
  readonly code: string;
  readonly message: string;
  readonly step?: string;
}

export interface ArtifactTrace {
  readonly name: string;
  /** As `algorithm:hex`. */
  readonly digests: readonly string[];
}

export interface ArtifactListTrace {
  readonly count: number;
  /** All of them, or the first ones up to the limit. */
  readonly entries: readonly ArtifactTrace[];
}

/** What stands for a step in the verdict. In a denial it may be empty: nothing was found for the step. */
export interface StepTrace {
  readonly name: string;
  readonly threshold: number;
  /** The distinct keys that signed the links below. */
  readonly functionaries: readonly SignerTrace[];
  readonly links: readonly Sha256Hex[];
  readonly materials: ArtifactListTrace;
  readonly products: ArtifactListTrace;
  readonly command: readonly string[];
  readonly rules: readonly RuleTrace[];
}

/**
 * Whether an artifact was made as its layout asks, with everything that the answer rests on. Plain data, the same for
 * the same input. `ok` is true only if there is no reason.
 */
export interface LayoutVerdict {
  readonly ok: boolean;
  readonly reasons: readonly Reason[];
  readonly warnings: readonly Warning[];
  /** The owners who signed the layout and when it expires; undefined while it could not be read. */
  readonly layout: LayoutTrace | undefined;
  /** In the layout's order. */
  readonly steps: readonly StepTrace[];
  /** Names of the last step's products that have the digest. */
  readonly products: readonly string[];
  readonly setAside: readonly SetAside[];
}

export interface LayoutTrace {
  readonly signers: readonly SignerTrace[];
  /** `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly expires: string;
}
