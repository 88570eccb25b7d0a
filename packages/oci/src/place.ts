import { type Digest, EncodingError, parseDigest } from "@stemma/encoding";
import type { ContentStore } from "./content-store.ts";
import { OciError } from "./error.ts";
import { folderStore } from "./folder.ts";
import { isTag, parseReference, type Reference } from "./reference.ts";
import { registryStore } from "./registry.ts";
import { tarballStore } from "./tarball.ts";
import type { RegistryOptions } from "./transport.ts";

/** A place that holds OCI content, as it is written on a command line, and which artifact in it is meant. */
export type Place = { readonly tag: string | undefined; readonly digest: Digest | undefined } & (
  | { readonly kind: "registry"; readonly reference: Reference }
  | { readonly kind: "layout" | "tarball"; readonly path: string }
);

/**
 * Reads `oci:HOST/REPOSITORY`, `layout:FOLDER` or `tarball:FILE`, each with `:TAG`, `@DIGEST` or neither. A path without a
 * word before it is a tarball when it ends with `.tar`, and else a folder; it is taken whole. Throws `bad_reference`.
 */
export function parsePlace(text: string): Place {
  const [word = "", ...rest] = text.split(":");
  const after = rest.join(":");
  if (word === "oci") {
    const reference = parseReference(after, { bare: true });
    return { kind: "registry", reference, tag: reference.tag, digest: reference.digest };
  }
  if (word === "layout" || word === "tarball") return { kind: word, ...splitPath(after) };
  if (text === "" || text.includes("\0")) throw badPlace(text);
  return {
    kind: text.endsWith(".tar") ? "tarball" : "layout",
    path: text,
    tag: undefined,
    digest: undefined,
  };
}

function splitPath(text: string): { path: string; tag: string | undefined; digest: Digest | undefined } {
  let path = text;
  let digest: Digest | undefined;
  const at = /@(?=sha(?:256|512):)/.exec(text)?.index;
  if (at !== undefined) {
    path = text.slice(0, at);
    digest = readDigest(text.slice(at + 1), text);
  }
  const colon = path.lastIndexOf(":");
  const tag = colon > 0 && isTag(path.slice(colon + 1)) ? path.slice(colon + 1) : undefined;
  if (tag !== undefined) path = path.slice(0, colon);
  if (path === "" || path.includes("\0")) throw badPlace(text);
  return { path, tag, digest };
}

function readDigest(text: string, whole: string): Digest {
  try {
    return parseDigest(text);
  } catch (error) {
    if (error instanceof EncodingError) throw badPlace(whole);
    throw error;
  }
}

function badPlace(text: string): OciError {
  return new OciError(
    "bad_reference",
    `"${text.slice(0, 200)}" is no place; expected oci:HOST/REPOSITORY, layout:FOLDER or tarball:FILE, each with :TAG or @DIGEST.`,
  );
}

/** Opens a place. Nothing is asked of it yet. */
export function openPlace(place: Place, options: RegistryOptions = {}): ContentStore {
  if (place.kind === "registry") return registryStore(place.reference, options);
  return place.kind === "layout" ? folderStore(place.path) : tarballStore(place.path);
}

/** Which artifact of a place is meant: the digest goes before the tag. */
export function nameIn(place: Place): string | undefined {
  return place.digest ?? place.tag;
}
