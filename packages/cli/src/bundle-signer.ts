import { X509Certificate } from "node:crypto";
import { asObject, asString, decodeBase64, parseJson } from "@stemma/encoding";

/** The identity in a signing certificate (PEM or DER), for people: the certificate is not verified here. */
export function identityIn(certificate: string | Uint8Array): string {
  const names = new X509Certificate(certificate).subjectAltName ?? "";
  return names.replace(/^(?:URI|email|othername):/i, "");
}

/**
 * Who a Sigstore bundle says that it is signed by: the identity in its certificate, or undefined for a bundle by a key.
 * Nothing of it is verified. Throws EncodingError for a bundle that is not in the form of v0.3.
 */
export function claimedIdentity(bundle: Uint8Array): string | undefined {
  const material = asObject(
    asObject(parseJson(bundle), "The bundle").get("verificationMaterial"),
    "verificationMaterial",
  );
  const certificate = material.get("certificate");
  if (certificate === undefined) return undefined;
  const der = asString(asObject(certificate, "certificate").get("rawBytes"), "certificate.rawBytes");
  try {
    return identityIn(decodeBase64(der));
  } catch {
    return undefined;
  }
}
