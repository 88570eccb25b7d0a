import { type KeyObject, sign } from "node:crypto";
import { ASN1Obj } from "@sigstore/core";

/** An element of DER, from the bytes of its content. */
export function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const length =
    body.length < 128
      ? [body.length]
      : body.length < 256
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}

/** The text of an element. */
export const ascii = (text: string): Buffer => Buffer.from(text, "latin1");

/** An X.509 extension from the bytes of its object identifier (the content alone) and of its value. */
export function extension(oidHex: string, value: Uint8Array, critical = false): ASN1Obj {
  const parts = [der(0x06, Buffer.from(oidHex, "hex"))];
  if (critical) parts.push(der(0x01, Buffer.of(0xff)));
  return ASN1Obj.parseBuffer(Buffer.from(der(0x30, ...parts, der(0x04, value))));
}

/** Parts of a certificate that a change may replace. */
export interface CertificateParts {
  notBefore: Date;
  notAfter: Date;
  /** By position; `extensionIs` finds one. */
  extensions: ASN1Obj[];
}

export type CertificateChange = (parts: CertificateParts) => void;

/** Whether an extension has an object identifier. */
export const extensionIs = (oid: string) => (extension: ASN1Obj) => extension.subs[0]?.toOID() === oid;

/** The same certificate with changes, signed again by its authority. */
export function reissue(certificate: Uint8Array, authority: KeyObject, change: CertificateChange): Buffer {
  const root = ASN1Obj.parseBuffer(Buffer.from(certificate));
  const tbs = root.subs[0] as ASN1Obj;
  const validity = tbs.subs[4] as ASN1Obj;
  const holder = tbs.subs.at(-1)?.subs[0] as ASN1Obj;
  const parts: CertificateParts = {
    notBefore: (validity.subs[0] as ASN1Obj).toDate(),
    notAfter: (validity.subs[1] as ASN1Obj).toDate(),
    extensions: holder.subs,
  };
  change(parts);
  tbs.subs[4] = ASN1Obj.parseBuffer(
    Buffer.from(der(0x30, utcTime(parts.notBefore), utcTime(parts.notAfter))),
  );
  holder.subs.splice(0, Number.POSITIVE_INFINITY, ...parts.extensions);
  const signature = sign("sha384", tbs.toDER(), authority);
  root.subs[2] = ASN1Obj.parseBuffer(Buffer.from(der(0x03, Buffer.of(0), signature)));
  return root.toDER();
}

function utcTime(time: Date): Buffer {
  return der(0x17, ascii(`${time.toISOString().slice(2, 19).replace(/[-:T]/g, "")}Z`));
}

/** A certificate as PEM. */
export function pemOf(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
