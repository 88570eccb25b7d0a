/**
 * A trust domain in one repository of a registry. Every role version is a manifest under a tag that a client knows without
 * listing anything: `timestamp`, `3.targets`, `1.root`. Its first layer is the metadata. The files that the role lists are layers
 * after it, so that the registry keeps them for as long as the tag; a client takes them by digest alone. Layers beyond the first
 * thousand are in manifests of their own, `3.targets_1` and so on. `docs/mirror.md` is the specification.
 */
import {
  ClientError,
  EVIDENCE_LAYER,
  FILE_NAME,
  METADATA_LAYER,
  type MirrorDestination,
  type MirrorFile,
  metadataName,
  type Source,
  TARGET_LAYER,
  targetName,
} from "@stemma/client";
import { parseDigest, type Sha256Hex, StemmaError, utf8 } from "@stemma/encoding";
import { type Descriptor, describeBytes, EMPTY_CONFIG, readManifest, writeManifest } from "@stemma/image";
import {
  blobsOf,
  type ContentStore,
  isTag,
  OciError,
  parseReference,
  type Reference,
  readWholeBlob,
} from "@stemma/oci";
import { CliError } from "./error.ts";

/** Far below the 4 MiB that a manifest may have. */
const LAYERS = 1_000;
const PARALLEL = 8;
const EMPTY = utf8("{}");

/** A mirror in a registry as a source. What the registry says is believed no more than any source. */
export function registrySource(store: ContentStore): Source {
  const blob = async (sha256: Sha256Hex, maxLength: number): Promise<Uint8Array | undefined> => {
    const digest = parseDigest(`sha256:${sha256}`);
    const size = await store.findBlobSize(digest);
    return size === undefined ? undefined : readWholeBlob(store, { digest, size }, maxLength);
  };
  return {
    metadata: (role, version, maxLength) =>
      answer(async () => {
        const tag = tagOf(role, version);
        const document = tag === undefined ? undefined : await store.findDocument(tag);
        const layer = document?.kind === "manifest" ? document.layers[0] : undefined;
        return layer === undefined ? undefined : readWholeBlob(store, layer, maxLength);
      }),
    target: (_path, sha256, length) => answer(() => blob(sha256, length)),
    evidence: async (wanted, maxLength) => {
      const found = new Map<Sha256Hex, Uint8Array>();
      const queue = wanted.values();
      const worker = async (): Promise<void> => {
        for (const sha256 of queue) {
          const bytes = await answer(() => blob(sha256, maxLength));
          if (bytes !== undefined) found.set(sha256, bytes);
        }
      };
      await Promise.all(Array.from({ length: Math.min(PARALLEL, wanted.length) }, worker));
      return found;
    },
  };
}

/** A repository to mirror a trust domain to. */
export function registryDestination(store: ContentStore): MirrorDestination {
  const write = async (bytes: Uint8Array, mediaType: string): Promise<Descriptor> => {
    const blob = describeBytes(mediaType, bytes);
    await store.writeBlob(blob, blobsOf(bytes));
    return blob;
  };
  let written: Promise<Descriptor> | undefined;
  const writeLayers = async (tag: string, layers: readonly Descriptor[]): Promise<void> => {
    written ??= write(EMPTY, EMPTY_CONFIG);
    const config = await written;
    const manifest = readManifest(writeManifest({ artifactType: METADATA_LAYER, config, layers }));
    if ((await store.findDocument(tag))?.digest !== manifest.digest)
      await store.writeDocument(manifest, { tag });
  };
  const source = registrySource(store);
  return {
    source: {
      // What cannot be read there is written again.
      metadata: (...asked) =>
        source.metadata(...asked).catch((error: unknown) => {
          if (error instanceof ClientError && error.code === "source_refused") return undefined;
          throw error;
        }),
    },
    hasFile: async ({ sha256, length }) =>
      (await store.findBlobSize(parseDigest(`sha256:${sha256}`))) === length,
    putFile: async (_file, bytes) => {
      await write(bytes, EVIDENCE_LAYER);
    },
    putMetadata: async (role, version, bytes, files) => {
      const tag = tagOf(role, version);
      if (tag === undefined) {
        throw new ClientError(
          "mirror_unwritable",
          `The role ${JSON.stringify(role)} cannot be a tag of a registry.`,
        );
      }
      const layer = await write(bytes, METADATA_LAYER);
      const name = new Map([[FILE_NAME, metadataName(role, version)]]);
      const layers = [{ ...layer, annotations: name }, ...files.map(layerOf)];
      // The manifest with the metadata last: whoever finds it finds its files.
      const parts = Math.ceil(layers.length / LAYERS);
      for (let part = parts - 1; part >= 0; part -= 1) {
        const its = layers.slice(part * LAYERS, (part + 1) * LAYERS);
        await writeLayers(part === 0 ? tag : `${tag}_${part}`, its);
      }
    },
  };
}

/** The tag of metadata; undefined for roles whose name no tag can have, or could be that of a further part. */
function tagOf(role: string, version: number | undefined): string | undefined {
  const tag = version === undefined ? role : `${version}.${role}`;
  return isTag(`${tag}_9999`) && !role.includes("_") ? tag : undefined;
}

function layerOf({ kind, path, sha256, length }: MirrorFile): Descriptor {
  return {
    mediaType: kind === "target" ? TARGET_LAYER : EVIDENCE_LAYER,
    digest: parseDigest(`sha256:${sha256}`),
    size: length,
    artifactType: undefined,
    annotations: new Map(path === undefined ? [] : [[FILE_NAME, targetName(path, sha256)]]),
    platform: undefined,
  };
}

const OUT_OF_REACH: ReadonlySet<string> = new Set(["registry_unreachable"]);

/** What a registry fails with, as what a source fails with. A blob that is not there is simply absent. */
async function answer(ask: () => Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof StemmaError) || error instanceof ClientError) throw error;
    if (error instanceof OciError && error.code === "blob_missing") return undefined;
    const code = OUT_OF_REACH.has(error.code) ? "source_unreachable" : "source_refused";
    throw new ClientError(code, error.message, { cause: error });
  }
}

/** `oci:HOST/REPOSITORY`, without a tag: a mirror takes the whole of it. Throws `usage`, `bad_reference`. */
export function repositoryOf(text: string): Reference {
  const reference = parseReference(text.slice("oci:".length), { bare: true });
  if (reference.tag === undefined && reference.digest === undefined) return reference;
  throw new CliError("usage", `${text} must name a repository alone, without a tag or a digest.`);
}
