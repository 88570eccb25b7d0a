import {
  constants,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  sign as nodeSign,
} from "node:crypto";
import { readCertificate } from "./certificate.ts";
import { CryptoError } from "./error.ts";
import { type PublicKey, publicKeyFromObject } from "./public-key.ts";

/**
 * Something that signs: a key in memory today, a KMS or a hardware token tomorrow, hence asynchronous.
 * Implementations never reveal the private key.
 */
export interface Signer {
  readonly publicKey: PublicKey;
  /** The PEM certificate that goes with the signatures of an X.509 functionary (`withCertificate`). */
  readonly certificate?: string;
  /** The signature over exactly these bytes, in the form that `publicKey.verify` takes. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export const KEY_KINDS = ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa"] as const;
/** What `generatePrivateKey` can make; `rsa` has 3072 bits. */
export type KeyKind = (typeof KEY_KINDS)[number];

/** A new private key as PEM PKCS#8, encrypted when a passphrase is given (PBES2, AES-256-CBC). */
export function generatePrivateKey(kind: KeyKind = "ed25519", passphrase?: string): string {
  return exportPrivateKey(generateKeyObject(kind), passphrase);
}

/** Encrypts a PEM private key, or changes its passphrase. Throws `bad_passphrase` or `bad_key`. */
export function encryptPrivateKey(pem: string, passphrase: string, currentPassphrase?: string): string {
  return exportPrivateKey(readPrivateKey(pem, currentPassphrase), passphrase);
}

/**
 * A signer from a PEM PKCS#8 private key, encrypted or not. Throws `bad_passphrase` when it is encrypted and the
 * passphrase is missing or wrong, `bad_key`, `unsupported_key` or `weak_key` when the key is of no use.
 */
export function signerFromPem(pem: string, passphrase?: string): Signer {
  return new KeySigner(readPrivateKey(pem, passphrase));
}

/**
 * The same signer, whose in-toto signatures come with a certificate: verifiers then ask who it vouches for. Throws
 * `bad_certificate` when it cannot be read or is of another key.
 */
export function withCertificate(signer: Signer, pem: string): Signer {
  const { publicKey } = readCertificate(pem, "The certificate");
  if (publicKey.fingerprint !== signer.publicKey.fingerprint) {
    throw new CryptoError("bad_certificate", "The certificate is of another key than the one that signs.");
  }
  return { publicKey: signer.publicKey, certificate: pem, sign: (message) => signer.sign(message) };
}

class KeySigner implements Signer {
  readonly publicKey: PublicKey;
  readonly #key: KeyObject;

  constructor(key: KeyObject) {
    this.#key = key;
    this.publicKey = publicKeyFromObject(key);
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    const { keyType, scheme } = this.publicKey;
    if (keyType === "ed25519") return new Uint8Array(nodeSign(null, message, this.#key));
    if (keyType === "rsa") {
      return new Uint8Array(
        nodeSign("sha256", message, {
          key: this.#key,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        }),
      );
    }
    const hash = scheme.endsWith("256") ? "sha256" : scheme.endsWith("384") ? "sha384" : "sha512";
    return new Uint8Array(nodeSign(hash, message, { key: this.#key, dsaEncoding: "der" }));
  }
}

function generateKeyObject(kind: KeyKind): KeyObject {
  switch (kind) {
    case "ed25519":
      return generateKeyPairSync("ed25519").privateKey;
    case "rsa":
      return generateKeyPairSync("rsa", { modulusLength: 3072 }).privateKey;
    default:
      return generateKeyPairSync("ec", { namedCurve: kind.replace("ecdsa-p", "P-") }).privateKey;
  }
}

function exportPrivateKey(key: KeyObject, passphrase: string | undefined): string {
  const pem =
    passphrase === undefined
      ? key.export({ type: "pkcs8", format: "pem" })
      : key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase });
  return pem as string;
}

function readPrivateKey(pem: string, passphrase: string | undefined): KeyObject {
  const encrypted = pem.includes("BEGIN ENCRYPTED PRIVATE KEY");
  if (encrypted && (passphrase === undefined || passphrase === "")) {
    throw new CryptoError("bad_passphrase", "The private key is encrypted and no passphrase was given.");
  }
  try {
    return createPrivateKey(
      encrypted ? { key: pem, format: "pem", passphrase } : { key: pem, format: "pem" },
    );
  } catch {
    // The cause is left out on purpose: OpenSSL's text may quote what it read.
    throw encrypted
      ? new CryptoError("bad_passphrase", "The private key could not be decrypted: the passphrase is wrong.")
      : new CryptoError("bad_key", "The private key is not a PEM PKCS#8 that can be read.");
  }
}
