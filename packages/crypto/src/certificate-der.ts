import { ASN1Obj } from "@sigstore/core";
import { decodeUtf8, encodeHex } from "@stemma/encoding";
import { CryptoError } from "./error.ts";

const UTF8_STRING = 12;
const PRINTABLE_STRING = 19;
const IA5_STRING = 22;

/** Throws `bad_certificate`. The reason completes a sentence that begins with the name of the certificate. */
export function refuse(reason: string): never {
  throw new CryptoError("bad_certificate", reason);
}

/** The elements of a SEQUENCE, which must be one. */
export function elementsOf(sequence: ASN1Obj | undefined): readonly ASN1Obj[] {
  if (sequence === undefined || sequence.tag.toDER() !== 0x30)
    return refuse("is not built as a certificate is");
  return sequence.subs;
}

/** The bytes of an OID in hex. Comparing them leaves no second spelling of an OID. */
export function oidOf(object: ASN1Obj | undefined): string {
  if (object?.tag.isOID() !== true) return refuse("is not built as a certificate is");
  return encodeHex(object.value);
}

/** What an OCTET STRING holds, which must be DER. */
export function contentOf(octets: ASN1Obj | undefined): ASN1Obj {
  if (octets?.tag.isOctetString() !== true) return refuse("is not built as a certificate is");
  return ASN1Obj.parseBuffer(Buffer.from(octets.value));
}

/** The text of a name in the subject. String types without one fixed meaning (T61, BMP, Universal) are refused. */
export function readText(object: ASN1Obj | undefined): string {
  if (object?.tag.isUniversal() === true && !object.tag.constructed) {
    switch (object.tag.number) {
      case UTF8_STRING:
        return checkText(decodeUtf8(object.value));
      case PRINTABLE_STRING:
      case IA5_STRING:
        return readAscii(object.value);
    }
  }
  return refuse("has a name in its subject that is no UTF8String, PrintableString or IA5String");
}

/** The text of an IA5String, whatever its tag. */
export function readAscii(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte > 0x7e)) refuse("has a name that is not ASCII where it must be");
  return checkText(decodeUtf8(bytes));
}

/** A NUL ends a name for some readers and not for others; no control character belongs into a name. */
function checkText(text: string): string {
  if (text === "" || /[\u0000-\u001f\u007f-\u009f]/.test(text)) {
    refuse("has a name that is empty or holds a control character");
  }
  return text;
}

/** A time as RFC 5280 4.1.2.5 allows it: to the second, in UTC, and a day that exists. */
export function readMoment(object: ASN1Obj | undefined): Date {
  const moment = object?.toDate();
  const digits = object?.value.toString("latin1").slice(0, -1) ?? "";
  const written = moment?.toISOString().replace(/\.000Z$|[^0-9]/g, "");
  if (moment === undefined || !written?.endsWith(digits))
    return refuse("has a time that is no moment in UTC");
  return moment;
}
