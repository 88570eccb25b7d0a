import { z } from "zod";
import { ARTIFACT_ROUTES } from "./artifact-routes.ts";
import { digest, domainName, roleName, time } from "./names.ts";
import { REGISTRY_ROUTES } from "./registry-routes.ts";
import type { Route } from "./route.ts";
import { bytes, changeAnswers, inDomain, json, none, PUBLIC, waiting } from "./route-parts.ts";
import {
  ceremonyAnswer,
  ceremonyListAnswer,
  ceremonySignatures,
  changeAnswer,
  domainAnswer,
  domainListAnswer,
  domainUpload,
  historyAnswer,
  metadataUpload,
  onlineKeysAnswer,
  readinessAnswer,
} from "./schemas.ts";

/**
 * The route table: the service registers its routes from here and from nowhere else, so whatever is not in
 * this table is denied. Validation, types, authorisation and /openapi.json all come from it.
 */

const ofCeremony = z.strictObject({ domain: domainName, ceremony: z.uuid() });
const targetParams = z.strictObject({
  domain: domainName,
  path: z
    .string()
    .max(512)
    .regex(/^(?:[A-Za-z0-9][A-Za-z0-9._-]*\/){0,8}[0-9a-f]{64}\.[A-Za-z0-9][A-Za-z0-9._-]*$/),
});

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

  ...ARTIFACT_ROUTES,
} as const satisfies Record<string, Route>;

export type RouteId = keyof typeof ROUTES;
