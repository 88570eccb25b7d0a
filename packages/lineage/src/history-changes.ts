import type { KeyId, PublicKey } from "@stemma/crypto";
import type { Layout } from "@stemma/in-toto";
import type { DelegatedRole, Role, Root, TargetFile, Targets } from "@stemma/tuf";
import { placesOf, surroundingsOf } from "./layout-places.ts";
import { layoutPath, revocationsPath, TRUSTED_ROOT, trustedRootPath } from "./project.ts";

export const CHANGE_KINDS = [
  "first_version",
  "expiry_changed",
  "keys_changed",
  "threshold_changed",
  "delegation_added",
  "delegation_removed",
  "delegation_paths_changed",
  "layout_added",
  "layout_changed",
  "layout_removed",
  "step_added",
  "step_removed",
  "step_rules_changed",
  "authorities_changed",
  "inspections_changed",
  "trusted_root_changed",
  "revocations_changed",
  "file_added",
  "file_changed",
  "file_removed",
] as const;

/** One thing that a version changed against the one before it. */
export interface Change {
  readonly kind: (typeof CHANGE_KINDS)[number];
  /** What changed: a role, a step, a path. */
  readonly subject: string;
  /** A sentence for people. */
  readonly words: string;
}

/** What a root changed: keys and thresholds of the four roles, and its expiry. */
export function rootChanges(before: Root | undefined, after: Root): readonly Change[] {
  const changes: Change[] = [];
  if (before === undefined) changes.push(change("first_version", "root", "The trust domain begins."));
  for (const [name, role] of after.roles) {
    const old = before?.roles.get(name);
    changes.push(...authorityChanges(name, old, before?.keys, role, after.keys));
  }
  return [...changes, ...expiryChanges("root", before?.expires, after.expires)];
}

/** What a version of targets or of a project changed: delegations, layout, revocations, other files, expiry. */
export function targetsChanges(
  name: string,
  before: Targets | undefined,
  after: Targets,
  layoutBefore: Layout | undefined,
  layoutAfter: Layout | undefined,
): readonly Change[] {
  const changes: Change[] = [];
  if (before === undefined)
    changes.push(change("first_version", name, `The role ${name} publishes for the first time.`));
  changes.push(...delegationChanges(before, after));
  changes.push(...fileChanges(name, before?.targets ?? new Map(), after.targets));
  if (layoutAfter !== undefined) changes.push(...layoutChanges(layoutBefore, layoutAfter));
  return [...changes, ...expiryChanges(name, before?.expires, after.expires)];
}

function delegationChanges(before: Targets | undefined, after: Targets): readonly Change[] {
  const changes: Change[] = [];
  const old = new Map(before?.delegations?.roles.map((role) => [role.name, role] as const) ?? []);
  for (const role of after.delegations?.roles ?? []) {
    const was = old.get(role.name);
    old.delete(role.name);
    if (was === undefined) {
      changes.push(change("delegation_added", role.name, `${role.name} is trusted with ${pathsOf(role)}.`));
    } else if (pathsOf(was) !== pathsOf(role) || was.terminating !== role.terminating) {
      const words = `${role.name} is now trusted with ${pathsOf(role)}; before, with ${pathsOf(was)}.`;
      changes.push(change("delegation_paths_changed", role.name, words));
    }
    const keys = after.delegations?.keys ?? new Map();
    changes.push(...authorityChanges(role.name, was, before?.delegations?.keys, role, keys));
  }
  for (const name of old.keys()) {
    changes.push(change("delegation_removed", name, `${name} is trusted with nothing any more.`));
  }
  return changes;
}

function pathsOf(role: DelegatedRole): string {
  return (role.paths ?? role.pathHashPrefixes ?? []).join(", ");
}

/** Keys by fingerprint, so that a key that only got another id is no change. */
function authorityChanges(
  name: string,
  before: Role | undefined,
  keysBefore: ReadonlyMap<KeyId, PublicKey> | undefined,
  after: Role,
  keysAfter: ReadonlyMap<KeyId, PublicKey>,
): readonly Change[] {
  const members = (role: Role | undefined, keys: ReadonlyMap<KeyId, PublicKey> | undefined): Signing => ({
    threshold: role?.threshold,
    members: role === undefined || keys === undefined ? new Map() : fingerprints(role.keyIds, keys),
  });
  return signingChanges(name, members(before, keysBefore), members(after, keysAfter));
}

/** Who may sign, by what makes them who they are, and how many of them must. */
interface Signing {
  readonly threshold: number | undefined;
  readonly members: ReadonlyMap<string, string>;
}

function signingChanges(name: string, before: Signing, after: Signing): readonly Change[] {
  const changes: Change[] = [];
  const words = (from: Signing, without: Signing): string =>
    [...from.members].flatMap(([id, label]) => (without.members.has(id) ? [] : [label])).join(", ");
  const [added, removed] = [words(after, before), words(before, after)];
  if (added !== "" || removed !== "") {
    const parts = [
      added === "" ? "" : `${added} may now sign`,
      removed === "" ? "" : `${removed} may not any more`,
    ].filter((part) => part !== "");
    changes.push(change("keys_changed", name, `${name}: ${parts.join("; ")}.`));
  }
  if (before.threshold !== after.threshold) {
    const was = before.threshold === undefined ? "" : ` instead of ${before.threshold}`;
    const keys = `${after.members.size} key${after.members.size === 1 ? "" : "s"}`;
    const words = `${name}: ${after.threshold} of ${keys} must sign${was}.`;
    changes.push(change("threshold_changed", name, words));
  }
  return changes;
}

/** Fingerprints, and as people compare them: the first 16 digits. */
function fingerprints(
  keyIds: readonly KeyId[],
  keys: ReadonlyMap<KeyId, PublicKey>,
): ReadonlyMap<string, string> {
  return new Map(
    keyIds.flatMap((keyId) => {
      const fingerprint = keys.get(keyId)?.fingerprint;
      return fingerprint === undefined ? [] : [[fingerprint, fingerprint.slice(0, 16)] as const];
    }),
  );
}

function fileChanges(
  project: string,
  before: ReadonlyMap<string, TargetFile>,
  after: ReadonlyMap<string, TargetFile>,
): readonly Change[] {
  const changes: Change[] = [];
  for (const [path, file] of after) {
    const was = before.get(path);
    if (was !== undefined && was.hashes.get("sha256") === file.hashes.get("sha256")) continue;
    const verb = was === undefined ? "added" : "changed";
    if (path === layoutPath(project)) changes.push(change(`layout_${verb}`, path, `The layout was ${verb}.`));
    else if (path === revocationsPath(project)) {
      changes.push(change("revocations_changed", path, "The list of revoked artifacts was changed."));
    } else if (path === trustedRootPath(project) || path === TRUSTED_ROOT) {
      const words = "The Sigstore roots that keyless signatures are verified with were changed.";
      changes.push(change("trusted_root_changed", path, words));
    } else changes.push(change(`file_${verb}`, path, `${path} was ${verb}.`));
  }
  for (const path of before.keys()) {
    if (after.has(path)) continue;
    const kind = path === layoutPath(project) ? "layout_removed" : "file_removed";
    changes.push(change(kind, path, `${path} was removed.`));
  }
  return changes;
}

function layoutChanges(before: Layout | undefined, after: Layout): readonly Change[] {
  const changes: Change[] = [];
  const steps = new Set(before?.steps.map(({ name }) => name) ?? []);
  const places = new Map((before === undefined ? [] : placesOf(before)).map((place) => [place.name, place]));
  for (const step of after.steps) {
    if (!steps.delete(step.name)) {
      changes.push(change("step_added", step.name, `The step ${step.name} is part of the layout.`));
    } else if (demandsOf(before, step.name) !== demandsOf(after, step.name)) {
      changes.push(change("step_rules_changed", step.name, `The rules of the step ${step.name} are others.`));
    }
    for (const place of placesOf(after)) {
      if (place.step !== step.name) continue;
      const was = places.get(place.name) ?? { threshold: undefined, members: new Map() };
      changes.push(...signingChanges(place.name, was, place));
    }
  }
  for (const name of steps) {
    changes.push(change("step_removed", name, `The step ${name} is no longer part of it.`));
  }
  const [old, now] = [surroundingsOf(before), surroundingsOf(after)];
  if (old.authorities !== now.authorities) {
    changes.push(
      change("authorities_changed", "layout", "The certificate authorities of the layout are others."),
    );
  }
  if (old.inspections !== now.inspections) {
    changes.push(change("inspections_changed", "layout", "The inspections of the layout are others."));
  }
  return [...changes, ...expiryChanges("the layout", before?.expires, after.expires)];
}

/** Rules, command, predicate types and attributes of a step. */
function demandsOf(layout: Layout | undefined, step: string): string {
  const places = layout === undefined ? [] : placesOf(layout).filter((place) => place.step === step);
  return JSON.stringify(places.map(({ predicateType, demands }) => [predicateType ?? "", demands]));
}

function expiryChanges(name: string, before: Date | undefined, after: Date): readonly Change[] {
  if (before?.getTime() === after.getTime()) return [];
  const sameDay = before?.toISOString().slice(0, 10) === after.toISOString().slice(0, 10);
  const show = (date: Date): string =>
    date
      .toISOString()
      .slice(0, sameDay ? 19 : 10)
      .replace("T", " ");
  const was = before === undefined ? "" : ` instead of ${show(before)}`;
  return [change("expiry_changed", name, `${name} holds until ${show(after)}${was}.`)];
}

function change(kind: Change["kind"], subject: string, words: string): Change {
  return { kind, subject, words };
}
