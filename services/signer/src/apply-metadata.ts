import { equalBytes } from "@stemma/encoding";
import type { NewMetadata } from "@stemma/store";
import {
  checkThreshold,
  decodeRoot,
  decodeTargets,
  findDelegation,
  isExpired,
  lintForPublish,
  type Metadata,
  type Role,
  type Root,
  type Targets,
  TrustedMetadata,
  TufError,
} from "@stemma/tuf";
import { SignerError } from "./error.ts";
import { ARTIFACTS, isOnlineRole } from "./placement.ts";
import { currentRoot, type Tree } from "./state.ts";

/**
 * Applies a batch of offline-signed documents to a tree: all of them, or none. The repository has verified them
 * before it accepted them; here they are verified again, against what is published by now. The repository faces the
 * network, and whoever breaks into it must not be able to publish anything that its owners have not signed.
 *
 * Throws TufError or SignerError with the code of the first fault.
 */
export function applyMetadata(tree: Tree, documents: readonly NewMetadata[], time: Date): Tree {
  const fresh = documents.filter((document) => !isPublished(tree, document));
  for (const { role } of fresh) {
    if (isOnlineRole(role)) {
      throw new SignerError(
        "role_not_writable",
        `The role ${role} is signed by the service; it cannot be uploaded.`,
      );
    }
  }
  const withRoots = applyRoots(
    tree,
    select(fresh, (role) => role === "root"),
    time,
  );
  const withTargets = applyTargets(
    withRoots,
    select(fresh, (role) => role === "targets"),
    time,
  );
  const changed = applyProjects(
    withTargets,
    select(fresh, (role) => role !== "root" && role !== "targets"),
    time,
  );
  checkTop(changed, time);
  return changed;
}

/** The same bytes under the same version again are nothing new: a request may be repeated. */
function isPublished(tree: Tree, { role, version, bytes }: NewMetadata): boolean {
  const published: Metadata | undefined = role === "root" ? tree.roots[version - 1] : tree.roles.get(role);
  return (
    published !== undefined && published.signed.version === version && equalBytes(published.bytes, bytes)
  );
}

function select(
  documents: readonly NewMetadata[],
  belongs: (role: string) => boolean,
): readonly NewMetadata[] {
  return documents.filter(({ role }) => belongs(role)).sort((a, b) => a.version - b.version);
}

/** TUF 5.3.4 and 5.3.5: each root by the threshold of the one before, and by its own; no version is left out. */
function applyRoots(tree: Tree, documents: readonly NewMetadata[], time: Date): Tree {
  const roots: Metadata<Root>[] = [...tree.roots];
  for (const { bytes } of documents) {
    const before = roots.at(-1);
    const root = decodeRoot(bytes);
    lintForPublish(root, { role: "root", current: before, time });
    if (before === undefined) {
      if (root.signed.version !== 1) throw notNext("root", root.signed.version, 0);
      roots.push(TrustedMetadata.create(bytes, { time }).root);
    } else {
      roots.push(TrustedMetadata.create(before.bytes, { time }).updateRoot(bytes));
    }
  }
  return { ...tree, roots };
}

function applyTargets(tree: Tree, documents: readonly NewMetadata[], time: Date): Tree {
  let roles = tree.roles;
  for (const document of documents) {
    const targets = nextVersion(roles, document, time);
    const root = requireRoot(tree);
    checkThreshold(targets, "targets", root.signed.roles.get("targets") as Role, root.signed.keys);
    roles = new Map([...roles, ["targets", targets]]);
  }
  return { ...tree, roles };
}

/** A project's role, by the keys and the threshold that the new `targets` gives it. */
function applyProjects(tree: Tree, documents: readonly NewMetadata[], time: Date): Tree {
  const roles = new Map(tree.roles);
  const delegations = roles.get("targets")?.signed.delegations;
  for (const document of documents) {
    const { role } = document;
    const delegation = delegations && findDelegation(delegations, role);
    if (delegations === undefined || delegation === undefined) {
      throw new TufError("not_delegated", `targets does not delegate to the role ${role}.`);
    }
    const project = nextVersion(roles, document, time);
    checkThreshold(project, role, delegation, delegations.keys);
    roles.set(role, project);
  }
  return { ...tree, roles };
}

function nextVersion(
  roles: ReadonlyMap<string, Metadata<Targets>>,
  { role, bytes }: NewMetadata,
  time: Date,
): Metadata<Targets> {
  const next = decodeTargets(bytes);
  const current = roles.get(role);
  lintForPublish(next, { role, current, time });
  const before = current?.signed.version ?? 0;
  if (next.signed.version !== before + 1) throw notNext(role, next.signed.version, before);
  return next;
}

function notNext(role: string, found: number, before: number): SignerError {
  return new SignerError(
    "not_next_version",
    `The next version of ${role} is ${before + 1}; found ${found}. Make the change again from what is published.`,
  );
}

/** What every client needs before it comes to an artifact or a project must hold after the batch as a whole. */
function checkTop(tree: Tree, time: Date): void {
  const root = requireRoot(tree);
  const targets = tree.roles.get("targets");
  if (targets === undefined) {
    throw new SignerError("role_missing", "A new domain needs its first targets along with its root.");
  }
  checkThreshold(targets, "targets", root.signed.roles.get("targets") as Role, root.signed.keys);
  for (const [role, metadata] of [
    ["root", root],
    ["targets", targets],
  ] as const) {
    if (isExpired(metadata.signed, time))
      throw new TufError("expired", `The metadata of ${role} is expired.`);
  }
  checkShape(targets.signed);
}

const ARTIFACT_PATHS = "sha256/* sha512/*";

/**
 * Projects with one path each, below their own name, and `artifacts` last: so no project can stand between a client
 * and an artifact's record. The repository checks the same before it accepts; here it holds without the repository.
 */
function checkShape({ delegations }: Targets): void {
  const roles = delegations?.roles ?? [];
  for (const [index, { name, paths, terminating }] of roles.entries()) {
    const isLast = index === roles.length - 1;
    const wanted = isLast ? ARTIFACT_PATHS : `projects/${name}/*`;
    const found = [...(paths ?? [])].sort().join(" ");
    if (!terminating || found !== wanted || (isLast ? name !== ARTIFACTS : isOnlineRole(name))) {
      throw new SignerError(
        "tree_shape",
        `The delegation of targets to ${JSON.stringify(name.slice(0, 80))} must be terminating, with ${wanted} as its paths; ${ARTIFACTS} comes last.`,
      );
    }
  }
  if (roles.length === 0)
    throw new SignerError("tree_shape", `targets must delegate to the role ${ARTIFACTS}.`);
}

function requireRoot(tree: Tree): Metadata<Root> {
  const root = currentRoot(tree);
  if (root === undefined) throw new SignerError("role_missing", "A new domain needs its first root.");
  return root;
}
