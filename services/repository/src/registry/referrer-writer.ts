import { serveJobs } from "@stemma/client";
import type { Sha256Hex } from "@stemma/encoding";
import { type Subject, writeReferrer } from "./referrer.ts";

/** Writes manifests in a thread of its own: the evidence in them may have megabytes, and all of it is read. */

export interface ReferrerQuestion {
  readonly subject: Subject;
  readonly evidence: Sha256Hex;
  readonly bytes: Uint8Array;
}

serveJobs<ReferrerQuestion, Uint8Array>(
  () =>
    ({ subject, evidence, bytes }) =>
      writeReferrer(subject, evidence, bytes),
);
