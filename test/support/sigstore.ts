import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { bundleToJSON, type SerializedBundle } from "@sigstore/bundle";
import { initializeCA, initializeCTLog, initializeTSA } from "@sigstore/mock";
import { DSSEBundleBuilder, type Signer, type Witness } from "@sigstore/sign";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import { type CertificateChange, pemOf, reissue } from "./sigstore-certificates.ts";
import { type EntryKind, MockLog } from "./sigstore-log.ts";

const SINCE = "2020-01-01T00:00:00Z";
const SHA256_OID = "2.16.840.1.101.3.4.2.1";
const TSA_POLICY_OID = "1.3.6.1.4.1.57264.2";
const FULCIO_ISSUER_OLD = "1.3.6.1.4.1.57264.1.1";
const FULCIO_ISSUER = "1.3.6.1.4.1.57264.1.8";

/** What stands for a signature: an entry in the log, of the kind that is common today or of another, or a timestamp. */
export type Proof = "log" | EntryKind | "timestamp";

export interface SignOptions {
  readonly issuer?: string;
  readonly identity?: string;
  readonly proofs?: readonly Proof[];
  /** When the certificate is issued, valid for ten minutes. */
  readonly at?: Date;
  /** When the log and the timestamp authority sign; as the certificate unless told. */
  readonly provenAt?: Date;
  /** Whether the log promises inclusion, and so signs the time; it does unless told. */
  readonly promise?: boolean;
  /** Writes a bundle v0.2, with a chain of certificates. */
  readonly chain?: boolean;
  /** A signing key to use again; a new one for each bundle unless told. */
  readonly key?: KeyPair;
  /** Changes to the signing certificate. It is then in no CT log. */
  readonly certificate?: CertificateChange;
}

/** What a trusted root names: everything unless told. */
export interface TrustedRootParts {
  readonly logs?: boolean;
  readonly ctLogs?: boolean;
  readonly timestamps?: boolean;
}

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A key pair as the services use them. */
export const newKeyPair = (): KeyPair => generateKeyPairSync("ec", { namedCurve: "P-256" });

/** The JSON of a trusted root. */
export interface TrustedRootJson {
  mediaType: string;
  tlogs: TrustedLogJson[];
  ctlogs: TrustedLogJson[];
  certificateAuthorities: TrustedAuthorityJson[];
  timestampAuthorities: TrustedAuthorityJson[];
}

export interface PeriodJson {
  start?: string;
  end?: string;
}

export interface TrustedLogJson {
  baseUrl: string;
  hashAlgorithm: string;
  publicKey: { rawBytes: string; keyDetails: string; validFor?: PeriodJson };
  logId: { keyId: string };
}

export interface TrustedAuthorityJson {
  uri: string;
  certChain: { certificates: { rawBytes: string }[] };
  validFor?: PeriodJson;
}

/** Keys of the services, and the certificates of those that have some. */
interface Services {
  readonly fulcio: KeyPair;
  readonly ctLog: KeyPair;
  readonly tsa: KeyPair;
  readonly certificates: { readonly fulcio: Buffer; readonly tsaSigning: Buffer; readonly tsa: Buffer };
}

/**
 * A whole Sigstore in memory: Fulcio, its CT log, a transparency log and a timestamp authority, with keys of its own.
 * No network and no clock: everything is signed at the time that is asked for, `now` unless told.
 */
export class MockSigstore {
  readonly now = new Date("2026-11-24T00:00:00Z");
  readonly issuer = "https://accounts.example.com";
  readonly identity = "https://git.example.com/org/app/.github/workflows/release.yml@refs/heads/main";
  readonly log = new MockLog();
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  static async create(): Promise<MockSigstore> {
    const [fulcio, ctLog, tsa] = [newKeyPair(), newKeyPair(), newKeyPair()];
    const authority = await initializeCA(fulcio);
    const stamper = await initializeTSA(tsa);
    // Made valid for long, so that bundles can be signed at any time.
    const lasting = (certificate: ArrayBufferView, keys: KeyPair): Buffer =>
      reissue(bufferOf(certificate), keys.privateKey, (parts) => {
        parts.notBefore = new Date(SINCE);
        parts.notAfter = new Date("2049-01-01T00:00:00Z");
      });
    return new MockSigstore({
      fulcio,
      ctLog,
      tsa,
      certificates: {
        fulcio: lasting(authority.rootCertificate, fulcio),
        tsaSigning: lasting(stamper.intCertificate, tsa),
        tsa: lasting(stamper.rootCertificate, tsa),
      },
    });
  }

  /** The bytes of a trusted root that names these services. */
  trustedRoot(parts: TrustedRootParts = {}, change: (root: TrustedRootJson) => void = () => {}): Uint8Array {
    const { certificates, ctLog } = this.#services;
    const root: TrustedRootJson = {
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: parts.logs === false ? [] : [this.trustedLog()],
      ctlogs:
        parts.ctLogs === false
          ? []
          : [trustedLog("https://ct.example", ctLog.publicKey.export({ format: "der", type: "spki" }))],
      certificateAuthorities: [trustedAuthority("https://fulcio.example", [certificates.fulcio])],
      timestampAuthorities:
        parts.timestamps === false
          ? []
          : [trustedAuthority("https://tsa.example", [certificates.tsaSigning, certificates.tsa])],
    };
    change(root);
    return utf8(JSON.stringify(root));
  }

  /** How a trusted root names the log. */
  trustedLog(): TrustedLogJson {
    return trustedLog(this.log.url, this.log.publicKey);
  }

  /** The bytes of a bundle over a statement, signed with a key that is certified and forgotten. */
  async sign(statement: Uint8Array, payloadType: string, options: SignOptions = {}): Promise<Uint8Array> {
    const { privateKey, publicKey } = options.key ?? newKeyPair();
    const certificate = pemOf(await this.certify(publicKey, options));
    const signer: Signer = {
      sign: async (data) => ({
        signature: sign("sha256", data, privateKey),
        key: { $case: "x509Certificate", certificate },
      }),
    };
    const witnesses = (options.proofs ?? ["log", "timestamp"]).map((proof) => this.witness(proof, options));
    const builder = new DSSEBundleBuilder({ signer, witnesses, certificateChain: options.chain ?? false });
    const bundle = await builder.create({ data: Buffer.from(statement), type: payloadType });
    return bundleBytes(bundleToJSON(bundle));
  }

  /** The DER of a certificate that Fulcio issues for a key. */
  async certify(publicKey: KeyObject, options: SignOptions = {}): Promise<Buffer> {
    const { fulcio, ctLog } = this.#services;
    const at = options.at ?? this.now;
    const log = options.certificate === undefined ? await initializeCTLog(ctLog, at) : undefined;
    const authority = await initializeCA(fulcio, log, at);
    const issuer = options.issuer ?? this.issuer;
    const certificate = await authority.issueCertificate({
      publicKey: Buffer.from(publicKey.export({ format: "der", type: "spki" })),
      subjectAltName: options.identity ?? this.identity,
      extensions: [
        { oid: FULCIO_ISSUER_OLD, value: issuer, legacy: true },
        { oid: FULCIO_ISSUER, value: issuer },
      ],
    });
    const { certificate: change } = options;
    return change === undefined
      ? bufferOf(certificate)
      : reissue(bufferOf(certificate), fulcio.privateKey, change);
  }

  /** What the log or the timestamp authority adds to a bundle. */
  witness(proof: Proof, options: SignOptions = {}): Witness {
    const at = options.provenAt ?? options.at ?? this.now;
    return {
      testify: async (content, certificate) => {
        if (content.$case !== "dsseEnvelope") throw new Error("Only DSSE envelopes are signed here.");
        const envelope = content.dsseEnvelope;
        if (proof === "timestamp") {
          const signature = envelope.signatures[0]?.sig ?? Buffer.alloc(0);
          return { rfc3161Timestamps: [{ signedTimestamp: await this.timestamp(signature, at) }] };
        }
        const kind = proof === "log" ? "dsse 0.0.1" : proof;
        const { promise = true } = options;
        return { tlogEntries: [this.log.append({ envelope, certificate, kind, at, promise })] };
      },
    };
  }

  /** The answer of the timestamp authority (RFC 3161) for a signature. */
  async timestamp(signature: Uint8Array, at = this.now): Promise<Buffer> {
    const authority = await initializeTSA(this.#services.tsa, at);
    const token = await authority.timestamp({
      artifactHash: Buffer.from(sha256(signature), "hex"),
      hashAlgorithmOID: SHA256_OID,
      policyOID: TSA_POLICY_OID,
      nonce: 1,
    });
    return bufferOf(token);
  }

  /** The trusted root's certificate for signing timestamps, with changes. */
  timestampingCertificate(change: CertificateChange): Buffer {
    const { certificates, tsa } = this.#services;
    return reissue(certificates.tsaSigning, tsa.privateKey, change);
  }
}

/** The bytes of a bundle. */
export function bundleBytes(bundle: SerializedBundle): Uint8Array {
  return utf8(JSON.stringify(bundle));
}

function trustedLog(baseUrl: string, publicKey: Buffer): TrustedLogJson {
  const rawBytes = publicKey.toString("base64");
  return {
    baseUrl,
    hashAlgorithm: "SHA2_256",
    publicKey: { rawBytes, keyDetails: "PKIX_ECDSA_P256_SHA_256", validFor: { start: SINCE } },
    logId: { keyId: Buffer.from(sha256(publicKey), "hex").toString("base64") },
  };
}

function trustedAuthority(uri: string, certificates: readonly Buffer[]): TrustedAuthorityJson {
  return {
    uri,
    certChain: { certificates: certificates.map((der) => ({ rawBytes: der.toString("base64") })) },
    validFor: { start: SINCE },
  };
}

function bufferOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer.slice(byteOffset, byteOffset + byteLength));
}
