import { generatePrivateKey, type PublicKey, type Signer, sha256, signerFromPem } from "@stemma/crypto";
import { type Digest, jsonObject, parseDigest, type Sha256Hex, utf8 } from "@stemma/encoding";
import type { LayoutContent, LinkContent, Owners, StepContent } from "../../src/index.ts";

/** A new functionary with a key of their own. */
export function person(): Signer {
  return signerFromPem(generatePrivateKey("ed25519"));
}

/** The sha256 of a text that stands for an artifact's bytes. */
export function hashOf(content: string): Sha256Hex {
  return sha256(utf8(content));
}

export function digestOf(content: string): Digest {
  return parseDigest(`sha256:${hashOf(content)}`);
}

/** Materials or products, from the artifacts' contents by name. */
export function artifacts(contents: Record<string, string>): Map<string, Map<string, string>> {
  return new Map(
    Object.entries(contents).map(([name, content]) => [name, new Map([["sha256", hashOf(content)]])]),
  );
}

export function link(
  name: string,
  materials: Record<string, string>,
  products: Record<string, string>,
  command: readonly string[] = [],
): LinkContent {
  return {
    name,
    command,
    materials: artifacts(materials),
    products: artifacts(products),
    byproducts: jsonObject({}),
  };
}

export function owners(threshold: number, ...signers: readonly Signer[]): Owners {
  return { keys: new Map(signers.map(({ publicKey }) => [publicKey.keyId, publicKey])), threshold };
}

export function step(
  name: string,
  signers: readonly { readonly publicKey: PublicKey }[],
  rules: Partial<StepContent> = {},
): StepContent {
  return { name, threshold: 1, functionaries: signers.map((signer) => signer.publicKey), ...rules };
}

export const EXPIRES = new Date("2027-01-01T00:00:00Z");
export const NOW = new Date("2026-11-24T00:00:00Z");

export function layout(...steps: readonly StepContent[]): LayoutContent {
  return { expires: EXPIRES, steps };
}

/** Evidence by the hash of its bytes, as a record lists it. */
export function evidenceOf(...envelopes: readonly Uint8Array[]): Map<Sha256Hex, Uint8Array> {
  return new Map(envelopes.map((bytes) => [sha256(bytes), bytes]));
}
