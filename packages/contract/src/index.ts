export type { ProblemCode, ProblemKind } from "./codes.ts";
export { isProblemCode, PROBLEMS } from "./codes.ts";
export { LIMITS, METADATA_BYTES } from "./limits.ts";
export { isDomainName, isProjectName, RESERVED_DOMAINS, RESERVED_PROJECTS } from "./names.ts";
export { describeAuthorisation, openApiDocument } from "./openapi.ts";
export type { Problem } from "./problem.ts";
export { PROBLEM_MEDIA_TYPE, problemSchema } from "./problem.ts";
export {
  REGISTRY_ERROR_MEDIA_TYPE,
  type RegistryErrors,
  registryErrorSchema,
  registryErrors,
} from "./registry-error.ts";
export type { Authorisation, Route, RouteAnswer, Scope } from "./route.ts";
export { isRegistryTarget, pathParameters, SCOPES } from "./route.ts";
export type { RouteId } from "./routes.ts";
export { ROUTES } from "./routes.ts";
export type {
  ArtifactAnswer,
  CeremonyAnswer,
  CeremonySignatures,
  ChangeAnswer,
  DescendantsAnswer,
  DomainAnswer,
  DomainUpload,
  HistoryAnswer,
  MetadataUpload,
  OnlineKeysAnswer,
  RecordUpload,
  VerifierKeyAnswer,
} from "./schemas.ts";
export type { ServiceCode } from "./service-error.ts";
export { SERVICE_CODES, ServiceError } from "./service-error.ts";
