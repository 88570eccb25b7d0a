import { sha256 } from "@stemma/crypto";
import { compareCodePoints, type Digest, type Sha256Hex, utf8 } from "@stemma/encoding";
import { describeBytes, EMPTY_CONFIG, writeManifest } from "@stemma/image";
import { ClientError } from "../error.ts";
import type { BundleDocument } from "./document.ts";
import {
  BUNDLE_ARTIFACT_TYPE,
  BUNDLE_LIMITS,
  DOMAIN_ROOT,
  EVIDENCE_LAYER,
  FILE_NAME,
  METADATA_LAYER,
  PROJECT_HINT,
  TARGET_LAYER,
  TIME_HINT,
} from "./format.ts";

/** The artifact that a bundle is about. */
export interface BundleSubject {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** What a bundle says of itself. Nothing rests on it. */
export interface BundleHints {
  readonly project: string;
  /** The moment as of which it was made. */
  readonly time: Date;
}

/** A bundle before a carrier takes it: the manifest, and the blobs that it names, in its order. */
export interface PackedBundle {
  readonly manifest: Uint8Array;
  readonly blobs: ReadonlyMap<Sha256Hex, Uint8Array>;
}

const TYPES = { metadata: METADATA_LAYER, target: TARGET_LAYER, evidence: EVIDENCE_LAYER } as const;
const EMPTY = utf8("{}");
const FIRST_ROLES = ["root", "timestamp", "snapshot", "targets"];

/**
 * Makes the manifest of a bundle. The same documents give the same bytes, in whatever order they came. Throws `bundle_too_large`.
 */
export function packBundle(
  subject: BundleSubject,
  documents: readonly BundleDocument[],
  hints: BundleHints,
): PackedBundle {
  const sorted = documents
    .map((document) => ({ ...document, digest: sha256(document.bytes) }))
    .map((document) => ({ document, key: sortKey(document) }))
    .sort((a, b) => compareCodePoints(a.key, b.key))
    .map(({ document }) => document);
  const blobs = new Map<Sha256Hex, Uint8Array>([[sha256(EMPTY), EMPTY]]);
  for (const { digest, bytes } of sorted) blobs.set(digest, bytes);
  const size = [...blobs.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  if (sorted.length > BUNDLE_LIMITS.documents || size > BUNDLE_LIMITS.contentBytes) {
    throw new ClientError(
      "bundle_too_large",
      `The bundle would have ${sorted.length} documents of ${size} bytes; at most ${BUNDLE_LIMITS.documents} and ${BUNDLE_LIMITS.contentBytes} are read.`,
    );
  }
  const manifest = writeManifest({
    artifactType: BUNDLE_ARTIFACT_TYPE,
    config: describeBytes(EMPTY_CONFIG, EMPTY),
    layers: sorted.map(({ kind, name, domain, bytes }) => ({
      ...describeBytes(TYPES[kind], bytes),
      annotations: new Map([
        ...(name === undefined ? [] : [[FILE_NAME, name] as const]),
        ...(domain === undefined ? [] : [[DOMAIN_ROOT, domain] as const]),
      ]),
    })),
    subject: { ...subject, artifactType: undefined, annotations: new Map(), platform: undefined },
    annotations: new Map([
      [PROJECT_HINT, hints.project],
      [TIME_HINT, hints.time.toISOString()],
    ]),
  });
  return { manifest, blobs };
}

/** The domain that the bundle is of, then others by root; of each its metadata, then its target files; evidence at the end. */
function sortKey({
  kind,
  name = "",
  domain,
  digest,
}: BundleDocument & { readonly digest: Sha256Hex }): string {
  if (kind === "evidence") return `~\n${digest}`;
  if (kind === "target") return `${domain ?? ""}\n2\n${name}`;
  const [, version = "", role = ""] = /^(?:([0-9]+)\.)?(.*)\.json$/.exec(name) ?? [];
  const place = FIRST_ROLES.indexOf(role);
  return `${domain ?? ""}\n1\n${place < 0 ? FIRST_ROLES.length : place}\n${role}\n${version.padStart(16, "0")}`;
}
