export {
  addSignatures,
  type Ceremony,
  type CeremonyRole,
  type CeremonySignature,
  finishCeremony,
  insertCeremony,
  listCeremonies,
  lockDomainName,
  openCeremonies,
  readCeremony,
  readCeremonyFiles,
} from "./ceremonies.ts";
export {
  type ChangeState,
  domainsWithWork,
  enqueueMetadata,
  enqueueRecord,
  markPublished,
  markRefused,
  type RecordChange,
  readChange,
  readChanges,
  readWaiting,
  type WaitingChange,
  waitingSummary,
} from "./changes.ts";
export { databaseSource } from "./database-source.ts";
export {
  createDomain,
  type Domain,
  findDomain,
  type Head,
  listDomains,
  listHeads,
  moveHead,
  readHead,
} from "./domains.ts";
export { type EmbeddedOptions, type EmbeddedServer, freePort, startEmbedded } from "./embedded.ts";
export { STORE_CODES, type StoreCode, StoreError } from "./error.ts";
export {
  type FileReference,
  insertTargetFiles,
  missingEvidence,
  missingTargetFiles,
  readEvidence,
  readEvidences,
  readTargetFile,
  readTargetFiles,
} from "./files.ts";
export {
  countLineageBehind,
  type Descendant,
  type LineageCursor,
  listLineageBehind,
  lockLineage,
  moveLineageCursor,
  noteFacts,
  type PublishedRecord,
  readDescendants,
  readLineageCursor,
  readPublishedRecords,
  tryLockLineage,
} from "./lineage.ts";
export { type Listener, type ListenOptions, listen } from "./listen.ts";
export {
  insertMetadata,
  latestVersion,
  type NewMetadata,
  readMetadata,
  readMetadataOf,
  readOtherRoots,
  readVersions,
  type StoredMetadata,
} from "./metadata.ts";
export { checkSchema, MIGRATIONS, type Migration, migrate, readMigrations } from "./migrate.ts";
export { announceOnlineKey, listOnlineKeys, type OnlineKey } from "./online-keys.ts";
export { insertOutbox, type OutboxEvent, readOutbox } from "./outbox.ts";
export {
  createPool,
  getTypeParser,
  type Pool,
  type PoolClient,
  type PoolOptions,
  type Queryable,
  sqlState,
  type TransactionOptions,
  withTransaction,
} from "./pool.ts";
export {
  insertReferrerList,
  insertReferrers,
  isReferrerBlob,
  type NewReferrer,
  readReferrer,
  readReferrerList,
  readReferrers,
  type StoredReferrer,
} from "./referrers.ts";
export { type Claim, claimDirectory, type Running, readRunning } from "./running.ts";
export { checkServer } from "./server-check.ts";
export { readSigners, reportSigner, type SignerStatus } from "./signer-status.ts";
export {
  type RequestedSummary,
  readRequestedSummaries,
  readSummary,
  requestSummary,
  type StoredSummary,
  type SummarySubject,
  storeSummary,
} from "./summaries.ts";
export { type ApiToken, createToken, findToken, listTokens, type NewToken, revokeToken } from "./tokens.ts";
export { announceVerifierKey, readVerifierKey, type VerifierKey } from "./verifier-keys.ts";
