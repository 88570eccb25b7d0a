import { type HistoryAnswer, isProjectName, LIMITS, ServiceError } from "@stemma/contract";
import { type Digest, parseDigest } from "@stemma/encoding";
import { type Authority, type HistoryDocument, type HistoryEntry, LineageError } from "@stemma/lineage";
import { readVersions } from "@stemma/store";
import { TufError } from "@stemma/tuf";
import type { Published } from "../domain/domains.ts";
import { jsonAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import { lookUp } from "../read/artifacts.ts";
import { versionsOf } from "../read/versions.ts";
import type { Context } from "../service.ts";

/** The delegation history: who could sign for what, when, and who changed that. */
export function historyHandlers(context: Context): Pick<Handlers, "history"> {
  return {
    async history({ params, query, signal }) {
      const published = await context.domains.published(params.domain);
      const at = query.at === undefined ? undefined : new Date(query.at);
      if (at !== undefined && Number.isNaN(at.getTime())) {
        throw new ServiceError("bad_parameter", "In the query: `at` is not a moment of the calendar.");
      }
      const digest = query.digest === undefined ? undefined : parseDigest(query.digest);
      const restsOn = digest && (await whatItRestsOn(context, published, digest, signal));
      const documents = await readDocuments(context, published, query.role);
      const { entries, authorities } = await context.histories.read(
        documents,
        (wanted) => context.domains.files.targets(published.domain.id, wanted),
        at,
        signal,
      );
      const answer: HistoryAnswer = {
        domain: published.domain.name,
        verifiedBy: "server",
        versions: versionsOf(published.head),
        entries: entries.map(toEntry),
        ...(authorities === undefined ? {} : { authorities: authorities.map(toAuthority) }),
        ...(restsOn === undefined ? {} : { restsOn }),
      };
      return jsonAnswer(200, answer);
    },
  };
}

/** As the contract writes it: what does not apply is absent. */
function toEntry({ fault, signers, changes, ...entry }: HistoryEntry): HistoryAnswer["entries"][number] {
  return {
    ...entry,
    signers: [...signers],
    changes: [...changes],
    ...(fault === undefined ? {} : { fault: { ...fault } }),
  };
}

function toAuthority({
  keys,
  steps,
  ...authority
}: Authority): NonNullable<HistoryAnswer["authorities"]>[number] {
  return {
    ...authority,
    keys: [...keys],
    steps: steps.map(({ certificates, ...step }) => ({
      ...step,
      keys: [...step.keys],
      ...(certificates === undefined ? {} : { certificates: [...certificates] }),
    })),
  };
}

/** All versions of root, targets and projects; with `role`, of this project alone. Throws `limit_exceeded`. */
async function readDocuments(
  { pool, domains }: Context,
  published: Published,
  role: string | undefined,
): Promise<readonly HistoryDocument[]> {
  const projects = [...published.snapshot.signed.meta.keys()].filter(isProjectName);
  const wanted = ["root", "targets", ...projects].filter(
    (name) => role === undefined || name === role || name === "root" || name === "targets",
  );
  const documents: HistoryDocument[] = [];
  for (const name of wanted) {
    const stored = await readVersions(pool, published.domain.id, name);
    for (const version of stored) {
      // What a later publish has added while we read is not part of this answer.
      if (version.epoch > published.head.epoch) continue;
      domains.files.check(version);
      const { bytes, epoch, publishedAt } = version;
      documents.push({ role: name, version: version.version, bytes, epoch, publishedAt });
    }
    if (documents.length > LIMITS.historyDocuments) {
      throw new TufError(
        "limit_exceeded",
        `The history of ${published.domain.name} has more than ${LIMITS.historyDocuments} documents; ask for one role.`,
      );
    }
  }
  return documents;
}

/** For each project that the record claims: the roles and functionaries that its verdict rests on. */
async function whatItRestsOn(
  context: Context,
  published: Published,
  digest: Digest,
  signal: AbortSignal,
): Promise<NonNullable<HistoryAnswer["restsOn"]>> {
  const record = (await lookUp(context, published, digest))?.record;
  if (record === undefined) {
    throw new LineageError("artifact_unknown", `${published.domain.name} has no record of ${digest}.`);
  }
  const root = await context.domains.firstRoot(published.domain);
  const time = published.head.signedAt ?? new Date(0);
  const restsOn: NonNullable<HistoryAnswer["restsOn"]> = [];
  for (const project of record.projects) {
    const source = context.domains.source(published);
    const verdict = await context.verdicts.verify(root, { digest, project }, time, source, signal);
    restsOn.push({
      project,
      decision: verdict.decision,
      roles: verdict.freshness.roles.map((role) => ({ ...role })),
      steps: (verdict.lineage?.steps ?? []).map(({ name, functionaries, links }) => ({
        step: name,
        functionaries: functionaries.map(({ keyId, fingerprint }) => ({ keyId, fingerprint })),
        links: [...links],
      })),
    });
  }
  return restsOn;
}
