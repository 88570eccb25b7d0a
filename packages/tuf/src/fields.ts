import { asKeyId, CryptoError, type KeyId } from "@stemma/crypto";
import type { JsonObject, JsonValue } from "@stemma/encoding";
import { asArray, asInteger, asObject, asString, EncodingError, member } from "@stemma/encoding";
import { TufError } from "./error.ts";
import type { Limits } from "./limits.ts";
import type { MetaFile, Role, RootReference, SignedBase } from "./model.ts";

const SPEC_VERSION = /^1\.(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8}))?$/;
const EXPIRES = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

/** The members that every kind of metadata has (TUF 4.3). */
export function readBase(signed: JsonObject): SignedBase {
  const specVersion = asString(member(signed, "spec_version", "signed"), "signed.spec_version");
  if (!SPEC_VERSION.test(specVersion)) {
    throw new TufError(
      "unsupported_spec_version",
      `signed.spec_version must be 1.x or 1.x.y; found ${JSON.stringify(specVersion.slice(0, 40))}.`,
    );
  }
  return {
    version: readNumber(member(signed, "version", "signed"), 1, "signed.version"),
    specVersion,
    expires: readExpires(member(signed, "expires", "signed")),
    raw: signed,
  };
}

/** Strict `YYYY-MM-DDTHH:MM:SSZ` (TUF 4.2.1). A lenient parser makes dates that never pass (N-16). */
function readExpires(value: JsonValue): Date {
  const text = asString(value, "signed.expires");
  const date = new Date(EXPIRES.test(text) ? text : Number.NaN);
  // The round trip refuses 30 February, 24:00:00 and leap seconds, which Date moves or rejects.
  if (Number.isNaN(date.getTime()) || date.toISOString() !== `${text.slice(0, -1)}.000Z`) {
    throw new TufError(
      "bad_expires",
      `signed.expires must be a real moment written as YYYY-MM-DDTHH:MM:SSZ; found ${JSON.stringify(text.slice(0, 40))}.`,
    );
  }
  return date;
}

/** The member of timestamp and snapshot that names the root under which they were signed. No other client looks at it. */
export const ROOT_MEMBER = "x-stemma-root";

/** Reads that member; undefined where there is none. */
export function readRootReference(signed: JsonObject): RootReference | undefined {
  const value = signed.get(ROOT_MEMBER);
  if (value === undefined) return undefined;
  const where = `signed["${ROOT_MEMBER}"]`;
  const object = asObject(value, where);
  const sha256 = asString(member(object, "sha256", where), `${where}.sha256`);
  return { version: readNumber(member(object, "version", where), 1, `${where}.version`), sha256 };
}

/** An integer of at least `least`, below 2^53. */
export function readNumber(value: JsonValue, least: number, where: string): number {
  if (typeof value === "bigint")
    throw new EncodingError("bad_number", `${where} must be below 2^53; found more.`);
  const number = asInteger(value, where);
  if (number < least)
    throw new EncodingError("bad_number", `${where} must be at least ${least}; found ${number}.`);
  return number;
}

/** `keyids` and `threshold` of a role (TUF 4.3, 4.5). A threshold below 1 would let anything pass (N-03). */
export function readRole(json: JsonObject, where: string, limits: Limits): Role {
  const ids = asArray(member(json, "keyids", where), `${where}.keyids`);
  checkCount(ids.length, limits.keysPerRole, `${where}.keyids`);
  const keyIds = ids.map((id) => readKeyId(id, `${where}.keyids`));
  if (new Set(keyIds).size !== keyIds.length) {
    throw new TufError("duplicate_key", `${where}.keyids names one key twice.`);
  }
  const threshold = member(json, "threshold", where);
  if (typeof threshold !== "number" || !Number.isSafeInteger(threshold) || threshold < 1) {
    throw new TufError("invalid_threshold", `${where}.threshold must be an integer of at least 1.`);
  }
  return { keyIds, threshold };
}

export function readKeyId(value: JsonValue, where: string): KeyId {
  try {
    return asKeyId(asString(value, where), where);
  } catch (error) {
    if (error instanceof CryptoError) throw new TufError("bad_key_id", error.message, { cause: error });
    throw error;
  }
}

/** One entry of `meta` (TUF 4.4). */
export function readMetaFile(value: JsonValue, where: string): MetaFile {
  const json = asObject(value, where);
  const version = readNumber(member(json, "version", where), 1, `${where}.version`);
  const length = json.get("length");
  const hashes = json.get("hashes");
  if (length === undefined && hashes === undefined) return { version };
  return {
    version,
    ...(length === undefined ? {} : { length: readNumber(length, 0, `${where}.length`) }),
    ...(hashes === undefined ? {} : { hashes: readHashes(hashes, `${where}.hashes`) }),
  };
}

/** Digests by algorithm. Which of them are strong is asked when they are used (`checkDigests`). */
export function readHashes(value: JsonValue, where: string): ReadonlyMap<string, string> {
  const hashes = asObject(value, where);
  for (const hex of hashes.values()) if (typeof hex !== "string") asString(hex, `each value of ${where}`);
  return hashes as ReadonlyMap<string, string>;
}

export function checkCount(count: number, limit: number, where: string): void {
  if (count > limit)
    throw new TufError("limit_exceeded", `${where} has ${count} entries; at most ${limit} are accepted.`);
}
