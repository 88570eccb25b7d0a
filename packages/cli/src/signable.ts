import { isKeyIdOf, type KeyId, type PublicKey, type SignatureEntry, type Signer } from "@stemma/crypto";
import {
  asArray,
  asObject,
  encodeHex,
  type JsonObject,
  jsonObject,
  parseJson,
  writeJson,
} from "@stemma/encoding";
import {
  type AddOptions,
  addSignatures,
  assembleEnvelope,
  checkPredicate,
  type Envelope,
  type EnvelopeFormat,
  payloadKind,
  readEnvelope,
  readLayout,
  readLink,
  readStatement,
} from "@stemma/in-toto";
import { decodeRole, type Metadata } from "@stemma/tuf";
import {
  type Description,
  describeLayout,
  describeLink,
  describeMetadata,
  describeStatement,
} from "./describe.ts";
import { CliError } from "./error.ts";

/** A document on disk that can take one more signature. */
export interface Signable {
  readonly kind: "root" | "targets" | "layout" | "link" | "statement";
  readonly description: Description;
  /** The bytes that a signature covers. */
  readonly message: Uint8Array;
  /** What has been signed so far; a DSSE signature need not say by whom. */
  readonly signatures: readonly { readonly keyId: KeyId | undefined; readonly signature: Uint8Array }[];
  /** For root and targets. */
  readonly metadata: Metadata | undefined;
  /** The document with the signer's signature added, everything else byte for byte of the same meaning. */
  sign(signer: Signer, options?: AddOptions): Promise<Uint8Array>;
}

/**
 * Reads root or targets metadata, an in-toto layout or link (in a metablock, in a DSSE envelope, or not yet in any: then
 * it is put into `format`), or a statement in its envelope. Throws TufError, InTotoError, EncodingError, `not_signable`.
 */
export function readSignable(bytes: Uint8Array, now: Date, format: EnvelopeFormat = "dsse"): Signable {
  const document = asObject(parseJson(bytes), "The document");
  const bare = wrapBare(document, format);
  if (bare !== undefined) return readInToto(bare, now);
  const signed = document.get("signed");
  const inner = signed instanceof Map ? (signed as JsonObject).get("_type") : undefined;
  if (inner === "root" || inner === "targets") return readTuf(inner, bytes, document, now);
  const isEnvelope = document.has("payload") || document.has("dsseEnvelope");
  if (isEnvelope || inner === "layout" || inner === "link") return readInToto(bytes, now);
  throw new CliError(
    "not_signable",
    "The file is neither root or targets metadata nor an in-toto layout, link or statement; nothing else is signed by people.",
  );
}

/** A layout or link as its author wrote it, put into an envelope without signatures; undefined for anything else. */
export function wrapBare(document: JsonObject, format: EnvelopeFormat): Uint8Array | undefined {
  const type = document.get("_type");
  return type === "layout" || type === "link" ? assembleEnvelope(document, format, []) : undefined;
}

function readTuf(kind: "root" | "targets", bytes: Uint8Array, document: JsonObject, now: Date): Signable {
  const metadata = decodeRole(kind, bytes);
  return {
    kind,
    description: describeMetadata(metadata.signed, now),
    message: metadata.signedBytes,
    signatures: metadata.signatures,
    metadata,
    sign: async (signer, options) => {
      if (options?.everyKeyId === true) {
        throw new CliError(
          "usage",
          "--every-key-id is for layouts, links and statements; TUF has one key id.",
        );
      }
      const { keyId } = signer.publicKey;
      const entry = jsonObject({ keyid: keyId, sig: encodeHex(await signer.sign(metadata.signedBytes)) });
      const others = asArray(document.get("signatures"), "signatures");
      return writeJson(new Map([...document, ["signatures", [...others, entry]]]));
    },
  };
}

function readInToto(bytes: Uint8Array, now: Date): Signable {
  const envelope = readEnvelope(bytes);
  return {
    ...describeEnvelope(envelope, now),
    message: envelope.message,
    signatures: envelope.signatures,
    metadata: undefined,
    sign: async (signer, options) => {
      if (!envelope.bundle) return addSignatures(bytes, [signer], options);
      throw new CliError("not_signable", "A Sigstore bundle holds one signature and takes no other.");
    },
  };
}

/** What an envelope holds, for people. Throws InTotoError, EncodingError, and `not_signable` for what is not in-toto's. */
export function describeEnvelope(
  envelope: Envelope,
  now: Date,
): Pick<Signable, "description"> & { readonly kind: "layout" | "link" | "statement" } {
  const kind = payloadKind(envelope.payload);
  switch (kind) {
    case "layout":
      return { kind, description: describeLayout(readLayout(envelope), now) };
    case "link":
      return { kind, description: describeLink(readLink(envelope)) };
    case "statement": {
      const statement = readStatement(envelope.payload);
      checkPredicate(statement);
      return { kind, description: describeStatement(statement) };
    }
    default:
      throw new CliError("not_signable", "The envelope holds neither a layout, nor a link, nor a statement.");
  }
}

/** Whether the document already has this key's signature. Throws `already_signed` for one that is not valid. */
export function hasSigned(signable: Signable, key: PublicKey): boolean {
  for (const { keyId, signature } of signable.signatures) {
    if (keyId !== undefined && !isKeyIdOf(keyId, key)) continue;
    if (key.verify(signable.message, signature)) return true;
    if (keyId === key.keyId) {
      throw new CliError(
        "already_signed",
        `The file holds a signature in the name of key ${keyId} that this key did not make; nothing is replaced.`,
      );
    }
  }
  return false;
}

/** Signatures that say by which key they are. */
export function labelled(signable: Signable): SignatureEntry[] {
  return signable.signatures.flatMap(({ keyId, signature }) =>
    keyId === undefined ? [] : [{ keyId, signature }],
  );
}
