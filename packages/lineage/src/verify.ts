/**
 * The verdict engine: where does this digest come from, and may I trust it?
 *
 * Pure: bytes come through effects, time is a parameter, nothing is drawn at random. The order of the checks:
 *
 * 1. TUF (TUF 5): root chain, timestamp, snapshot, targets, then the project's role and the artifact's record.
 * 2. The project's own word: its layout and its revocations, as signed by its owners.
 * 3. Evidence: every item that the record lists is there, and its bytes hash to its name.
 * 4. in-toto (in-toto 5): the layout's owners, its expiry, links by authorised functionaries, thresholds, rules, and
 *    the digest asked about among the products of the last step.
 *
 * Whatever is missing, unknown, unparsable or empty denies with a code of its own. Nothing is ever allowed because
 * some evidence is absent: whoever holds the online keys can withhold, and must gain nothing by it.
 */
import { sha256 } from "@stemma/crypto";
import { type Digest, recordPath, type Sha256Hex, StemmaError } from "@stemma/encoding";
import { type Inspector, type LayoutVerdict, type Reason, verifyLayout, type Warning } from "@stemma/in-toto";
import {
  type Effect,
  type EffectAnswer,
  findTarget,
  loadRole,
  type Metadata,
  type Root,
  refresh,
  type Targets,
  TrustedMetadata,
} from "@stemma/tuf";
import { LineageError } from "./error.ts";
import { keylessVerifier } from "./keyless.ts";
import {
  asProjectName,
  layoutPath,
  readRevocations,
  revocationsPath,
  TRUSTED_ROOT,
  trustedRootPath,
} from "./project.ts";
import { type ArtifactRecord, MAX_EVIDENCE_BYTES, readRecord } from "./record.ts";
import { type Trial, trialOf } from "./trial.ts";
import { type Freshness, type RoleFreshness, VERDICT_TYPE, type Verdict } from "./verdict.ts";

/** What is asked. */
export interface VerifyRequest {
  /** From the caller, never from a registry. */
  readonly digest: Digest;
  readonly project: string;
  /** Parameters of the layout (in-toto 4.3.2). */
  readonly parameters?: ReadonlyMap<string, string>;
  /** Carries out the inspections of layouts; without it a layout with inspections denies. */
  readonly inspect?: Inspector;
}

type Work<T> = Generator<Effect, T, EffectAnswer>;

/**
 * Verifies from a pinned root: the client workflow of TUF 5 first, then `verifyArtifact`. Refusals become denials;
 * drivers keep the errors of their sources to themselves, because an unreachable source is no verdict.
 */
export function* verifyFromRoot(pinnedRoot: Uint8Array, request: VerifyRequest, time: Date): Work<Verdict> {
  return yield* fromRoot(pinnedRoot, new Inquiry(request, time, sha256(pinnedRoot)), time);
}

/** A layout, and whoever must have signed it. */
export interface OwnedLayout {
  readonly layoutEnvelope: Uint8Array;
  readonly owners: Owners;
}

/**
 * The same way from the root to the evidence, and a dry run at its end: by a draft in place of the published layout where
 * one is given. What comes out is no verdict, because whoever gives a draft says who its owners are.
 */
export function* tryFromRoot(
  pinnedRoot: Uint8Array,
  request: VerifyRequest,
  time: Date,
  draft?: OwnedLayout,
): Work<Trial> {
  const inquiry = new Inquiry(request, time, sha256(pinnedRoot), draft);
  return trialOf(yield* fromRoot(pinnedRoot, inquiry, time), draft !== undefined);
}

function* fromRoot(pinnedRoot: Uint8Array, inquiry: Inquiry, time: Date): Work<Verdict> {
  try {
    const trusted = TrustedMetadata.create(pinnedRoot, { time });
    inquiry.trusted = trusted;
    yield* refresh(trusted);
  } catch (error) {
    return inquiry.deny(error);
  }
  return yield* inquiry.run();
}

/** Verifies against metadata that was refreshed already, for a client that asks about many digests. */
export function* verifyArtifact(
  trusted: TrustedMetadata,
  pinnedRoot: Sha256Hex,
  request: VerifyRequest,
): Work<Verdict> {
  const inquiry = new Inquiry(request, trusted.time, pinnedRoot);
  inquiry.trusted = trusted;
  return yield* inquiry.run();
}

class Inquiry {
  trusted: TrustedMetadata | undefined;
  private readonly request: VerifyRequest;
  private readonly time: Date;
  private readonly pinnedRoot: Sha256Hex;
  private readonly draft: OwnedLayout | undefined;
  private readonly reasons: Reason[] = [];
  private readonly warnings: Warning[] = [];
  private readonly roles: Metadata<Targets>[] = [];
  private readonly roleNames: string[] = [];
  private record: ArtifactRecord | undefined;
  private lineage: LayoutVerdict | undefined;

  constructor(request: VerifyRequest, time: Date, pinnedRoot: Sha256Hex, draft?: OwnedLayout) {
    this.request = request;
    this.time = time;
    this.pinnedRoot = pinnedRoot;
    this.draft = draft;
  }

  *run(): Work<Verdict> {
    const { trusted, request } = this;
    try {
      if (trusted === undefined) throw new TypeError("The inquiry has no trusted metadata.");
      const project = asProjectName(request.project);
      const owners = yield* this.projectRole(trusted, project);
      const layout = this.draft ?? (yield* this.publishedLayout(trusted, project, owners));
      const trustedRoot = yield* this.trustedRoot(trusted, project);
      yield* this.checkRevocations(trusted, project);
      const record = yield* this.findRecord(trusted, project);
      const evidence = yield* this.fetchEvidence(record);
      this.judge(layout, trustedRoot, evidence);
    } catch (error) {
      return this.deny(error);
    }
    return this.verdict();
  }

  /** The project's role with the keys and the threshold that its delegator gave it. */
  private *projectRole(trusted: TrustedMetadata, project: string): Work<Owners> {
    const delegations = trusted.targets("targets")?.signed.delegations;
    const role = delegations?.roles.find((candidate) => candidate.name === project);
    if (delegations === undefined || role === undefined) {
      throw new LineageError("project_unknown", `The trust domain has no project ${project}.`);
    }
    const metadata = yield* loadRole(trusted, project);
    this.rest(project, metadata);
    const keys: Owners["keys"] = new Map(
      role.keyIds.flatMap((keyId) => {
        const key = delegations.keys.get(keyId);
        return key === undefined ? [] : [[keyId, key] as const];
      }),
    );
    return { keys, threshold: role.threshold };
  }

  private *publishedLayout(trusted: TrustedMetadata, project: string, owners: Owners): Work<OwnedLayout> {
    const layoutEnvelope = yield* this.projectFile(trusted, project, layoutPath(project));
    if (layoutEnvelope === undefined) {
      throw new LineageError(
        "layout_missing",
        `The project ${project} has published no layout, so nothing says how its artifacts are made.`,
      );
    }
    return { layoutEnvelope, owners };
  }

  /** The bytes of a file that the project's role lists; undefined when it lists none of that name. */
  private *projectFile(trusted: TrustedMetadata, role: string, path: string): Work<Uint8Array | undefined> {
    const found = yield* findTarget(trusted, path);
    if (found === undefined) return undefined;
    if (found.role !== role) {
      throw new LineageError(
        "file_missing",
        `${path} is signed by the role ${found.role}, not by ${role === "targets" ? "the trust domain" : `the project ${role}`}.`,
      );
    }
    const expected = found.target.hashes.get("sha256") as Sha256Hex | undefined;
    if (expected === undefined)
      throw new LineageError("file_digest_mismatch", `${path} is listed without a sha256.`);
    const answer = yield { kind: "target", path, sha256: expected, length: found.target.length };
    if (!(answer instanceof Uint8Array)) {
      throw new LineageError(
        "file_missing",
        `${path} (sha256 ${expected}) is listed by ${role} but was not to be had.`,
      );
    }
    // TUF 5.7.3: length and hash of the received bytes, before anything reads them.
    if (answer.length !== found.target.length || sha256(answer) !== expected) {
      throw new LineageError(
        "file_digest_mismatch",
        `The bytes received for ${path} are not those that ${role} signed.`,
      );
    }
    return answer;
  }

  /** The Sigstore roots that the project names, or else those of the trust domain. */
  private *trustedRoot(trusted: TrustedMetadata, project: string): Work<Uint8Array | undefined> {
    const own = yield* this.projectFile(trusted, project, trustedRootPath(project));
    return own ?? (yield* this.projectFile(trusted, "targets", TRUSTED_ROOT));
  }

  private *checkRevocations(trusted: TrustedMetadata, project: string): Work<void> {
    const bytes = yield* this.projectFile(trusted, project, revocationsPath(project));
    if (bytes === undefined) return;
    const revocation = readRevocations(bytes).get(this.request.digest);
    if (revocation !== undefined) {
      this.reasons.push({
        code: "artifact_revoked",
        message: `The owners of ${project} revoked this artifact on ${revocation.since}, for the reason "${revocation.reason}".`,
      });
    }
  }

  private *findRecord(trusted: TrustedMetadata, project: string): Work<ArtifactRecord> {
    const { digest } = this.request;
    const found = yield* findTarget(trusted, recordPath(digest));
    if (found === undefined) {
      throw new LineageError("artifact_unknown", `The trust domain has no record of ${digest}.`);
    }
    for (const role of found.chain) {
      const metadata = trusted.targets(role);
      if (metadata !== undefined && role !== "targets") this.rest(role, metadata);
    }
    const record = readRecord(digest, found.target);
    this.record = record;
    if (!record.projects.includes(project)) {
      throw new LineageError(
        "project_not_claimed",
        `The record of ${digest} claims ${record.projects.join(", ")}, not ${project}.`,
      );
    }
    return record;
  }

  /** Every item of the record, or a denial: a store that withholds the failing scan must not win by it. */
  private *fetchEvidence(record: ArtifactRecord): Work<ReadonlyMap<Sha256Hex, Uint8Array>> {
    const wanted = record.evidence.map((item) => item.sha256);
    const answer = yield { kind: "evidence", wanted, maxLength: MAX_EVIDENCE_BYTES };
    const evidence = new Map<Sha256Hex, Uint8Array>();
    for (const item of record.evidence) {
      const bytes = answer instanceof Map ? answer.get(item.sha256) : undefined;
      if (bytes === undefined) {
        throw new LineageError(
          "evidence_missing",
          `The record lists the evidence ${item.sha256}, which was not to be had.`,
        );
      }
      if (bytes.length !== item.length || sha256(bytes) !== item.sha256) {
        throw new LineageError(
          "evidence_digest_mismatch",
          `The bytes received as evidence ${item.sha256} are others.`,
        );
      }
      evidence.set(item.sha256, bytes);
    }
    return evidence;
  }

  private judge(
    { layoutEnvelope, owners }: OwnedLayout,
    trustedRoot: Uint8Array | undefined,
    evidence: ReadonlyMap<Sha256Hex, Uint8Array>,
  ): void {
    const { digest, parameters, inspect } = this.request;
    const lineage = verifyLayout({
      layoutEnvelope,
      owners,
      evidence,
      digest,
      time: this.time,
      ...(parameters === undefined ? {} : { parameters }),
      ...(inspect === undefined ? {} : { inspect }),
      ...(trustedRoot === undefined ? {} : { keyless: keylessVerifier(trustedRoot, this.time) }),
    });
    this.lineage = lineage;
    this.reasons.push(...lineage.reasons);
    this.warnings.push(...lineage.warnings);
    if (!lineage.ok && lineage.reasons.length === 0) {
      throw new TypeError("The layout denied without a reason.");
    }
  }

  /** Notes that the verdict rests on a role. */
  private rest(name: string, metadata: Metadata<Targets>): void {
    if (this.roleNames.includes(name)) return;
    this.roleNames.push(name);
    this.roles.push(metadata);
  }

  /** Turns a refusal into a denial; anything else is a fault of ours and goes on as one. */
  deny(error: unknown): Verdict {
    if (!(error instanceof StemmaError)) throw error;
    this.reasons.push({ code: error.code, message: error.message });
    return this.verdict();
  }

  private verdict(): Verdict {
    const allowed = this.reasons.length === 0 && this.lineage?.ok === true;
    return {
      type: VERDICT_TYPE,
      decision: allowed ? "allow" : "deny",
      digest: this.request.digest,
      project: this.request.project,
      time: this.time.toISOString(),
      pinnedRoot: this.pinnedRoot,
      reasons: this.reasons,
      warnings: this.warnings,
      freshness: this.freshness(),
      record: this.record,
      lineage: this.lineage,
    };
  }

  private freshness(): Freshness {
    const roles: RoleFreshness[] = [];
    const add = (role: string, signed: { version: number; expires: Date } | undefined): void => {
      if (signed !== undefined)
        roles.push({ role, version: signed.version, expires: signed.expires.toISOString() });
    };
    const { trusted } = this;
    add("root", trusted?.root.signed satisfies Root | undefined);
    add("timestamp", trusted?.timestamp?.signed);
    add("snapshot", trusted?.snapshot?.signed);
    add("targets", trusted?.targets("targets")?.signed);
    for (const [index, metadata] of this.roles.entries()) add(this.roleNames[index] ?? "", metadata.signed);
    const layout = this.lineage?.layout;
    const layoutExpires = layout === undefined ? undefined : new Date(layout.expires).toISOString();
    const ends = [
      ...roles.map((role) => role.expires),
      ...(layoutExpires === undefined ? [] : [layoutExpires]),
    ].sort();
    return { roles, layoutExpires, validUntil: ends[0] };
  }
}

interface Owners {
  readonly keys: Parameters<typeof verifyLayout>[0]["owners"]["keys"];
  readonly threshold: number;
}
