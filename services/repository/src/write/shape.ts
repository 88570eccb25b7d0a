import { isProjectName, ServiceError } from "@stemma/contract";
import type { KeyFingerprint } from "@stemma/crypto";
import { projectPaths } from "@stemma/lineage";
import { type DelegatedRole, type Role, type Root, type Targets, TufError } from "@stemma/tuf";

/*
 * The shape of a trust domain's tree. It is narrower than TUF allows, because a security argument rests on it: offline
 * people decide who makes what, and the online key decides only which evidence exists.
 */

const ARTIFACTS = "artifacts";
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const ARTIFACT_PATHS: readonly string[] = ["sha256/*", "sha512/*"];

type OnlineKeys = ReadonlySet<KeyFingerprint>;

/** Timestamp and snapshot by online keys alone; root and targets by others. Throws `online_key_missing`, `online_key_misplaced`. */
export function checkRootShape(root: Root, online: OnlineKeys): void {
  for (const name of ["timestamp", "snapshot"] as const) {
    requireOnline(name, root.roles.get(name) as Role, root.keys, online);
  }
  for (const name of ["root", "targets"] as const) {
    refuseOnline(name, root.roles.get(name) as Role, root.keys, online);
  }
}

/**
 * Projects in order of priority and `artifacts` last; beside them files of the whole domain, such as `trusted_root.json`,
 * where Sigstore's clients look for it. Throws `tree_shape`, `bad_target_path` and as `checkRootShape`.
 */
export function checkTargetsShape(targets: Targets, online: OnlineKeys): void {
  const { delegations } = targets;
  for (const path of targets.targets.keys()) {
    if (FILE_NAME.test(path)) continue;
    throw new TufError(
      "bad_target_path",
      `${JSON.stringify(path.slice(0, 120))} is no file of the trust domain: they are named without folders.`,
    );
  }
  if (delegations === undefined || delegations.succinct !== undefined) {
    throw shape("targets must delegate to projects and to artifacts by name.");
  }
  const last = delegations.roles.at(-1);
  for (const role of delegations.roles) {
    if (role === last) {
      checkArtifacts(role);
      requireOnline(ARTIFACTS, role, delegations.keys, online);
    } else {
      checkProject(role);
      refuseOnline(role.name, role, delegations.keys, online);
    }
  }
  if (last === undefined) checkArtifacts(last);
}

function checkArtifacts(role: DelegatedRole | undefined): void {
  const paths = [...(role?.paths ?? [])].sort();
  const fits = role?.name === ARTIFACTS && role.terminating && paths.join(" ") === ARTIFACT_PATHS.join(" ");
  if (!fits) {
    throw shape(
      `The last delegation of targets must be the terminating role ${ARTIFACTS} with the paths ${ARTIFACT_PATHS.join(" and ")}.`,
    );
  }
}

function checkProject(role: DelegatedRole): void {
  const name = JSON.stringify(role.name.slice(0, 80));
  if (!isProjectName(role.name)) throw shape(`${name} is no name for a project.`);
  const [path, ...more] = role.paths ?? [];
  if (path !== projectPaths(role.name) || more.length > 0 || !role.terminating) {
    throw shape(`The project ${name} must be terminating, with the one path ${projectPaths(role.name)}.`);
  }
}

/** A project lists files below its own path and delegates to nobody. Throws `tree_shape`, `bad_target_path`. */
export function checkProjectShape(name: string, project: Targets): void {
  if (project.delegations !== undefined) {
    throw shape(`The project ${name} delegates further; projects are owned by the keys that targets names.`);
  }
  const prefix = `projects/${name}/`;
  for (const path of project.targets.keys()) {
    if (!path.startsWith(prefix) || !FILE_NAME.test(path.slice(prefix.length))) {
      throw new TufError(
        "bad_target_path",
        `${JSON.stringify(path.slice(0, 120))} is no file of the project ${name}: they are named ${prefix}<name>.`,
      );
    }
  }
}

function requireOnline(name: string, role: Role, keys: Root["keys"], online: OnlineKeys): void {
  for (const id of role.keyIds) {
    const key = keys.get(id);
    if (key === undefined || !online.has(key.fingerprint)) {
      throw new ServiceError(
        "online_key_missing",
        `The role ${name} names the key ${id}, which no signer holds; the keys to name are at GET /v1/online-keys.`,
      );
    }
  }
  if (role.keyIds.length === 0) {
    throw new ServiceError("online_key_missing", `The role ${name} names no key that a signer holds.`);
  }
}

/** An online key in an offline role would let a stolen server sign what only people may sign. */
function refuseOnline(name: string, role: Role, keys: Root["keys"], online: OnlineKeys): void {
  for (const id of role.keyIds) {
    const key = keys.get(id);
    if (key !== undefined && online.has(key.fingerprint)) {
      throw new ServiceError(
        "online_key_misplaced",
        `The role ${name} names the key ${id}, which a server holds; offline roles are signed by people.`,
      );
    }
  }
}

function shape(message: string): ServiceError {
  return new ServiceError("tree_shape", message);
}
