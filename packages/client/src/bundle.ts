import { sha256 } from "@stemma/crypto";
import {
  asArray,
  asInteger,
  asObject,
  asString,
  decodeBase64,
  EncodingError,
  encodeBase64,
  type JsonObject,
  jsonObject,
  member,
  parseJson,
  type Sha256Hex,
  writeJson,
} from "@stemma/encoding";
import { ClientError } from "./error.ts";
import type { Source, SyncSource } from "./source.ts";

/** Media type of a bundle: everything that a verdict about an artifact needs, in one file. */
export const BUNDLE_TYPE = "application/vnd.stemma.bundle.v1+json";

/** 64 MiB: 256 items of evidence at their usual size, and far below what could hurt a reader. */
export const MAX_BUNDLE_BYTES = 64 * 1024 * 1024;
const MAX_ITEMS = 2_048;

/** A bundle in memory. Nothing in it is trusted: it is a source like any other. */
export interface Bundle {
  /** By `<version>.<role>`, or `timestamp`. */
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  /** Target files and evidence by the sha256 of their bytes, which is computed here and not believed. */
  readonly blobs: ReadonlyMap<Sha256Hex, Uint8Array>;
}

const metadataKey = (role: string, version: number | undefined): string =>
  version === undefined ? role : `${version}.${role}`;

/** Reads a bundle. Throws `bad_bundle`. */
export function readBundle(bytes: Uint8Array): Bundle {
  try {
    const file = asObject(parseJson(bytes, { maxBytes: MAX_BUNDLE_BYTES, maxDepth: 4 }), "bundle");
    if (member(file, "mediaType", "bundle") !== BUNDLE_TYPE) {
      throw new ClientError("bad_bundle", `A bundle has "mediaType": "${BUNDLE_TYPE}".`);
    }
    const metadata = new Map<string, Uint8Array>();
    for (const item of list(file, "metadata")) {
      const entry = asObject(item, "bundle.metadata");
      const role = asString(member(entry, "role", "bundle.metadata"), "bundle.metadata.role");
      const version = entry.get("version");
      const key = metadataKey(
        role,
        version === undefined ? undefined : asInteger(version, "bundle.metadata.version"),
      );
      if (metadata.has(key)) throw new ClientError("bad_bundle", `The bundle holds ${key} twice.`);
      metadata.set(key, base64(member(entry, "bytes", "bundle.metadata")));
    }
    const blobs = new Map<Sha256Hex, Uint8Array>();
    for (const name of ["files", "evidence"]) {
      for (const item of list(file, name)) {
        const blob = base64(item);
        blobs.set(sha256(blob), blob);
      }
    }
    return { metadata, blobs };
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw new ClientError("bad_bundle", `The bundle cannot be read: ${error.message}`, { cause: error });
  }
}

function list(file: JsonObject, name: string) {
  const items = asArray(member(file, name, "bundle"), `bundle.${name}`);
  if (items.length > MAX_ITEMS)
    throw new ClientError("bad_bundle", `A bundle has at most ${MAX_ITEMS} ${name}.`);
  return items;
}

function base64(value: Parameters<typeof asString>[0]): Uint8Array {
  return decodeBase64(asString(value, "bundle bytes"));
}

/** A bundle as a source. */
export function bundleSource(bundle: Bundle): SyncSource {
  return {
    metadata: (role, version) => bundle.metadata.get(metadataKey(role, version)),
    target: (_path, digest) => bundle.blobs.get(digest),
    evidence: (wanted) => {
      const found = new Map<Sha256Hex, Uint8Array>();
      for (const digest of wanted) {
        const bytes = bundle.blobs.get(digest);
        if (bytes !== undefined) found.set(digest, bytes);
      }
      return found;
    },
  };
}

/** Any source in memory as an asynchronous one. */
export function asyncSource(source: SyncSource): Source {
  return {
    metadata: async (role, version, maxLength) => source.metadata(role, version, maxLength),
    target: async (path, digest, length) => source.target(path, digest, length),
    evidence: async (wanted, maxLength) => source.evidence(wanted, maxLength),
  };
}

/**
 * Makes a bundle by listening: run a verification from the first root through `source`, and whatever it was given
 * is what anybody else will need for the same verdict.
 */
export class BundleRecorder {
  readonly source: Source;
  private readonly metadata = new Map<string, JsonObject>();
  private readonly files = new Map<Sha256Hex, string>();
  private readonly evidence = new Map<Sha256Hex, string>();

  constructor(inner: Source) {
    this.source = {
      metadata: async (role, version, maxLength) => {
        const bytes = await inner.metadata(role, version, maxLength);
        if (bytes !== undefined) this.addMetadata(role, version, bytes);
        return bytes;
      },
      target: async (path, digest, length) => {
        const bytes = await inner.target(path, digest, length);
        if (bytes !== undefined) this.files.set(digest, encodeBase64(bytes));
        return bytes;
      },
      evidence: async (wanted, maxLength) => {
        const found = await inner.evidence(wanted, maxLength);
        for (const [digest, bytes] of found) this.evidence.set(digest, encodeBase64(bytes));
        return found;
      },
    };
  }

  /** Adds a document that the verification itself does not ask for: the root that it begins with. */
  addMetadata(role: string, version: number | undefined, bytes: Uint8Array): void {
    this.metadata.set(metadataKey(role, version), jsonObject({ role, version, bytes: encodeBase64(bytes) }));
  }

  /** The bundle's bytes. */
  write(): Uint8Array {
    return writeJson(
      jsonObject({
        mediaType: BUNDLE_TYPE,
        metadata: [...this.metadata.values()],
        files: [...this.files.values()],
        evidence: [...this.evidence.values()],
      }),
    );
  }
}
