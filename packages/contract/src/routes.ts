import { BUNDLE_TYPE } from "@stemma/client";
import { z } from "zod";
import { digest, domainName, projectName, roleName, sha256, time } from "./names.ts";
import { REGISTRY_ROUTES } from "./registry-routes.ts";
import type { Route, RouteAnswer } from "./route.ts";
import {
  artifactAnswer,
  ceremonyAnswer,
  ceremonyListAnswer,
  ceremonySignatures,
  changeAnswer,
  descendantsAnswer,
  domainAnswer,
  domainListAnswer,
  domainUpload,
  historyAnswer,
  metadataUpload,
  onlineKeysAnswer,
  readinessAnswer,
  recordUpload,
  summaryRequest,
  verifierKeyAnswer,
  verifyAnswer,
} from "./schemas.ts";

/**
 * The route table: the service registers its routes from here and from nowhere else, so whatever is not in
 * this table is denied. Validation, types, authorisation and /openapi.json all come from it.
 */

const PUBLIC = { kind: "public" } as const;
const none = z.strictObject({});
const inDomain = z.strictObject({ domain: domainName });
const ofArtifact = z.strictObject({ domain: domainName, digest });
const ofCeremony = z.strictObject({ domain: domainName, ceremony: z.uuid() });
const waiting = z.strictObject({
  wait: z.literal("published").optional().meta({
    description: "Answer only when the change is published and visible, or after ten seconds with 202.",
  }),
});
const targetParams = z.strictObject({
  domain: domainName,
  path: z
    .string()
    .max(512)
    .regex(/^(?:[A-Za-z0-9][A-Za-z0-9._-]*\/){0,8}[0-9a-f]{64}\.[A-Za-z0-9][A-Za-z0-9._-]*$/),
});
/** No certificate that is taken has a control character in a name, and the database takes no NUL. */
const holderName = z
  .string()
  .max(2_048)
  .regex(/^\P{Cc}+$/u);
const paged = z.strictObject({
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,2}$/)
    .optional()
    .meta({ description: "Entries of one page; at most 100." }),
  after: z
    .string()
    .regex(/^[1-9][0-9]{0,15}$/)
    .optional()
    .meta({ description: "`next` of the page before." }),
});
const forProject = z.strictObject({ project: projectName });

function json(schema: z.ZodType, description: string): RouteAnswer {
  return { description, mediaType: "application/json", schema };
}
function bytes(mediaType: string, description: string): RouteAnswer {
  return { description, mediaType };
}

/** What every route that accepts a change answers. */
const changeAnswers = {
  200: json(changeAnswer, "Nothing to do: exactly this is published already."),
  201: json(changeAnswer, "Published and visible (only with `wait=published`)."),
  202: json(changeAnswer, "Accepted and stored; the signer publishes it next."),
} as const;

export const ROUTES = {
  // ---- the service itself -------------------------------------------------------------------------------
  home: {
    method: "GET",
    path: "/",
    tag: "Service",
    summary: "What this service is",
    authorisation: PUBLIC,
    params: none,
    query: none,
    answers: { 200: bytes("text/html", "A short page.") },
  },
  docs: {
    method: "GET",
    path: "/docs",
    tag: "Service",
    summary: "This API as a readable page",
    authorisation: PUBLIC,
    params: none,
    query: none,
    answers: { 200: bytes("text/html", "The page.") },
  },
  openapi: {
    method: "GET",
    path: "/openapi.json",
    tag: "Service",
    summary: "This API as OpenAPI 3.1",
    authorisation: PUBLIC,
    params: none,
    query: none,
    answers: { 200: bytes("application/json", "The document.") },
  },
  livez: {
    method: "GET",
    path: "/livez",
    tag: "Service",
    summary: "Does the process run?",
    authorisation: PUBLIC,
    params: none,
    query: none,
    answers: { 200: bytes("text/plain", "It does.") },
  },
  readyz: {
    method: "GET",
    path: "/readyz",
    tag: "Service",
    summary: "Can the service do its work?",
    description: "Database, migrations, signer and canary, each with its own line.",
    authorisation: PUBLIC,
    params: none,
    query: none,
    answers: {
      200: json(readinessAnswer, "Ready."),
      503: json(readinessAnswer, "Not ready; the checks say why."),
    },
  },
  metrics: {
    method: "GET",
    path: "/metrics",
    tag: "Service",
    summary: "Metrics for Prometheus",
    authorisation: PUBLIC,
    params: none,
    query: none,
    answers: { 200: bytes("text/plain", "Metrics.") },
  },

  // ---- the façade of a registry; before the read view, whose paths could be names below /v2/ ---------------
  ...REGISTRY_ROUTES,

  // ---- the read view: what any stock TUF client reads ---------------------------------------------------
  timestamp: {
    method: "GET",
    path: "/{domain}/metadata/timestamp.json",
    tag: "TUF",
    summary: "The current timestamp role",
    authorisation: PUBLIC,
    params: inDomain,
    query: none,
    answers: { 200: bytes("application/json", "Signed metadata, exact bytes.") },
  },
  metadata: {
    method: "GET",
    path: "/{domain}/metadata/{file}",
    tag: "TUF",
    summary: "One version of a role: <version>.<role>.json",
    description: "Immutable. `1.root.json` is where a new client's trust begins; pin it.",
    authorisation: PUBLIC,
    params: z.strictObject({
      domain: domainName,
      file: z.string().regex(/^[1-9][0-9]{0,9}\.[a-z][a-z0-9-]{0,62}\.json$/),
    }),
    query: none,
    answers: { 200: bytes("application/json", "Signed metadata, exact bytes.") },
  },
  target: {
    method: "GET",
    path: "/{domain}/targets/{+path}",
    tag: "TUF",
    summary: "A target file of a project or of the domain: [<directory>/]<sha256>.<name>",
    authorisation: PUBLIC,
    params: targetParams,
    query: none,
    answers: { 200: bytes("application/octet-stream", "The file, exact bytes.") },
  },
  targetBesideMetadata: {
    method: "GET",
    path: "/{domain}/metadata/targets/{+path}",
    tag: "TUF",
    summary:
      "The same, where clients look that know one address only: Sigstore's, given /{domain}/metadata as mirror",
    authorisation: PUBLIC,
    params: targetParams,
    query: none,
    answers: { 200: bytes("application/octet-stream", "The file, exact bytes.") },
  },

  // ---- trust domains ------------------------------------------------------------------------------------
  onlineKeys: {
    method: "GET",
    path: "/v1/online-keys",
    tag: "Domains",
    summary: "The online keys that a new root must name for timestamp, snapshot and artifacts",
    authorisation: PUBLIC,
    params: none,
    query: none,
    answers: {
      200: json(onlineKeysAnswer, "Public keys; compare them over another channel before signing."),
    },
  },
  createDomain: {
    method: "POST",
    path: "/v1/domains",
    tag: "Domains",
    summary: "Create a trust domain from signed root and targets",
    authorisation: { kind: "token", scope: "domain:create" },
    params: none,
    query: waiting,
    body: domainUpload,
    answers: changeAnswers,
  },
  listDomains: {
    method: "GET",
    path: "/v1/domains",
    tag: "Domains",
    summary: "List trust domains",
    authorisation: { kind: "token", scope: "domain:list" },
    params: none,
    query: z.strictObject({
      limit: z
        .string()
        .regex(/^[1-9][0-9]{0,2}$/)
        .optional()
        .meta({ description: "Entries of one page; at most 100." }),
      after: domainName.optional(),
    }),
    answers: { 200: json(domainListAnswer, "One page, by name.") },
  },
  showDomain: {
    method: "GET",
    path: "/v1/domains/{domain}",
    tag: "Domains",
    summary: "Roles, keys, thresholds and projects of a trust domain",
    authorisation: PUBLIC,
    params: inDomain,
    query: none,
    answers: { 200: json(domainAnswer, "The current state.") },
  },
  publishMetadata: {
    method: "POST",
    path: "/v1/domains/{domain}/metadata",
    tag: "Domains",
    summary: "Publish new versions of root, targets or projects, all or none",
    authorisation: {
      kind: "signatures",
      by: "threshold of the present (and, for a root, the new) keys of each role",
    },
    params: inDomain,
    query: waiting,
    body: metadataUpload,
    answers: changeAnswers,
  },
  showChange: {
    method: "GET",
    path: "/v1/domains/{domain}/changes/{change}",
    tag: "Domains",
    summary: "What became of an accepted change",
    authorisation: PUBLIC,
    params: z.strictObject({ domain: domainName, change: z.string().regex(/^[1-9][0-9]{0,17}$/) }),
    query: none,
    answers: { 200: json(changeAnswer, "The change.") },
  },

  history: {
    method: "GET",
    path: "/v1/domains/{domain}/history",
    tag: "Domains",
    summary: "Every version of root, targets and projects: who signed it and what it changed",
    description:
      "From the stored signed metadata alone, verified again while reading. `role` leaves out the other projects.",
    authorisation: PUBLIC,
    params: inDomain,
    query: z.strictObject({
      role: roleName.optional().meta({ description: "Root, targets and this project only." }),
      at: time.optional().meta({ description: "Also who could sign for what at this time." }),
      digest: digest
        .optional()
        .meta({ description: "Also which roles and functionaries this artifact rests on." }),
    }),
    answers: { 200: json(historyAnswer, "In the order of publication.") },
  },

  // ---- ceremonies ---------------------------------------------------------------------------------------
  createDomainCeremony: {
    method: "POST",
    path: "/v1/ceremonies",
    tag: "Ceremonies",
    summary: "Begin the ceremony of a new trust domain",
    authorisation: { kind: "token", scope: "domain:create" },
    params: none,
    query: none,
    body: domainUpload,
    answers: {
      200: json(ceremonyAnswer, "The same ceremony is open already; its signatures were merged."),
      201: json(ceremonyAnswer, "The ceremony is open."),
      202: json(ceremonyAnswer, "Every threshold is met already; the signer publishes the change next."),
    },
  },
  createCeremony: {
    method: "POST",
    path: "/v1/domains/{domain}/ceremonies",
    tag: "Ceremonies",
    summary: "Begin a ceremony: new versions that still lack signatures",
    description:
      "Each role must carry at least one valid signature of a key that may sign it. A draft goes stale (409) when " +
      "one of its versions is published some other way, and closes by itself after thirty days.",
    authorisation: { kind: "signatures", by: "one key of each role" },
    params: inDomain,
    query: none,
    body: metadataUpload,
    answers: {
      200: json(ceremonyAnswer, "The same ceremony is open already; its signatures were merged."),
      201: json(ceremonyAnswer, "The ceremony is open."),
      202: json(ceremonyAnswer, "Every threshold is met already; the signer publishes the change next."),
    },
  },
  listCeremonies: {
    method: "GET",
    path: "/v1/domains/{domain}/ceremonies",
    tag: "Ceremonies",
    summary: "The latest ceremonies of a domain",
    authorisation: PUBLIC,
    params: inDomain,
    query: none,
    answers: { 200: json(ceremonyListAnswer, "Newest first.") },
  },
  showCeremony: {
    method: "GET",
    path: "/v1/domains/{domain}/ceremonies/{ceremony}",
    tag: "Ceremonies",
    summary: "The exact bytes to sign, who has signed, who still must",
    authorisation: PUBLIC,
    params: ofCeremony,
    query: none,
    answers: { 200: json(ceremonyAnswer, "The ceremony.") },
  },
  signCeremony: {
    method: "POST",
    path: "/v1/domains/{domain}/ceremonies/{ceremony}/signatures",
    tag: "Ceremonies",
    summary: "Add signatures; the change is accepted as soon as every threshold is met",
    authorisation: { kind: "signatures", by: "keys of the roles in the ceremony" },
    params: ofCeremony,
    query: waiting,
    body: ceremonySignatures,
    answers: {
      200: json(ceremonyAnswer, "The signatures are kept; `state` and `groups` say what is still missing."),
      201: json(
        ceremonyAnswer,
        "Every threshold is met, and the change is published (only with `wait=published`).",
      ),
      202: json(ceremonyAnswer, "Every threshold is met; the signer publishes the change next."),
    },
  },

  // ---- artifacts ----------------------------------------------------------------------------------------
  recordArtifact: {
    method: "POST",
    path: "/v1/domains/{domain}/artifacts/{digest}",
    tag: "Artifacts",
    summary: "Record an artifact and evidence about it",
    description: "Idempotent by content: the same evidence again changes nothing.",
    authorisation: {
      kind: "signatures",
      by: "functionaries of the project's current layout, each for its step",
    },
    params: ofArtifact,
    query: waiting,
    body: recordUpload,
    answers: changeAnswers,
  },
  showArtifact: {
    method: "GET",
    path: "/v1/domains/{domain}/artifacts/{digest}",
    tag: "Artifacts",
    summary: "Record, evidence, projects and state of a digest",
    authorisation: PUBLIC,
    params: ofArtifact,
    query: none,
    answers: { 200: json(artifactAnswer, "What the signed tree says of the digest.") },
  },
  bundle: {
    method: "GET",
    path: "/v1/domains/{domain}/artifacts/{digest}/bundle",
    tag: "Artifacts",
    summary: "All that an offline verification needs, in one answer",
    authorisation: PUBLIC,
    params: ofArtifact,
    query: forProject,
    answers: {
      200: bytes(BUNDLE_TYPE, "The bundle; its format is in docs/bundle.md."),
    },
  },
  verifyArtifact: {
    method: "GET",
    path: "/v1/domains/{domain}/artifacts/{digest}/verify",
    tag: "Artifacts",
    summary: "The server's own verdict",
    description:
      "Convenient, and only as trustworthy as the server and the connection to it. Verify the bundle from your " +
      "pinned root where it matters.",
    authorisation: PUBLIC,
    params: ofArtifact,
    query: forProject.extend({
      at: time.optional().meta({ description: "Verify as of this time instead of now." }),
    }),
    answers: { 200: json(verifyAnswer, "The verdict, allow or deny.") },
  },
  showLineage: {
    method: "GET",
    path: "/v1/domains/{domain}/artifacts/{digest}/lineage",
    tag: "Lineage",
    summary: "What an artifact rests on: index or platforms, bases, dependencies, each with its own verdict",
    description:
      "The server's own verdict, which also looks at what nobody demands. Verify the bundle from your pinned root " +
      "where it matters.",
    authorisation: PUBLIC,
    params: ofArtifact,
    query: forProject,
    answers: { 200: json(verifyAnswer, "The verdict with its `ancestry`.") },
  },
  listDescendants: {
    method: "GET",
    path: "/v1/domains/{domain}/artifacts/{digest}/descendants",
    tag: "Lineage",
    summary: "Everything built upon a digest, directly or not",
    description: "Only what a verdict has shown. In the order in which it was found.",
    authorisation: PUBLIC,
    params: ofArtifact,
    query: paged,
    answers: { 200: json(descendantsAnswer, "One page.") },
  },
  listBlastRadius: {
    method: "GET",
    path: "/v1/domains/{domain}/blast-radius",
    tag: "Lineage",
    summary: "Everything that rests on a key, a functionary, a piece of evidence or an artifact",
    description:
      "Exactly one of the four is named. What is found here is what to look at when it is compromised.",
    authorisation: PUBLIC,
    params: inDomain,
    query: paged.extend({
      functionary: sha256.optional().meta({
        description: "Fingerprint of a public key or of a Sigstore identity, as in verdicts.",
      }),
      certificate: holderName.optional().meta({
        description: "Name of a certificate's holder, as in verdicts.",
      }),
      evidence: sha256.optional().meta({ description: "sha256 of the evidence's bytes." }),
      artifact: digest.optional(),
    }),
    answers: { 200: json(descendantsAnswer, "One page.") },
  },
  issueSummary: {
    method: "POST",
    path: "/v1/domains/{domain}/artifacts/{digest}/summary",
    tag: "Artifacts",
    summary: "The verdict of this service as a signed verification summary (SLSA VSA)",
    description:
      "PASSED or FAILED, signed by the key of GET /v1/verifier-key, which no process that faces the network holds. " +
      "The same bytes again for as long as nothing is published in the domain; a new summary afterwards.",
    authorisation: { kind: "token", scope: "summary:issue" },
    params: ofArtifact,
    query: none,
    body: summaryRequest,
    answers: {
      200: bytes("application/vnd.dsse.envelope.v1+json", "One DSSE envelope with an in-toto statement."),
    },
  },
  verifierKey: {
    method: "GET",
    path: "/v1/verifier-key",
    tag: "Artifacts",
    summary: "Who signs verification summaries here, and the public key that goes with it",
    authorisation: PUBLIC,
    params: none,
    query: none,
    answers: {
      200: json(
        verifierKeyAnswer,
        "What a layout names to accept such summaries; compare it over another channel before signing.",
      ),
    },
  },
  evidence: {
    method: "GET",
    path: "/v1/domains/{domain}/evidence/{sha256}",
    tag: "Artifacts",
    summary: "One piece of evidence, exact bytes",
    authorisation: PUBLIC,
    params: z.strictObject({ domain: domainName, sha256 }),
    query: none,
    answers: { 200: bytes("application/octet-stream", "The bytes; their sha256 is the name.") },
  },
} as const satisfies Record<string, Route>;

export type RouteId = keyof typeof ROUTES;
