export { readConfig, SIGNER_SETTINGS, type SignerConfig, type VerifierConfig } from "./config.ts";
export { SIGNER_CODES, type SignerCode, SignerError } from "./error.ts";
export { loadKey, loadVerifier } from "./keys.ts";
export { DEFAULT_PERIODS, type Periods } from "./periods.ts";
export {
  PUBLISH_STEPS,
  type Published,
  Publisher,
  type PublisherOptions,
  type PublishStep,
} from "./publish.ts";
export { type Overrides, type SignerKeys, type SignerService, startSigner } from "./service.ts";
export type { SummarySigner } from "./summaries.ts";
