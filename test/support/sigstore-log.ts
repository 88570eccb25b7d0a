import { generateKeyPairSync, hash, sign } from "node:crypto";
import type { SignatureBundle, VerificationMaterial } from "@sigstore/sign";
import { canonicalJson, fromPlain, pae } from "@stemma/encoding";

type LogEntry = NonNullable<VerificationMaterial["tlogEntries"]>[number];
type Envelope = Extract<SignatureBundle, { $case: "dsseEnvelope" }>["dsseEnvelope"];

/** The kinds of entry that a transparency log knows for a DSSE envelope. */
export const ENTRY_KINDS = [
  "dsse 0.0.1",
  "intoto 0.0.2",
  "hashedrekord 0.0.1",
  "dsse 0.0.2",
  "hashedrekord 0.0.2",
] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** What a log is asked to write down. */
export interface LogRequest {
  readonly envelope: Envelope;
  /** PEM of the signing certificate. */
  readonly certificate: string;
  readonly kind: EntryKind;
  readonly at: Date;
  /** Whether the log signs a promise of inclusion, and with it the time, as Rekor v1 does and v2 does not. */
  readonly promise: boolean;
}

/** A transparency log in memory, with a Merkle tree (RFC 6962) and checkpoints of its own. */
export class MockLog {
  readonly url = "https://rekor.sigstore.example";
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly publicKey = this.#keys.publicKey.export({ format: "der", type: "spki" });
  readonly id = hash("sha256", this.publicKey, "buffer");
  /** Others have been here before, so that proofs of inclusion have something to prove. */
  readonly #leaves: Buffer[] = [1, 2, 3, 4, 5].map((other) => leafHash(Buffer.of(other)));

  append({ envelope, certificate, kind, at, promise }: LogRequest): LogEntry {
    const body = Buffer.from(canonicalJson(fromPlain(entryBody(kind, envelope, certificate))));
    const logIndex = this.#leaves.push(leafHash(body)) - 1;
    const integratedTime = Math.floor(at.getTime() / 1000);
    const rootHash = treeHash(this.#leaves);
    const [name = "", version = ""] = kind.split(" ");
    return {
      logIndex: String(logIndex),
      logId: { keyId: this.id },
      kindVersion: { kind: name, version },
      integratedTime: String(integratedTime),
      inclusionPromise: promise
        ? { signedEntryTimestamp: this.#promise(body, integratedTime, logIndex) }
        : undefined,
      inclusionProof: {
        logIndex: String(logIndex),
        treeSize: String(this.#leaves.length),
        rootHash,
        hashes: inclusionPath(logIndex, this.#leaves),
        checkpoint: { envelope: this.#checkpoint(rootHash) },
      },
      canonicalizedBody: body,
    };
  }

  #promise(body: Buffer, integratedTime: number, logIndex: number): Buffer {
    const signed = {
      body: body.toString("base64"),
      integratedTime,
      logID: this.id.toString("hex"),
      logIndex,
    };
    return sign("sha256", canonicalJson(fromPlain(signed)), this.#keys.privateKey);
  }

  #checkpoint(rootHash: Buffer): string {
    const { host } = new URL(this.url);
    const note = `${host} - 1\n${this.#leaves.length}\n${rootHash.toString("base64")}\n`;
    const signature = sign("sha256", Buffer.from(note), this.#keys.privateKey);
    return `${note}\n\u2014 ${host} ${Buffer.concat([this.id.subarray(0, 4), signature]).toString("base64")}\n`;
  }
}

function entryBody(kind: EntryKind, envelope: Envelope, certificate: string): unknown {
  const signature = (envelope.signatures[0]?.sig ?? Buffer.alloc(0)).toString("base64");
  const pem = Buffer.from(certificate).toString("base64");
  const rawBytes = certificate.replace(/-----.*-----|\n/g, "");
  const payloadHash = { algorithm: "sha256", value: hash("sha256", envelope.payload) };
  const digest = { algorithm: "SHA2_256", digest: Buffer.from(payloadHash.value, "hex").toString("base64") };
  const verifier = { keyDetails: "PKIX_ECDSA_P256_SHA_256", x509Certificate: { rawBytes } };
  const [name, apiVersion] = kind.split(" ");
  const entry = (spec: unknown): unknown => ({ apiVersion, kind: name, spec });
  switch (kind) {
    case "dsse 0.0.1": {
      const envelopeHash = { algorithm: "sha256", value: hash("sha256", envelopeJson(envelope)) };
      return entry({ envelopeHash, payloadHash, signatures: [{ signature, verifier: pem }] });
    }
    case "intoto 0.0.2": {
      const sig = Buffer.from(signature).toString("base64");
      return entry({
        content: {
          envelope: { payloadType: envelope.payloadType, signatures: [{ sig, publicKey: pem }] },
          payloadHash,
        },
      });
    }
    case "hashedrekord 0.0.1": {
      const value = signedDigest(envelope).toString("hex");
      return entry({
        data: { hash: { algorithm: "sha256", value } },
        signature: { content: signature, publicKey: { content: pem } },
      });
    }
    case "dsse 0.0.2":
      return entry({ dsseV002: { payloadHash: digest, signatures: [{ content: signature, verifier }] } });
    case "hashedrekord 0.0.2": {
      const data = { algorithm: "SHA2_256", digest: signedDigest(envelope).toString("base64") };
      return entry({ hashedRekordV002: { data, signature: { content: signature, verifier } } });
    }
  }
}

/** The envelope as it is sent to the log. */
function envelopeJson({ payloadType, payload, signatures }: Envelope): string {
  return JSON.stringify({
    payloadType,
    payload: payload.toString("base64"),
    signatures: signatures.map(({ sig, keyid }) => ({ sig: sig.toString("base64"), keyid })),
  });
}

/** The digest of what a DSSE signature covers, which is what an entry says that knows nothing of DSSE. */
function signedDigest({ payloadType, payload }: Envelope): Buffer {
  return hash("sha256", pae(payloadType, payload), "buffer");
}

function leafHash(body: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([Buffer.of(0), body]), "buffer");
}

function treeHash(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only !== undefined && leaves.length === 1) return only;
  const split = splitOf(leaves.length);
  const halves = [treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split))];
  return hash("sha256", Buffer.concat([Buffer.of(1), ...halves]), "buffer");
}

/** RFC 6962 2.1.1: the hashes beside the way from a leaf to the root. */
function inclusionPath(index: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const split = splitOf(leaves.length);
  return index < split
    ? [...inclusionPath(index, leaves.slice(0, split)), treeHash(leaves.slice(split))]
    : [...inclusionPath(index - split, leaves.slice(split)), treeHash(leaves.slice(0, split))];
}

/** The largest power of two below a count. */
function splitOf(count: number): number {
  return 2 ** Math.floor(Math.log2(count - 1));
}
