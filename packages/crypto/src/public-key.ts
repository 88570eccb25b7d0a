import { constants, createPublicKey, type KeyObject, verify as nodeVerify } from "node:crypto";
import {
  asObject,
  asString,
  decodeHex,
  EncodingError,
  encodeHex,
  type JsonObject,
  type JsonValue,
  jsonObject,
  member,
} from "@stemma/encoding";
import { CryptoError } from "./error.ts";
import { sha256 } from "./hash.ts";
import { type KeyFingerprint, type KeyId, legacyKeyId, modernKeyId, pemKeyId } from "./key-id.ts";
import { weakEd25519 } from "./weak-keys.ts";

/** What a key is. The key fixes the algorithm: nothing in a signature can change how it is verified. */
export type KeyType = "ed25519" | "ecdsa" | "rsa";

/** A public key that passed every check, ready to verify. Immutable. */
export interface PublicKey {
  readonly keyType: KeyType;
  /** TUF and in-toto scheme, such as `ed25519` or `ecdsa-sha2-nistp256`. */
  readonly scheme: string;
  /** sha256 of the SubjectPublicKeyInfo: the identity of whoever holds the private key. */
  readonly fingerprint: KeyFingerprint;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** sha256 of the canonical key object that `toJson` writes. */
  readonly keyId: KeyId;
  /** The key id of older in-toto for the same key. */
  readonly legacyKeyId: KeyId;
  /** The key id of present Python for the same key: it keeps the line break at the end of a PEM. */
  readonly pemKeyId: KeyId;
  /** `{keytype, keyval: {public}, scheme}` as TUF 4.2 and in-toto 4.2 write it. */
  toJson(): JsonObject;
  /** Whether the signature is this key's over exactly this message. Never throws: what cannot be checked is false. */
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/** The key ids that anybody computes for a key: hints, which prove nothing. */
export function keyIdsOf(key: PublicKey): readonly KeyId[] {
  return [key.keyId, key.legacyKeyId, key.pemKeyId];
}

/** Whether a key id is one that anybody computes for this key. */
export function isKeyIdOf(id: string, key: PublicKey): boolean {
  return keyIdsOf(key).some((known) => known === id);
}

interface Scheme {
  readonly keyType: KeyType;
  readonly hash: "sha256" | "sha384" | "sha512" | null;
  readonly curve?: string;
}

/** Every scheme that Stemma verifies. A scheme that is not here does not exist. */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map<string, Scheme>([
  ["ed25519", { keyType: "ed25519", hash: null }],
  ["ecdsa-sha2-nistp256", { keyType: "ecdsa", hash: "sha256", curve: "prime256v1" }],
  ["ecdsa-sha2-nistp384", { keyType: "ecdsa", hash: "sha384", curve: "secp384r1" }],
  ["ecdsa-sha2-nistp521", { keyType: "ecdsa", hash: "sha512", curve: "secp521r1" }],
  ["rsassa-pss-sha256", { keyType: "rsa", hash: "sha256" }],
  ["rsassa-pss-sha384", { keyType: "rsa", hash: "sha384" }],
  ["rsassa-pss-sha512", { keyType: "rsa", hash: "sha512" }],
]);

/** Spellings of `keytype` in the wild, beside the plain ones (in-toto.md 1.8). */
const KEY_TYPES: ReadonlyMap<string, KeyType> = new Map<string, KeyType>([
  ["ed25519", "ed25519"],
  ["ecdsa", "ecdsa"],
  ["ecdsa-sha2-nistp256", "ecdsa"],
  ["ecdsa-sha2-nistp384", "ecdsa"],
  ["ecdsa-sha2-nistp521", "ecdsa"],
  ["rsa", "rsa"],
]);

const ED25519_SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const RSA_MIN_BITS = 2048;
const RSA_MAX_BITS = 8192;
const MAX_PUBLIC_TEXT = 8192;

/**
 * Parsed keys by their text, because parsing costs as much as a verification and the same few keys come again and
 * again. Holds successes only, and is bounded: hostile input can empty it but not fill memory.
 */
const parsed = new Map<string, PublicKey>();
const PARSED_LIMIT = 4096;

/**
 * Reads a key object of TUF 4.2 or in-toto 4.2. Members beyond `keytype`, `scheme` and `keyval.public` are ignored.
 *
 * Throws CryptoError `unsupported_key` for types and schemes that Stemma does not verify, `bad_key` for keys that
 * do not parse or do not fit their scheme, `weak_key` for RSA below 2048 bits and ed25519 points of small order.
 */
export function readPublicKey(json: JsonValue, where: string): PublicKey {
  const key = asObject(json, where);
  const keytype = asString(member(key, "keytype", where), `${where}.keytype`);
  const scheme = asString(member(key, "scheme", where), `${where}.scheme`);
  const keyval = asObject(member(key, "keyval", where), `${where}.keyval`);
  const text = asString(member(keyval, "public", `${where}.keyval`), `${where}.keyval.public`);
  return makeKey(keytype, scheme, text, where);
}

/** Reads a PEM `PUBLIC KEY`, with the scheme that its type calls for (RSA: PSS with sha256). Throws as `readPublicKey`. */
export function publicKeyFromPem(pem: string): PublicKey {
  return publicKeyFromObject(parsePem(pem, "The key"));
}

/** The same for a key of node:crypto, private keys included. */
export function publicKeyFromObject(object: KeyObject): PublicKey {
  const key = object.type === "private" ? createPublicKey(object) : object;
  if (key.asymmetricKeyType === "ed25519") {
    const raw = key.export({ format: "der", type: "spki" }).subarray(ED25519_SPKI_PREFIX.length);
    return makeKey("ed25519", "ed25519", encodeHex(raw), "The key");
  }
  const text = (key.export({ format: "pem", type: "spki" }) as string).trim();
  if (key.asymmetricKeyType === "rsa") return makeKey("rsa", "rsassa-pss-sha256", text, "The key");
  for (const [name, scheme] of SCHEMES) {
    if (scheme.curve !== undefined && scheme.curve === key.asymmetricKeyDetails?.namedCurve) {
      return makeKey("ecdsa", name, text, "The key");
    }
  }
  throw new CryptoError(
    "unsupported_key",
    "The key is of a type that Stemma does not use; take ed25519, ECDSA P-256, P-384 or P-521, or RSA.",
  );
}

function makeKey(keytype: string, schemeName: string, text: string, where: string): PublicKey {
  // As JSON: joined by a line break, a scheme could take the first line of the PEM and still be found.
  const memo = JSON.stringify([keytype, schemeName, text]);
  const known = parsed.get(memo);
  if (known !== undefined) return known;

  const keyType = KEY_TYPES.get(keytype);
  const scheme = SCHEMES.get(schemeName);
  if (keyType === undefined || scheme === undefined || scheme.keyType !== keyType) {
    throw new CryptoError(
      "unsupported_key",
      `${where} has keytype "${clip(keytype)}" with scheme "${clip(schemeName)}", which Stemma does not verify.`,
    );
  }
  if (text.length > MAX_PUBLIC_TEXT) throw new CryptoError("bad_key", `${where} is longer than any key.`);
  const object = keyType === "ed25519" ? ed25519Object(text, where) : parsePem(text, where);
  checkStrength(object, scheme, where);

  const spki = canonicalSpki(object);
  // in-toto strips the PEM before it hashes: a trailing newline would otherwise make another key id.
  const publicText = keyType === "ed25519" ? text : text.trim();
  const key = new VerifyingKey(object, keyType, schemeName, scheme, spki, keytype, publicText);
  if (parsed.size >= PARSED_LIMIT) parsed.clear();
  parsed.set(memo, key);
  return key;
}

/**
 * The one SubjectPublicKeyInfo of a key. OpenSSL writes a point of a curve as it was read, compressed or not, so one key
 * could have several fingerprints and count more than once (N-02); a JWK has both coordinates and no spellings.
 */
function canonicalSpki(object: KeyObject): Uint8Array {
  const plain =
    object.asymmetricKeyType === "ec"
      ? createPublicKey({ key: object.export({ format: "jwk" }), format: "jwk" })
      : object;
  return new Uint8Array(plain.export({ format: "der", type: "spki" }));
}

function ed25519Object(text: string, where: string): KeyObject {
  let raw: Uint8Array;
  try {
    raw = decodeHex(text);
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw new CryptoError("bad_key", `${where} must be 64 lower-case hex digits, as ed25519 keys are.`);
  }
  if (raw.length !== 32)
    throw new CryptoError("bad_key", `${where} has ${raw.length} bytes; an ed25519 key has 32.`);
  const weak = weakEd25519(raw);
  if (weak !== undefined) throw new CryptoError("weak_key", `${where} is refused: ${weak}.`);
  return createPublicKey({ key: Buffer.concat([ED25519_SPKI_PREFIX, raw]), format: "der", type: "spki" });
}

function parsePem(text: string, where: string): KeyObject {
  // Only SubjectPublicKeyInfo: createPublicKey would also take certificates and private keys.
  if (!/^\s*-----BEGIN PUBLIC KEY-----/.test(text)) {
    throw new CryptoError("bad_key", `${where} must be a PEM that begins with "-----BEGIN PUBLIC KEY-----".`);
  }
  try {
    return createPublicKey({ key: text, format: "pem" });
  } catch {
    throw new CryptoError("bad_key", `${where} is not a public key that can be read.`);
  }
}

function checkStrength(object: KeyObject, scheme: Scheme, where: string): void {
  if (scheme.keyType === "ed25519") return;
  const type = scheme.keyType === "rsa" ? "rsa" : "ec";
  if (object.asymmetricKeyType !== type) {
    throw new CryptoError(
      "bad_key",
      `${where} holds a ${object.asymmetricKeyType} key, but its scheme is for ${type}.`,
    );
  }
  const details = object.asymmetricKeyDetails ?? {};
  if (type === "ec") {
    if (details.namedCurve !== scheme.curve) {
      throw new CryptoError(
        "bad_key",
        `${where} is on curve ${details.namedCurve}, but its scheme is for ${scheme.curve}.`,
      );
    }
    return;
  }
  const bits = details.modulusLength ?? 0;
  if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS) {
    throw new CryptoError(
      "weak_key",
      `${where} is RSA of ${bits} bits; ${RSA_MIN_BITS} to ${RSA_MAX_BITS} are accepted.`,
    );
  }
  // With a public exponent of 1 every message is its own signature.
  const exponent = details.publicExponent ?? 0n;
  if (exponent < 3n || exponent % 2n === 0n) {
    throw new CryptoError("weak_key", `${where} is RSA with a public exponent of ${exponent}.`);
  }
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

class VerifyingKey implements PublicKey {
  readonly keyType: KeyType;
  readonly scheme: string;
  readonly fingerprint: KeyFingerprint;
  readonly spki: Uint8Array;
  private readonly object: KeyObject;
  private readonly algorithm: Scheme;
  private readonly keytypeText: string;
  private readonly publicText: string;
  private ids: { readonly modern: KeyId; readonly legacy: KeyId; readonly pem: KeyId } | undefined;

  constructor(
    object: KeyObject,
    keyType: KeyType,
    scheme: string,
    algorithm: Scheme,
    spki: Uint8Array,
    keytypeText: string,
    publicText: string,
  ) {
    this.object = object;
    this.keyType = keyType;
    this.scheme = scheme;
    this.algorithm = algorithm;
    this.spki = spki;
    this.fingerprint = sha256(spki) as string as KeyFingerprint;
    this.keytypeText = keytypeText;
    this.publicText = publicText;
  }

  get keyId(): KeyId {
    return this.keyIds().modern;
  }

  get legacyKeyId(): KeyId {
    return this.keyIds().legacy;
  }

  get pemKeyId(): KeyId {
    return this.keyIds().pem;
  }

  private keyIds(): { readonly modern: KeyId; readonly legacy: KeyId; readonly pem: KeyId } {
    this.ids ??= {
      modern: modernKeyId(this.keytypeText, this.scheme, this.publicText),
      legacy: legacyKeyId(this.keytypeText, this.scheme, this.publicText),
      pem: pemKeyId(this.keytypeText, this.scheme, this.publicText),
    };
    return this.ids;
  }

  toJson(): JsonObject {
    return jsonObject({
      keytype: this.keytypeText,
      keyval: jsonObject({ public: this.publicText }),
      scheme: this.scheme,
    });
  }

  verify(message: Uint8Array, signature: Uint8Array): boolean {
    if (signature.length === 0) return false;
    try {
      switch (this.keyType) {
        case "ed25519":
          return nodeVerify(null, message, this.object, signature);
        case "rsa":
          return nodeVerify(
            this.algorithm.hash,
            message,
            {
              key: this.object,
              padding: constants.RSA_PKCS1_PSS_PADDING,
              // Signers in the field use the digest's length or the longest; both are sound (in-toto.md 1.8).
              saltLength: constants.RSA_PSS_SALTLEN_AUTO,
            },
            signature,
          );
        case "ecdsa":
          return this.verifyEcdsa(message, signature);
      }
    } catch {
      // Whatever OpenSSL cannot even read is not a signature.
      return false;
    }
  }

  /** DER, or r‖s of the curve's fixed length, which DSSE signers in the field write. */
  private verifyEcdsa(message: Uint8Array, signature: Uint8Array): boolean {
    const size = this.algorithm.curve === "prime256v1" ? 64 : this.algorithm.curve === "secp384r1" ? 96 : 132;
    const { hash } = this.algorithm;
    if (signature.length === size) {
      const raw = { key: this.object, dsaEncoding: "ieee-p1363" } as const;
      if (nodeVerify(hash, message, raw, signature)) return true;
    }
    return nodeVerify(hash, message, { key: this.object, dsaEncoding: "der" }, signature);
  }
}
