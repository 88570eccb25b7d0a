import { z } from "zod";
import { list, object, text, timestamp } from "./schema.ts";

export const VULNS_TYPE = "https://in-toto.io/attestation/vulns/v0.2";
export const VULNS_01_TYPE = "https://in-toto.io/attestation/vulns/v0.1";

const vulnerability = object({
  id: text,
  severity: list(object({ method: text, score: text })),
});

function report<T extends z.ZodType>(finding: T) {
  return object({
    scanner: object({
      uri: text,
      version: z.string().nullish(),
      db: object({ uri: z.string().nullish(), version: z.string().nullish(), lastUpdate: timestamp }),
      result: list(finding),
    }),
    metadata: object({ scanStartedOn: timestamp, scanFinishedOn: timestamp }),
  });
}

/** What a scanner found (in-toto attestation, Vulnerabilities 0.2). No finding at all is an empty list. */
export const vulns = report(vulnerability);

/** The same in 0.1, whose text puts each finding into `vulnerability` and whose example does not. */
export const vulns01 = report(object({ vulnerability: vulnerability.nullish() }));
