import { IMAGE_INDEX, IMAGE_MANIFEST } from "@stemma/image";
import { z } from "zod";
import { sha256 } from "./names.ts";
import type { Route } from "./route.ts";

/**
 * The façade of a registry (OCI distribution 1.1, pull and referrers): what is recorded about an artifact, where stock
 * clients look for signatures. It stores no images, and nothing is pushed to it.
 *
 * The parameters are bounded here and read by the handlers, which answer with the codes that clients of registries know.
 * Query parameters that a client adds for other registries (`ns`, `n`) are passed over, as the specification has it.
 */

const PUBLIC = { kind: "public" } as const;
const name = z
  .string()
  .max(512)
  .meta({ description: "The trust domain, and whatever may follow it: acme, acme/signatures." });
const digest = z.string().max(512).meta({ description: "sha256:<64 hex> or sha512:<128 hex>." });
const none = z.object({});

export const REGISTRY_ROUTES = {
  registryBase: {
    method: "GET",
    path: "/v2/",
    tag: "Registry",
    summary: "Is this a registry?",
    refusals: "registry",
    authorisation: PUBLIC,
    params: z.strictObject({}),
    query: none,
    answers: { 200: { description: "It answers as one.", mediaType: "application/json" } },
  },
  registryReferrers: {
    method: "GET",
    path: "/v2/{+name}/referrers/{digest}",
    tag: "Registry",
    summary: "The evidence of an artifact, as manifests that refer to it",
    description:
      "What this service says is there, which is no verdict: only the signed record proves that nothing is missing. " +
      "Evidence that waits to be published is not listed. An artifact that is not on record has no referrers.",
    refusals: "registry",
    authorisation: PUBLIC,
    params: z.strictObject({ name, digest }),
    query: z.object({
      artifactType: z.string().max(255).optional().meta({ description: "Only referrers of this type." }),
      after: sha256.optional().meta({ description: "From the Link of the page before." }),
    }),
    answers: {
      200: { description: "An OCI index; with a Link when there is more.", mediaType: IMAGE_INDEX },
    },
  },
  registryManifest: {
    method: "GET",
    path: "/v2/{+name}/manifests/{reference}",
    tag: "Registry",
    summary: "A referrer by its digest, or a list of referrers by its fallback tag sha256-<hex>",
    description:
      "HEAD also answers for an artifact on record, with the descriptor that its record signs; its bytes are in the registry " +
      "that has the image.",
    refusals: "registry",
    authorisation: PUBLIC,
    params: z.strictObject({ name, reference: z.string().max(512) }),
    query: none,
    answers: { 200: { description: "The manifest, exact bytes.", mediaType: IMAGE_MANIFEST } },
  },
  registryBlob: {
    method: "GET",
    path: "/v2/{+name}/blobs/{digest}",
    tag: "Registry",
    summary: "One piece of evidence, exact bytes",
    refusals: "registry",
    authorisation: PUBLIC,
    params: z.strictObject({ name, digest }),
    query: none,
    answers: {
      200: { description: "The bytes.", mediaType: "application/octet-stream" },
      206: { description: "A part of them.", mediaType: "application/octet-stream" },
    },
  },
  registryTags: {
    method: "GET",
    path: "/v2/{+name}/tags/list",
    tag: "Registry",
    summary: "No tags: nobody can set one",
    description: "Fallback tags are computed from digests and are not listed.",
    refusals: "registry",
    authorisation: PUBLIC,
    params: z.strictObject({ name }),
    query: none,
    answers: { 200: { description: "An empty list.", mediaType: "application/json" } },
  },
} as const satisfies Record<string, Route>;
