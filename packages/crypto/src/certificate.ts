import { createPublicKey, X509Certificate } from "node:crypto";
import { decodeBase64, equalBytes } from "@stemma/encoding";
import { refuse } from "./certificate-der.ts";
import { type CertificateFields, readFields } from "./certificate-fields.ts";
import { CryptoError } from "./error.ts";
import { sha256 } from "./hash.ts";
import { type PublicKey, publicKeyFromObject } from "./public-key.ts";

/**
 * An X.509 certificate that was read and whose key is sound (RFC 5280; in-toto.md 1.7). Nothing is said yet about who
 * issued it: `anchorsOf` does that. Shared between all who read the same text, so nobody may change it.
 */
export interface Certificate extends CertificateFields {
  readonly publicKey: PublicKey;
  /** sha256 of the DER: which certificate this is. */
  readonly fingerprint: string;
  /**
   * Whom it is for, as one text: every name that a constraint can ask for, sorted. Two certificates for the same names
   * have the same text, and two for different names never do.
   */
  readonly subject: string;
  /** Whether its signature is by this certificate's key. Whether that one may issue anything is another question. */
  isSignedBy(issuer: Certificate): boolean;
}

const MAX_PEM = 16_384;
/** Nothing before, between or after, so that every reader sees the same one certificate. */
const PEM = /^[\r\n]*-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----[\r\n]*$/;

/** Certificates by their text, like keys: the same few come again and again. Successes only, and bounded. */
const parsed = new Map<string, Certificate>();
const PARSED_LIMIT = 256;

/**
 * Reads exactly one PEM `CERTIFICATE` of at most 16 kB.
 *
 * Throws CryptoError `bad_certificate` for what is no certificate, says something that can be read in two ways, has a
 * critical extension that is not processed here, or is signed by an algorithm that is not verified; and `weak_key` or
 * `unsupported_key` as `publicKeyFromObject` does.
 */
export function readCertificate(pem: string, where: string): Certificate {
  const known = parsed.get(pem);
  if (known !== undefined) return known;
  try {
    const certificate = parse(pem);
    if (parsed.size >= PARSED_LIMIT) parsed.clear();
    parsed.set(pem, certificate);
    return certificate;
  } catch (error) {
    if (error instanceof CryptoError) throw new CryptoError(error.code, `${where} ${error.message}.`);
    throw new CryptoError("bad_certificate", `${where} is not a certificate that can be read.`, {
      cause: error,
    });
  }
}

function parse(pem: string): Certificate {
  if (pem.length > MAX_PEM) return refuse(`is longer than ${MAX_PEM} characters`);
  const body = PEM.exec(pem)?.[1];
  if (body === undefined) return refuse("is not one PEM certificate and nothing else");
  const der = decodeBase64(body.replace(/[\r\n]/g, ""));
  const x509 = new X509Certificate(der);
  // OpenSSL passes over bytes behind a certificate, and before it looks for DER it looks for a PEM, also inside the DER.
  if (!equalBytes(x509.raw, der)) return refuse("does not hold one certificate and nothing else");

  const fields = readFields(der);
  return Object.freeze({
    ...fields,
    publicKey: readKey(x509),
    fingerprint: sha256(der),
    subject: subjectOf(fields),
    isSignedBy: ({ publicKey }: Certificate): boolean =>
      x509.verify(createPublicKey({ key: Buffer.from(publicKey.spki), format: "der", type: "spki" })),
  });
}

function readKey(x509: X509Certificate): PublicKey {
  const key = x509.publicKey;
  try {
    return publicKeyFromObject(key);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    const code = error.code === "bad_key" ? "bad_certificate" : error.code;
    throw new CryptoError(code, `has a key that cannot be used. ${error.message.slice(0, -1)}`);
  }
}

function subjectOf(fields: CertificateFields): string {
  const names = [
    ["CN", fields.commonNames],
    ["O", fields.organizations],
    ["DNS", fields.dnsNames],
    ["email", fields.emails],
    ["URI", fields.uris],
  ] as const;
  return names
    .flatMap(([label, values]) =>
      [...new Set(values)].sort().map((value) => `${label}=${value.replace(/[\\,]/g, "\\$&")}`),
    )
    .join(", ");
}
