import { BUNDLE_TYPE, BundleRecorder, writeBundleFile } from "@stemma/client";
import { type ArtifactAnswer, ServiceError } from "@stemma/contract";
import { type Digest, parseDigest, recordPath } from "@stemma/encoding";
import {
  type ArtifactRecord,
  LineageError,
  type Revocation,
  readRecord,
  readRevocations,
  revocationsPath,
} from "@stemma/lineage";
import { readWaiting } from "@stemma/store";
import { ownDocuments, type Published } from "../domain/domains.ts";
import { bytesAnswer, jsonAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import type { Context } from "../service.ts";
import { versionsOf } from "./versions.ts";

/** Said with every verdict of the server's own. */
export const NOTICE =
  "This is the server's own verdict. Whoever controls the server or the connection controls it too: where it matters, " +
  "verify the bundle of this artifact from your pinned root with `stemma verify`.";

/** What the signed tree says of a digest, and everything that is needed to verify it elsewhere. */
export function artifactHandlers(
  context: Context,
): Pick<Handlers, "showArtifact" | "bundle" | "verifyArtifact"> {
  const { domains, clock } = context;
  return {
    async showArtifact({ params }) {
      const published = await domains.published(params.domain);
      const digest = parseDigest(params.digest);
      const found = await lookUp(context, published, digest);
      const waiting = found === undefined ? await countWaiting(context, published, digest) : 0;
      if (found === undefined && waiting === 0) throw unknownArtifact(digest, params.domain);
      return jsonAnswer(200, await describe(context, published, digest, found, waiting));
    },

    async bundle({ params, query, signal }) {
      const published = await domains.published(params.domain);
      const digest = parseDigest(params.digest);
      const record = await claimedRecord(context, published, digest, query.project);
      const { bytes, heardOthers } = await writeBundle(context, published, record, query.project, signal);
      // What other trust domains publish is not heard of here, so with something of theirs in it the bundle is made anew.
      const keepWhile = () => domains.heads.isCurrent(published.domain.id, published.head.epoch);
      return bytesAnswer(BUNDLE_TYPE, bytes, "revalidate", heardOthers ? {} : { keepWhile });
    },

    async verifyArtifact({ params, query, signal }) {
      const published = await domains.published(params.domain);
      const root = await domains.firstRoot(published.domain);
      const request = { digest: parseDigest(params.digest), project: query.project };
      const time = query.at === undefined ? clock() : new Date(query.at);
      if (Number.isNaN(time.getTime())) {
        throw new ServiceError("bad_parameter", "In the query: `at` is not a moment of the calendar.");
      }
      const verdict = await context.verdicts.verify(root, request, time, domains.source(published), signal);
      return jsonAnswer(200, { verifiedBy: "server", notice: NOTICE, verdict });
    },
  };
}

export interface Found {
  readonly record: ArtifactRecord;
  readonly hashes: ReadonlyMap<string, string>;
  readonly role: string;
}

/** The record of a digest in the signed tree. */
export async function lookUp(
  { domains }: Context,
  published: Published,
  digest: Digest,
): Promise<Found | undefined> {
  const found = await domains.target(published, recordPath(digest));
  if (found === undefined) return undefined;
  const record = await ownDocuments(async () => readRecord(digest, found.target));
  return { record, hashes: found.target.hashes, role: found.role };
}

/** The record of a digest that claims a project. Throws `artifact_unknown`, `project_not_claimed`. */
export async function claimedRecord(
  context: Context,
  published: Published,
  digest: Digest,
  project: string,
): Promise<ArtifactRecord> {
  const record = (await lookUp(context, published, digest))?.record;
  if (record === undefined) throw unknownArtifact(digest, published.domain.name);
  if (record.projects.includes(project)) return record;
  throw new LineageError(
    "project_not_claimed",
    `The record of ${digest} claims ${record.projects.join(", ")}, not ${project}.`,
  );
}

/** Changes for a digest that are accepted and not yet signed. Looks at the oldest thousand: only asked when nothing is published. */
async function countWaiting({ pool }: Context, { domain }: Published, digest: Digest): Promise<number> {
  const changes = await readWaiting(pool, domain.id, 1_000);
  return changes.filter((change) => change.kind === "record" && change.record.digest === digest).length;
}

async function describe(
  context: Context,
  published: Published,
  digest: Digest,
  found: Found | undefined,
  waiting: number,
): Promise<ArtifactAnswer> {
  const projects: ArtifactAnswer["projects"] = [];
  for (const project of found?.record.projects ?? []) {
    projects.push(await projectState(context, published, project, digest));
  }
  const revoked = projects.some(({ state }) => state === "revoked");
  return {
    domain: published.domain.name,
    digest,
    state: found === undefined ? "waiting" : revoked ? "revoked" : "published",
    versions: versionsOf(published.head),
    ...(found === undefined
      ? {}
      : {
          role: found.role,
          record: {
            length: found.record.size,
            hashes: Object.fromEntries(found.hashes),
            mediaType: found.record.mediaType,
            ...(found.record.artifactType === undefined ? {} : { artifactType: found.record.artifactType }),
            projects: [...found.record.projects],
            evidence: found.record.evidence.map(({ sha256, length }) => ({ sha256, length })),
            ...(found.record.contents === undefined
              ? {}
              : { contents: found.record.contents.map(({ sha256, length }) => ({ sha256, length })) }),
            ...(found.record.indexes === undefined ? {} : { indexes: [...found.record.indexes] }),
          },
        }),
    projects,
    waiting,
  };
}

async function projectState(
  context: Context,
  published: Published,
  project: string,
  digest: Digest,
): Promise<ArtifactAnswer["projects"][number]> {
  const metadata = await context.domains.delegated(published, project);
  if (metadata === undefined) return { project, state: "unknown" };
  const file = metadata.signed.targets.get(revocationsPath(project));
  const revocation = file && (await readRevocation(context, published, file.hashes.get("sha256"), digest));
  if (revocation === undefined) return { project, state: "claimed" };
  return { project, state: "revoked", reason: revocation.reason, since: revocation.since };
}

async function readRevocation(
  { domains }: Context,
  published: Published,
  sha256: string | undefined,
  digest: Digest,
): Promise<Revocation | undefined> {
  const stored = sha256 === undefined ? undefined : await domains.files.target(published.domain.id, sha256);
  if (stored === undefined) throw new Error("A published revocations file is not stored.");
  return ownDocuments(async () => readRevocations(stored.bytes).get(digest));
}

/** Verifies as of the publish, and keeps all that the verification asked for: allow or deny, anybody can repeat it from this. */
async function writeBundle(
  { domains, verdicts }: Context,
  published: Published,
  { digest, mediaType, size }: ArtifactRecord,
  project: string,
  signal: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly heardOthers: boolean }> {
  const root = await domains.firstRoot(published.domain);
  const recorder = new BundleRecorder(domains.source(published));
  recorder.addMetadata("root", 1, root);
  const time = published.head.signedAt ?? new Date(0);
  await verdicts.verify(root, { digest, project }, time, recorder.source, signal);
  const bytes = await writeBundleFile(recorder.pack({ mediaType, digest, size }, { project, time }));
  return { bytes, heardOthers: recorder.heardOthers };
}

function unknownArtifact(digest: Digest, domain: string): LineageError {
  return new LineageError("artifact_unknown", `The trust domain ${domain} has no record of ${digest}.`);
}
