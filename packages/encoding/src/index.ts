export type { Digest, Sha256Hex } from "./digest.ts";
export { asSha256Hex, digestParts, parseDigest, recordPath } from "./digest.ts";
export type { EncodingCode } from "./error.ts";
export { ENCODING_CODES, EncodingError, StemmaError } from "./error.ts";
export type { JsonArray, JsonObject, JsonValue } from "./json-value.ts";
export {
  asArray,
  asBoolean,
  asInteger,
  asObject,
  asString,
  fromPlain,
  jsonObject,
  member,
  toPlain,
} from "./json-value.ts";
export { pae } from "./pae.ts";
export type { JsonLimits } from "./parse-json.ts";
export { parseJson } from "./parse-json.ts";
export { decodeBase64, decodeHex, decodeUtf8, encodeBase64, encodeHex, equalBytes, utf8 } from "./text.ts";
export { canonicalJson, compareCodePoints, writeJson } from "./write-json.ts";
