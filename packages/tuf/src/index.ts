export {
  assemble,
  type DelegatedRoleInput,
  type DelegationsInput,
  delegationsInput,
  type RoleKeys,
  type RootInput,
  rootPayload,
  type SnapshotInput,
  type SuccinctRolesInput,
  signingBytes,
  signPayload,
  snapshotPayload,
  type TargetsInput,
  type TimestampInput,
  targetsPayload,
  timestampPayload,
} from "./authoring.ts";
export { decodeRole, decodeRoot, decodeSnapshot, decodeTargets, decodeTimestamp } from "./codec.ts";
export {
  binName,
  binNames,
  delegatesPath,
  findDelegation,
  isBinName,
  type NextRole,
  rolesForTarget,
} from "./delegations.ts";
export { hasStrongDigest, targetFileName, verifyTargetFile } from "./digests.ts";
export type {
  Effect,
  EffectAnswer,
  EvidenceEffect,
  ForeignDomain,
  KeepEffect,
  MetadataEffect,
  TargetEffect,
} from "./effects.ts";
export { TUF_CODES, type TufCode, TufError } from "./error.ts";
export { ROOT_MEMBER } from "./fields.ts";
export { matchesPattern } from "./glob.ts";
export { DEFAULT_LIMITS, type Limits } from "./limits.ts";
export { lintForPublish, type PublishContext, publishFindings } from "./lint.ts";
export { roleNameFault, targetPathFault } from "./lint-names.ts";
export {
  type DelegatedRole,
  type Delegations,
  isExpired,
  type Metadata,
  type MetaFile,
  type Role,
  type Root,
  type RootReference,
  referenceTo,
  type Signed,
  type SignedBase,
  type Snapshot,
  type SuccinctRoles,
  type TargetFile,
  type Targets,
  type Timestamp,
  TOP_LEVEL_ROLES,
  type TopLevelRole,
} from "./model.ts";
export { type SignatureStatus, signatureStatus } from "./status.ts";
export { checkThreshold, keysOf } from "./threshold.ts";
export { type Standing, TrustedMetadata } from "./trusted.ts";
export { type FoundTarget, findTarget, loadDelegated, loadRole, refresh, type Workflow } from "./workflow.ts";
