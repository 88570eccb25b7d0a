import { asKeyId, isKeyId, type KeyId } from "@stemma/crypto";
import {
  asArray,
  asObject,
  asString,
  canonicalJson,
  decodeBase64,
  decodeHex,
  type JsonObject,
  type JsonValue,
  member,
  pae,
  parseJson,
} from "@stemma/encoding";
import { InTotoError } from "./error.ts";
import { checkLimit, DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { quote } from "./names.ts";

/** The payload type of layouts and links in a DSSE envelope (in-toto 4.1, ITE-5). */
export const PAYLOAD_TYPE = "application/vnd.in-toto+json";

export type EnvelopeFormat = "metablock" | "dsse";

/** Payload types of statements may name their predicate (in-toto attestation, envelope): `application/vnd.in-toto.x+json`. */
const STATEMENT_PAYLOAD_TYPE = /^application\/vnd\.in-toto\.[A-Za-z0-9][A-Za-z0-9.-]{0,126}\+json$/;

const BUNDLE_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle";

/** One signature, with the key id that it claims. A DSSE signature need not claim any. */
export interface EnvelopeSignature {
  readonly keyId: KeyId | undefined;
  readonly signature: Uint8Array;
  /** The PEM certificate that goes with a signature by an X.509 functionary; `cert` in Go's metablocks. */
  readonly certificate?: string;
}

/** A signed document, read once: `payload` is what is in `message`, and `message` is what the signatures cover. */
export interface Envelope {
  readonly format: EnvelopeFormat;
  readonly payloadType: string;
  readonly payload: JsonObject;
  /** The bytes that were signed: canonical JSON of `signed`, or the DSSE pre-authentication encoding. */
  readonly message: Uint8Array;
  readonly signatures: readonly EnvelopeSignature[];
  /** The envelope as received. */
  readonly bytes: Uint8Array;
  /** Whether it is a Sigstore bundle, which carries a DSSE envelope and what speaks for its one signature. */
  readonly bundle: boolean;
}

/** A DSSE envelope whose payload may be anything (DSSE 1.0). */
export interface DsseParts {
  readonly format: "dsse";
  readonly payloadType: string;
  readonly body: Uint8Array;
  readonly message: Uint8Array;
  readonly signatures: readonly EnvelopeSignature[];
}

/**
 * Reads a metablock, a DSSE envelope (ITE-5) or a Sigstore bundle that holds one, and its payload, strictly and within
 * limits. No signature is checked here. Members that the formats do not know are ignored in the envelope, and kept in
 * the payload.
 *
 * Throws `unsupported_envelope`, `unsupported_payload_type`, `limit_exceeded`, and EncodingError or CryptoError for
 * JSON, hex, base64 and key ids that are not well formed.
 */
export function readEnvelope(bytes: Uint8Array, limits: InTotoLimits = DEFAULT_LIMITS): Envelope {
  const document = asObject(parseJson(bytes, { maxBytes: limits.envelopeBytes }), "The envelope");
  const mediaType = document.get("mediaType");
  const bundle = typeof mediaType === "string" && mediaType.startsWith(BUNDLE_MEDIA_TYPE);
  const envelope = bundle ? bundledEnvelope(document) : document;
  const isDsse = envelope.has("payload");
  if (isDsse === envelope.has("signed")) {
    throw new InTotoError(
      "unsupported_envelope",
      isDsse
        ? "The envelope has both a payload and a signed part; it must be DSSE or a metablock."
        : "The document is neither a DSSE envelope nor a metablock.",
    );
  }
  if (isDsse) {
    const { payloadType, body, message, signatures: found } = openDsse(envelope, limits);
    const signatures = bundle ? labelled(found, document) : found;
    if (payloadType !== PAYLOAD_TYPE && !STATEMENT_PAYLOAD_TYPE.test(payloadType)) {
      throw new InTotoError(
        "unsupported_payload_type",
        `The payload type is ${quote(payloadType)}; in-toto's is ${quote(PAYLOAD_TYPE)}.`,
      );
    }
    // Predicates may hold fractions; the bytes are what was signed, so nothing is ever written again.
    const payload = asObject(
      parseJson(body, { maxBytes: limits.payloadBytes, maxDepth: limits.payloadDepth, fractions: true }),
      "The payload",
    );
    return { format: "dsse", payloadType, payload, message, signatures, bytes, bundle };
  }
  const signatures = readSignatures(envelope, limits, metablockSignature);
  const payload = asObject(member(envelope, "signed", "The metablock"), "signed");
  const message = canonicalJson(payload);
  return { format: "metablock", payloadType: PAYLOAD_TYPE, payload, message, signatures, bytes, bundle };
}

function bundledEnvelope(bundle: JsonObject): JsonObject {
  const envelope = bundle.get("dsseEnvelope");
  if (!(envelope instanceof Map) || !envelope.has("payload")) {
    throw new InTotoError(
      "unsupported_envelope",
      "The Sigstore bundle holds no DSSE envelope, so it attests nothing about how an artifact was made.",
    );
  }
  return envelope as JsonObject;
}

/**
 * In a bundle by a key, the hint of the key stands beside the envelope (Sigstore bundle, PublicKeyIdentifier), whose own
 * signature need not repeat it. It is anybody's text, so one that cannot be a key id is none.
 */
function labelled(signatures: readonly EnvelopeSignature[], bundle: JsonObject): EnvelopeSignature[] {
  const material = bundle.get("verificationMaterial");
  const key = material instanceof Map ? material.get("publicKey") : undefined;
  const text = key instanceof Map ? key.get("hint") : undefined;
  const hint = typeof text === "string" && isKeyId(text) ? text : undefined;
  return signatures.map((signature) => ({ ...signature, keyId: signature.keyId ?? hint }));
}

/** Takes a DSSE envelope apart, without reading its payload. Throws as `readEnvelope`. */
export function openDsse(envelope: JsonObject, limits: InTotoLimits = DEFAULT_LIMITS): DsseParts {
  const payloadType = asString(member(envelope, "payloadType", "The envelope"), "payloadType");
  const signatures = readSignatures(envelope, limits, dsseSignature);
  const text = asString(member(envelope, "payload", "The envelope"), "payload");
  const body = decodeBase64(text, { urlSafe: true });
  checkLimit(body.length, limits.payloadBytes, "The payload", "bytes");
  return { format: "dsse", payloadType, body, message: pae(payloadType, body), signatures };
}

function readSignatures(
  envelope: JsonObject,
  limits: InTotoLimits,
  read: (signature: JsonObject, where: string) => EnvelopeSignature,
): EnvelopeSignature[] {
  const list = asArray(member(envelope, "signatures", "The envelope"), "signatures");
  checkLimit(list.length, limits.signatures, "The envelope", "signatures");
  return list.map((item: JsonValue, index) => {
    const where = `signatures[${index}]`;
    return read(asObject(item, where), where);
  });
}

function metablockSignature(signature: JsonObject, where: string): EnvelopeSignature {
  const keyId = asKeyId(asString(member(signature, "keyid", where), `${where}.keyid`), `${where}.keyid`);
  const bytes = decodeHex(asString(member(signature, "sig", where), `${where}.sig`));
  return { keyId, signature: bytes, ...certificateOf(signature) };
}

function dsseSignature(signature: JsonObject, where: string): EnvelopeSignature {
  // DSSE: an absent key id and an empty one are the same.
  const hint = asString(signature.get("keyid") ?? "", `${where}.keyid`);
  const text = asString(member(signature, "sig", where), `${where}.sig`);
  return {
    keyId: hint === "" ? undefined : asKeyId(hint, `${where}.keyid`),
    signature: decodeBase64(text, { urlSafe: true }),
    ...certificateOf(signature),
  };
}

function certificateOf(signature: JsonObject): { readonly certificate?: string } {
  const certificate = signature.get("cert");
  return typeof certificate === "string" && certificate !== "" ? { certificate } : {};
}
