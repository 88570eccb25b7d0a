import type { ASN1Obj, X509Certificate } from "@sigstore/core";
import { decodeUtf8 } from "@stemma/encoding";
import { reasonOf, SigstoreError } from "./error.ts";

const KEY_USAGE = "2.5.29.15";
const SUBJECT_ALT_NAME = "2.5.29.17";
const BASIC_CONSTRAINTS = "2.5.29.19";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
/** Fulcio's extensions: the issuer as a UTF8String, and the older one, which holds the text as it is. */
const FULCIO_ISSUER = "1.3.6.1.4.1.57264.1.8";
const FULCIO_ISSUER_OLD = "1.3.6.1.4.1.57264.1.1";
/** The kind of other name that Fulcio issues for people without an email address. */
const FULCIO_USERNAME = "1.3.6.1.4.1.57264.1.7";

const UTF8_STRING = 0x0c;
const NAME_OTHER = 0;
const NAME_EMAIL = 1;
const NAME_URI = 6;

/** The critical extensions whose meaning is checked here; others must be refused (RFC 5280 4.2). */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  KEY_USAGE,
  SUBJECT_ALT_NAME,
  BASIC_CONSTRAINTS,
  EXTENDED_KEY_USAGE,
]);

/**
 * Checks what the library leaves open in a certificate that it found to chain to a Fulcio root: that it is for signing
 * code, no authority itself, and without extensions that nobody here understands, such as the poison of a
 * precertificate. Throws `untrusted_certificate`.
 */
export function checkSigningCertificate(certificate: X509Certificate): void {
  const fault = reading("untrusted_certificate", () => {
    const seen = new Set<string>();
    for (const { oid, critical } of extensionsOf(certificate)) {
      if (seen.has(oid)) return `has the extension ${oid} twice`;
      if (critical && !UNDERSTOOD.has(oid))
        return `has the critical extension ${oid}, which is not understood`;
      seen.add(oid);
    }
    if (certificate.extBasicConstraints?.isCA === true) return "is one of an authority, not of a signer";
    if (certificate.extKeyUsage?.digitalSignature !== true) return "is not for signatures (key usage)";
    if (!extendedKeyUsage(certificate).includes(CODE_SIGNING))
      return "is not for code signing (extended key usage)";
    return undefined;
  });
  if (fault !== undefined) {
    throw new SigstoreError("untrusted_certificate", `The signing certificate ${fault}.`);
  }
}

/** Whether a certificate may sign timestamps: for that alone, and critically so (RFC 3161 2.3). */
export function isTimestampingCertificate(certificate: X509Certificate): boolean {
  const usages = extendedKeyUsage(certificate);
  const critical = certificate.extension(EXTENDED_KEY_USAGE)?.critical === true;
  return critical && usages.length === 1 && usages[0] === TIME_STAMPING;
}

/**
 * The exact issuer and identity in a Fulcio certificate, read strictly: the library would drop the high bit of every
 * byte, which makes look-alikes of names that are none. Throws `bad_certificate_identity`.
 */
export function readIdentity(certificate: X509Certificate): {
  readonly issuer: string;
  readonly identity: string;
} {
  return reading("bad_certificate_identity", () => ({
    issuer: readIssuer(certificate),
    identity: readSubject(certificate),
  }));
}

function readIssuer(certificate: X509Certificate): string {
  const extension = certificate.extension(FULCIO_ISSUER);
  if (extension !== undefined) return readUtf8String(only(extension.valueObj, "issuer"), "issuer");
  const older = certificate.extension(FULCIO_ISSUER_OLD);
  if (older === undefined) throw badIdentity("names no issuer of the identity");
  return readText(older.value, "issuer");
}

function readSubject(certificate: X509Certificate): string {
  const extension = certificate.extension(SUBJECT_ALT_NAME);
  if (extension === undefined) throw badIdentity("has no subject alternative name");
  const name = only(only(extension.valueObj, "subject alternative name"), "subject alternative name");
  if (name.tag.isContextSpecific(NAME_URI) || name.tag.isContextSpecific(NAME_EMAIL)) {
    const text = readText(name.value, "subject alternative name");
    // An IA5String: letters beyond ASCII would be another encoding of another name.
    if (/[^\x20-\x7e]/.test(text)) throw badIdentity("has a subject alternative name that is not ASCII");
    return text;
  }
  const [type, value] = name.subs;
  if (name.tag.isContextSpecific(NAME_OTHER) && type?.toOID() === FULCIO_USERNAME && value !== undefined) {
    return readUtf8String(only(value, "subject alternative name"), "subject alternative name");
  }
  throw badIdentity("has a subject alternative name that is no URI, email address or user name");
}

/** The one element within another: with two, each reader could take another. */
function only(object: ASN1Obj, what: string): ASN1Obj {
  const [first] = object.subs;
  if (first !== undefined && object.subs.length === 1) return first;
  throw badIdentity(`must have exactly one ${what}; it has ${object.subs.length}`);
}

function readUtf8String(object: ASN1Obj, what: string): string {
  if (object.tag.isUniversal() && object.tag.number === UTF8_STRING) return readText(object.value, what);
  throw badIdentity(`has an ${what} that is not a UTF8String`);
}

function readText(bytes: Uint8Array, what: string): string {
  const text = decodeUtf8(bytes);
  if (text === "") throw badIdentity(`has an empty ${what}`);
  if (/\p{Cc}/u.test(text)) throw badIdentity(`has control characters in its ${what}`);
  return text;
}

function badIdentity(fault: string): SigstoreError {
  return new SigstoreError("bad_certificate_identity", `The signing certificate ${fault}.`);
}

function* extensionsOf(
  certificate: X509Certificate,
): Generator<{ readonly oid: string; readonly critical: boolean }> {
  for (const { subs } of certificate.extensions) {
    const oid = subs[0]?.toOID() ?? "without a name";
    yield { oid, critical: subs.length > 2 && subs[1]?.toBoolean() === true };
  }
}

function extendedKeyUsage(certificate: X509Certificate): readonly string[] {
  const usages = certificate.extension(EXTENDED_KEY_USAGE)?.valueObj.subs[0];
  return usages?.subs.map((usage) => usage.toOID()) ?? [];
}

/** Runs what reads a certificate; whatever the library throws about DER that is not as expected means refused. */
function reading<T>(code: "untrusted_certificate" | "bad_certificate_identity", read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SigstoreError) throw error;
    throw new SigstoreError(code, `The signing certificate cannot be read: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}
