import { canonicalJson, jsonObject } from "@stemma/encoding";
import { CryptoError } from "./error.ts";
import { sha256 } from "./hash.ts";

declare const keyIdBrand: unique symbol;
declare const fingerprintBrand: unique symbol;

/**
 * A key id as metadata writes it: a label chosen by whoever wrote the metadata. It says which key to try,
 * and never counts toward a threshold.
 */
export type KeyId = string & { readonly [keyIdBrand]: true };

/** The sha256 in hex of a key's SubjectPublicKeyInfo: the identity of a signer. */
export type KeyFingerprint = string & { readonly [fingerprintBrand]: true };

const MAX_KEY_ID = 256;

/** Reads a key id. Any short printable ASCII label is one; `bad_key_id` otherwise. */
export function asKeyId(text: string, where: string): KeyId {
  if (!isKeyId(text)) {
    throw new CryptoError(
      "bad_key_id",
      `${where} must be a key id of 1 to ${MAX_KEY_ID} printable characters.`,
    );
  }
  return text;
}

/** Whether a text can be a key id. */
export function isKeyId(text: string): text is KeyId {
  return text.length <= MAX_KEY_ID && /^[\x21-\x7e]+$/.test(text);
}

/** The key id of TUF 4.2 and of present in-toto: sha256 of the canonical key object. */
export function modernKeyId(keytype: string, scheme: string, publicText: string): KeyId {
  const object = jsonObject({ keytype, keyval: jsonObject({ public: publicText }), scheme });
  return sha256(canonicalJson(object)) as string as KeyId;
}

/** The key id of older in-toto: the key object also holds `keyid_hash_algorithms` (in-toto.md 1.3). */
export function legacyKeyId(keytype: string, scheme: string, publicText: string): KeyId {
  const object = jsonObject({
    keyid_hash_algorithms: ["sha256", "sha512"],
    keytype,
    keyval: jsonObject({ public: publicText }),
    scheme,
  });
  return sha256(canonicalJson(object)) as string as KeyId;
}

/** The key id of present securesystemslib: that of TUF, but over a PEM with the line break that it is written with. */
export function pemKeyId(keytype: string, scheme: string, publicText: string): KeyId {
  return modernKeyId(keytype, scheme, publicText.startsWith("-----BEGIN") ? `${publicText}\n` : publicText);
}
