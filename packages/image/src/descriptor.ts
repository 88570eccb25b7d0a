import {
  asArray,
  asInteger,
  asObject,
  asString,
  type Digest,
  type JsonObject,
  type JsonValue,
  member,
  parseDigest,
} from "@stemma/encoding";
import { ImageError } from "./error.ts";

/** What an image runs on (image specification, "platform"). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | undefined;
}

/** Content by digest, size in bytes and media type (image specification, "Descriptor"). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType: string | undefined;
  readonly annotations: ReadonlyMap<string, string>;
  /** Of the entries of an index. */
  readonly platform: Platform | undefined;
}

/** RFC 6838, 4.2. */
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;
const MAX_ANNOTATIONS = 256;

/** Reads a descriptor. Throws `bad_manifest`, or EncodingError for its shape. */
export function readDescriptor(value: JsonValue | undefined, where: string): Descriptor {
  const object = asObject(value, where);
  const size = asInteger(member(object, "size", where), `${where}.size`);
  if (size < 0) throw new ImageError("bad_manifest", `${where}.size must not be negative.`);
  return {
    mediaType: readMediaType(member(object, "mediaType", where), `${where}.mediaType`),
    digest: parseDigest(asString(member(object, "digest", where), `${where}.digest`)),
    size,
    artifactType: readArtifactType(object, where),
    annotations: readAnnotations(object, where),
    platform: readPlatform(object, where),
  };
}

/** Reads a list of descriptors of bounded length. Throws as `readDescriptor`. */
export function readDescriptors(value: JsonValue | undefined, where: string, limit: number): Descriptor[] {
  const list = asArray(value, where);
  if (list.length > limit) {
    throw new ImageError("bad_manifest", `${where} has ${list.length} entries; at most ${limit} are read.`);
  }
  return list.map((item, index) => readDescriptor(item, `${where}[${index}]`));
}

/** Reads a media type. Throws `bad_manifest`. */
export function readMediaType(value: JsonValue | undefined, where: string): string {
  const text = asString(value, where);
  if (!MEDIA_TYPE.test(text))
    throw new ImageError("bad_manifest", `${where} must have the form type/subtype.`);
  return text;
}

/** The artifact type of a manifest or a descriptor; some tools write an empty one for none. */
export function readArtifactType(object: JsonObject, where: string): string | undefined {
  const value = object.get("artifactType");
  return value === undefined || value === "" ? undefined : readMediaType(value, `${where}.artifactType`);
}

/** Annotations: text by name. Throws `bad_manifest`, or EncodingError for their shape. */
export function readAnnotations(object: JsonObject, where: string): ReadonlyMap<string, string> {
  const value = object.get("annotations");
  if (value === undefined || value === null) return new Map();
  const annotations = asObject(value, `${where}.annotations`);
  if (annotations.size > MAX_ANNOTATIONS) {
    throw new ImageError("bad_manifest", `${where} has more than ${MAX_ANNOTATIONS} annotations.`);
  }
  return new Map(
    [...annotations].map(([name, text]) => [name, asString(text, `${where}.annotations.${name}`)]),
  );
}

function readPlatform(object: JsonObject, where: string): Platform | undefined {
  const value = object.get("platform");
  if (value === undefined || value === null) return undefined;
  const at = `${where}.platform`;
  const platform = asObject(value, at);
  const variant = platform.get("variant");
  return {
    os: asString(member(platform, "os", at), `${at}.os`),
    architecture: asString(member(platform, "architecture", at), `${at}.architecture`),
    variant: variant === undefined || variant === "" ? undefined : asString(variant, `${at}.variant`),
  };
}

/** A platform as people write it: `linux/arm64/v8`. */
export function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}
