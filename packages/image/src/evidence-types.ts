/** How signed evidence travels through registries: the media types and annotations that tools have agreed upon. */

/** Sigstore's bundle specification, "OCI": artifact type and layer of a bundle; earlier bundles have v0.1 and v0.2 in its place. */
export const SIGSTORE_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
/** A DSSE envelope: layers of cosign's `.att` tags, and evidence that is attached without a bundle. */
export const DSSE_ENVELOPE = "application/vnd.dsse.envelope.v1+json";
/** in-toto's own metablocks, in the manner of the two above: nobody has registered types for them. */
export const IN_TOTO_LINK = "application/vnd.in-toto.link+json";
export const IN_TOTO_LAYOUT = "application/vnd.in-toto.layout+json";

/** Annotations of a bundle's manifest (Sigstore's bundle specification, "OCI"). */
export const BUNDLE_CONTENT = "dev.sigstore.bundle.content";
export const BUNDLE_PREDICATE_TYPE = "dev.sigstore.bundle.predicateType";
/** The predicate type of an attestation, as BuildKit and the in-toto project annotate it. */
export const PREDICATE_TYPE = "in-toto.io/predicate-type";
/** The same on the layers of cosign's `.att` tags. */
export const COSIGN_PREDICATE_TYPE = "predicateType";
/** When something was made, RFC 3339 (image specification, "Pre-Defined Annotation Keys"). */
export const CREATED = "org.opencontainers.image.created";
/** cosign's signature beside a layer; empty on attestations, which carry theirs, and never left out. */
export const COSIGN_SIGNATURE = "dev.cosignproject.cosign/signature";
