import { ASN1Obj } from "@sigstore/core";
import { encodeHex } from "@stemma/encoding";
import { elementsOf, oidOf, readMoment, readText, refuse } from "./certificate-der.ts";
import { type CertificateExtensions, readExtensions } from "./certificate-extensions.ts";

/** What a certificate says (RFC 5280 4.1), read from its DER and from nothing else. */
export interface CertificateFields extends CertificateExtensions {
  /** The issuer's name as DER in hex. */
  readonly issuerName: string;
  /** The subject's name as DER in hex. */
  readonly subjectName: string;
  /** Every common name of the subject. */
  readonly commonNames: readonly string[];
  /** Every organization of the subject. */
  readonly organizations: readonly string[];
  /** The first moment at which the certificate holds (RFC 5280 4.1.2.5). */
  readonly notBefore: Date;
  /** The last moment at which the certificate holds. */
  readonly notAfter: Date;
}

const COMMON_NAME = "550403";
const ORGANIZATION = "55040a";

/**
 * The signature algorithms, as the DER of the whole AlgorithmIdentifier, so that no parameter can be another one.
 * Neither SHA-1 nor MD5, under which two certificates can share a signature; RSA-PSS is not among them because its
 * parameters can name any digest, and authorities hardly use it.
 */
const SIGNATURE_ALGORITHMS: ReadonlySet<string> = new Set([
  "300d06092a864886f70d01010b0500", // sha256WithRSAEncryption
  "300d06092a864886f70d01010c0500", // sha384WithRSAEncryption
  "300d06092a864886f70d01010d0500", // sha512WithRSAEncryption
  "300a06082a8648ce3d040302", // ecdsa-with-SHA256
  "300a06082a8648ce3d040303", // ecdsa-with-SHA384
  "300a06082a8648ce3d040304", // ecdsa-with-SHA512
  "300506032b6570", // Ed25519
]);

const VERSION_3 = 2n;

/** Reads what a certificate says from its DER. Throws, also what is no CryptoError, for what is no such thing. */
export function readFields(der: Uint8Array): CertificateFields {
  const [body, algorithm] = elementsOf(ASN1Obj.parseBuffer(Buffer.from(der)));
  const parts = [...elementsOf(body)];
  const isVersion3 = parts[0]?.tag.isContextSpecific(0) === true;
  if (isVersion3 && parts.shift()?.subs[0]?.toInteger() !== VERSION_3)
    refuse("is of a version other than 1 and 3");

  const [, inner, issuer, validity, subject, , ...rest] = parts;
  const [notBefore, notAfter] = elementsOf(validity);
  // RFC 5280 4.1.1.2: the algorithm stands in the certificate twice, and only the inner one is signed.
  const signed = hexOf(inner);
  if (signed !== hexOf(algorithm) || !SIGNATURE_ALGORITHMS.has(signed)) {
    refuse("is signed by an algorithm that Stemma does not verify; RSA, ECDSA and Ed25519 with SHA-2 are");
  }
  return {
    issuerName: hexOf(issuer),
    subjectName: hexOf(subject),
    commonNames: namesOf(subject, COMMON_NAME),
    organizations: namesOf(subject, ORGANIZATION),
    notBefore: readMoment(notBefore),
    notAfter: readMoment(notAfter),
    ...readExtensions(extensionsOf(rest, isVersion3)),
  };
}

/** Unique identifiers, which may stand before the extensions, are what nobody uses and no reader compares. */
function extensionsOf(rest: readonly ASN1Obj[], isVersion3: boolean): readonly ASN1Obj[] {
  const [wrapper] = rest;
  if (wrapper === undefined) return [];
  if (!isVersion3 || !wrapper.tag.isContextSpecific(3)) {
    refuse("has unique identifiers, or extensions that its version does not have");
  }
  return elementsOf(wrapper.subs[0]);
}

/** The values of one attribute in a name, in their order. */
function namesOf(name: ASN1Obj | undefined, attribute: string): readonly string[] {
  return elementsOf(name)
    .flatMap((set) => set.subs)
    .map((pair) => elementsOf(pair))
    .filter(([type]) => oidOf(type) === attribute)
    .map(([, value]) => readText(value));
}

function hexOf(object: ASN1Obj | undefined): string {
  return object === undefined ? refuse("is not built as a certificate is") : encodeHex(object.toDER());
}
