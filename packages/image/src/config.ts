import { sha256 } from "@stemma/crypto";
import {
  asArray,
  asObject,
  asString,
  type Digest,
  EncodingError,
  member,
  parseDigest,
  parseJson,
  utf8,
} from "@stemma/encoding";
import { ImageError } from "./error.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";

const MAX_DIFF_IDS = 4_096;

/** What a configuration says of an image's content (image specification, "Image Configuration"). */
export interface ImageConfig {
  readonly os: string | undefined;
  readonly architecture: string | undefined;
  readonly variant: string | undefined;
  /** Digests of the uncompressed layers, the lowest first. They stay when layers are compressed another way. */
  readonly diffIds: readonly Digest[];
}

/** Reads an image's configuration. Throws `bad_image_config`. */
export function readImageConfig(bytes: Uint8Array): ImageConfig {
  try {
    const where = "config";
    const config = asObject(parseJson(bytes, { maxBytes: MAX_MANIFEST_BYTES, fractions: true }), where);
    const rootfs = asObject(member(config, "rootfs", where), "config.rootfs");
    if (member(rootfs, "type", "config.rootfs") !== "layers") {
      throw new ImageError("bad_image_config", 'The configuration must have "type": "layers" in rootfs.');
    }
    const list = asArray(member(rootfs, "diff_ids", "config.rootfs"), "config.rootfs.diff_ids");
    if (list.length > MAX_DIFF_IDS) {
      throw new ImageError("bad_image_config", `The configuration lists more than ${MAX_DIFF_IDS} layers.`);
    }
    const text = (name: string): string | undefined => {
      const value = config.get(name);
      return value === undefined || value === "" ? undefined : asString(value, `config.${name}`);
    };
    return {
      os: text("os"),
      architecture: text("architecture"),
      variant: text("variant"),
      diffIds: list.map((item, index) => parseDigest(asString(item, `config.rootfs.diff_ids[${index}]`))),
    };
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw new ImageError("bad_image_config", `The configuration cannot be read: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * The ChainID of the lowest layers (image specification, "Layer ChainID"): one digest for an ordered stack. Two stacks have the
 * same one exactly when they are the same. Undefined for no layers.
 */
export function chainId(diffIds: readonly Digest[]): Digest | undefined {
  let chain: Digest | undefined;
  for (const diffId of diffIds) {
    chain = chain === undefined ? diffId : parseDigest(`sha256:${sha256(utf8(`${chain} ${diffId}`))}`);
  }
  return chain;
}

/** Whether one stack of layers is the exact ordered beginning of another. No layers are the beginning of nothing. */
export function isLayerPrefix(base: readonly Digest[], image: readonly Digest[]): boolean {
  return (
    base.length > 0 && base.length <= image.length && base.every((diffId, index) => diffId === image[index])
  );
}
