import { z } from "zod";
import { descriptor, list, object } from "./schema.ts";

export const TEST_RESULT_TYPE = "https://in-toto.io/attestation/test-result/v0.1";

const tests = list(z.string()).nullish();

/** What a run of tests came to (in-toto attestation, Test Result 0.1). */
export const testResult = object({
  result: z.enum(["PASSED", "WARNED", "FAILED"]),
  configuration: list(descriptor),
  url: z.string().nullish(),
  passedTests: tests,
  warnedTests: tests,
  failedTests: tests,
});
