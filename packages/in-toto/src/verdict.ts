import type { KeyFingerprint, KeyId } from "@stemma/crypto";
import type { Sha256Hex } from "@stemma/encoding";
import type { ArtifactType } from "./rule.ts";
import type { Mismatch, RuleTrace } from "./rules.ts";

/** A functionary in a verdict: a key, the holder of a certificate, or a Sigstore identity. */
export interface SignerTrace {
  readonly keyId: KeyId;
  readonly fingerprint: KeyFingerprint;
  /** Absent for a plain key. */
  readonly kind?: "certificate" | "sigstore";
  /** The certificate's subject, or the identity. */
  readonly name?: string;
  readonly issuer?: string;
  /** The layout's root certificates that anchored the chain. */
  readonly anchors?: readonly string[];
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
  /** The predicate type that a step expects. */
  readonly predicateType?: string;
  /** What was expected and what was found instead, in words. */
  readonly expected?: string;
  readonly found?: string;
  /** Who could have signed: key ids, identities, and constraints in words. */
  readonly functionaries?: readonly string[];
  /** What to do next. */
  readonly advice?: string;
}

/** Something that does not make a verdict worse, but that somebody should look at. */
export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
  readonly step?: string;
}

export const WARNING_CODES = ["command_differs"] as const;
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

/** An attestation that stands for a step, or for one of its further predicates. */
export interface AttestationTrace {
  readonly sha256: Sha256Hex;
  readonly predicateType: string;
  readonly functionaries: readonly SignerTrace[];
}

/** A sublayout that stands for a step: itself a layout's steps and what stands for each. */
export interface SublayoutTrace {
  readonly sha256: Sha256Hex;
  /** `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly expires: string;
  readonly steps: readonly StepTrace[];
}

/** What stands for a step in the verdict. In a denial it may be empty: nothing was found for the step. */
export interface StepTrace {
  readonly name: string;
  readonly threshold: number;
  /** The distinct functionaries who signed what stands for the step. */
  readonly functionaries: readonly SignerTrace[];
  /** The evidence that stands for the step: links, sublayouts, or attestations of its first predicate. */
  readonly links: readonly Sha256Hex[];
  /** Absent where there are none. */
  readonly attestations?: readonly AttestationTrace[];
  readonly sublayouts?: readonly SublayoutTrace[];
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
  /** Inspections that were carried out, and their rules; absent where the layout has none. */
  readonly inspections?: readonly InspectionTrace[];
  /** Names of the last step's products that have the digest. */
  readonly products: readonly string[];
  readonly setAside: readonly SetAside[];
}

export interface InspectionTrace {
  readonly name: string;
  readonly run: readonly string[];
  readonly materials: ArtifactListTrace;
  readonly products: ArtifactListTrace;
  readonly rules: readonly RuleTrace[];
}

export interface LayoutTrace {
  readonly signers: readonly SignerTrace[];
  /** `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly expires: string;
}
