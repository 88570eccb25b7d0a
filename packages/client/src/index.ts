export type { Bundle } from "./bundle.ts";
export {
  asyncSource,
  BUNDLE_TYPE,
  BundleRecorder,
  bundleSource,
  MAX_BUNDLE_BYTES,
  readBundle,
} from "./bundle.ts";
export type { ClientOptions, Question } from "./client.ts";
export { Client, verifyBundle } from "./client.ts";
export { directorySource, readBounded } from "./directory-source.ts";
export { answerEffect, drive, driveSync } from "./drive.ts";
export type { ClientCode } from "./error.ts";
export { CLIENT_CODES, ClientError } from "./error.ts";
export { fileCache, writeAtomically } from "./file-cache.ts";
export type { HttpLocations, HttpOptions } from "./http-source.ts";
export { fetchBytes, httpLocationsSource, httpSource } from "./http-source.ts";
export type { Cache, Source, SyncSource } from "./source.ts";
export { metadataName, targetName } from "./source.ts";
export { type Ask, JobThread, type JobThreadOptions } from "./thread/job-thread.ts";
export { Places } from "./thread/places.ts";
export { serveJobs } from "./thread/serve-jobs.ts";
export { VerdictThread } from "./thread/verdict-thread.ts";
