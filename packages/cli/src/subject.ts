import { stat } from "node:fs/promises";
import { type Digest, EncodingError, parseDigest } from "@stemma/encoding";
import {
  type ContentStore,
  checkArtifact,
  type Document,
  folderStore,
  isImageLayout,
  nameIn,
  openPlace,
  parsePlace,
  parseReference,
  referenceText,
} from "@stemma/oci";
import { hashAndSize } from "./artifacts.ts";
import { CliError } from "./error.ts";
import { unreadable } from "./files.ts";
import { openRegistry, type PlaceOptions } from "./open-place.ts";
import { progress } from "./output.ts";

/** What is asked about: a digest that came from bytes that were checked here, or from the user. */
export interface Subject {
  readonly kind: "digest" | "file" | "image-layout" | "registry";
  readonly digest: Digest;
  /** Bytes of the artifact itself; for an image, of its manifest. */
  readonly size: number | undefined;
  readonly mediaType: string | undefined;
  readonly artifactType: string | undefined;
  /** Where an image was found: the place that has its configuration, too. */
  readonly store?: ContentStore;
}

export type SubjectOptions = PlaceOptions;

/**
 * Finds the digest of `sha256:…`, of a file, of an OCI image layout (a folder, `layout:FOLDER:TAG` or `tarball:FILE:TAG`),
 * or of `oci:HOST/REPOSITORY:TAG`. Of images every byte
 * is read and checked; of an index, which is then what is asked about, every image that it lists. Nothing that a registry
 * says of its own content is believed.
 *
 * Throws `usage`, `file_unreadable`, OciError.
 */
export async function findSubject(what: string, options: SubjectOptions): Promise<Subject> {
  if (what.startsWith("oci:")) return pullSubject(what.slice(4), options);
  if (/^(?:layout|tarball):/.test(what)) return layoutSubject(what);
  if (looksLikeDigest(what)) return ofDigest(what);
  const found = await stat(what).catch((error: unknown) => {
    throw unreadable(what, error);
  });
  if (found.isDirectory()) {
    if (!(await isImageLayout(what))) {
      throw new CliError("usage", `${what} is a folder, but no OCI image layout.`);
    }
    const store = folderStore(what);
    return { kind: "image-layout", ...partsOf(await checkArtifact(store)), store };
  }
  progress(`Hashing ${what}…`);
  const { sha256, size } = await hashAndSize(what);
  return {
    kind: "file",
    digest: parseDigest(`sha256:${sha256}`),
    size,
    mediaType: guessMediaType(what),
    artifactType: undefined,
  };
}

/** Whether something is meant as a digest. Those of other algorithms are refused as such, and not looked for as files. */
export function looksLikeDigest(what: string): boolean {
  return /^(?:sha(?:256|512):|[A-Za-z0-9-]+:[0-9A-Fa-f]{32,}$)/.test(what);
}

/** Reads a digest that the user typed. Throws `usage`. */
export function asDigest(text: string): Digest {
  try {
    return parseDigest(text);
  } catch (error) {
    if (error instanceof EncodingError) throw new CliError("usage", error.message, { cause: error });
    throw error;
  }
}

function ofDigest(text: string): Subject {
  return {
    kind: "digest",
    digest: asDigest(text),
    size: undefined,
    mediaType: undefined,
    artifactType: undefined,
  };
}

async function pullSubject(text: string, options: SubjectOptions): Promise<Subject> {
  const reference = parseReference(text);
  const store = openRegistry(reference, options);
  progress(`Pulling ${referenceText(reference)}…`);
  return {
    kind: "registry",
    ...partsOf(await checkArtifact(store, reference.digest ?? reference.tag)),
    store,
  };
}

async function layoutSubject(text: string): Promise<Subject> {
  const place = parsePlace(text);
  const store = openPlace(place);
  return { kind: "image-layout", ...partsOf(await checkArtifact(store, nameIn(place))), store };
}

function partsOf({ digest, mediaType, artifactType, bytes }: Document): Omit<Subject, "kind"> {
  return { digest, mediaType, artifactType, size: bytes.length };
}

const MEDIA_TYPES: readonly (readonly [string, string])[] = [
  [".tar.gz", "application/gzip"],
  [".tgz", "application/gzip"],
  [".gz", "application/gzip"],
  [".tar", "application/x-tar"],
  [".zip", "application/zip"],
  [".json", "application/json"],
  [".js", "text/javascript"],
  [".mjs", "text/javascript"],
];

function guessMediaType(path: string): string {
  return MEDIA_TYPES.find(([ending]) => path.endsWith(ending))?.[1] ?? "application/octet-stream";
}
