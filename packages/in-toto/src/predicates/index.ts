import type { z } from "zod";
import { InTotoError } from "../error.ts";
import { quote } from "../names.ts";
import type { Statement } from "../statement.ts";
import { LINK_TYPE, link } from "./link.ts";
import { PROVENANCE_02_TYPE, PROVENANCE_TYPE, provenance, provenance02 } from "./provenance.ts";
import { RELEASE_01_TYPE, RELEASE_TYPE, release, release01 } from "./release.ts";
import { sbomSchema } from "./sbom.ts";
import { SCAI_TYPE, scai } from "./scai.ts";
import { describe } from "./schema.ts";
import { TEST_RESULT_TYPE, testResult } from "./test-result.ts";
import { VERIFICATION_SUMMARY_TYPE, verificationSummary } from "./verification-summary.ts";
import { VULNS_01_TYPE, VULNS_TYPE, vulns, vulns01 } from "./vulns.ts";

export { agreeOnDigest, strongDigests } from "../digests.ts";
export type { ReportedArtifacts } from "./reported.ts";
export { comparesNames, isTransformational, reportedArtifacts, statedMaterials } from "./reported.ts";

const SCHEMAS: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  [LINK_TYPE, link],
  [PROVENANCE_TYPE, provenance],
  [PROVENANCE_02_TYPE, provenance02],
  [VERIFICATION_SUMMARY_TYPE, verificationSummary],
  [TEST_RESULT_TYPE, testResult],
  [SCAI_TYPE, scai],
  [VULNS_TYPE, vulns],
  [VULNS_01_TYPE, vulns01],
  [RELEASE_TYPE, release],
  [RELEASE_01_TYPE, release01],
]);

/** Faults that one message names. */
const SHOWN = 3;

/**
 * Checks that a predicate has what its type requires. Predicates of other types are carried as they are, and members
 * that a type does not know are let through (in-toto attestation 1.1, Parsing rules).
 *
 * Throws `bad_predicate` with the place and what is expected there.
 */
export function checkPredicate(statement: Statement): void {
  const { predicateType, predicate } = statement;
  const schema = SCHEMAS.get(predicateType) ?? sbomSchema(predicateType);
  const read = schema?.safeParse(predicate, { error: describe });
  if (read === undefined || read.success) return;
  const faults = read.error.issues.map(({ path, message }) => `${pathText(path)} ${message}`);
  const more = faults.length > SHOWN ? `, and ${faults.length - SHOWN} more` : "";
  throw new InTotoError(
    "bad_predicate",
    `The predicate is not of the type ${quote(predicateType)}: ${faults.slice(0, SHOWN).join(", ")}${more}.`,
  );
}

/**
 * Checks that a verification summary says that the verification passed (SLSA 1.2, Verification Summary Attestation,
 * "How to verify", step 6); other predicates have no outcome to check. Throws `vsa_not_passed`.
 */
export function checkOutcome(statement: Statement): void {
  if (statement.predicateType !== VERIFICATION_SUMMARY_TYPE) return;
  const result = statement.predicate.get("verificationResult");
  if (result === "PASSED") return;
  throw new InTotoError(
    "vsa_not_passed",
    `The verification summary has the result ${typeof result === "string" ? quote(result) : "of no text"}; only "PASSED" counts.`,
  );
}

/** `predicate.scanner.result[0].id`. Names of a digest's algorithms come from the document. */
function pathText(path: readonly PropertyKey[]): string {
  const parts = path.map((key) => {
    if (typeof key === "number") return `[${key}]`;
    const name = String(key);
    return /^[@A-Za-z0-9_]{1,64}$/.test(name) ? `.${name}` : `[${quote(name)}]`;
  });
  return `predicate${parts.join("")}`;
}
