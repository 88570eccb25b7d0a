import type { Sha256Hex } from "@stemma/encoding";
import { type StatementContent, summaryStatement } from "@stemma/in-toto";
import type { Verdict } from "./verdict.ts";

/** Who has reached a verdict, as its summary says. */
export interface Verifier {
  /** A URI; whoever relies on summaries knows it and the key that goes with it. */
  readonly id: string;
  /** Of Stemma. */
  readonly version: string;
}

/** The URIs that a verifier may call itself. */
export const VERIFIER_ID = /^[a-z][a-z0-9+.-]*:\S{1,2000}$/;

/**
 * A verdict as a verification summary (SLSA 1.2, Verification Summary Attestation), ready to be signed: allow is PASSED,
 * and whatever denies is FAILED. All evidence of the record is listed, because a verdict takes all of it into account.
 *
 * @param layout digest of the layout that decided; undefined when the verdict did not come to one
 */
export function verdictSummary(
  verdict: Verdict,
  verifier: Verifier,
  layout: Sha256Hex | undefined,
): StatementContent {
  return summaryStatement({
    digest: verdict.digest,
    verifierId: verifier.id,
    verifierVersion: new Map([["stemma", verifier.version]]),
    timeVerified: new Date(verdict.time),
    policy: { uri: policyUri(verdict), sha256: layout },
    evidence: (verdict.record?.evidence ?? []).map((item) => item.sha256),
    passed: verdict.decision === "allow",
  });
}

/** The policy: what the owners of a project demand, in the trust domain that a root stands for. A name, not a place. */
function policyUri({ pinnedRoot, project }: Verdict): string {
  const domain = `https://stemma.dev/policy/v1/${pinnedRoot}`;
  // Without a project, it did not come further than the domain's demand that the artifact be on record.
  return project === "" ? domain : `${domain}/${project}`;
}
