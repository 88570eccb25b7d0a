import { StemmaError } from "@stemma/encoding";
import type { Envelope } from "./envelope.ts";
import type { Finding, Severity } from "./finding.ts";
import { DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { lintLayout } from "./lint.ts";
import { type Owners, openLayout, type SignedLayout } from "./open-layout.ts";

export interface PublishCheck {
  /** Whether the layout may be published: there are no errors. */
  readonly ok: boolean;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  readonly notes: readonly Finding[];
  /** Undefined while the layout could not be read, or too few owners signed it. */
  readonly signed: SignedLayout | undefined;
}

/**
 * Whether a repository should take a layout, which is stricter than whether a verifier could use it: a mistake is cheap
 * to correct before it is published. Refused are layouts that enough owners did not sign, and those in which `lintLayout`
 * finds an error. What can be meant, but is often a mistake, is a warning; so are inspections, although a verdict by
 * such a layout is a denial unless the person who verifies has them carried out (N-50).
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
    return { ok: false, errors: [refusal(error)], warnings: [], notes: [], signed: undefined };
  }
  const findings = lintLayout(signed.layout, time);
  const of = (severity: Severity): readonly Finding[] =>
    findings.filter((finding) => finding.severity === severity);
  const errors = of("error");
  return { ok: errors.length === 0, errors, warnings: of("warning"), notes: of("note"), signed };
}

function refusal({ code, message }: StemmaError): Finding {
  const advice =
    code === "layout_threshold_not_met"
      ? "Have more of the project's owners sign it with `stemma sign`."
      : "Correct the layout and have it signed again.";
  return { code, severity: "error", message, advice };
}
