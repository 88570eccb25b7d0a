import type { Verdict } from "./verdict.ts";

/** The name of this form of trial. */
export const TRIAL_TYPE = "https://stemma.dev/trial/v1";

/**
 * What came of a dry run of a layout against the recorded evidence of an artifact. Everything in it is as in a verdict, but
 * it is none, has no decision, and cannot be taken for one: a draft is nobody's policy yet.
 */
export interface Trial extends Omit<Verdict, "type" | "decision"> {
  readonly type: typeof TRIAL_TYPE;
  /** Whether a verdict by this layout would be an allow. */
  readonly satisfied: boolean;
  /** The layout was a draft: nobody looked at who its owners are. */
  readonly draft: boolean;
}

/** Makes a trial of what would have been a verdict. */
export function trialOf({ decision, ...rest }: Verdict, draft: boolean): Trial {
  return { ...rest, type: TRIAL_TYPE, satisfied: decision === "allow", draft };
}
