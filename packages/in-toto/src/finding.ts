import type { ArtifactType } from "./rule.ts";

export type Severity = "error" | "warning" | "note";

/** Something about a layout that its author should know before it is published. */
export interface Finding {
  /** One of `LINT_CODES`, or the code for which a key or a whole document was refused. */
  readonly code: string;
  /** An error: it must not be published. A warning: it is probably a mistake. A note: it may be meant. */
  readonly severity: Severity;
  readonly message: string;
  /** The step or the inspection that it is about. */
  readonly step?: string;
  /** The rule as the layout has it; `ruleList` and `ruleIndex` (from 0) say where. */
  readonly rule?: string;
  readonly ruleList?: ArtifactType;
  readonly ruleIndex?: number;
  /** What to do about it. */
  readonly advice: string;
}

/** Where a finding is. */
export type FindingPlace = Pick<Finding, "step" | "rule" | "ruleList" | "ruleIndex">;

interface Kind {
  readonly severity: Severity;
  readonly advice: string;
}

/** Every kind of finding. `docs/layouts.md` lists them; codes never change. */
const KINDS = {
  // nothing can satisfy the layout, or it is not what it seems
  layout_expired: { severity: "error", advice: "Give it an expiry in the future and have it signed again." },
  vacuous_policy: { severity: "error", advice: "Add the steps by which the artifact is made." },
  duplicate_key_material: {
    severity: "error",
    advice: "Keep one of the two; under both it counts once toward a threshold all the same.",
  },
  key_id_mismatch: { severity: "error", advice: "Name the key by its id, which `stemma key show` prints." },
  unknown_functionary: { severity: "error", advice: "Add the key to keys, or take its id out of the step." },
  unknown_step: { severity: "error", advice: "Correct the name after FROM, or add the step." },
  threshold_out_of_reach: {
    severity: "error",
    advice: "Lower the threshold, or let more functionaries carry out the step.",
  },
  require_too_late: {
    severity: "error",
    advice: "Put the REQUIRE before the rule that takes the artifact.",
  },
  // probably a mistake
  expires_soon: { severity: "warning", advice: "Publish a layout that holds longer before this one ends." },
  expires_late: {
    severity: "warning",
    advice: "Let it expire within a year, so that a layout that was forgotten does not hold for ever.",
  },
  unused_key: {
    severity: "warning",
    advice: "Name the key in the step that it was meant for, or remove it.",
  },
  open_rules: { severity: "warning", advice: "Say what may be there, and end the list in DISALLOW *." },
  unreachable_rule: { severity: "warning", advice: "Put it before the other rule, or remove it." },
  idle_rule: {
    severity: "warning",
    advice: "CREATE is for products and DELETE for materials; use ALLOW, MATCH or MODIFY here.",
  },
  match_from_later_step: {
    severity: "warning",
    advice: "Name an earlier step, or put the steps in the order in which they are carried out.",
  },
  match_itself: {
    severity: "warning",
    advice: "Name the step that the artifacts come from; if anything may stand here, say so with ALLOW.",
  },
  pattern_not_normal: {
    severity: "warning",
    advice: "Write the path without ./ and ../ inside, and with / between folders.",
  },
  require_pattern: {
    severity: "warning",
    advice: "Write the one name that must be there; a pattern can only be allowed or matched.",
  },
  predicate_unconstrained: {
    severity: "warning",
    advice: "Add expectedAttributes that say which outcome is good enough.",
  },
  verifier_unconstrained: {
    severity: "warning",
    advice: "Expect the verifier by name: an attribute rule at /predicate/verifier/id with equals.",
  },
  unsupported_inspection: {
    severity: "warning",
    advice: "Make it a step whose functionary carries out the command and signs what came of it.",
  },
  // may be meant
  isolated_step: {
    severity: "note",
    advice: "Add a MATCH between this step and the one before or after it.",
  },
} as const satisfies Record<string, Kind>;

export type LintCode = keyof typeof KINDS;

/** The codes of all findings about layouts that can be read, with how bad each is. */
export const LINT_CODES: ReadonlyMap<LintCode, Severity> = new Map(
  Object.entries(KINDS).map(([code, { severity }]) => [code as LintCode, severity]),
);

/** A finding of its kind. */
export function finding(code: LintCode, message: string, place: FindingPlace = {}): Finding {
  const { severity, advice }: Kind = KINDS[code];
  return { code, severity, message, ...place, advice };
}
