import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { KeyId, PublicKey } from "@stemma/crypto";
import { asProjectName } from "@stemma/lineage";
import {
  decodeRoot,
  decodeTargets,
  findDelegation,
  type Role,
  type SignatureStatus,
  signatureStatus,
} from "@stemma/tuf";
import { readInput } from "./files.ts";
import { labelled, type Signable } from "./signable.ts";

/** Keys that may sign a document, and how many must. */
export interface Authority {
  /** Where that is written, for people. */
  readonly of: string;
  readonly role: Role;
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
}

/**
 * Who may sign a document on disk, as far as that can be known here: a root says so itself (and the root before it,
 * when `delegator` is that file), targets by the root, a project's role or layout by the targets that delegate to it.
 * Without `delegator`, a `root.json` or `targets.json` beside the document is read. Empty where nothing says it.
 *
 * @param roleName the project, for its metadata and its layout
 */
export async function findAuthorities(
  signable: Signable,
  file: string,
  delegator: string | undefined,
  roleName: string | undefined,
): Promise<readonly Authority[]> {
  const signed = signable.metadata?.signed;
  if (signed?.type === "root") {
    const own = { of: `root version ${signed.version}`, ...rootRole(signed, "root") };
    if (delegator === undefined) return signed.version === 1 ? [own] : [];
    const before = decodeRoot(await readInput(delegator)).signed;
    return [own, { of: `root version ${before.version}`, ...rootRole(before, "root") }];
  }
  if (signable.kind === "link" || signable.kind === "statement") return [];
  const project = roleName ?? projectOf(signable);
  const path = delegator ?? (await beside(file, project === undefined ? "root.json" : "targets.json"));
  if (path === undefined) return [];
  if (project === undefined) {
    if (signable.kind !== "targets") return [];
    const root = decodeRoot(await readInput(path)).signed;
    return [{ of: `root version ${root.version}`, ...rootRole(root, "targets") }];
  }
  const { delegations, version } = decodeTargets(await readInput(path)).signed;
  const role = delegations === undefined ? undefined : findDelegation(delegations, project);
  if (delegations === undefined || role === undefined) return [];
  return [{ of: `targets version ${version}, project ${project}`, role, keys: delegations.keys }];
}

function rootRole(
  root: ReturnType<typeof decodeRoot>["signed"],
  name: "root" | "targets",
): { role: Role; keys: ReadonlyMap<KeyId, PublicKey> } {
  const role = root.roles.get(name);
  if (role === undefined) throw new TypeError("A decoded root has every top-level role.");
  return { role, keys: root.keys };
}

/** A project's metadata lists files below `projects/<project>/` only; the role's own name stands nowhere in it. */
function projectOf(signable: Signable): string | undefined {
  const signed = signable.metadata?.signed;
  if (signed?.type !== "targets") return undefined;
  const [first] = signed.targets.keys();
  const name = first === undefined ? undefined : /^projects\/([^/]+)\//.exec(first)?.[1];
  return name === undefined ? undefined : asProjectName(name);
}

async function beside(file: string, name: string): Promise<string | undefined> {
  const path = join(dirname(file), name);
  return (await stat(path).catch(() => undefined)) ? path : undefined;
}

/** Whether one of the authorities names the key. */
export function maySign(authorities: readonly Authority[], key: PublicKey): boolean {
  return authorities.some(({ role, keys }) =>
    role.keyIds.some((id) => keys.get(id)?.fingerprint === key.fingerprint),
  );
}

/** Who has signed for each authority, and who still may. */
export function signingStatus(
  signable: Signable,
  authorities: readonly Authority[],
): readonly (SignatureStatus & { readonly of: string })[] {
  return authorities.map(({ of, role, keys }) => ({
    of,
    ...signatureStatus(signable.message, labelled(signable), role, keys),
  }));
}
