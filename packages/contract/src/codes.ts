import type { ClientCode } from "@stemma/client";
import type { CryptoCode } from "@stemma/crypto";
import type { EncodingCode } from "@stemma/encoding";
import type { ImageCode } from "@stemma/image";
import type { InTotoCode } from "@stemma/in-toto";
import type { LineageCode } from "@stemma/lineage";
import type { OciCode } from "@stemma/oci";
import type { SigstoreCode } from "@stemma/sigstore";
import type { TufCode } from "@stemma/tuf";
import type { ServiceCode } from "./service-error.ts";

/** Every stable code that an answer can carry. A package that gains a code does not compile until it is here. */
export type ProblemCode =
  | EncodingCode
  | CryptoCode
  | TufCode
  | InTotoCode
  | SigstoreCode
  | ImageCode
  | LineageCode
  | ClientCode
  | OciCode
  | ServiceCode;

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  readonly advice: string;
}

function kind(status: number, title: string, advice: string): ProblemKind {
  return { status, title, advice };
}

/** The one list of codes, with what HTTP and people are told about each. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = {
  // ---- @stemma/encoding: bytes and text -----------------------------------------------------------------
  bad_json: kind(400, "Not strict JSON", "Send one JSON document (RFC 8259) and nothing after it."),
  bad_utf8: kind(400, "Not UTF-8", "Send UTF-8 without a byte order mark and without lone surrogates."),
  duplicate_member: kind(400, "Member twice", "Give each member of an object once."),
  bad_number: kind(
    400,
    "Number out of grammar",
    "Send integers as plain digits: no sign on zero, fraction or exponent.",
  ),
  too_deep: kind(400, "Nested too deeply", "Flatten the document."),
  too_large: kind(413, "Too large", "Send less in one document."),
  bad_encoding: kind(
    400,
    "Bad base64 or hexadecimal",
    "Use canonical base64 with padding, or lower-case hexadecimal.",
  ),
  bad_digest: kind(400, "Bad digest", "Write digests as sha256:<64 lower-case hex>."),
  wrong_type: kind(400, "Wrong JSON type", "Follow the schema of the document."),
  missing_member: kind(400, "Member missing", "Follow the schema of the document."),

  // ---- @stemma/crypto: keys and signatures --------------------------------------------------------------
  bad_key: kind(422, "Unusable key", "Export the key again; its type, scheme and encoding must agree."),
  unsupported_key: kind(
    422,
    "Unsupported key type",
    "Use ed25519, ECDSA P-256/384/521 or RSA-PSS of 2048 bits or more.",
  ),
  weak_key: kind(422, "Weak key", "Make a new key with `stemma key new`."),
  bad_key_id: kind(422, "Bad key id", "Key ids are short printable labels."),
  bad_certificate: kind(
    422,
    "Unusable certificate",
    "Send one PEM certificate, signed with SHA-2, without critical extensions beyond the usual ones.",
  ),
  bad_passphrase: kind(422, "Wrong passphrase", "Give the passphrase that the key was written with."),
  key_file_unprotected: kind(422, "Key file readable by others", "Set its mode to 0600."),

  // ---- @stemma/tuf: documents ---------------------------------------------------------------------------
  wrong_role_type: kind(422, "Another kind of role", "Upload each document under the role that it is."),
  unsupported_spec_version: kind(422, "Unsupported TUF version", "Write spec_version 1.0.x."),
  bad_expires: kind(422, "Bad expiry", "Write expiry as YYYY-MM-DDTHH:MM:SSZ, a real moment."),
  duplicate_key: kind(422, "Key listed twice", "List each key id of a role once."),
  duplicate_signature: kind(422, "Two signatures with one key id", "Give each key id one signature."),
  duplicate_role: kind(422, "Role delegated twice", "Delegate each role once."),
  bad_role_name: kind(
    422,
    "Bad role name",
    "Role names match [a-z][a-z0-9-]* and have at most 63 characters.",
  ),
  bad_delegation: kind(422, "Bad delegation", "Follow TUF 4.5; make the delegation with `stemma project`."),
  bad_prefix: kind(422, "Bad path hash prefix", "Prefixes are lower-case hexadecimal."),
  invalid_threshold: kind(
    422,
    "Invalid threshold",
    "A threshold is at least 1 and at most the number of distinct keys.",
  ),
  limit_exceeded: kind(422, "Beyond a limit", "The limits are in docs/configuration.md."),
  no_strong_digest: kind(422, "No strong digest", "List files with sha256."),
  threshold_not_met: kind(
    422,
    "Threshold not met",
    "Check that the pinned root is of this trust domain; owners collect the missing signatures, for instance in a ceremony.",
  ),
  expired: kind(
    422,
    "Expired",
    "Take a newer bundle or a source that is up to date; owners make a new version with a later expiry.",
  ),
  rollback: kind(
    422,
    "Older than the current version",
    "Take a source that is up to date, of the trust domain of the pinned root; owners make the next version from the current one.",
  ),
  wrong_version: kind(422, "Another version than expected", "Use the current version plus one."),
  length_mismatch: kind(422, "Length differs", "List the length of the very bytes."),
  digest_mismatch: kind(422, "Digest differs", "List the sha256 of the very bytes."),
  not_in_snapshot: kind(422, "Not in the snapshot", "Publish the role first."),
  not_delegated: kind(
    422,
    "Role not delegated",
    "Delegate the project in targets first, or in the same upload.",
  ),
  metadata_not_found: kind(
    422,
    "Metadata missing",
    "Take a source that has all of the trust domain, or publish the role first.",
  ),
  other_domain: kind(
    422,
    "Metadata of another trust domain",
    "Check the name of the domain, and the source: its timestamp or snapshot was signed for another one.",
  ),
  out_of_order: kind(422, "Roles in the wrong order", "Upload roles that belong together in one request."),
  duplicate_key_material: kind(422, "One key under two ids", "List each public key once."),
  key_id_mismatch: kind(
    422,
    "Key id is not the key's",
    "Key ids are the sha256 of the canonical key object.",
  ),
  unusable_key: kind(422, "Unusable key", "Replace the key that the detail names."),
  version_jump: kind(422, "Version jump", "Use the current version plus one."),
  unexpected_field: kind(
    422,
    "Unexpected member",
    "A document has the members signed and signatures, nothing else.",
  ),
  not_canonical_roundtrip: kind(
    422,
    "Ambiguous document",
    "Encode the document again with a TUF implementation.",
  ),
  bad_target_path: kind(422, "Bad target path", "Projects list files as projects/<project>/<name>."),
  bad_pattern: kind(422, "Bad path pattern", "A project is delegated projects/<project>/* and nothing else."),

  // ---- @stemma/in-toto: layouts and links ---------------------------------------------------------------
  unsupported_envelope: kind(
    422,
    "Neither DSSE nor metablock",
    "Sign with `stemma run` or another in-toto implementation.",
  ),
  unsupported_payload_type: kind(
    422,
    "Another payload type",
    "The payload type is application/vnd.in-toto+json.",
  ),
  wrong_document: kind(422, "Another kind of document", "Send links as evidence and layouts as layouts."),
  bad_rule: kind(422, "Bad artifact rule", "Follow the grammar of in-toto 4.3.3."),
  bad_name: kind(422, "Bad name", "Names of steps are short and printable, without slashes."),
  duplicate_name: kind(422, "Two steps with one name", "Give each step a name of its own."),
  private_key_exposed: kind(
    422,
    "Private key in the document",
    "Replace that key at once: it was sent over the network.",
  ),
  path_not_normal: kind(
    422,
    "Path not in normal form",
    "Write artifact names without ., .. and empty segments.",
  ),
  bad_artifact_digest: kind(422, "Bad artifact digest", "Write digests as lower-case hexadecimal."),
  weak_artifact_digest: kind(422, "Weak artifact digest", "Record artifacts with sha256 or sha512."),
  unknown_parameter: kind(422, "Unknown layout parameter", "Give every parameter that the layout uses."),
  bad_statement: kind(422, "Not a statement", "Follow the in-toto attestation framework, Statement v1."),
  bad_predicate: kind(
    422,
    "Predicate not of its type",
    "Give the predicate the members that its type requires.",
  ),
  bad_attribute_rule: kind(
    422,
    "Bad attribute rule",
    "An attribute rule has `at` and one operator; see docs/attestations.md.",
  ),
  bad_identity: kind(422, "Bad identity", "Name the exact issuer and the exact identity, never a pattern."),
  bad_authority: kind(
    422,
    "Unusable certificate authority",
    "Give each of rootcas and intermediatecas a PEM certificate in keyval.certificate.",
  ),
  bad_constraint: kind(
    422,
    "Bad certificate constraint",
    "Use common_name, dns_names, emails, organizations, roots and uris; name roots that the layout defines.",
  ),
  bad_expected_predicate: kind(
    422,
    "Bad expected predicate",
    "Give it a predicateType, functionaries and a threshold; the step itself has no pubkeys and the threshold 1.",
  ),
  unsupported_layout_version: kind(
    422,
    "Unknown form of expected predicates",
    "Set expected_predicates_version to the form that docs/attestations.md describes.",
  ),
  unsupported_inspection: kind(
    422,
    "Inspection not carried out",
    "Verify with `stemma verify --run-inspections`, or let the owners express the inspection as a step.",
  ),
  certificate_not_trusted: kind(
    403,
    "Certificate not trusted",
    "Sign with a certificate under a root of the layout that holds now.",
  ),
  certificate_constraint_unmet: kind(
    403,
    "Certificate of somebody else",
    "Sign with a certificate that the step's constraints allow.",
  ),
  trusted_root_missing: kind(
    422,
    "No trusted root for keyless signatures",
    "Let the owners publish a trusted_root.json with the project or the trust domain.",
  ),
  sublayout_failed: kind(
    422,
    "Sublayout not satisfied",
    "Record the evidence that the functionary's own layout asks for.",
  ),
  predicate_not_expected: kind(
    422,
    "Attestation of another type",
    "Record attestations of the predicate types that the layout expects.",
  ),
  no_matching_attestation: kind(
    422,
    "Attestation missing",
    "Have a functionary attest it with `stemma attest`, and record it.",
  ),
  attribute_failed: kind(
    422,
    "Attribute not as expected",
    "The detail names the attribute, what the layout expects, and what the attestation says.",
  ),
  vsa_not_passed: kind(
    422,
    "Verification summary did not pass",
    "Find out from the verifier why it denied the artifact.",
  ),
  layout_threshold_not_met: kind(
    422,
    "Layout not signed by its owners",
    "Let as many owners sign the layout as the project role asks for.",
  ),
  layout_expired: kind(422, "Layout expired", "Let the owners publish a layout with a later expiry."),
  vacuous_policy: kind(422, "Layout that asks for nothing", "Give the layout at least one step."),
  unknown_functionary: kind(422, "Step names an unknown key", "Define each key that a step names."),
  unknown_step: kind(422, "No such step", "Links are of a step that the layout has."),
  link_missing: kind(422, "Link missing", "Record a link for every step."),
  functionary_not_authorized: kind(
    403,
    "Not signed by a functionary",
    "Sign the link with a key that the layout names for its step.",
  ),
  bad_signature: kind(403, "Signature invalid", "Sign the link again; it was changed after signing."),
  links_disagree: kind(422, "Links disagree", "Functionaries of one step must report the same artifacts."),
  product_mismatch: kind(422, "Another product", "The last step must have the artifact among its products."),
  rule_failed: kind(422, "Artifact rule failed", "See the rule that the detail names."),
  search_limit: kind(422, "Too many combinations", "Record fewer links for each step."),

  // ---- @stemma/sigstore: keyless identities -------------------------------------------------------------
  bad_trusted_root: kind(
    422,
    "Unusable trusted root",
    "Publish the trusted_root.json of the Sigstore instance, as `cosign trusted-root create` writes it.",
  ),
  bad_sigstore_bundle: kind(422, "Not a Sigstore bundle", "Send the bundle as the signing client wrote it."),
  unsupported_bundle: kind(
    422,
    "Unknown form of bundle",
    "Send a Sigstore bundle of version 0.1, 0.2 or 0.3.",
  ),
  not_dsse: kind(
    422,
    "Bundle without a statement",
    "Sign an in-toto statement, for instance with `stemma attest`.",
  ),
  not_keyless: kind(
    422,
    "Bundle by a key",
    "A Sigstore identity signs with a certificate; name the key in the layout.",
  ),
  untrusted_certificate: kind(
    403,
    "Certificate not trusted",
    "Sign at the Sigstore instance whose roots the trusted_root.json names.",
  ),
  bad_certificate_identity: kind(
    422,
    "Certificate without one identity",
    "Sign with a certificate that has exactly one subject alternative name and an issuer.",
  ),
  unproven_time: kind(
    422,
    "Time of signing not proven",
    "Sign with a transparency log or a timestamp authority of the trusted root.",
  ),
  signed_in_future: kind(
    422,
    "Signed later than asked about",
    "Ask for a later time, or set the clock right.",
  ),
  not_logged: kind(
    422,
    "Not in a transparency log",
    "Sign with the transparency log that the trusted root names.",
  ),
  bad_log_entry: kind(422, "Log entry of something else", "Send the bundle as the signing client wrote it."),

  // ---- @stemma/lineage and @stemma/client ---------------------------------------------------------------
  bad_lineage_policy: kind(
    422,
    "Bad lineage file",
    "Correct lineage.json; docs/lineage.md describes its form, and stemma lineage lint checks it.",
  ),
  base_missing: kind(
    422,
    "No base known",
    "Let the image name its base (the annotation org.opencontainers.image.base.digest), or provenance list its digest, and record that with its contents.",
  ),
  base_not_contained: kind(
    422,
    "Not built upon that base",
    "Rebuild the image from a base that is recorded; its lowest layers must be exactly those of the base.",
  ),
  base_not_proven: kind(
    422,
    "Base not proven",
    "See why the base itself does not verify, or build upon one that does; where its manifests are missing, record the artifact again with --base.",
  ),
  content_missing: kind(
    422,
    "Manifest or configuration missing",
    "Record the artifact again from its registry or image layout, so that its contents come along.",
  ),
  dependency_missing: kind(
    422,
    "No such dependency listed",
    "Record provenance that lists the dependency, signed by as many functionaries as the layout asks for.",
  ),
  dependency_not_proven: kind(
    422,
    "Dependency not proven",
    "See why the dependency itself does not verify, or build with one that does.",
  ),
  index_not_proven: kind(
    422,
    "No index that lists it holds",
    "Record the index with its contents; the owners chose that platforms are verified by their index.",
  ),
  lineage_limit: kind(
    422,
    "Lineage too large",
    "Verify the bases by themselves, and demand less depth in lineage.json.",
  ),
  platform_not_proven: kind(
    422,
    "A platform does not hold",
    "Record evidence for every platform that the index lists; the owners chose that each is verified by itself.",
  ),
  artifact_unknown: kind(404, "No record of this digest", "Record the artifact with its evidence first."),
  artifact_revoked: kind(409, "Artifact revoked", "The project's owners revoked it; use another artifact."),
  bad_project_name: kind(
    400,
    "Bad project name",
    "Project names match [a-z][a-z0-9-]* and are no role's name.",
  ),
  bad_record: kind(422, "Bad record", "Follow the schema of the route in /docs."),
  bad_revocations: kind(422, "Bad revocations", "Make revocations.json with `stemma revoke`."),
  conflicting_record: kind(
    409,
    "Descriptor differs from the record",
    "Length and media type of a digest are recorded once.",
  ),
  evidence_missing: kind(422, "Evidence missing", "Send the evidence along."),
  evidence_digest_mismatch: kind(422, "Evidence differs", "Send the very bytes that the record names."),
  file_missing: kind(422, "Project file missing", "Let the owners publish the file again."),
  file_digest_mismatch: kind(422, "Project file differs", "Send the very bytes that the metadata names."),
  layout_missing: kind(
    409,
    "Project has no layout",
    "Let the owners publish projects/<project>/layout.json.",
  ),
  project_not_claimed: kind(409, "Record claims another project", "Record the artifact for this project."),
  project_unknown: kind(
    404,
    "No such project",
    "Check the name of the project and of the trust domain, or delegate the project in targets first.",
  ),
  too_much_evidence: kind(422, "Too much evidence", "A record holds at most 256 items."),
  source_unreachable: kind(503, "Source unreachable", "Try again later."),
  source_refused: kind(502, "Source refused", "See the detail."),
  source_too_large: kind(502, "Source answered too much", "See the detail."),
  source_too_slow: kind(504, "Source too slow", "Try again later."),
  domain_unreachable: kind(
    502,
    "Trust domain out of reach",
    "Say where the other trust domain is to be had (--foreign NAME=SOURCE), or verify from a bundle that holds it.",
  ),
  bad_bundle: kind(422, "Bad bundle", "Fetch the bundle again."),
  bundle_too_large: kind(
    422,
    "Bundle too large",
    "Bundles have limits, which docs/bundle.md lists; verify from a server or a mirror.",
  ),
  bundle_missing: kind(404, "No bundle there", "Attach one: stemma bundle attach."),
  roots_do_not_lead_here: kind(
    422,
    "Another chain of roots",
    "The source is of another trust domain, or its roots were replaced: ask whoever gave you the pinned root.",
  ),
  mirror_incomplete: kind(
    502,
    "Source incomplete",
    "Mirror from a source that has everything, such as the service itself.",
  ),
  mirror_unwritable: kind(500, "Mirror cannot be written", "Give it a place that it can write to."),
  cache_unusable: kind(500, "Cache unusable", "Give the client a folder that it can write to."),

  // ---- @stemma/image: manifests, indexes and configurations ---------------------------------------------
  bad_manifest: kind(
    422,
    "Not an image manifest",
    "Push the image again with a tool that writes OCI manifests.",
  ),
  bad_image_config: kind(
    422,
    "Not an image configuration",
    "Push the image again with a tool that writes OCI image configurations.",
  ),

  // ---- @stemma/oci: images and registries ---------------------------------------------------------------
  bad_reference: kind(400, "Bad image reference", "Write HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST."),
  ambiguous_reference: kind(
    400,
    "Several artifacts, or none",
    "Name the one that is meant by its tag or digest: layout:FOLDER:TAG, or oci:HOST/REPOSITORY:TAG in a registry.",
  ),
  bad_image_layout: kind(
    422,
    "Not an OCI image layout",
    "Name a folder or an uncompressed tarball with oci-layout, index.json and blobs, on a disk with room.",
  ),
  blob_missing: kind(422, "Blob missing", "Pull the image again, or from another registry."),
  blob_digest_mismatch: kind(
    422,
    "Other bytes than the digest",
    "Do not use them; pull from another registry and tell its operator.",
  ),
  manifest_not_found: kind(404, "No such image", "Check the repository, the tag and the digest."),
  manifest_digest_mismatch: kind(
    422,
    "Another manifest than asked for",
    "Do not use it; pull from another registry.",
  ),
  too_many_manifests: kind(
    422,
    "Too many manifests",
    "Copy its parts one by one, by digest, and ask its maker what it lists so much for.",
  ),
  too_many_referrers: kind(
    422,
    "Too many referrers",
    "Remove what nobody needs from the list, or take the evidence from another place.",
  ),
  registry_unreachable: kind(
    502,
    "Registry out of reach",
    "Check the address; a registry without TLS needs --plain-http.",
  ),
  registry_refused: kind(502, "Registry refused", "Try again later, or ask the registry's operator."),
  registry_login_refused: kind(
    502,
    "Registry wants another login",
    "Log in with a tool that writes Docker's configuration, and check the rights of that login.",
  ),
  credentials_unreadable: kind(
    502,
    "Registry logins unreadable",
    "Repair Docker's config.json, or install the credential helper that it names.",
  ),

  // ---- the request itself -------------------------------------------------------------------------------
  malformed_request: kind(400, "Not HTTP/1.1", "Send a well-formed HTTP/1.1 request."),
  url_too_long: kind(414, "URL too long", "Shorten the URL; no route needs 8 KiB."),
  headers_too_large: kind(431, "Headers too large", "Send less than 16 KiB of header lines."),
  body_too_large: kind(413, "Body too large", "Split the upload, or raise STEMMA_BODY_LIMIT on the server."),
  request_timeout: kind(408, "Request too slow", "Send the whole request within ten seconds."),
  unsupported_media_type: kind(
    415,
    "Unsupported content type",
    "Send Content-Type: application/json, exactly.",
  ),
  unsupported_content_encoding: kind(415, "Compressed body", "Send the body without a Content-Encoding."),
  bad_parameter: kind(400, "Bad parameter", "See the route in /docs."),
  bad_repository_name: kind(
    400,
    "Bad repository name",
    "Name the trust domain first, then whatever you like: acme, acme/signatures.",
  ),
  bad_body: kind(400, "Body does not fit the schema", "See the schema of the route in /docs."),
  unknown_route: kind(404, "No such route", "See /docs for the routes there are."),
  method_not_allowed: kind(405, "Method not allowed", "See the Allow header."),
  too_busy: kind(429, "Too many uploads at once", "Try again after the time in Retry-After."),

  // ---- who is asking ------------------------------------------------------------------------------------
  not_authenticated: kind(
    401,
    "Token needed",
    "Send Authorization: Bearer with a valid API token (`stemma token new`).",
  ),
  scope_missing: kind(403, "Token lacks the scope", "Use a token with the scope that the route names."),

  // ---- what is asked about ------------------------------------------------------------------------------
  root_taken: kind(
    409,
    "Root of another trust domain",
    "Draft a root of your own, with keys of your own; this one belongs to another domain of this service.",
  ),
  content_unrelated: kind(
    422,
    "Contents that nothing leads to",
    "Send the artifact's own manifest, what it lists, and the manifests of bases that it or its evidence names.",
  ),
  unknown_domain: kind(404, "No such trust domain", "Check the name of the domain."),
  unknown_metadata: kind(
    404,
    "No such version of this role",
    "For a client looking for a newer root this is the end of the chain.",
  ),
  unknown_target: kind(404, "No such target file", "Take paths and digests from current signed metadata."),
  unknown_evidence: kind(404, "No such evidence", "Take names of evidence from the artifact's record."),
  unknown_change: kind(404, "No such change", "Use the number that the accepting answer gave."),
  unknown_manifest: kind(
    404,
    "No such manifest",
    "Take digests from the list of referrers; images themselves are in their registries.",
  ),
  unknown_blob: kind(404, "No such blob", "Take digests from the manifest of a referrer."),
  unknown_ceremony: kind(404, "No such ceremony", "List the ceremonies of the domain."),

  // ---- offline metadata ---------------------------------------------------------------------------------
  domain_exists: kind(409, "Domain exists", "Choose another name, or publish new versions into the domain."),
  domain_not_published: kind(
    409,
    "Domain not published yet",
    "Wait for the signer's first publish, then try again.",
  ),
  version_conflict: kind(
    409,
    "Version taken",
    "Make the next version from the current one and sign it again.",
  ),
  role_not_writable: kind(
    422,
    "Role not uploaded by owners",
    "Upload root, targets and projects only; the signer makes all other roles.",
  ),
  role_uploaded_twice: kind(422, "Role given twice", "Upload one version of each role at a time."),
  role_missing: kind(422, "Role missing", "Upload the roles that the title of the route names."),
  not_next_version: kind(422, "Not the next version", "Use the current version plus one."),
  tree_shape: kind(
    422,
    "Delegations not in Stemma's shape",
    "Make root and targets with the `stemma` command, or follow docs/tree.md.",
  ),
  online_key_missing: kind(
    422,
    "Online key missing",
    "Give timestamp, snapshot and artifacts a key of GET /v1/online-keys.",
  ),
  online_key_misplaced: kind(
    422,
    "Online key in an offline role",
    "Give root, targets and projects keys that no server holds.",
  ),
  target_file_missing: kind(
    422,
    "Target file missing",
    "Send every file that new metadata names along with it.",
  ),
  target_file_unused: kind(422, "File that nothing names", "Send only files that the new metadata names."),
  target_file_mismatch: kind(
    422,
    "Target file differs",
    "Length and sha256 in the metadata must be those of the file.",
  ),

  // ---- ceremonies ---------------------------------------------------------------------------------------
  no_valid_signature: kind(
    422,
    "No valid signature",
    "Sign each role with at least one key that may sign it.",
  ),
  key_not_authorized: kind(
    422,
    "Key may not sign this role",
    "Sign with one of the keys that the ceremony lists.",
  ),
  signature_invalid: kind(422, "Signature invalid", "Sign exactly the bytes that the ceremony shows."),
  stale_draft: kind(409, "Draft is stale", "Begin a new ceremony from the current versions."),
  draft_conflict: kind(409, "Another draft is open", "Sign the open ceremony, or wait for it to close."),
  ceremony_closed: kind(409, "Ceremony closed", "Begin a new ceremony."),
  too_many_ceremonies: kind(409, "Too many open ceremonies", "Finish the open ones first."),

  // ---- records ------------------------------------------------------------------------------------------
  layout_unusable: kind(
    409,
    "Current layout cannot be used",
    "Let the owners publish a layout that is valid now.",
  ),
  candidate_unverifiable: kind(
    422,
    "Clients would refuse the result",
    "Make the change again from the current state; the operator was alarmed.",
  ),
  change_refused: kind(
    409,
    "Refused by the signer",
    "The detail names the signer's reason; make the change again from the current state.",
  ),

  // ---- summaries ----------------------------------------------------------------------------------------
  summaries_not_offered: kind(
    404,
    "No verification summaries here",
    "Give the signer a verifier's key (docs/configuration.md), or sign one yourself with `stemma verify --summary`.",
  ),

  // ---- the service itself -------------------------------------------------------------------------------
  not_ready: kind(503, "Not ready", "Try again; /readyz says what is missing."),
  deadline_exceeded: kind(503, "Took too long", "Try again later."),
  stored_bytes_damaged: kind(
    500,
    "Stored bytes are damaged",
    "The operator was alarmed; use a mirror or a bundle meanwhile.",
  ),
  internal_error: kind(
    500,
    "Internal error",
    "The operator's log has the details under the request id in `instance`.",
  ),
};

/** True for a code of the list: what is not on it never reaches an answer. */
export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEMS, code);
}
