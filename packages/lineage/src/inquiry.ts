import { sha256 } from "@stemma/crypto";
import { type Digest, recordPath, type Sha256Hex, StemmaError } from "@stemma/encoding";
import {
  examineLayout,
  type Inspector,
  type LayoutRequest,
  type LayoutVerdict,
  type Reason,
  type StatedDependencies,
  type Warning,
} from "@stemma/in-toto";
import {
  findTarget,
  loadRole,
  type Metadata,
  type Root,
  type Targets,
  type TrustedMetadata,
} from "@stemma/tuf";
import { resolveAncestry } from "./ancestors.ts";
import type { Ancestry } from "./ancestry.ts";
import { Contents } from "./contents.ts";
import { LineageError } from "./error.ts";
import { keylessVerifier } from "./keyless.ts";
import { type LineagePolicy, lineagePath, readLineagePolicy } from "./policy.ts";
import {
  asProjectName,
  layoutPath,
  readRevocations,
  revocationsPath,
  TRUSTED_ROOT,
  trustedRootPath,
} from "./project.ts";
import { type ArtifactRecord, MAX_EVIDENCE_BYTES, readRecord } from "./record.ts";
import { toldOnce } from "./told-once.ts";
import { type Freshness, type RoleFreshness, VERDICT_TYPE, type Verdict } from "./verdict.ts";
import { type Extent, type Found, nameOf, type Place, Walk, type Work } from "./walk.ts";

/** What is asked. */
export interface VerifyRequest {
  /** From the caller, never from a registry. */
  readonly digest: Digest;
  readonly project: string;
  /** Parameters of the layout (in-toto 4.3.2). */
  readonly parameters?: ReadonlyMap<string, string>;
  /** Carries out the inspections of layouts; without it a layout with inspections denies. */
  readonly inspect?: Inspector;
  /** Also look at what the artifact rests on where nobody demands anything of it. Changes no decision. */
  readonly explore?: boolean;
}

/** A layout, and whoever must have signed it. */
export interface OwnedLayout {
  readonly layoutEnvelope: Uint8Array;
  readonly owners: LayoutRequest["owners"];
}

/** What a project says: who its owners are, its layout, whom it trusts to certify, and what it demands of ancestors. */
interface ProjectWord {
  readonly layout: OwnedLayout;
  readonly trustedRoot: Uint8Array | undefined;
  readonly policy: { readonly sha256: Sha256Hex; readonly demands: LineagePolicy } | undefined;
}

/** One verdict being reached: about one artifact, by one project, in one trust domain. */
export class Inquiry {
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
  private stated: readonly StatedDependencies[] = [];
  private ancestry: Ancestry | undefined;
  /** Verdicts that this one rests on. */
  private supports: readonly Verdict[] = [];
  /** Not one of those that another verdict rests on. */
  private isFirst = false;
  /** An index or platforms hold in place of the artifact itself, as its project has it. */
  private standsByOthers = false;

  constructor(request: VerifyRequest, time: Date, pinnedRoot: Sha256Hex, draft?: OwnedLayout) {
    this.request = request;
    this.time = time;
    this.pinnedRoot = pinnedRoot;
    this.draft = draft;
  }

  *run(): Work<Verdict> {
    const extent = this.request.explore === true ? "explore" : "full";
    this.isFirst = true;
    return toldOnce((yield* this.find(this.home(), extent, this.walk())).verdict);
  }

  /** The same, as part of a walk. */
  *find(place: Place, extent: Extent, walk: Walk): Work<Found> {
    try {
      yield* this.judge(place, extent, walk);
    } catch (error) {
      this.refuse(error);
    }
    return { verdict: this.verdict(), record: this.record, stated: this.stated };
  }

  private home(): Place {
    const { trusted, pinnedRoot } = this;
    if (trusted === undefined) throw new TypeError("The inquiry has no trusted metadata.");
    return { trusted, pinnedRoot, domain: undefined };
  }

  private walk(): Walk {
    return new Walk(this.time, new Contents(), (walk, place, project, digest, extent) => {
      // A relative of the artifact, in its own project, is held to the same layout with the same parameters.
      const same = place.domain === undefined && project === this.request.project;
      const { parameters } = same ? this.request : {};
      const request = { digest, project, ...(parameters === undefined ? {} : { parameters }) };
      const inquiry = new Inquiry(request, this.time, place.pinnedRoot, same ? this.draft : undefined);
      inquiry.trusted = place.trusted;
      return inquiry.find(place, extent, walk);
    });
  }

  private *judge(place: Place, extent: Extent, walk: Walk): Work<void> {
    const { trusted } = place;
    const { request } = this;
    const project = asProjectName(request.project);
    const word = yield* this.projectWord(trusted, project);
    yield* this.checkRevocations(trusted, project);
    const record = yield* this.findRecord(trusted, project);
    if (extent === "direct" || (extent === "full" && word.policy === undefined)) {
      yield* this.own(word, record, walk);
      return;
    }
    yield* walk.contents.gather(record, nameOf(place));
    const own = function* (this: Inquiry): Work<Found> {
      const before = this.reasons.length;
      yield* this.own(word, record, walk);
      // The layout's reasons count only where the artifact has to stand for itself.
      const reasons = this.reasons.splice(before);
      return {
        verdict: { ...this.verdict(), decision: reasons.length === 0 ? "allow" : "deny", reasons },
        record,
        stated: this.stated,
      };
    }.bind(this);
    const { ancestry, reasons, supports } = yield* resolveAncestry({
      digest: request.digest,
      record,
      project,
      place,
      walk,
      own,
      policy: word.policy,
      explore: extent === "explore",
      fileOf: (path) => this.projectFile(trusted, project, path),
    });
    this.ancestry = ancestry;
    this.supports = supports;
    this.reasons.push(...reasons);
    this.standsByOthers = ancestry.relatives.some(({ decision }) => decision === "allow");
  }

  private *projectWord(trusted: TrustedMetadata, project: string): Work<ProjectWord> {
    const owners = yield* this.projectRole(trusted, project);
    const layout = this.draft ?? (yield* this.publishedLayout(trusted, project, owners));
    const trustedRoot = yield* this.trustedRoot(trusted, project);
    const bytes = yield* this.projectFile(trusted, project, lineagePath(project));
    const policy =
      bytes === undefined ? undefined : { sha256: sha256(bytes), demands: readLineagePolicy(bytes) };
    return { layout, trustedRoot, policy };
  }

  /** The project's role with the keys and the threshold that its delegator gave it. */
  private *projectRole(trusted: TrustedMetadata, project: string): Work<OwnedLayout["owners"]> {
    const delegations = trusted.targets("targets")?.signed.delegations;
    const role = delegations?.roles.find((candidate) => candidate.name === project);
    if (delegations === undefined || role === undefined) {
      throw new LineageError("project_unknown", `The trust domain has no project ${project}.`);
    }
    const metadata = yield* loadRole(trusted, project);
    this.rest(project, metadata);
    const keys: OwnedLayout["owners"]["keys"] = new Map(
      role.keyIds.flatMap((keyId) => {
        const key = delegations.keys.get(keyId);
        return key === undefined ? [] : [[keyId, key] as const];
      }),
    );
    return { keys, threshold: role.threshold };
  }

  private *publishedLayout(
    trusted: TrustedMetadata,
    project: string,
    owners: OwnedLayout["owners"],
  ): Work<OwnedLayout> {
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

  /** What the layout says of the artifact itself. */
  private *own({ layout, trustedRoot }: ProjectWord, record: ArtifactRecord, walk: Walk): Work<void> {
    if (!this.isFirst) walk.spendEvidence(record.evidence);
    const evidence = yield* this.fetchEvidence(record);
    const { digest, parameters, inspect } = this.request;
    const { verdict, stated, work } = examineLayout({
      ...layout,
      evidence,
      digest,
      time: this.time,
      ...(parameters === undefined ? {} : { parameters }),
      ...(inspect === undefined ? {} : { inspect }),
      ...(trustedRoot === undefined ? {} : { keyless: keylessVerifier(trustedRoot, this.time) }),
      ...(this.isFirst ? {} : { limits: walk.limits() }),
    });
    if (!this.isFirst) walk.spendWork(work);
    this.lineage = verdict;
    this.stated = stated;
    this.reasons.push(...verdict.reasons);
    this.warnings.push(...verdict.warnings);
    if (!verdict.ok && verdict.reasons.length === 0) {
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
    this.refuse(error);
    return this.verdict();
  }

  private refuse(error: unknown): void {
    if (!(error instanceof StemmaError)) throw error;
    this.reasons.push({ code: error.code, message: error.message });
  }

  private verdict(): Verdict {
    const stands = this.lineage?.ok === true || this.standsByOthers;
    const allowed = this.reasons.length === 0 && stands;
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
      ...(this.ancestry === undefined ? {} : { ancestry: this.ancestry }),
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
      ...this.supports.flatMap(({ freshness }) => freshness.validUntil ?? []),
    ].sort();
    return { roles, layoutExpires, validUntil: ends[0] };
  }
}
