export type { ArtifactDigests, Artifacts } from "./artifacts.ts";
export { digestTexts, sameDigests } from "./artifacts.ts";
export type { DescriptorContent, StatementContent } from "./attest.ts";
export { PREDICATE_WORDS, signStatement, writeStatement } from "./attest.ts";
export type { RunContent } from "./attest-run.ts";
export { linkStatement, provenanceStatement, RUN_BUILD_TYPE } from "./attest-run.ts";
export type { SummaryContent } from "./attest-summary.ts";
export { digestUri, LAYOUT_SATISFIED, summaryStatement } from "./attest-summary.ts";
export type { AttributeRule } from "./attributes.ts";
export { attributeText, failedAttributes, readAttributeRules } from "./attributes.ts";
export type {
  AddOptions,
  AttributeContent,
  FunctionaryContent,
  LayoutContent,
  LinkContent,
  PredicateContent,
  SigningContent,
  StepContent,
} from "./authoring.ts";
export {
  addSignatures,
  assembleEnvelope,
  signingMessage,
  signLayout,
  signLink,
  signPayload,
  writeLayout,
  writeLink,
} from "./authoring.ts";
export type { Authorities } from "./authorities.ts";
export type { AuthorizedEvidence } from "./authorize.ts";
export { authorizeEvidence } from "./authorize.ts";
export type { DsseParts, Envelope, EnvelopeFormat, EnvelopeSignature } from "./envelope.ts";
export { openDsse, PAYLOAD_TYPE, readEnvelope } from "./envelope.ts";
export type { InTotoCode } from "./error.ts";
export { IN_TOTO_CODES, InTotoError } from "./error.ts";
export type { KeylessSigner, KeylessVerifier } from "./evidence.ts";
export { Evidence } from "./evidence.ts";
export type { ExpectedPredicate } from "./expected-predicate.ts";
export { PREDICATES_VERSION } from "./expected-predicate.ts";
export { whoMaySign } from "./explain.ts";
export type { Finding, LintCode, Severity } from "./finding.ts";
export { LINT_CODES } from "./finding.ts";
export type { Functionary, FunctionarySet, KeylessIdentity } from "./functionaries.ts";
export { countDistinct, KEYLESS_KEY_TYPE, keylessKey } from "./functionaries.ts";
export type { Refused } from "./gate.ts";
export { EvidenceGate } from "./gate.ts";
export { Glob } from "./glob.ts";
export type { Inspection, Layout, Step, UnusableKey } from "./layout.ts";
export { readExpires, readLayout } from "./layout.ts";
export type { InTotoLimits } from "./limits.ts";
export { DEFAULT_LIMITS, Meter } from "./limits.ts";
export type { Link } from "./link.ts";
export { readLink } from "./link.ts";
export { lintLayout } from "./lint.ts";
export { checkArtifactName, checkStepName } from "./names.ts";
export type { Owners, SignedLayout } from "./open-layout.ts";
export { isExpired, openLayout } from "./open-layout.ts";
export { payloadKind } from "./payload.ts";
export {
  checkPredicate,
  isTransformational,
  reportedArtifacts,
  statedMaterials,
} from "./predicates/index.ts";
export type { PublishCheck } from "./publish-check.ts";
export { checkLayoutForPublish } from "./publish-check.ts";
export type { ArtifactRule, ArtifactType, MatchRule, PatternRule, RequireRule } from "./rule.ts";
export { parseRule, readRules, ruleText } from "./rule.ts";
export type { ItemArtifacts, Mismatch, RuleFailure, RuleOutcome, RuleTrace } from "./rules.ts";
export { applyRules } from "./rules.ts";
export type { SigningTrust } from "./signatures.ts";
export { signersOf } from "./signatures.ts";
export type { Inspector } from "./solve.ts";
export type { Dependency, StatedDependencies } from "./stated.ts";
export type { ResourceDescriptor, Statement } from "./statement.ts";
export { readStatement } from "./statement.ts";
export type { Parameters } from "./substitute.ts";
export { substituteParameters } from "./substitute.ts";
export type {
  ArtifactListTrace,
  ArtifactTrace,
  AttestationTrace,
  InspectionTrace,
  LayoutTrace,
  LayoutVerdict,
  Reason,
  SetAside,
  SignerTrace,
  StepTrace,
  SublayoutTrace,
  Warning,
  WarningCode,
} from "./verdict.ts";
export { WARNING_CODES } from "./verdict.ts";
export type { Examination, LayoutRequest } from "./verify.ts";
export { examineLayout, verifyLayout } from "./verify.ts";
