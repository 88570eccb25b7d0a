import { bundleFromJSON, ValidationError } from "@sigstore/bundle";
import type { X509Certificate } from "@sigstore/core";
import { type SignedEntity, toSignedEntity } from "@sigstore/verify";
import { asArray, asObject, asString, type JsonObject, member, parseJson, toPlain } from "@stemma/encoding";
import { reasonOf, SigstoreError } from "./error.ts";
import { checkLimit, SIGSTORE_LIMITS } from "./limits.ts";
import { bytes, checkInt64, list, oneOf, optional } from "./members.ts";

/** Every spelling that the bundle formats have had. */
const MEDIA_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.dev.sigstore.bundle+json;version=0.1",
  "application/vnd.dev.sigstore.bundle+json;version=0.2",
  "application/vnd.dev.sigstore.bundle+json;version=0.3",
  "application/vnd.dev.sigstore.bundle.v0.3+json",
]);

/** A bundle of the keyless kind, read and within limits. Nothing in it is verified. */
export interface KeylessBundle {
  /** What `Verifier` takes. */
  readonly entity: SignedEntity;
  /** The signing certificate, which is the key of `entity`. */
  readonly certificate: X509Certificate;
  /** Its DER. */
  readonly certificateBytes: Uint8Array;
}

/**
 * Reads a Sigstore bundle: a DSSE envelope with one signature, made with the key of one certificate.
 *
 * The bytes are parsed once, strictly, and the libraries get that very value, so whoever reads the envelope from these
 * bytes reads what will be verified. Throws SigstoreError for whatever is wrong.
 */
export function readKeylessBundle(document: Uint8Array): KeylessBundle {
  checkLimit(document.length, SIGSTORE_LIMITS.bundleBytes, "The Sigstore bundle", "bytes");
  try {
    const json = parseJson(document, { maxBytes: SIGSTORE_LIMITS.bundleBytes });
    const bundle = asObject(json, "The Sigstore bundle");
    checkMediaType(bundle);
    checkEnvelope(bundle);
    const certificateBytes = checkMaterial(bundle);
    const entity = toSignedEntity(bundleFromJSON(toPlain(bundle)));
    if (entity.key.$case !== "certificate") throw new SigstoreError("not_keyless", NOT_KEYLESS);
    return { entity, certificate: entity.key.certificate, certificateBytes };
  } catch (error) {
    if (error instanceof SigstoreError) throw error;
    // The libraries throw whatever they stumble over, TypeErrors included, and all of it means refused.
    const reason = error instanceof ValidationError ? `bad ${error.fields.join(", ")}` : reasonOf(error);
    throw new SigstoreError("bad_sigstore_bundle", `The Sigstore bundle cannot be read: ${reason}`, {
      cause: error,
    });
  }
}

const NOT_KEYLESS = "The Sigstore bundle is signed with a key, so no certificate says who signed it.";

function checkMediaType(bundle: JsonObject): void {
  const mediaType = asString(member(bundle, "mediaType", "The Sigstore bundle"), "mediaType");
  if (MEDIA_TYPES.has(mediaType)) return;
  throw new SigstoreError(
    "unsupported_bundle",
    `The media type ${JSON.stringify(mediaType.slice(0, 80))} is none of the Sigstore bundles v0.1, v0.2 and v0.3.`,
  );
}

/** Exactly one signature: with more, it would be open which of them the certificate and the log are about (N-45). */
function checkEnvelope(bundle: JsonObject): void {
  if (oneOf(bundle, ["dsseEnvelope", "messageSignature"], "The Sigstore bundle") === "messageSignature") {
    throw new SigstoreError(
      "not_dsse",
      "The Sigstore bundle signs a file; it must sign an in-toto statement in a DSSE envelope.",
    );
  }
  const envelope = asObject(bundle.get("dsseEnvelope"), "dsseEnvelope");
  asString(member(envelope, "payloadType", "dsseEnvelope"), "dsseEnvelope.payloadType");
  bytes(envelope, "payload", "dsseEnvelope");
  const signatures = asArray(envelope.get("signatures"), "dsseEnvelope.signatures");
  if (signatures.length !== 1) {
    throw new SigstoreError(
      "bad_sigstore_bundle",
      `The DSSE envelope of the Sigstore bundle has ${signatures.length} signatures; it must have one.`,
    );
  }
  bytes(asObject(signatures[0], "dsseEnvelope.signatures[0]"), "sig", "dsseEnvelope.signatures[0]");
}

/** Checks everything beside the envelope, and returns the DER of the signing certificate. */
function checkMaterial(bundle: JsonObject): Uint8Array {
  const where = "verificationMaterial";
  const material = asObject(member(bundle, where, "The Sigstore bundle"), where);
  const entries = list(material, "tlogEntries", where);
  checkLimit(entries.length, SIGSTORE_LIMITS.logEntries, where, "log entries");
  for (const [index, entry] of entries.entries()) {
    checkLogEntry(asObject(entry, `tlogEntries[${index}]`), `tlogEntries[${index}]`);
  }
  const data = asObject(
    optional(material, "timestampVerificationData") ?? new Map(),
    `${where}.timestampVerificationData`,
  );
  const timestamps = list(data, "rfc3161Timestamps", `${where}.timestampVerificationData`);
  checkLimit(timestamps.length, SIGSTORE_LIMITS.timestamps, where, "timestamps");
  for (const [index, timestamp] of timestamps.entries()) {
    const place = `rfc3161Timestamps[${index}]`;
    const token = bytes(asObject(timestamp, place), "signedTimestamp", place);
    checkLimit(token.length, SIGSTORE_LIMITS.timestampBytes, place, "bytes");
  }
  return checkCertificates(material, where);
}

function checkCertificates(material: JsonObject, where: string): Uint8Array {
  const kind = oneOf(material, ["certificate", "x509CertificateChain", "publicKey"], where);
  if (kind === "publicKey") throw new SigstoreError("not_keyless", NOT_KEYLESS);
  const holder = asObject(material.get(kind), kind);
  const certificates = kind === "certificate" ? [holder] : list(holder, "certificates", kind);
  checkLimit(certificates.length, SIGSTORE_LIMITS.certificates, where, "certificates");
  const [signing] = certificates.map((certificate, index) => {
    const place = `certificates[${index}]`;
    const der = bytes(asObject(certificate, place), "rawBytes", place);
    checkLimit(der.length, SIGSTORE_LIMITS.certificateBytes, place, "bytes");
    return der;
  });
  if (signing !== undefined) return signing;
  throw new SigstoreError("bad_sigstore_bundle", `${where} has a chain without certificates.`);
}

function checkLogEntry(entry: JsonObject, where: string): void {
  checkInt64(entry, "logIndex", where);
  checkInt64(entry, "integratedTime", where);
  bytes(asObject(entry.get("logId"), `${where}.logId`), "keyId", `${where}.logId`);
  bytes(entry, "canonicalizedBody", where);
  const promise = optional(entry, "inclusionPromise");
  if (promise !== undefined) {
    const place = `${where}.inclusionPromise`;
    bytes(asObject(promise, place), "signedEntryTimestamp", place);
  }
  const proof = optional(entry, "inclusionProof");
  if (proof !== undefined) {
    const place = `${where}.inclusionProof`;
    checkInt64(asObject(proof, place), "logIndex", place);
    const checkpoint = optional(asObject(proof, place), "checkpoint");
    if (checkpoint === undefined) return;
    const text = asString(asObject(checkpoint, place).get("envelope"), `${place}.checkpoint.envelope`);
    checkLimit(text.length, SIGSTORE_LIMITS.checkpointLength, `${place}.checkpoint`, "characters");
  }
}
