import type { Descriptor } from "./descriptor.ts";
import {
  BUNDLE_PREDICATE_TYPE,
  COSIGN_PREDICATE_TYPE,
  DSSE_ENVELOPE,
  IN_TOTO_LAYOUT,
  IN_TOTO_LINK,
  PREDICATE_TYPE,
} from "./evidence-types.ts";
import type { Manifest } from "./manifest.ts";

/**
 * What tools attach to images, by what somebody who looks for evidence can do with it:
 *
 * * signed statements, links and layouts, in whatever wrapping: `sigstore-bundle`, `dsse`, `link`, `layout`;
 * * signatures that attest nothing about how an image was made: `cosign-signature` (simple signing), `notation-signature`;
 * * `unsigned-statement`: anybody who could push it may have written it;
 * * `other`: SBOMs without a signature, and whatever else there is.
 */
export type AttachedKind =
  | "sigstore-bundle"
  | "dsse"
  | "link"
  | "layout"
  | "cosign-signature"
  | "notation-signature"
  | "unsigned-statement"
  | "other";

/** A predicate type that is longer is none (in-toto attestation: a URI). */
const MAX_TYPE_LENGTH = 512;

/** One blob of a manifest that is attached to an image. Nothing of it has been read yet. */
export interface Attached {
  readonly kind: AttachedKind;
  readonly blob: Descriptor;
  /** What its annotations say that it states; nobody has signed that. */
  readonly predicateType: string | undefined;
}

const NOTATION = "application/vnd.cncf.notary.signature";
/** docker/attest: a DSSE envelope of a statement whose predicate the type names. */
const DOCKER_DSSE = /^application\/vnd\.in-toto\.[A-Za-z0-9._-]{1,100}\+dsse$/;

const PREDICATE_ANNOTATIONS = [PREDICATE_TYPE, COSIGN_PREDICATE_TYPE, BUNDLE_PREDICATE_TYPE] as const;

/**
 * Sorts what a manifest holds: cosign's `.sig` and `.att`, Sigstore bundles, DSSE envelopes, in-toto metablocks, notation's
 * signatures, the attestations of BuildKit and of docker/attest. The media types are what whoever pushed it says.
 */
export function attachedIn(manifest: Manifest): readonly Attached[] {
  const type = manifest.artifactType ?? manifest.config.mediaType;
  return manifest.layers.map((blob) => ({
    kind: type === NOTATION ? "notation-signature" : kindOf(blob.mediaType),
    blob,
    predicateType: PREDICATE_ANNOTATIONS.map(
      (name) => blob.annotations.get(name) ?? manifest.annotations.get(name),
    ).find((found) => found !== undefined && found.length <= MAX_TYPE_LENGTH),
  }));
}

function kindOf(mediaType: string): AttachedKind {
  if (mediaType.startsWith("application/vnd.dev.sigstore.bundle")) return "sigstore-bundle";
  if (mediaType === DSSE_ENVELOPE || DOCKER_DSSE.test(mediaType)) return "dsse";
  if (mediaType === IN_TOTO_LINK) return "link";
  if (mediaType === IN_TOTO_LAYOUT) return "layout";
  if (mediaType === "application/vnd.dev.cosign.simplesigning.v1+json") return "cosign-signature";
  return mediaType === "application/vnd.in-toto+json" ? "unsigned-statement" : "other";
}

const SIGNED: ReadonlySet<AttachedKind> = new Set(["sigstore-bundle", "dsse", "link", "layout"]);

/** Whether something of this kind is signed, and says how an artifact was made: it may be evidence. */
export function mayBeEvidence(kind: AttachedKind): boolean {
  return SIGNED.has(kind);
}
