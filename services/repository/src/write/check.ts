import { ServiceError } from "@stemma/contract";
import {
  checkThreshold,
  lintForPublish,
  type Metadata,
  type Role,
  type Root,
  type Targets,
  TrustedMetadata,
  TufError,
} from "@stemma/tuf";
import {
  type Base,
  currentVersion,
  delegationOf,
  nextRoot,
  nextTargets,
  type SigningGroup,
  signingGroups,
} from "./base.ts";
import { FileCheck, type FindFile, type Warning } from "./project-files.ts";
import { checkProjectShape, checkRootShape, checkTargetsShape } from "./shape.ts";
import { documentsOf, type Upload } from "./uploads.ts";

export interface CheckOptions {
  readonly time: Date;
  readonly findFile: FindFile;
  /** False while a ceremony still collects signatures: everything but the thresholds is checked. */
  readonly thresholds: boolean;
}

/**
 * Verifies an upload as the next versions of its roles. The signed metadata is the authorisation (TUF 5.3, 5.6): each
 * role by the threshold of its delegator, a root also by the root before it. What the upload leaves alone must still
 * verify under what it changes, or clients would be locked out.
 *
 * Throws the code of the first fault; returns remarks on what is accepted.
 */
export async function checkUpload(
  base: Base,
  upload: Upload,
  options: CheckOptions,
): Promise<readonly Warning[]> {
  const root = nextRoot(base, upload);
  const targets = nextTargets(base, upload);
  if (root === undefined || targets === undefined) {
    throw new ServiceError("role_missing", "A new trust domain needs root version 1 and targets version 1.");
  }
  for (const { role, metadata } of documentsOf(upload)) {
    if (signingGroups(base, upload, role).length === 0) {
      throw new TufError("not_delegated", `targets does not delegate to a project ${role}.`);
    }
    checkVersion(base, role, metadata);
    if (options.thresholds) checkSignatures(base, upload, role, metadata);
    lintForPublish(metadata, { role, current: currentOf(base, role), time: options.time });
  }
  if (upload.root !== undefined) checkRootShape(upload.root.signed, base.onlineKeys);
  if (upload.targets !== undefined) checkTargetsShape(upload.targets.signed, base.onlineKeys);
  if (upload.root !== undefined && upload.targets === undefined && base.published !== undefined) {
    checkKept("targets", base.published.targets, root.signed.roles.get("targets") as Role, root.signed.keys);
  }
  return checkFiles(base, upload, targets, options);
}

function currentOf(base: Base, role: string): Metadata | undefined {
  if (role === "root") return base.published?.root;
  if (role === "targets") return base.published?.targets;
  return base.projects.get(role);
}

/** Exactly the next version: one that is taken is a conflict, and a jump would lock others out (N-15). */
export function checkVersion(base: Base, role: string, metadata: Metadata): void {
  const { version } = metadata.signed;
  const current = currentVersion(base, role);
  if (version <= current) {
    throw new ServiceError(
      "version_conflict",
      `Version ${version} of ${role} does not come next: version ${current} is published.`,
    );
  }
  if (version - current > 1000) {
    throw new TufError(
      "version_jump",
      `Version ${version} of ${role} is far beyond version ${current}, the published one.`,
    );
  }
  if (version !== current + 1) {
    throw new ServiceError(
      "not_next_version",
      `Version ${version} of ${role} does not come next: the next one is ${current + 1}.`,
    );
  }
}

function checkSignatures(base: Base, upload: Upload, role: string, metadata: Metadata): void {
  for (const group of signingGroups(base, upload, role))
    checkThreshold(metadata, role, group.role, group.keys);
  // The state machine of the client has the last word on a root.
  if (role === "root") walkRoot(base.published?.root, metadata as Metadata<Root>);
}

function walkRoot(before: Metadata<Root> | undefined, next: Metadata<Root>): void {
  const time = new Date(0);
  if (before === undefined) TrustedMetadata.create(next.bytes, { time });
  else TrustedMetadata.create(before.bytes, { time }).updateRoot(next.bytes);
}

async function checkFiles(
  base: Base,
  upload: Upload,
  targets: Metadata<Targets>,
  options: CheckOptions,
): Promise<readonly Warning[]> {
  const files = new FileCheck(upload, options.findFile, options.time);
  if (upload.targets !== undefined) await files.checkDomain(upload.targets, base.published?.targets);
  for (const [name, project] of upload.projects) {
    const [group] = signingGroups(base, upload, name);
    if (group === undefined)
      throw new TufError("not_delegated", `targets does not delegate to a project ${name}.`);
    checkProjectShape(name, project.signed);
    await files.checkNew(name, project, base.projects.get(name), group, ownersChanged(base, upload, name));
  }
  if (upload.targets !== undefined) {
    for (const [name, project] of base.projects) {
      const delegation = delegationOf(targets, name);
      // A project that is no longer delegated to is out of reach for every client; nothing is left to verify.
      if (upload.projects.has(name) || delegation === undefined || !ownersChanged(base, upload, name))
        continue;
      const group: SigningGroup = { of: name, role: delegation.role, keys: delegation.delegations.keys };
      checkKept(name, project, group.role, group.keys);
      await files.checkKept(name, project, group);
    }
  }
  files.finish();
  return files.warnings;
}

/** Whether other keys, or another number of them, decide about a project from now on. */
function ownersChanged(base: Base, upload: Upload, name: string): boolean {
  if (upload.targets === undefined) return false;
  const before = base.published && delegationOf(base.published.targets, name);
  const after = delegationOf(upload.targets, name);
  if (before === undefined || after === undefined) return true;
  const owners = ({ role, delegations }: NonNullable<typeof before>) =>
    [role.threshold, ...role.keyIds.map((id) => delegations.keys.get(id)?.fingerprint ?? "").sort()].join(
      " ",
    );
  return owners(before) !== owners(after);
}

/** A role that stays as it is must verify under its changed delegator. */
function checkKept(name: string, metadata: Metadata, role: Role, keys: Root["keys"]): void {
  try {
    checkThreshold(metadata, name, role, keys);
  } catch (error) {
    if (!(error instanceof TufError)) throw error;
    throw new TufError(
      error.code,
      `The keys of ${name} change, and its published version ${metadata.signed.version} does not verify any more; send a new version of ${name} along. ${error.message}`,
    );
  }
}
