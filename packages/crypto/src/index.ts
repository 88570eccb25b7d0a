export type { Certificate } from "./certificate.ts";
export { readCertificate } from "./certificate.ts";
export { anchorsOf } from "./certificate-chain.ts";
export type { CertificateConstraint, UnmetConstraint } from "./certificate-constraint.ts";
export { unmetConstraint } from "./certificate-constraint.ts";
export type { CryptoCode } from "./error.ts";
export { CRYPTO_CODES, CryptoError } from "./error.ts";
export { sha256, sha512 } from "./hash.ts";
export type { KeyFingerprint, KeyId } from "./key-id.ts";
export { asKeyId, isKeyId } from "./key-id.ts";
export type { KeyType, PublicKey } from "./public-key.ts";
export { isKeyIdOf, keyIdsOf, publicKeyFromObject, publicKeyFromPem, readPublicKey } from "./public-key.ts";
export type { KeyKind, Signer } from "./signer.ts";
export {
  encryptPrivateKey,
  generatePrivateKey,
  KEY_KINDS,
  signerFromPem,
  withCertificate,
} from "./signer.ts";
export {
  checkPrivateFile,
  signerFromEnvironment,
  signerFromFile,
  writePrivateFile,
} from "./signer-sources.ts";
export type { SignatureEntry } from "./signers.ts";
export { countSigners } from "./signers.ts";
