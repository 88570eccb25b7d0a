import type { ASN1Obj } from "@sigstore/core";
import { contentOf, elementsOf, oidOf, readAscii, refuse } from "./certificate-der.ts";

/**
 * What the certificate of a functionary can be for. Go's x509.Verify, as in-toto-golang calls it, asks for
 * `serverAuth`, which SPIFFE identities have; `codeSigning` is the purpose that is meant for signing software.
 */
export type Purpose = "serverAuth" | "codeSigning";

/** What the extensions of a certificate say (RFC 5280 4.2). */
export interface CertificateExtensions {
  /** The DNS names of the subject alternative name, letter for letter (RFC 5280 4.2.1.6). */
  readonly dnsNames: readonly string[];
  /** The mail addresses of the subject alternative name. An address in the subject is none of them. */
  readonly emails: readonly string[];
  /** The URIs of the subject alternative name, letter for letter. */
  readonly uris: readonly string[];
  /** Whether the certificate may issue others (basicConstraints, RFC 5280 4.2.1.9). */
  readonly isCa: boolean;
  /** How many certificates may stand between this one and the leaf; undefined is without limit (RFC 5280 4.2.1.9). */
  readonly pathLength: number | undefined;
  /** Whether the key may sign certificates: keyCertSign, or no key usage at all (RFC 5280 4.2.1.3). */
  readonly signsCertificates: boolean;
  /** Whether the key may sign messages: digitalSignature, or no key usage at all (RFC 5280 4.2.1.3). */
  readonly signsMessages: boolean;
  /** What the extended key usage leaves open; everything when there is none (RFC 5280 4.2.1.12). */
  readonly purposes: readonly Purpose[];
}

/** OIDs by their DER. */
const BASIC_CONSTRAINTS = "551d13";
const KEY_USAGE = "551d0f";
const SUBJECT_ALTERNATIVE_NAME = "551d11";
const EXTENDED_KEY_USAGE = "551d25";
const NAME_CONSTRAINTS = "551d1e";
const PROCESSED = new Set([BASIC_CONSTRAINTS, KEY_USAGE, SUBJECT_ALTERNATIVE_NAME, EXTENDED_KEY_USAGE]);

const EVERY_PURPOSE: readonly Purpose[] = ["serverAuth", "codeSigning"];
const PURPOSES: ReadonlyMap<string, readonly Purpose[]> = new Map([
  ["551d2500", EVERY_PURPOSE], // anyExtendedKeyUsage
  ["2b06010505070301", ["serverAuth"]],
  ["2b06010505070303", ["codeSigning"]],
] as const);

/** Bits of the key usage. */
const DIGITAL_SIGNATURE = 0;
const KEY_CERT_SIGN = 5;

interface Extension {
  readonly critical: boolean;
  readonly content: ASN1Obj;
}

/** Reads the list of extensions, which may be empty. Refuses what is critical and not processed here. */
export function readExtensions(list: readonly ASN1Obj[]): CertificateExtensions {
  const extensions = new Map<string, Extension>();
  const seen = new Set<string>();
  for (const item of list) {
    const [type, ...parts] = elementsOf(item);
    const id = oidOf(type);
    const name = type?.toOID().slice(0, 64);
    const value = parts.pop();
    const critical = parts.pop()?.toBoolean() ?? false;
    if (seen.has(id)) refuse(`has the extension ${name} twice`);
    seen.add(id);
    if (PROCESSED.has(id)) extensions.set(id, { critical, content: contentOf(value) });
    // A limit on names is kept or refused, never passed over, even where its issuer forgot to call it critical.
    else if (critical || id === NAME_CONSTRAINTS)
      refuse(`has the extension ${name}, which Stemma does not process`);
  }
  return {
    ...readNames(extensions.get(SUBJECT_ALTERNATIVE_NAME)),
    ...readBasicConstraints(extensions.get(BASIC_CONSTRAINTS)?.content),
    ...readKeyUsage(extensions.get(KEY_USAGE)?.content),
    purposes: readPurposes(extensions.get(EXTENDED_KEY_USAGE)?.content),
  };
}

type Names = Pick<CertificateExtensions, "dnsNames" | "emails" | "uris">;

/**
 * The subject alternative name. Other kinds of names (addresses, directory names) are passed over, since no constraint
 * speaks of them, unless there is nothing else and the issuer called it critical.
 */
function readNames(extension: Extension | undefined): Names {
  const emails: string[] = [];
  const dnsNames: string[] = [];
  const uris: string[] = [];
  const lists = new Map([
    [1, emails],
    [2, dnsNames],
    [6, uris],
  ]);
  if (extension === undefined) return { dnsNames, emails, uris };
  for (const { tag, value } of elementsOf(extension.content)) {
    if (!tag.isContextSpecific()) refuse("has an alternative name of no kind");
    const list = lists.get(tag.number);
    if (list !== undefined && tag.constructed) refuse("has an alternative name that is no text");
    list?.push(readAscii(value));
  }
  if (extension.critical && emails.length + dnsNames.length + uris.length === 0) {
    refuse("has critical alternative names, none of which Stemma processes");
  }
  return { dnsNames, emails, uris };
}

function readBasicConstraints(
  content: ASN1Obj | undefined,
): Pick<CertificateExtensions, "isCa" | "pathLength"> {
  const parts = content === undefined ? [] : [...elementsOf(content)];
  const isCa = parts[0]?.tag.isBoolean() === true ? (parts.shift()?.toBoolean() ?? false) : false;
  const pathLength = parts.shift()?.toInteger();
  if (parts.length > 0 || (pathLength !== undefined && (!isCa || pathLength < 0n))) {
    refuse("has basic constraints that contradict themselves");
  }
  return { isCa, pathLength: pathLength === undefined ? undefined : Number(pathLength) };
}

function readKeyUsage(
  content: ASN1Obj | undefined,
): Pick<CertificateExtensions, "signsCertificates" | "signsMessages"> {
  const bits = content?.toBitString();
  const allows = (bit: number): boolean => bits === undefined || bits[bit] === 1;
  return { signsCertificates: allows(KEY_CERT_SIGN), signsMessages: allows(DIGITAL_SIGNATURE) };
}

function readPurposes(content: ASN1Obj | undefined): readonly Purpose[] {
  if (content === undefined) return EVERY_PURPOSE;
  const found = new Set(elementsOf(content).flatMap((purpose) => PURPOSES.get(oidOf(purpose)) ?? []));
  return EVERY_PURPOSE.filter((purpose) => found.has(purpose));
}
