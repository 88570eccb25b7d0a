import { BUNDLE_TYPE } from "@stemma/client";
import { z } from "zod";
import { digest, domainName, projectName, sha256, time } from "./names.ts";
import type { Route } from "./route.ts";
import { bytes, changeAnswers, inDomain, json, none, PUBLIC, waiting } from "./route-parts.ts";
import {
  artifactAnswer,
  descendantsAnswer,
  recordUpload,
  summaryRequest,
  verifierKeyAnswer,
  verifyAnswer,
} from "./schemas.ts";

const ofArtifact = z.strictObject({ domain: domainName, digest });
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

/** Records of artifacts, verdicts about them, and what rests on what. */
export const ARTIFACT_ROUTES = {
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
