import { ServiceError } from "@stemma/contract";
import { sha256, sha512 } from "@stemma/crypto";
import { type Digest, decodeBase64, parseDigest, type Sha256Hex } from "@stemma/encoding";
import { isExpired, openLayout } from "@stemma/in-toto";
import {
  addsNothing,
  checkRecord,
  LineageError,
  layoutPath,
  MAX_EVIDENCE_BYTES,
  mergeRecords,
  namedDigests,
  reachableContents,
  TRUSTED_ROOT,
  trustedRootPath,
} from "@stemma/lineage";
import { enqueueRecord } from "@stemma/store";
import { keysOf, type TargetFile } from "@stemma/tuf";
import { ownDocuments, type Published } from "../domain/domains.ts";
import { Lru } from "../domain/lru.ts";
import { jsonAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import { lookUp } from "../read/artifacts.ts";
import { versionsOf } from "../read/versions.ts";
import type { Context } from "../service.ts";
import { admit, type Current } from "./admit.ts";
import { delegationOf } from "./base.ts";
import { answerChange, nextWord } from "./outcome.ts";

/**
 * Records of artifacts. What is recorded is which evidence exists: each piece must be signed by a functionary of the
 * project's current layout. Whether it all adds up is for verdicts to say, here and elsewhere.
 */
export function recordHandlers(context: Context): Pick<Handlers, "recordArtifact"> {
  const layouts = new Layouts(context);
  return {
    async recordArtifact({ params, query, body, signal }) {
      const published = await context.domains.published(params.domain);
      const { domain } = published;
      const digest = parseDigest(params.digest);
      const evidence = new Map<Sha256Hex, Uint8Array>();
      for (const item of body.evidence) {
        const bytes = decodeEvidence(item);
        evidence.set(sha256(bytes), bytes);
      }
      const contents = new Map((body.contents ?? []).map((text) => named(decodeEvidence(text), digest)));
      const record = checkRecord({
        digest,
        size: body.descriptor.size,
        mediaType: body.descriptor.mediaType,
        artifactType: body.descriptor.artifactType,
        projects: [body.project],
        evidence: entriesOf(evidence),
        contents: [...contents.values()].map((bytes) => ({ sha256: sha256(bytes), length: bytes.length })),
      });
      // The cheap refusals come before the signatures.
      const before = (await lookUp(context, published, digest))?.record;
      if (before !== undefined && addsNothing(before, mergeRecords(before, record))) {
        const versions = versionsOf(published.head);
        return jsonAnswer(200, { domain: domain.name, outcome: "published", versions });
      }
      const current = await layouts.current(published, body.project);
      await admit(context, published, current, evidence, before, signal);
      // To read them takes time, which whoever has no signature to show must not have of us.
      requireRelated(digest, contents, evidence);

      const wait = query.wait === "published";
      // Before it is accepted, so that no publish of it can be missed.
      const heard = wait ? nextWord(context, domain, signal) : undefined;
      const changeId = await enqueueRecord(
        context.pool,
        domain.id,
        [...evidence.values(), ...contents.values()],
        {
          digest,
          descriptor: {
            mediaType: record.mediaType,
            size: record.size,
            ...(record.artifactType === undefined ? {} : { artifactType: record.artifactType }),
          },
          projects: record.projects,
          evidence: record.evidence,
          ...(record.contents === undefined ? {} : { contents: record.contents }),
        },
      );
      context.metrics.accepted.inc({ kind: "record" });
      return answerChange(context, domain, changeId, { wait, signal, heard });
    },
  };
}

function decodeEvidence(text: string): Uint8Array {
  const bytes = decodeBase64(text);
  if (bytes.length === 0 || bytes.length > MAX_EVIDENCE_BYTES) {
    throw new LineageError("bad_record", `An item of evidence has 1 to ${MAX_EVIDENCE_BYTES} bytes.`);
  }
  return bytes;
}

function entriesOf(files: ReadonlyMap<Sha256Hex, Uint8Array>): { sha256: Sha256Hex; length: number }[] {
  return [...files].map(([name, bytes]) => ({ sha256: name, length: bytes.length }));
}

/**
 * Each of the contents that come along must be one that the artifact leads to, and the artifact one that a functionary made, so that
 * nobody can have bytes of their own kept; who sends them makes no difference, because their digests are given. Throws
 * `content_unrelated`.
 */
function requireRelated(
  digest: Digest,
  contents: ReadonlyMap<Digest, Uint8Array>,
  evidence: ReadonlyMap<Sha256Hex, Uint8Array>,
): void {
  if (contents.size === 0) return;
  const about = [...evidence].map(([name, bytes]) => namedDigests(name, bytes));
  if (!about.some(({ products }) => products.includes(digest))) {
    throw new ServiceError(
      "content_unrelated",
      `Contents come with evidence about ${digest}, and none of the evidence in this upload has it among its products.`,
    );
  }
  const materials = about.flatMap((named) => named.materials);
  const reached = reachableContents(digest, contents, materials);
  for (const name of contents.keys()) {
    if (reached.has(name)) continue;
    throw new ServiceError(
      "content_unrelated",
      `Nothing leads from ${digest} to the contents ${name}: no manifest, no annotation and no evidence that came along.`,
    );
  }
}

/** Contents by the digest that leads to them: sha256, or the artifact's own where that is another. */
function named(bytes: Uint8Array, digest: Digest): readonly [Digest, Uint8Array] {
  if (digest === `sha512:${sha512(bytes)}`) return [digest, bytes];
  return [parseDigest(`sha256:${sha256(bytes)}`), bytes];
}

/** Current layouts of projects, opened once for each version of the two roles that decide about them. */
class Layouts {
  readonly #context: Context;
  readonly #known = new Lru<Current>(1_000);

  constructor(context: Context) {
    this.#context = context;
  }

  /** Throws `project_unknown`, `layout_missing`, `layout_unusable`. */
  async current(published: Published, project: string): Promise<Current> {
    const delegation = delegationOf(published.targets, project);
    if (delegation === undefined) {
      throw new LineageError("project_unknown", `${published.domain.name} has no project ${project}.`);
    }
    const version = published.snapshot.signed.meta.get(project)?.version;
    const key = `${published.domain.id} ${published.head.targetsVersion} ${version} ${project}`;
    const current = this.#known.get(key) ?? (await this.#open(published, project, delegation, key));
    const { layout } = current;
    if (isExpired(layout, this.#context.clock())) {
      throw new ServiceError(
        "layout_unusable",
        `The layout of ${project} expired at ${layout.expires.toISOString()}; its owners must publish a new one.`,
      );
    }
    return current;
  }

  async #open(
    published: Published,
    project: string,
    { role, delegations }: NonNullable<ReturnType<typeof delegationOf>>,
    key: string,
  ): Promise<Current> {
    const metadata = await this.#context.domains.delegated(published, project);
    const bytes = await this.#stored(published, metadata?.signed.targets.get(layoutPath(project)));
    if (bytes === undefined) {
      throw new LineageError("layout_missing", `The project ${project} has published no layout.`);
    }
    // It was checked when it was published: a fault now is ours.
    const { layout } = await ownDocuments(async () =>
      openLayout(bytes, { keys: keysOf(role, delegations.keys), threshold: role.threshold }),
    );
    const trustedRoot =
      (await this.#stored(published, metadata?.signed.targets.get(trustedRootPath(project)))) ??
      (await this.#stored(published, published.targets.signed.targets.get(TRUSTED_ROOT)));
    const current = { layout, layoutBytes: bytes, trustedRoot };
    this.#known.set(key, current, 1);
    return current;
  }

  /** The bytes of a file that signed metadata lists; undefined when it lists none. */
  async #stored({ domain }: Published, target: TargetFile | undefined): Promise<Uint8Array | undefined> {
    const name = target?.hashes.get("sha256");
    if (name === undefined) return undefined;
    const stored = await this.#context.domains.files.target(domain.id, name);
    if (stored === undefined) throw new Error(`The file ${name} is published and not stored.`);
    return stored.bytes;
  }
}
