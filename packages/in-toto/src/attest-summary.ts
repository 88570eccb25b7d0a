import {
  type Digest,
  decodeHex,
  digestParts,
  encodeBase64,
  jsonObject,
  type Sha256Hex,
} from "@stemma/encoding";
import { type StatementContent, writeDescriptor } from "./attest.ts";
import { moment } from "./attest-run.ts";
import { VERIFICATION_SUMMARY_TYPE } from "./predicates/verification-summary.ts";

/**
 * What our verdict can honestly claim of an artifact: that its project's layout is satisfied. It is no SLSA level,
 * because none was judged; custom levels must not begin with `SLSA_` (SLSA 1.2, Verification Summary Attestation).
 */
export const LAYOUT_SATISFIED = "STEMMA_LAYOUT_SATISFIED";

/** What a verification summary says. */
export interface SummaryContent {
  readonly digest: Digest;
  /** A URI for whoever verified; consumers know it and the key that goes with it. */
  readonly verifierId: string;
  /** Version of the verifier, by the name of its part. */
  readonly verifierVersion?: ReadonlyMap<string, string>;
  readonly timeVerified: Date;
  readonly policy: {
    readonly uri: string;
    /** The layout; undefined when the verdict did not come to it. */
    readonly sha256: Sha256Hex | undefined;
  };
  /** Everything that was taken into account: a list that is not empty must be complete. */
  readonly evidence: readonly Sha256Hex[];
  readonly passed: boolean;
}

/**
 * A verdict as a verification summary (SLSA 1.2, Verification Summary Attestation) about one digest. It names no place:
 * the artifact may be had from anywhere, so `resourceUri` is made of the digest alone.
 */
export function summaryStatement(summary: SummaryContent): StatementContent {
  const { digest, verifierId, verifierVersion, timeVerified, policy, evidence, passed } = summary;
  const { algorithm, hex } = digestParts(digest);
  return {
    subjects: [{ digest: new Map([[algorithm, hex]]) }],
    predicateType: VERIFICATION_SUMMARY_TYPE,
    predicate: jsonObject({
      verifier: jsonObject({ id: verifierId, version: verifierVersion }),
      timeVerified: moment(timeVerified),
      resourceUri: digestUri(digest),
      policy: jsonObject({
        uri: policy.uri,
        digest: policy.sha256 === undefined ? undefined : new Map([["sha256", policy.sha256]]),
      }),
      inputAttestations: evidence.map((sha256) => writeDescriptor({ digest: new Map([["sha256", sha256]]) })),
      verificationResult: passed ? "PASSED" : "FAILED",
      verifiedLevels: [passed ? LAYOUT_SATISFIED : "FAILED"],
      slsaVersion: "1.2",
    }),
  };
}

/** The URI of a digest (RFC 6920): `ni:///sha-256;<base64url>`, with an authority that is empty, so of no place. */
export function digestUri(digest: Digest): string {
  const { algorithm, hex } = digestParts(digest);
  const value = encodeBase64(decodeHex(hex)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return `ni:///${algorithm.replace("sha", "sha-")};${value}`;
}
