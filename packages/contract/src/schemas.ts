import { z } from "zod";
import { LIMITS, METADATA_BYTES } from "./limits.ts";
import {
  base64,
  digest,
  domainName,
  keyId,
  mediaType,
  projectName,
  roleName,
  sha256,
  time,
  version,
} from "./names.ts";

/**
 * Bodies of the HTTP API. Requests are strict: an unknown member is an error, never ignored (N-19, N-44).
 * Exact bytes travel as base64: metadata and evidence are stored and served as received, never re-encoded.
 */

// ---- requests -------------------------------------------------------------------------------------------

/** One version of a role, signed by its owners. */
const uploadedRole = z.strictObject({
  role: roleName,
  bytes: base64(METADATA_BYTES.targets, "The signed metadata, exact bytes."),
});

const uploadedRoles = z
  .array(uploadedRole)
  .min(1)
  .max(LIMITS.rolesPerUpload)
  .meta({ description: "New versions; all of them are published together or none is." });

const uploadedFiles = z
  .array(base64(LIMITS.fileBytes, "Exact bytes of a target file that the new metadata names."))
  .max(LIMITS.filesPerUpload)
  .default([]);

/** New versions of several roles, and the files that they name and the service has not seen yet. */
export const metadataUpload = z
  .strictObject({ metadata: uploadedRoles, files: uploadedFiles })
  .meta({ id: "MetadataUpload" });
export type MetadataUpload = z.infer<typeof metadataUpload>;

/** A new trust domain: root version 1, targets version 1, and projects if there are any already. */
export const domainUpload = z
  .strictObject({ name: domainName, metadata: uploadedRoles, files: uploadedFiles })
  .meta({ id: "DomainUpload" });
export type DomainUpload = z.infer<typeof domainUpload>;

/** One signature over the exact bytes that a ceremony shows; `sig` is hexadecimal as in TUF 4.2. */
const partialSignature = z.strictObject({
  role: roleName,
  keyid: keyId,
  sig: z
    .string()
    .max(4096)
    .regex(/^(?:[0-9a-f]{2})+$/)
    .meta({ description: "Signature, lower-case hexadecimal." }),
});

export const ceremonySignatures = z
  .strictObject({ signatures: z.array(partialSignature).min(1).max(LIMITS.signatures) })
  .meta({ id: "CeremonySignatures" });
export type CeremonySignatures = z.infer<typeof ceremonySignatures>;

/** What an artifact is: its OCI descriptor without the digest, which is in the URL. */
export const descriptor = z
  .strictObject({
    mediaType,
    size: z
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .meta({ description: "Length of the artifact in bytes." }),
    artifactType: mediaType.optional(),
  })
  .meta({ id: "Descriptor" });

export const recordUpload = z
  .strictObject({
    descriptor,
    project: projectName,
    evidence: z
      .array(base64(LIMITS.evidenceBytes, "One signed in-toto link, exact bytes."))
      .min(1)
      .max(LIMITS.evidencePerRecord),
    contents: z
      .array(base64(LIMITS.evidenceBytes, "A manifest, an index or a configuration, exact bytes."))
      .max(LIMITS.contentsPerRecord)
      .optional()
      .meta({
        description:
          "What lineage is followed by: the artifact's own manifest, what it lists, and that of the bases it names.",
      }),
  })
  .meta({ id: "RecordUpload" });
export type RecordUpload = z.infer<typeof recordUpload>;

export const summaryRequest = z
  .strictObject({
    project: projectName.meta({ description: "The project whose layout decides; the record must claim it." }),
  })
  .meta({ id: "SummaryRequest" });

// ---- answers --------------------------------------------------------------------------------------------

/** The versions an answer rests on: a reader who has seen higher ones knows that this answer is old. */
export const versions = z
  .object({ root: version, timestamp: version, snapshot: version, targets: version })
  .meta({ id: "Versions" });

/** What became of an accepted change. `waiting` changes are published by the signer in order of acceptance. */
export const changeAnswer = z
  .object({
    domain: domainName,
    change: z.string().optional().meta({
      description: "Number of the change, for `…/changes/{change}`. Absent when there was nothing to change.",
    }),
    outcome: z.enum(["waiting", "published", "refused"]),
    refusal: z
      .object({ code: z.string(), message: z.string() })
      .optional()
      .meta({ description: "Why the signer refused the change." }),
    versions: versions.optional().meta({ description: "A state of the domain that shows the change." }),
    warnings: z
      .array(z.object({ code: z.string(), message: z.string() }))
      .optional()
      .meta({ description: "What may be a mistake, though it was accepted." }),
  })
  .meta({ id: "Change" });
export type ChangeAnswer = z.infer<typeof changeAnswer>;

export const onlineKeysAnswer = z
  .object({
    keys: z.array(
      z.object({
        keyid: keyId,
        key: z.record(z.string(), z.unknown()).meta({ description: "TUF key object (TUF 4.2)." }),
        announcedAt: time,
      }),
    ),
  })
  .meta({ id: "OnlineKeys" });
export type OnlineKeysAnswer = z.infer<typeof onlineKeysAnswer>;

export const verifierKeyAnswer = z
  .object({
    id: z.string().meta({ description: "URI of the verifier, as `verifier.id` of its summaries." }),
    keyid: keyId,
    key: z.record(z.string(), z.unknown()).meta({ description: "Key object, as layouts write it." }),
  })
  .meta({ id: "VerifierKey" });
export type VerifierKeyAnswer = z.infer<typeof verifierKeyAnswer>;

const roleState = z.object({
  role: roleName,
  version,
  expires: time,
  threshold: z.int(),
  keys: z.array(keyId),
});

export const domainAnswer = z
  .object({
    domain: domainName,
    createdAt: time,
    state: z
      .enum(["waiting", "published"])
      .meta({ description: "waiting: the first publish is still to come." }),
    versions: versions.optional(),
    roles: z.array(roleState).optional(),
    projects: z
      .array(
        z.object({
          project: projectName,
          version: version.optional().meta({ description: "Absent until the owners have published." }),
          expires: time.optional(),
          threshold: z.int(),
          keys: z.array(keyId),
          files: z.array(z.string()),
        }),
      )
      .optional(),
  })
  .meta({ id: "Domain" });
export type DomainAnswer = z.infer<typeof domainAnswer>;

export const domainListAnswer = z
  .object({
    domains: z.array(z.object({ domain: domainName, createdAt: time })),
    next: z.string().optional().meta({ description: "Value for `after` that gives the next page." }),
  })
  .meta({ id: "DomainList" });

/** Who may sign a draft, who has, and how many are still needed. A root has two groups: the old and its own. */
const signingGroup = z.object({
  of: z.string().meta({ description: "Whose keys these are, such as `root version 3`." }),
  threshold: z.int(),
  signed: z.array(keyId),
  missing: z.array(keyId).meta({ description: "Keys that may still sign." }),
  met: z.boolean(),
});

export const ceremonyAnswer = z
  .object({
    ceremony: z.uuid(),
    domain: domainName,
    state: z.enum(["open", "accepted", "stale", "expired"]).meta({
      description:
        "open: signatures are wanted. accepted: every threshold was met and it became a change. stale: one of its versions was published some other way.",
    }),
    createdAt: time,
    expiresAt: time,
    change: z.string().optional().meta({ description: "The change that the finished ceremony became." }),
    roles: z.array(
      z.object({
        role: roleName,
        version,
        bytesToSign: z.string().meta({
          description: "The exact bytes that each signature covers (canonical JSON of `signed`), base64.",
          contentEncoding: "base64",
        }),
        sha256: sha256.meta({ description: "sha256 of the bytes to sign, to compare over another channel." }),
        groups: z.array(signingGroup),
      }),
    ),
  })
  .meta({ id: "Ceremony" });
export type CeremonyAnswer = z.infer<typeof ceremonyAnswer>;

export const ceremonyListAnswer = z
  .object({
    ceremonies: z.array(
      z.object({
        ceremony: z.uuid(),
        state: z.enum(["open", "accepted", "stale", "expired"]),
        createdAt: time,
        expiresAt: time,
        roles: z.array(z.object({ role: roleName, version })),
      }),
    ),
  })
  .meta({ id: "CeremonyList" });

export const artifactAnswer = z
  .object({
    domain: domainName,
    digest,
    state: z.enum(["published", "revoked", "waiting"]).meta({
      description:
        "published: in the signed tree. revoked: a project that it claims has revoked it. waiting: accepted, not yet signed.",
    }),
    versions,
    role: roleName.optional().meta({ description: "The role that lists the record." }),
    record: z
      .object({
        length: z.int(),
        hashes: z.record(z.string(), z.string()),
        mediaType: z.string(),
        artifactType: z.string().optional(),
        projects: z.array(z.string()),
        evidence: z.array(z.object({ sha256, length: z.int() })),
        contents: z
          .array(z.object({ sha256, length: z.int() }))
          .optional()
          .meta({ description: "Manifests, indexes and configurations that lineage is followed by." }),
        indexes: z.array(digest).optional().meta({ description: "Indexes that hold and list it." }),
      })
      .optional(),
    projects: z.array(
      z.object({
        project: z.string(),
        state: z.enum(["claimed", "revoked", "unknown"]).meta({
          description: "claimed: the record names the project. Only `verify` says whether the claim holds.",
        }),
        reason: z.string().optional(),
        since: z.string().optional(),
      }),
    ),
    waiting: z.int().meta({ description: "Changes for this digest that are accepted and not yet signed." }),
  })
  .meta({ id: "Artifact" });
export type ArtifactAnswer = z.infer<typeof artifactAnswer>;

const reason = z.looseObject({ code: z.string(), message: z.string(), step: z.string().optional() });

/** The verdict document (docs/verdict.md). Loose: members may join without a new name of the type. */
export const verdict = z
  .looseObject({
    type: z.string(),
    decision: z.enum(["allow", "deny"]),
    digest,
    project: projectName,
    time,
    pinnedRoot: sha256,
    reasons: z.array(reason).meta({ description: "Empty exactly when the decision is allow." }),
    warnings: z.array(reason),
    freshness: z.looseObject({
      roles: z.array(z.object({ role: roleName, version: z.int(), expires: time })),
      layoutExpires: time.optional(),
      validUntil: time.optional().meta({ description: "The verdict holds for no longer than this." }),
    }),
    record: z.looseObject({}).optional(),
    lineage: z.looseObject({}).optional().meta({ description: "The trace: steps, links, rules." }),
    ancestry: z
      .looseObject({})
      .optional()
      .meta({ description: "What the artifact rests on: index or platforms, bases, dependencies." }),
  })
  .meta({ id: "Verdict", description: "The format is in docs/verdict.md." });

export const verifyAnswer = z
  .object({
    verifiedBy: z.literal("server"),
    notice: z.string().meta({
      description: "Why this answer is no substitute for a verification of your own from a pinned root.",
    }),
    verdict,
  })
  .meta({ id: "ServerVerdict" });

/** One page of what rests on something. */
export const descendantsAnswer = z
  .object({
    domain: domainName,
    of: z.object({ kind: z.enum(["artifact", "functionary", "certificate", "evidence"]), name: z.string() }),
    known: z.boolean().meta({ description: "False: no verdict has ever rested on it here." }),
    descendants: z.array(
      z.object({
        digest,
        relations: z
          .array(
            z.object({
              relation: z.enum(["base", "platform", "index", "dependency", "step", "layout", "evidence"]),
              grade: z.enum(["claimed", "contained", "proven"]).optional(),
            }),
          )
          .meta({ description: "How it rests on it directly; empty when something lies between." }),
      }),
    ),
    next: z.string().optional().meta({ description: "`after` of the next page; absent on the last one." }),
  })
  .meta({ id: "Descendants" });
export type DescendantsAnswer = z.infer<typeof descendantsAnswer>;

const keyEntry = z.object({
  keyId,
  fingerprint: sha256,
  keyType: z.string(),
  name: z.string().optional().meta({ description: "Of a Sigstore identity: who it is." }),
});

const stepAuthority = z.object({
  step: z.string(),
  predicateType: z.string().optional().meta({ description: "Of attestations that the step expects." }),
  threshold: z.int(),
  keys: z.array(keyEntry).meta({ description: "Keys and Sigstore identities." }),
  certificates: z.array(z.string()).optional().meta({ description: "Holders of certificates, in words." }),
});

/** Every version of root, targets and projects: who signed it and what it changed. */
export const historyAnswer = z
  .object({
    domain: domainName,
    verifiedBy: z.literal("server").meta({
      description:
        "The server verified every version again while reading. `stemma history` does the same from your pinned root.",
    }),
    versions,
    entries: z.array(
      z.object({
        role: roleName,
        version,
        epoch: z.int().meta({ description: "The publish that made it current." }),
        publishedAt: time,
        expires: z.string(),
        signers: z.array(keyEntry),
        threshold: z.int(),
        fault: z
          .object({ code: z.string(), message: z.string() })
          .optional()
          .meta({ description: "Why this version does not verify; absent when it does." }),
        changes: z.array(z.object({ kind: z.string(), subject: z.string(), words: z.string() })),
      }),
    ),
    authorities: z
      .array(
        z.object({
          role: roleName,
          version: z.int(),
          threshold: z.int(),
          keys: z.array(keyEntry),
          expired: z.boolean(),
          steps: z.array(stepAuthority),
        }),
      )
      .optional()
      .meta({ description: "With `at`: who could sign for what at that time." }),
    restsOn: z
      .array(
        z.object({
          project: projectName,
          decision: z.enum(["allow", "deny"]),
          roles: z.array(z.object({ role: roleName, version: z.int(), expires: z.string() })),
          steps: z.array(
            z.object({
              step: z.string(),
              functionaries: z.array(z.object({ keyId, fingerprint: sha256 })),
              links: z.array(sha256),
            }),
          ),
        }),
      )
      .optional()
      .meta({ description: "With `digest`: the roles and functionaries that this artifact rests on." }),
  })
  .meta({ id: "History" });
export type HistoryAnswer = z.infer<typeof historyAnswer>;

export const readinessAnswer = z
  .object({
    ready: z.boolean(),
    checks: z.array(
      z.object({
        check: z.string(),
        ok: z.boolean(),
        detail: z.string().optional(),
        partly: z
          .boolean()
          .optional()
          .meta({ description: "It fails for some only: not enough to be not ready." }),
      }),
    ),
  })
  .meta({ id: "Readiness" });
