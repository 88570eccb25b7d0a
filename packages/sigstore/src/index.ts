export type { SigstoreCode } from "./error.ts";
export { SIGSTORE_CODES, SigstoreError } from "./error.ts";
export { SIGSTORE_LIMITS } from "./limits.ts";
export type { TrustedRoot } from "./trusted-root.ts";
export { readTrustedRoot } from "./trusted-root.ts";
export type { KeylessSigner } from "./verify.ts";
export { verifyKeyless } from "./verify.ts";
