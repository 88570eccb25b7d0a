export type { ArtifactDigests, Artifacts } from "./artifacts.ts";
export { digestTexts, sameDigests } from "./artifacts.ts";
export type { LayoutContent, LinkContent, StepContent } from "./authoring.ts";
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
export type { AuthorizedLink } from "./authorize.ts";
export { authorizedFunctionaries } from "./authorize.ts";
export type { DsseParts, Envelope, EnvelopeFormat, EnvelopeSignature } from "./envelope.ts";
export { openDsse, PAYLOAD_TYPE, readEnvelope } from "./envelope.ts";
export type { InTotoCode } from "./error.ts";
export { IN_TOTO_CODES, InTotoError } from "./error.ts";
export { Glob } from "./glob.ts";
export type { Inspection, Layout, Step, UnusableKey } from "./layout.ts";
export { readExpires, readLayout } from "./layout.ts";
export type { InTotoLimits } from "./limits.ts";
export { DEFAULT_LIMITS, Meter } from "./limits.ts";
export type { Link } from "./link.ts";
export { readLink } from "./link.ts";
export { checkArtifactName, checkStepName } from "./names.ts";
export type { Owners, SignedLayout } from "./open-layout.ts";
export { isExpired, openLayout } from "./open-layout.ts";
export type { PublishCheck } from "./publish-check.ts";
export { checkLayoutForPublish } from "./publish-check.ts";
export type { ArtifactRule, ArtifactType, MatchRule, PatternRule, RequireRule } from "./rule.ts";
export { parseRule, readRules, ruleText } from "./rule.ts";
export type { ItemArtifacts, Mismatch, RuleFailure, RuleOutcome, RuleTrace } from "./rules.ts";
export { applyRules } from "./rules.ts";
export type { Functionary } from "./signatures.ts";
export { signersOf } from "./signatures.ts";
export type { Parameters } from "./substitute.ts";
export { substituteParameters } from "./substitute.ts";
export { unsupportedParts } from "./unsupported.ts";
export type {
  ArtifactListTrace,
  ArtifactTrace,
  LayoutTrace,
  LayoutVerdict,
  Reason,
  SetAside,
  SignerTrace,
  StepTrace,
  Warning,
  WarningCode,
} from "./verdict.ts";
export { WARNING_CODES } from "./verdict.ts";
export type { LayoutRequest } from "./verify.ts";
export { verifyLayout } from "./verify.ts";
