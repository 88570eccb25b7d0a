import { generatePrivateKey, type KeyKind, type Signer, signerFromPem } from "@stemma/crypto";

/** A fresh signer. */
export function newSigner(kind: KeyKind = "ed25519"): Signer {
  return signerFromPem(generatePrivateKey(kind));
}

/** Several fresh ed25519 signers. */
export function newSigners(count: number): Signer[] {
  return Array.from({ length: count }, () => newSigner());
}
