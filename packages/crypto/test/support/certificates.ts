import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { generatePrivateKey, type KeyKind, type Signer, signerFromPem } from "@stemma/crypto";
import {
  bitString,
  bits,
  boolean,
  nothing,
  octets,
  oid,
  sequence,
  set,
  smallInteger,
  string,
  tagged,
  time,
  tlv,
  wrapped,
} from "./der.ts";

/** Attributes of a name. Several values are several attributes. */
export interface Name {
  readonly commonName?: string | readonly string[];
  readonly organization?: string | readonly string[];
  readonly unit?: string | readonly string[];
}

const KEY_USAGES = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const;

/** What to put into a certificate. Whatever is left out is as it is in a certificate that does its work. */
export interface CertificateOptions {
  /** Names, or the DER of a name. */
  readonly subject: Name | Uint8Array;
  /** Alternative names as `dns:…`, `email:…` or `uri:…`, or the DER of other ones. */
  readonly sans?: readonly (string | Uint8Array)[];
  readonly sansCritical?: boolean;
  /** Whose name and key issue it; itself when left out. */
  readonly issuer?: Pick<MadeCertificate, "name" | "privateKey">;
  /** The kind of its new key, ECDSA P-256 when left out, or a key that there is. */
  readonly key?: KeyKind | KeyObject;
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** keyCertSign and cRLSign for a CA, digitalSignature for others when left out; `"none"` leaves out the extension. */
  readonly keyUsage?: readonly (keyof typeof KEY_USAGES)[] | "none";
  /** OIDs; no extension when left out. */
  readonly extendedKeyUsage?: readonly string[];
  /** 2026 when left out. */
  readonly notBefore?: Date | Uint8Array;
  readonly notAfter?: Date | Uint8Array;
  /** Further extensions. */
  readonly extensions?: readonly Extension[];
  /** Version 1 has no extensions at all. */
  readonly version?: 1 | 3;
  readonly hash?: "sha256" | "sha384" | "sha512" | "sha1";
  /**
   * Changes what is signed: version, serial number, algorithm, issuer, validity, subject, public key and extensions.
   * For certificates that nobody should make.
   */
  readonly edit?: (parts: readonly Uint8Array[]) => readonly Uint8Array[];
}

export interface Extension {
  readonly oid: string;
  readonly critical?: boolean;
  /** The DER that it holds. */
  readonly value: Uint8Array;
}

export interface MadeCertificate {
  readonly pem: string;
  readonly der: Uint8Array;
  /** The DER of its subject. */
  readonly name: Uint8Array;
  readonly privateKey: KeyObject;
  /** A signer with its key. */
  signer(): Signer;
}

export const NOT_BEFORE = new Date("2026-01-01T00:00:00Z");
export const NOT_AFTER = new Date("2026-12-31T23:59:59Z");
/** A moment at which certificates hold that say nothing else. */
export const DURING = new Date("2026-06-01T12:00:00Z");

/** Makes a certificate, signed by its issuer or by itself. */
export function makeCertificate(options: CertificateOptions): MadeCertificate {
  const privateKey = keyOf(options.key ?? "ecdsa-p256");
  const name = options.subject instanceof Uint8Array ? options.subject : nameOf(options.subject);
  const issuer = options.issuer ?? { name, privateKey };
  const algorithm = algorithmOf(issuer.privateKey, options.hash ?? "sha256");
  const { notBefore = NOT_BEFORE, notAfter = NOT_AFTER } = options;
  const validity = [notBefore, notAfter].map((one) => (one instanceof Uint8Array ? one : time(one)));
  const parts = [
    ...(options.version === 1 ? [] : [wrapped(0, smallInteger(2))]),
    tlv(0x02, Uint8Array.of(1, 2, 3, 4)),
    algorithm,
    issuer.name,
    sequence(...validity),
    name,
    createPublicKey(privateKey).export({ format: "der", type: "spki" }),
    ...(options.version === 1 ? [] : [wrapped(3, sequence(...extensionsOf(options)))]),
  ];
  const body = sequence(...(options.edit?.(parts) ?? parts));
  const digest = issuer.privateKey.asymmetricKeyType === "ed25519" ? null : (options.hash ?? "sha256");
  const der = sequence(body, algorithm, bitString(sign(digest, body, issuer.privateKey)));
  const pkcs8 = (): string => privateKey.export({ format: "pem", type: "pkcs8" }) as string;
  return { pem: pemOf(der), der, name, privateKey, signer: () => signerFromPem(pkcs8()) };
}

/** DER as a PEM certificate. */
export function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** The DER of a name, one attribute after the other. */
export function nameOf({ commonName, organization, unit }: Name): Uint8Array {
  const attributes = [
    ["2.5.4.10", organization],
    ["2.5.4.11", unit],
    ["2.5.4.3", commonName],
  ] as const;
  return sequence(
    ...attributes.flatMap(([type, values]) =>
      [values ?? []].flat().map((value) => set(sequence(oid(type), string(value)))),
    ),
  );
}

function keyOf(key: KeyKind | KeyObject): KeyObject {
  return typeof key === "string" ? createPrivateKey(generatePrivateKey(key)) : key;
}

function algorithmOf(key: KeyObject, hash: "sha256" | "sha384" | "sha512" | "sha1"): Uint8Array {
  if (key.asymmetricKeyType === "ed25519") return sequence(oid("1.3.101.112"));
  if (key.asymmetricKeyType === "rsa") {
    return sequence(
      oid(`1.2.840.113549.1.1.${{ sha1: 5, sha256: 11, sha384: 12, sha512: 13 }[hash]}`),
      nothing(),
    );
  }
  const suffix = { sha1: "1", sha256: "3.2", sha384: "3.3", sha512: "3.4" }[hash];
  return sequence(oid(`1.2.840.10045.4.${suffix}`));
}

function extensionsOf(options: CertificateOptions): readonly Uint8Array[] {
  const { ca = false, pathLength, sans, extendedKeyUsage } = options;
  const usages = options.keyUsage ?? (ca ? ["keyCertSign", "cRLSign"] : ["digitalSignature"]);
  const list: Extension[] = [];
  if (ca) {
    const limit = pathLength === undefined ? [] : [smallInteger(pathLength)];
    list.push({ oid: "2.5.29.19", critical: true, value: sequence(boolean(true), ...limit) });
  }
  if (usages !== "none") {
    list.push({ oid: "2.5.29.15", critical: true, value: bits(usages.map((usage) => KEY_USAGES[usage])) });
  }
  if (sans !== undefined) {
    const critical = options.sansCritical ?? false;
    list.push({ oid: "2.5.29.17", critical, value: sequence(...sans.map(sanOf)) });
  }
  if (extendedKeyUsage !== undefined) {
    list.push({ oid: "2.5.29.37", value: sequence(...extendedKeyUsage.map(oid)) });
  }
  return [...list, ...(options.extensions ?? [])].map((extension) =>
    sequence(
      oid(extension.oid),
      ...(extension.critical === true ? [boolean(true)] : []),
      octets(extension.value),
    ),
  );
}

function sanOf(san: string | Uint8Array): Uint8Array {
  if (san instanceof Uint8Array) return san;
  const kind = san.slice(0, san.indexOf(":"));
  const number = { email: 1, dns: 2, uri: 6 }[kind];
  if (number === undefined) throw new Error(`"${san}" must begin with dns:, email: or uri:.`);
  return tagged(number, san.slice(kind.length + 1));
}
