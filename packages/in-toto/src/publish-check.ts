import type { KeyFingerprint } from "@stemma/crypto";
import { StemmaError } from "@stemma/encoding";
import type { Envelope } from "./envelope.ts";
import { keylessKey } from "./functionaries.ts";
import type { Layout, Step } from "./layout.ts";
import { DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { quote } from "./names.ts";
import { isExpired, type Owners, openLayout, type SignedLayout } from "./open-layout.ts";
import { type ArtifactRule, ruleText } from "./rule.ts";
import type { Reason, Warning } from "./verdict.ts";

export interface PublishCheck {
  /** Whether the layout may be published: there are no errors. */
  readonly ok: boolean;
  readonly errors: readonly Reason[];
  readonly warnings: readonly Warning[];
  /** Undefined while the layout could not be read, or too few owners signed it. */
  readonly signed: SignedLayout | undefined;
}

/**
 * Whether a repository should take a layout, which is stricter than whether a verifier could use it: a mistake is cheap
 * to correct before it is published. Refused are layouts that enough owners did not sign, that have expired, that have no
 * steps, that name weak, unusable, mislabelled or repeated keys, and rules that MATCH a step which is not there. What can
 * be meant, but is often a mistake, is a warning; so are inspections, although a verdict by such a layout is a denial
 * unless the person who verifies has them carried out (N-50).
 */
export function checkLayoutForPublish(
  layoutEnvelope: Envelope | Uint8Array,
  owners: Owners,
  time: Date,
  limits: InTotoLimits = DEFAULT_LIMITS,
): PublishCheck {
  let signed: SignedLayout;
  try {
    signed = openLayout(layoutEnvelope, owners, limits);
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    const errors = [{ code: error.code, message: error.message }];
    return { ok: false, errors, warnings: [], signed: undefined };
  }
  const { layout } = signed;
  const errors = [
    ...lifeErrors(layout, time),
    ...keyErrors(layout),
    ...layout.steps.flatMap(stepErrors(layout)),
  ];
  const warnings = [...inspectionWarnings(layout), ...layout.steps.flatMap(ruleWarnings)];
  return { ok: errors.length === 0, errors, warnings, signed };
}

function lifeErrors(layout: Layout, time: Date): Reason[] {
  const errors: Reason[] = [];
  if (isExpired(layout, time)) {
    errors.push({
      code: "layout_expired",
      message: `The layout expired at ${layout.expires.toISOString()}.`,
    });
  }
  if (layout.steps.length === 0) {
    errors.push({ code: "vacuous_policy", message: "The layout has no steps, so nothing can satisfy it." });
  }
  return errors;
}

function keyErrors(layout: Layout): Reason[] {
  const errors: Reason[] = [];
  const seen = new Map<KeyFingerprint, string>();
  for (const [keyId, { issuer, identity, fingerprint }] of layout.identities) {
    const earlier = seen.get(fingerprint);
    if (earlier !== undefined) {
      errors.push({
        code: "duplicate_key_material",
        message: `The keys ${quote(earlier)} and ${quote(keyId)} are the same identity.`,
      });
    }
    seen.set(fingerprint, keyId);
    const computed = keylessKey(issuer, identity).keyId;
    if (keyId !== computed) {
      errors.push({
        code: "key_id_mismatch",
        message: `The identity ${quote(keyId)} should be named ${quote(computed)}, after its content.`,
      });
    }
  }
  for (const [keyId, key] of layout.keys) {
    const earlier = seen.get(key.fingerprint);
    if (earlier !== undefined) {
      errors.push({
        code: "duplicate_key_material",
        message: `The keys ${quote(earlier)} and ${quote(keyId)} are the same public key.`,
      });
    }
    seen.set(key.fingerprint, keyId);
    if (keyId !== key.keyId && keyId !== key.legacyKeyId) {
      errors.push({
        code: "key_id_mismatch",
        message: `The key ${quote(keyId)} should be named ${quote(key.keyId)}, after its content.`,
      });
    }
  }
  for (const { code, message } of layout.unusableKeys.values()) errors.push({ code, message });
  return errors;
}

function stepErrors(layout: Layout): (step: Step) => Reason[] {
  const names = new Set(layout.steps.map((step) => step.name));
  return (step) => {
    const errors: Reason[] = [];
    for (const keyId of [step, ...step.expectedPredicates].flatMap((set) => set.keyIds)) {
      if (layout.keys.has(keyId) || layout.identities.has(keyId) || layout.unusableKeys.has(keyId)) continue;
      errors.push({
        code: "unknown_functionary",
        message: `Step ${quote(step.name)} names the key ${quote(keyId)}, which the layout does not define.`,
        step: step.name,
      });
    }
    for (const rule of [...step.expectedMaterials, ...step.expectedProducts]) {
      if (rule.kind !== "match" || names.has(rule.step)) continue;
      errors.push({
        code: "unknown_step",
        message: `Step ${quote(step.name)} has the rule ${quote(ruleText(rule))}, but there is no such step.`,
        step: step.name,
      });
    }
    return errors;
  };
}

function inspectionWarnings({ inspections }: Layout): Warning[] {
  return inspections.map(({ name }) => ({
    code: "unsupported_inspection",
    message: `The layout has the inspection ${quote(name)}. Nothing that a layout names is run by a service, so verdicts deny unless the person who verifies has it carried out.`,
    step: name,
  }));
}

function ruleWarnings(step: Step): Warning[] {
  const warnings: Warning[] = [];
  const lists = [
    ["materials", step.expectedMaterials],
    ["products", step.expectedProducts],
  ] as const;
  for (const [list, rules] of lists) {
    const last = rules.at(-1);
    if (last?.kind !== "disallow" || last.pattern.pattern !== "*") {
      warnings.push({
        code: "open_rules",
        message: `The ${list} of step ${quote(step.name)} do not end in DISALLOW *, so whatever no rule speaks about is allowed.`,
        step: step.name,
      });
    }
    for (const rule of rules) {
      if (!isSuspect(rule)) continue;
      warnings.push({
        code: "pattern_not_normal",
        message: `The rule ${quote(ruleText(rule))} of step ${quote(step.name)} matches no artifact: names are paths in normal form.`,
        step: step.name,
      });
    }
  }
  return warnings;
}

/** Patterns that begin like no normal path, or go through one. A name is never changed to fit them. */
function isSuspect(rule: ArtifactRule): boolean {
  const texts =
    rule.kind === "require"
      ? [rule.name]
      : rule.kind === "match"
        ? [rule.pattern.pattern, rule.sourcePrefix, rule.destinationPrefix]
        : [rule.pattern.pattern];
  return texts.some((text) => /^\.\/|\/\.{1,2}\/|\\/.test(text));
}
