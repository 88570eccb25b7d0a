import { BUNDLE_ARTIFACT_TYPE } from "@stemma/client";
import { type Digest, EncodingError, parseDigest } from "@stemma/encoding";
import { type Attached, attachedIn, attestedBy, type Manifest, platformText } from "@stemma/image";
import {
  type Belonging,
  type ContentStore,
  type Document,
  findBelongings,
  readDocumentOf,
  readTree,
} from "@stemma/oci";
import { CliError } from "../error.ts";

/** An image or an index that something may be attached to. */
export interface Subject {
  readonly document: Document;
  /** `index`, or the platform that an index has it for. */
  readonly role: string | undefined;
}

/** Something that is attached to a subject. Its manifest was read and checked, and what it holds was not. */
export interface Found extends Attached {
  readonly of: Digest;
  /** Digest of the manifest that holds it. */
  readonly manifest: Digest;
  /** How it was found: by a tag of cosign's, as a referrer, or in the index. */
  readonly place: string;
}

export interface RegistryEvidence {
  readonly root: Document;
  readonly subjects: readonly Subject[];
  readonly found: readonly Found[];
  /** What the registry lists and is not looked into, each with the reason. */
  readonly leftOut: readonly string[];
}

/** Attached things that are looked at. Whoever attaches more wants something else. */
const MAX_FOUND = 1_024;

/**
 * Everything that is attached to an artifact and, when it is an index, to each image in it: by cosign's tags, as referrers
 * (those of the fallback tag included), and in the index, where BuildKit and docker/attest put it. An index says which of
 * its entries attests which image, and a referrer says what it refers to; the list of the registry decides nothing.
 *
 * Throws `manifest_not_found`, `too_many_manifests`, `too_much_attached`, and as the store.
 */
export async function findRegistryEvidence(store: ContentStore, name: string): Promise<RegistryEvidence> {
  const root = await readDocumentOf(store, name);
  const tree = await readTree(store, root);
  const attesting = attestingManifests(tree);
  const subjects = subjectsIn(tree.filter(({ digest }) => !attesting.has(digest)));
  const known = new Set(subjects.map(({ document }) => document.digest));
  const { found: belongings, leftOut } = await findBelongings(
    store,
    subjects.map(({ document }) => document),
  );
  const found: Found[] = [];
  const others = [...leftOut];
  const add = (document: Manifest, of: Digest, place: string) => {
    found.push(...attachedIn(document).map((item) => ({ ...item, of, manifest: document.digest, place })));
    if (found.length > MAX_FOUND) {
      throw new CliError(
        "too_much_attached",
        `More than ${MAX_FOUND} things are attached to ${root.digest}.`,
      );
    }
  };
  for (const document of tree) {
    const of = attesting.get(document.digest);
    if (of === undefined) continue;
    if (document.kind !== "manifest") others.push(`${document.digest} attests an image and is an index`);
    else if (!known.has(of)) others.push(`${document.digest} attests ${of}, which is not in the index`);
    else add(document, of, "in the index");
  }
  for (const belonging of belongings) {
    const { document, of } = belonging;
    // BuildKit's newer attestations are both: entries of the index, and referrers.
    if (attesting.has(document.digest) && belonging.tag === undefined) continue;
    if (document.kind !== "manifest") others.push(`${document.digest} belongs to ${of} and is an index`);
    else if (!known.has(of)) others.push(`${document.digest} belongs to ${of}, which is itself attached`);
    else if (document.artifactType === BUNDLE_ARTIFACT_TYPE) {
      // Its layers are documents of a trust domain that has the artifact on record already.
      others.push(`${document.digest} is a Stemma bundle, which stemma bundle verify judges`);
    } else add(document, of, placeOf(belonging));
  }
  return { root, subjects, found, leftOut: others };
}

/** The attestation manifests that indexes list, each with the image that it is listed for. */
function attestingManifests(tree: readonly Document[]): ReadonlyMap<Digest, Digest> {
  const found = new Map<Digest, Digest>();
  for (const document of tree) {
    for (const entry of document.kind === "index" ? document.manifests : []) {
      const of = asDigest(attestedBy(entry));
      if (of !== undefined) found.set(entry.digest, of);
    }
  }
  return found;
}

function asDigest(text: string | undefined): Digest | undefined {
  if (text === undefined) return undefined;
  try {
    return parseDigest(text);
  } catch (error) {
    if (error instanceof EncodingError) return undefined;
    throw error;
  }
}

/** The root comes first. */
function subjectsIn(tree: readonly Document[]): readonly Subject[] {
  const platforms = new Map<Digest, string>();
  for (const document of tree) {
    for (const { digest, platform } of document.kind === "index" ? document.manifests : []) {
      if (platform !== undefined) platforms.set(digest, platformText(platform));
    }
  }
  return tree.toReversed().map((document) => ({
    document,
    role: document.kind === "index" ? "index" : platforms.get(document.digest),
  }));
}

function placeOf({ tag }: Belonging): string {
  return tag === undefined ? "referrer" : `tag ${tag.slice(tag.lastIndexOf("."))}`;
}
