export { readBundle, writeBundleFile } from "./bundle/archive.ts";
export { asyncSource, bundleSource } from "./bundle/bundle-source.ts";
export type { Bundle, BundleDocument, OpenBundle } from "./bundle/document.ts";
export { bundleBlobs, openBundle, readBundleManifest } from "./bundle/document.ts";
export {
  BUNDLE_ARTIFACT_TYPE,
  BUNDLE_LIMITS,
  BUNDLE_TYPE,
  EVIDENCE_LAYER,
  FILE_NAME,
  METADATA_LAYER,
  PROJECT_HINT,
  TARGET_LAYER,
  TIME_HINT,
} from "./bundle/format.ts";
export type { BundleHints, BundleSubject, PackedBundle } from "./bundle/pack.ts";
export { packBundle } from "./bundle/pack.ts";
export { BundleRecorder } from "./bundle/recorder.ts";
export type { ClientOptions, Question } from "./client.ts";
export { Client, verifyBundle } from "./client.ts";
export { directorySource, readBounded } from "./directory-source.ts";
export { answerEffect, drive, driveSync } from "./drive.ts";
export type { ClientCode } from "./error.ts";
export { CLIENT_CODES, ClientError } from "./error.ts";
export { fileCache, writeAtomically } from "./file-cache.ts";
export { type FreshestOptions, freshestSource } from "./freshest-source.ts";
export type { HttpLocations, HttpOptions } from "./http-source.ts";
export { fetchBytes, httpLocationsSource, httpSource, staticSource } from "./http-source.ts";
export type { MirrorFile } from "./mirror/files.ts";
export { folderDestination } from "./mirror/folder-destination.ts";
export {
  type MirrorDestination,
  type MirrorOptions,
  type MirrorReport,
  mirrorDomain,
} from "./mirror/mirror.ts";
export { rootsUpTo } from "./root-chain.ts";
export type { Cache, Source, SyncSource } from "./source.ts";
export { metadataName, targetName } from "./source.ts";
export { type Ask, JobThread, type JobThreadOptions } from "./thread/job-thread.ts";
export { Places } from "./thread/places.ts";
export { serveJobs } from "./thread/serve-jobs.ts";
export { VerdictThread } from "./thread/verdict-thread.ts";
