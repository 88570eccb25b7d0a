import {
  asKeyId,
  type CertificateConstraint,
  type KeyFingerprint,
  type KeyId,
  type PublicKey,
  sha256,
} from "@stemma/crypto";
import {
  asArray,
  asObject,
  asString,
  canonicalJson,
  type JsonObject,
  type JsonValue,
  jsonObject,
  member,
} from "@stemma/encoding";
import { InTotoError } from "./error.ts";
import { checkLimit, type InTotoLimits } from "./limits.ts";
import { quote } from "./names.ts";

/** Whoever a layout lets sign something: keys, Sigstore identities, and holders of certificates. */
export interface FunctionarySet {
  /** The key ids as the layout writes them, those of identities included. */
  readonly keyIds: readonly KeyId[];
  /** Those of them that the layout defines as keys that can be used. */
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
  /** Those of them that the layout defines as Sigstore identities. */
  readonly identities: ReadonlyMap<KeyId, KeylessIdentity>;
  /** Certificates that meet one of these, under the layout's own authorities (ITE-7 as Go has it). */
  readonly constraints: readonly CertificateConstraint[];
}

/**
 * A Sigstore identity as a functionary: the exact issuer and the exact identity, never a pattern. Written as the key
 * object `{"keytype": "sigstore-oidc", "scheme": "Fulcio", "keyval": {"issuer": …, "identity": …}}`, as
 * securesystemslib has it.
 */
export interface KeylessIdentity {
  readonly issuer: string;
  readonly identity: string;
  /** sha256 of the canonical key object: what counts toward a threshold, because the keys live for minutes. */
  readonly fingerprint: KeyFingerprint;
}

/** Whoever signed. Two that share a public key, or a certificate's holder, are one. */
export interface Functionary {
  readonly kind: "key" | "certificate" | "sigstore";
  /** The key id as the metadata names it; for a certificate, that of its key. */
  readonly keyId: KeyId;
  /** sha256 of the public key, or of a Sigstore identity. */
  readonly fingerprint: KeyFingerprint;
  /** For people: the identity, or the certificate's subject. */
  readonly name?: string;
  /** Of a Sigstore identity. */
  readonly issuer?: string;
  /** The layout's root certificates that anchored the chain. */
  readonly anchors?: readonly string[];
}

export const KEYLESS_KEY_TYPE = "sigstore-oidc";
const KEYLESS_SCHEME = "Fulcio";
const MAX_IDENTITY = 2048;

/** The key object of a Sigstore identity, and the key id that follows from it. */
export function keylessKey(
  issuer: string,
  identity: string,
): { readonly keyId: KeyId; readonly json: JsonObject } {
  const json = jsonObject({
    keytype: KEYLESS_KEY_TYPE,
    keyval: jsonObject({ identity, issuer }),
    scheme: KEYLESS_SCHEME,
  });
  return { keyId: sha256(canonicalJson(json)) as string as KeyId, json };
}

/**
 * Reads the key object of a Sigstore identity; undefined when it is of another type. Throws `bad_identity`: patterns
 * are not identities, and what looks like one is refused rather than compared letter by letter.
 */
export function readKeyless(key: JsonObject, where: string): KeylessIdentity | undefined {
  if (key.get("keytype") !== KEYLESS_KEY_TYPE) return undefined;
  const keyval = asObject(member(key, "keyval", where), `${where}.keyval`);
  const issuer = asString(member(keyval, "issuer", where), `${where}.keyval.issuer`);
  const identity = asString(member(keyval, "identity", where), `${where}.keyval.identity`);
  if (key.get("scheme") !== KEYLESS_SCHEME || keyval.size !== 2) {
    throw new InTotoError(
      "bad_identity",
      `${where} must have the scheme "${KEYLESS_SCHEME}" and, in keyval, an issuer and an identity and nothing else.`,
    );
  }
  for (const text of [issuer, identity]) {
    if (text === "" || text.length > MAX_IDENTITY || /[\s*\u0000-\u001f\u007f]/.test(text)) {
      throw new InTotoError(
        "bad_identity",
        `${where} has ${quote(text)}; an issuer and an identity are exact texts without spaces or "*".`,
      );
    }
  }
  const { json } = keylessKey(issuer, identity);
  return { issuer, identity, fingerprint: sha256(canonicalJson(json)) as string as KeyFingerprint };
}

/** What a layout defines for its functionaries to be named by. */
export interface DefinedKeys {
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
  readonly identities: ReadonlyMap<KeyId, KeylessIdentity>;
}

/** The functionaries that a list of key ids means, beside those by certificate. Throws `limit_exceeded`. */
export function readFunctionaries(
  list: JsonValue,
  constraints: readonly CertificateConstraint[],
  defined: DefinedKeys,
  where: string,
  limits: InTotoLimits,
): FunctionarySet {
  const items = asArray(list, where);
  checkLimit(items.length, limits.keysPerStep, where, "keys");
  const keyIds = items.map((item) => asKeyId(asString(item, where), where));
  return {
    keyIds,
    keys: pick(keyIds, defined.keys),
    identities: pick(keyIds, defined.identities),
    constraints,
  };
}

function pick<T>(keyIds: readonly KeyId[], from: ReadonlyMap<KeyId, T>): ReadonlyMap<KeyId, T> {
  const found = new Map<KeyId, T>();
  for (const keyId of keyIds) {
    const value = from.get(keyId);
    if (value !== undefined) found.set(keyId, value);
  }
  return found;
}

/**
 * A threshold is at least 1, and at most the number of distinct functionaries that can be counted toward it: the same
 * key under two key ids is one (N-02, N-03). Certificates can be any number.
 */
export function readThreshold(value: JsonValue, set: FunctionarySet, where: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    throw new InTotoError("invalid_threshold", `${where}.threshold must be an integer of at least 1.`);
  }
  const distinct = new Set([...set.keys.values(), ...set.identities.values()].map((one) => one.fingerprint))
    .size;
  if (set.constraints.length === 0 && value > distinct) {
    throw new InTotoError(
      "invalid_threshold",
      `${where}.threshold is ${value}, but it names ${distinct} distinct public keys or identities that can be used.`,
    );
  }
  return value;
}

/**
 * How many distinct functionaries there are: as many as can be chosen so that no two share a public key, nor a
 * certificate's holder. One key certified under two names is one, and so is one holder with two keys. More signatures
 * can only make it more, which a merging of the two would not promise.
 */
export function countDistinct(functionaries: readonly Functionary[]): number {
  const holdersOf = new Map<string, string[]>();
  for (const one of functionaries) {
    const holders = holdersOf.get(one.fingerprint);
    if (holders === undefined) holdersOf.set(one.fingerprint, [holderOf(one)]);
    else holders.push(holderOf(one));
  }
  const takenBy = new Map<string, string>();
  /** Finds a holder for a key, moving other keys to other holders where that makes room (Kuhn's matching). */
  const place = (key: string, seen: Set<string>): boolean => {
    for (const holder of holdersOf.get(key) ?? []) {
      if (seen.has(holder)) continue;
      seen.add(holder);
      const other = takenBy.get(holder);
      if (other !== undefined && !place(other, seen)) continue;
      takenBy.set(holder, key);
      return true;
    }
    return false;
  };
  let count = 0;
  for (const key of holdersOf.keys()) if (place(key, new Set())) count += 1;
  return count;
}

function holderOf(one: Functionary): string {
  return one.kind === "certificate" ? `certificate ${one.name ?? ""}` : one.fingerprint;
}

/** Every functionary once, by key and holder. */
export function mergeFunctionaries(lists: Iterable<readonly Functionary[]>): readonly Functionary[] {
  const merged = new Map<string, Functionary>();
  for (const list of lists) for (const one of list) merged.set(`${one.fingerprint} ${holderOf(one)}`, one);
  return [...merged.values()];
}
