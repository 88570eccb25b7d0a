import type { Signer } from "@stemma/crypto";
import { type JsonObject, type JsonValue, jsonObject } from "@stemma/encoding";
import type { ArtifactDigests } from "./artifacts.ts";
import { assembleEnvelope, signPayload } from "./authoring.ts";
import { readEnvelope } from "./envelope.ts";
import { checkPredicate, reportedArtifacts } from "./predicates/index.ts";
import { LINK_TYPE } from "./predicates/link.ts";
import { PROVENANCE_TYPE } from "./predicates/provenance.ts";
import { RELEASE_TYPE } from "./predicates/release.ts";
import { SCAI_TYPE } from "./predicates/scai.ts";
import { TEST_RESULT_TYPE } from "./predicates/test-result.ts";
import { VERIFICATION_SUMMARY_TYPE } from "./predicates/verification-summary.ts";
import { VULNS_TYPE } from "./predicates/vulns.ts";
import { readStatement } from "./statement.ts";

/** An artifact, or a resource, as a statement to be written describes it (in-toto attestation 1.1, ResourceDescriptor). */
export interface DescriptorContent {
  /** What people call it; left out, it is known by its digest alone. */
  readonly name?: string;
  readonly digest: ArtifactDigests;
}

/** The content of a statement to be written (in-toto attestation 1.1, Statement). */
export interface StatementContent {
  readonly subjects: readonly DescriptorContent[];
  readonly predicateType: string;
  readonly predicate: JsonObject;
}

/** Short words for predicate types, in the version that should be written today. */
export const PREDICATE_WORDS: ReadonlyMap<string, string> = new Map([
  ["provenance", PROVENANCE_TYPE],
  ["vsa", VERIFICATION_SUMMARY_TYPE],
  ["test-result", TEST_RESULT_TYPE],
  ["vulns", VULNS_TYPE],
  ["release", RELEASE_TYPE],
  ["scai", SCAI_TYPE],
  ["spdx", "https://spdx.dev/Document"],
  ["cyclonedx", "https://cyclonedx.org/bom"],
  ["link", LINK_TYPE],
]);

/**
 * The payload of a statement, checked by the same readers that verifiers use: nothing is signed here that would be
 * refused there. Throws as `readStatement`, `checkPredicate` and `reportedArtifacts`.
 */
export function writeStatement({ subjects, predicateType, predicate }: StatementContent): JsonObject {
  const payload = jsonObject({
    _type: "https://in-toto.io/Statement/v1",
    subject: subjects.map(writeDescriptor),
    predicateType,
    predicate,
  });
  const statement = readStatement(readEnvelope(assembleEnvelope(payload, "dsse", [])).payload);
  checkPredicate(statement);
  reportedArtifacts(statement);
  return payload;
}

/** Writes a statement and signs it: one DSSE envelope, one signature of each signer. */
export async function signStatement(
  statement: StatementContent,
  signers: readonly Signer[],
): Promise<Uint8Array> {
  return signPayload(writeStatement(statement), signers);
}

/** A descriptor as JSON. */
export function writeDescriptor({ name, digest }: DescriptorContent): JsonValue {
  return jsonObject({ name, digest });
}
