import { type SignedEntity, VerificationError, type Verifier } from "@sigstore/verify";
import { readKeylessBundle } from "./bundle.ts";
import { checkSigningCertificate, readIdentity } from "./certificate.ts";
import { reasonOf, type SigstoreCode, SigstoreError } from "./error.ts";
import { checkLogEntry } from "./log-entry.ts";
import { type TrustedRoot, trustOf } from "./trusted-root.ts";

/** What a verified keyless bundle proves. */
export interface KeylessSigner {
  /** The exact OIDC issuer that vouched for the identity. */
  readonly issuer: string;
  /** The exact subject alternative name of the certificate: a URI, an email address or a user name. */
  readonly identity: string;
  /** When it was signed: the earliest of the times that were proven. */
  readonly signedAt: Date;
}

/**
 * Verifies a Sigstore bundle and returns who signed it, and when. The signed statement is in the `dsseEnvelope` of the
 * same bytes; what it says is the caller's to check, and so is whether this signer may say it. Compare issuer and
 * identity for equality, and always both: anybody can have any name at an issuer of their own.
 *
 * In this order: limits; every timestamp, and the promise of every log entry, over this signature; the certificate's
 * chain to a Fulcio root, its record in a CT log and its validity at each proven time; every log entry; the signature;
 * the purpose of the certificate; the certificate that the log shows; no time after `time`; one identity, one issuer.
 *
 * The trusted root decides what is required: a log entry where it names transparency logs, a record in a CT log where
 * it names those, and a proven time always, from a log's signed promise of inclusion or from a timestamp authority.
 * Throws SigstoreError, and nothing else, whatever the bundle is.
 */
export function verifyKeyless(bundle: Uint8Array, trustedRoot: TrustedRoot, time: Date): KeylessSigner {
  const { material, verifier } = trustOf(trustedRoot);
  const { entity, certificate, certificateBytes } = readKeylessBundle(bundle);
  if (material.tlogs.length > 0 && entity.tlogEntries.length === 0) {
    throw new SigstoreError(
      "not_logged",
      "The Sigstore bundle has no log entry; the trusted root names transparency logs, so it must have one.",
    );
  }
  runVerifier(verifier, entity);

  checkSigningCertificate(certificate);
  const times = provenTimes(entity);
  const signedAt = new Date(Math.min(...times));
  for (const entry of entity.tlogEntries) checkLogEntry(entry, certificateBytes, material.tlogs, signedAt);
  checkPast(Math.max(...times), time);
  return { ...readIdentity(certificate), signedAt };
}

/** Codes of the library, as far as they say what is wrong; whatever else it throws is a bundle that cannot be read. */
const CODES: ReadonlyMap<string, SigstoreCode> = new Map<string, SigstoreCode>([
  ["CERTIFICATE_ERROR", "untrusted_certificate"],
  ["SIGNATURE_ERROR", "bad_signature"],
  ["TIMESTAMP_ERROR", "unproven_time"],
  ["TLOG_ERROR", "bad_log_entry"],
  ["TLOG_BODY_ERROR", "bad_log_entry"],
  ["TLOG_INCLUSION_PROMISE_ERROR", "bad_log_entry"],
  ["TLOG_INCLUSION_PROOF_ERROR", "bad_log_entry"],
  ["TLOG_MISSING_INCLUSION_ERROR", "bad_log_entry"],
]);

/** Without the library's policy, whose identities are unanchored regular expressions. */
function runVerifier(verifier: Verifier, entity: SignedEntity): void {
  try {
    verifier.verify(entity);
  } catch (error) {
    const code = error instanceof VerificationError ? CODES.get(error.code) : undefined;
    throw new SigstoreError(
      code ?? "bad_sigstore_bundle",
      `The Sigstore bundle does not verify: ${reasonOf(error)}`,
      { cause: error },
    );
  }
}

/**
 * The times that the verifier has verified, of which there is at least one. A log signs its time in the promise of
 * inclusion; without one, the time in an entry is a number that anybody could write (N-43).
 */
function provenTimes(entity: SignedEntity): readonly number[] {
  const times: number[] = [];
  for (const timestamp of entity.timestamps) {
    if (timestamp.$case === "timestamp-authority") {
      times.push(timestamp.timestamp.signingTime.getTime());
    } else if (timestamp.tlogEntry.inclusionPromise !== undefined) {
      times.push(Number(timestamp.tlogEntry.integratedTime) * 1000);
    }
  }
  return times;
}

function checkPast(latest: number, time: Date): void {
  // Written so that a time which is none is refused as well.
  if (latest <= time.getTime()) return;
  const asked = Number.isNaN(time.getTime()) ? "a time that is not one" : time.toISOString();
  throw new SigstoreError(
    "signed_in_future",
    `The Sigstore bundle bears the time ${new Date(latest).toISOString()}; it is asked about for ${asked}.`,
  );
}
