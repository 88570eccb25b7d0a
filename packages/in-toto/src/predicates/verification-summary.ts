import { z } from "zod";
import { anyObject, descriptor, list, object, text } from "./schema.ts";

export const VERIFICATION_SUMMARY_TYPE = "https://slsa.dev/verification_summary/v1";

/** That a verifier has checked artifacts, and what came out (SLSA 1.2, Verification Summary Attestation). */
export const verificationSummary = object({
  verifier: object({ id: text }),
  timeVerified: z.string().nullish(),
  resourceUri: text,
  policy: object({ uri: text }),
  inputAttestations: list(descriptor).nullish(),
  verificationResult: z.enum(["PASSED", "FAILED"]),
  verifiedLevels: list(text),
  dependencyLevels: anyObject.nullish(),
  slsaVersion: z.string().nullish(),
});
