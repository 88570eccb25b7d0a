export type {
  Ancestry,
  BaseTrace,
  DependencyTrace,
  NamedBy,
  OriginTrace,
  Problem,
  RelativeTrace,
} from "./ancestry.ts";
export { restsElsewhere } from "./ancestry.ts";
export { annotatedBase, namedDigests, reachableContents } from "./content-reach.ts";
export type { LineageCode } from "./error.ts";
export { LINEAGE_CODES, LineageError } from "./error.ts";
export type { LineageFact, LineageNode, Relation } from "./facts.ts";
export { factsOf } from "./facts.ts";
export type { Authority, HistoryDocument, HistoryEntry, KeyEntry, StepAuthority } from "./history.ts";
export { authoritiesAt, readHistory } from "./history.ts";
export type { Change } from "./history-changes.ts";
export { CHANGE_KINDS } from "./history-changes.ts";
export type { OwnedLayout, VerifyRequest } from "./inquiry.ts";
export { keylessVerifier } from "./keyless.ts";
export type { Grade, LineagePolicy, Origin, PlatformChoice } from "./policy.ts";
export {
  domainRootPath,
  domainsOf,
  GRADES,
  lineagePath,
  PLATFORM_CHOICES,
  readLineagePolicy,
} from "./policy.ts";
export type { Revocation } from "./project.ts";
export {
  asProjectName,
  layoutPath,
  projectPaths,
  readRevocations,
  revocationsPath,
  TRUSTED_ROOT,
  trustedRootPath,
} from "./project.ts";
export type { ArtifactRecord, EvidenceEntry } from "./record.ts";
export {
  addsNothing,
  checkRecord,
  MAX_CONTENTS,
  MAX_EVIDENCE,
  MAX_EVIDENCE_BYTES,
  MAX_INDEXES,
  mergeRecords,
  readRecord,
  recordTarget,
} from "./record.ts";
export { imagesOf } from "./relatives.ts";
export type { Verifier } from "./summary.ts";
export { VERIFIER_ID, verdictSummary } from "./summary.ts";
export type { Trial } from "./trial.ts";
export { TRIAL_TYPE } from "./trial.ts";
export type { Freshness, RoleFreshness, Verdict } from "./verdict.ts";
export { VERDICT_TYPE } from "./verdict.ts";
export { tryFromRoot, verifyArtifact, verifyFromRoot } from "./verify.ts";
