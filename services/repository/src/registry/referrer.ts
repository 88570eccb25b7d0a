import { sha256 } from "@stemma/crypto";
import { type Digest, type JsonObject, parseJson, type Sha256Hex, StemmaError, utf8 } from "@stemma/encoding";
import {
  BUNDLE_CONTENT,
  BUNDLE_PREDICATE_TYPE,
  COSIGN_PREDICATE_TYPE,
  COSIGN_SIGNATURE,
  CREATED,
  DSSE_ENVELOPE,
  EMPTY_CONFIG,
  IMAGE_INDEX,
  IMAGE_MANIFEST,
  IN_TOTO_LAYOUT,
  IN_TOTO_LINK,
  type Manifest,
  PREDICATE_TYPE,
  SIGSTORE_BUNDLE,
} from "@stemma/image";
import { DEFAULT_LIMITS, Evidence } from "@stemma/in-toto";

/** The artifact that a manifest refers to, as its record describes it. */
export interface Subject {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** The config of every manifest that is written here. */
export const EMPTY = utf8("{}");
const EMPTY_DESCRIPTOR = {
  mediaType: EMPTY_CONFIG,
  digest: `sha256:${sha256(EMPTY)}`,
  size: EMPTY.length,
  data: "e30=",
};

/** How one item of evidence is presented. */
interface Presentation {
  /** Of the manifest and of its one layer. */
  readonly type: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly layerAnnotations?: Readonly<Record<string, string>>;
}

/**
 * The manifest that presents an item of evidence as a referrer of its artifact (image specification 1.1, "Guidelines for
 * Artifact Usage"): an empty config, one layer with the exact bytes, and the artifact as its subject. The same evidence and
 * subject always give the same bytes.
 */
export function writeReferrer(subject: Subject, name: Sha256Hex, bytes: Uint8Array): Uint8Array {
  const { type, annotations, layerAnnotations } = present(name, bytes);
  return utf8(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: IMAGE_MANIFEST,
      artifactType: type,
      config: EMPTY_DESCRIPTOR,
      layers: [
        {
          mediaType: type,
          digest: `sha256:${name}`,
          size: bytes.length,
          ...(layerAnnotations === undefined ? {} : { annotations: layerAnnotations }),
        },
      ],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
      annotations,
    }),
  );
}

/** A list of referrers (distribution 1.1, "Listing Referrers"): artifact types and annotations are copied up. */
export function writeList(referrers: readonly Manifest[]): Uint8Array {
  const manifests = referrers.map(({ digest, bytes, mediaType, artifactType, annotations }) => ({
    mediaType,
    digest,
    size: bytes.length,
    artifactType,
    annotations: Object.fromEntries(annotations),
  }));
  return utf8(JSON.stringify({ schemaVersion: 2, mediaType: IMAGE_INDEX, manifests }));
}

/**
 * The attestations of an artifact as cosign before version 3 looks for them, under the tag `sha256-<hex>.att`: one manifest with a
 * layer for each DSSE envelope (cosign's ATTESTATION_SPEC). Undefined when none of the referrers is one.
 */
export function writeAttestations(referrers: readonly Manifest[]): Uint8Array | undefined {
  const layers = referrers
    .filter(
      ({ artifactType, annotations }) => artifactType === DSSE_ENVELOPE && annotations.has(PREDICATE_TYPE),
    )
    .flatMap((manifest) => manifest.layers)
    .map(({ mediaType, digest, size, annotations }) => ({
      mediaType,
      digest,
      size,
      annotations: { [COSIGN_SIGNATURE]: "", ...Object.fromEntries(annotations) },
    }));
  if (layers.length === 0) return undefined;
  return utf8(
    JSON.stringify({ schemaVersion: 2, mediaType: IMAGE_MANIFEST, config: EMPTY_DESCRIPTOR, layers }),
  );
}

function present(name: Sha256Hex, bytes: Uint8Array): Presentation {
  try {
    return presentReadable(new Evidence(name, bytes, DEFAULT_LIMITS));
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    // The gate lets nothing in that it cannot read; what an older one let in is still there to be fetched.
    return { type: "application/octet-stream", annotations: {} };
  }
}

function presentReadable(evidence: Evidence): Presentation {
  const { format, bundle, bytes } = evidence.envelope;
  const predicateType = evidence.kind === "statement" ? evidence.statement.predicateType : undefined;
  if (bundle) return presentBundle(bytes, predicateType);
  if (format === "metablock") {
    return { type: evidence.kind === "layout" ? IN_TOTO_LAYOUT : IN_TOTO_LINK, annotations: {} };
  }
  if (predicateType === undefined) return { type: DSSE_ENVELOPE, annotations: {} };
  return {
    type: DSSE_ENVELOPE,
    annotations: { [PREDICATE_TYPE]: predicateType },
    layerAnnotations: { [COSIGN_PREDICATE_TYPE]: predicateType },
  };
}

/** Sigstore's bundle specification, "OCI". */
function presentBundle(bytes: Uint8Array, predicateType: string | undefined): Presentation {
  const bundle = parseJson(bytes, { maxBytes: DEFAULT_LIMITS.envelopeBytes }) as JsonObject;
  const created = timeOf(bundle);
  return {
    type: bundleType(String(bundle.get("mediaType"))),
    annotations: {
      ...(created === undefined ? {} : { [CREATED]: created }),
      [BUNDLE_CONTENT]: "dsse-envelope",
      ...(predicateType === undefined ? {} : { [BUNDLE_PREDICATE_TYPE]: predicateType }),
    },
  };
}

/** The older spelling of a bundle's type has a parameter, which the type of an artifact cannot have (RFC 6838). */
function bundleType(mediaType: string): string {
  const version =
    /^application\/vnd\.dev\.sigstore\.bundle(?:\+json;version=0|\.v0)\.([12])(?:\+json)?$/.exec(
      mediaType,
    )?.[1];
  return version === undefined ? SIGSTORE_BUNDLE : SIGSTORE_BUNDLE.replace("v0.3", `v0.${version}`);
}

/** When a log took the bundle in. One without a log says no time that could be read without more work, so it gets none. */
function timeOf(bundle: JsonObject): string | undefined {
  const material = bundle.get("verificationMaterial");
  const entries = material instanceof Map ? material.get("tlogEntries") : undefined;
  const entry = Array.isArray(entries) ? entries[0] : undefined;
  const time = entry instanceof Map ? entry.get("integratedTime") : undefined;
  const seconds = typeof time === "string" && /^[1-9]\d{0,10}$/.test(time) ? Number(time) : undefined;
  return seconds === undefined ? undefined : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
