import { pem } from "@sigstore/core";
import type { SignedEntity, TrustMaterial } from "@sigstore/verify";
import {
  asObject,
  asString,
  decodeBase64,
  decodeUtf8,
  equalBytes,
  type JsonValue,
  parseJson,
} from "@stemma/encoding";
import { reasonOf, SigstoreError } from "./error.ts";

type LogEntry = SignedEntity["tlogEntries"][number];

/** Where the kinds of entry hold the signer's certificate, as PEM in base64 or as DER in base64. */
const CERTIFICATES: ReadonlyMap<string, { readonly path: readonly string[]; readonly form: "pem" | "der" }> =
  new Map([
    ["dsse 0.0.1", { path: ["spec", "signatures", "0", "verifier"], form: "pem" }],
    ["intoto 0.0.2", { path: ["spec", "content", "envelope", "signatures", "0", "publicKey"], form: "pem" }],
    ["hashedrekord 0.0.1", { path: ["spec", "signature", "publicKey", "content"], form: "pem" }],
    [
      "dsse 0.0.2",
      {
        path: ["spec", "dsseV002", "signatures", "0", "verifier", "x509Certificate", "rawBytes"],
        form: "der",
      },
    ],
    [
      "hashedrekord 0.0.2",
      {
        path: ["spec", "hashedRekordV002", "signature", "verifier", "x509Certificate", "rawBytes"],
        form: "der",
      },
    ],
  ]);

/**
 * Checks what the library leaves open in an entry that it found to be in a log, and to be about this signature of this
 * payload. Throws `bad_log_entry`.
 *
 * - The entry must show this certificate. Otherwise somebody with two certificates for one key could log one identity
 *   and present the other, which whoever watches the log for that identity would never see (N-42).
 * - The log must have been in service at the time of signing. The library compares that for promises of inclusion
 *   alone, so the key of a retired log could still sign checkpoints (N-43).
 */
export function checkLogEntry(
  entry: LogEntry,
  certificate: Uint8Array,
  logs: TrustMaterial["tlogs"],
  signedAt: Date,
): void {
  if (!equalBytes(loggedCertificate(entry), certificate)) {
    throw new SigstoreError("bad_log_entry", "The log entry is about another certificate than the bundle's.");
  }
  const inService = logs.some(
    ({ logID, validFor }) =>
      logID.equals(entry.logId.keyId) && validFor.start <= signedAt && signedAt <= validFor.end,
  );
  if (!inService) {
    throw new SigstoreError(
      "bad_log_entry",
      `The log of the entry was not in service at ${signedAt.toISOString()}, when the bundle was signed.`,
    );
  }
}

/** The DER of the certificate that a log entry shows. */
function loggedCertificate(entry: LogEntry): Uint8Array {
  const kind = `${entry.kindVersion.kind} ${entry.kindVersion.version}`;
  const place = CERTIFICATES.get(kind);
  if (place === undefined) {
    throw new SigstoreError("bad_log_entry", "The log entry is of a kind that shows no certificate.");
  }
  try {
    const body: JsonValue = parseJson(entry.canonicalizedBody);
    const text = decodeBase64(asString(place.path.reduce(step, body), place.path.join(".")));
    return place.form === "der" ? text : pem.toDER(decodeUtf8(text));
  } catch (error) {
    throw new SigstoreError("bad_log_entry", `The log entry shows no certificate: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

function step(value: JsonValue, name: string): JsonValue {
  if (Array.isArray(value)) return value[Number(name)] ?? null;
  return asObject(value, "The log entry").get(name) ?? null;
}
