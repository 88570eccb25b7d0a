import { utf8 } from "@stemma/encoding";
import { readTrustedRoot, SigstoreError, type TrustedRoot, verifyKeyless } from "@stemma/sigstore";

/** The JSON of a bundle, as far as tests change it. */
export interface BundleJson {
  mediaType: string;
  verificationMaterial: {
    certificate?: { rawBytes: string };
    x509CertificateChain?: { certificates: { rawBytes: string }[] };
    publicKey?: { hint: string };
    tlogEntries: LogEntryJson[];
    timestampVerificationData?: { rfc3161Timestamps: { signedTimestamp: string }[] };
  };
  dsseEnvelope?: { payload: string; payloadType: string; signatures: { sig: string; keyid?: string }[] };
  messageSignature?: { messageDigest: { algorithm: string; digest: string }; signature: string };
}

export interface LogEntryJson {
  logIndex: string;
  logId: { keyId: string };
  integratedTime: string;
  inclusionPromise?: { signedEntryTimestamp: string };
  inclusionProof?: {
    logIndex: string;
    rootHash: string;
    treeSize: string;
    hashes: string[];
    checkpoint: { envelope: string };
  };
  canonicalizedBody: string;
}

export function bundleJson(bundle: Uint8Array): BundleJson {
  return JSON.parse(Buffer.from(bundle).toString());
}

/** The same bundle with a change. */
export function edit(bundle: Uint8Array, change: (json: BundleJson) => void): Uint8Array {
  const json = bundleJson(bundle);
  change(json);
  return utf8(JSON.stringify(json));
}

/** The envelope of a bundle, which a test knows to be there. */
export function envelopeOf(json: BundleJson): NonNullable<BundleJson["dsseEnvelope"]> {
  if (json.dsseEnvelope === undefined) throw new Error("The bundle has no envelope.");
  return json.dsseEnvelope;
}

/** The first item, which a test knows to be there. */
export function first<T>(items: readonly T[] | undefined): T {
  const [item] = items ?? [];
  if (item === undefined) throw new Error("The list is empty.");
  return item;
}

/** What becomes of a bundle: `accepted` or the code of its refusal. Anything else that is thrown fails the test. */
export function outcome(bundle: Uint8Array, root: TrustedRoot | Uint8Array, time: Date): string {
  try {
    verifyKeyless(bundle, root instanceof Uint8Array ? readTrustedRoot(root) : root, time);
    return "accepted";
  } catch (error) {
    if (!(error instanceof SigstoreError)) throw error;
    return error.code;
  }
}

/** Base64 with one bit of one byte turned. */
export function flip(base64: string, at: number, mask = 1): string {
  const bytes = Buffer.from(base64, "base64");
  const index = at % bytes.length;
  bytes[index] = (bytes[index] ?? 0) ^ mask;
  return bytes.toString("base64");
}
