import type { PublicKey } from "@stemma/crypto";
import {
  assemble,
  type DelegatedRoleInput,
  decodeRole,
  delegationsInput,
  type Role,
  rootPayload,
  type TopLevelRole,
  targetsPayload,
} from "@stemma/tuf";
import { describeMetadata } from "../describe.ts";
import { CliError } from "../error.ts";
import { writeOutput } from "../files.ts";
import { editKeys, roleKeys } from "../key-choice.ts";
import { readPublicKeyFile } from "../keys.ts";
import { type Outcome, styled } from "../output.ts";
import { type NamedFile, withFile } from "../project-file.ts";
import { parseExpiry } from "../time.ts";
import { openDomain, type TrustedDomain, type TrustOptions } from "../trust.ts";

export interface EditRootOptions extends TrustOptions {
  readonly addRootKey?: readonly string[];
  readonly removeRootKey?: readonly string[];
  readonly rootThreshold?: number;
  readonly addTargetsKey?: readonly string[];
  readonly removeTargetsKey?: readonly string[];
  readonly targetsThreshold?: number;
  readonly onlineKey?: string;
  readonly expires: string;
}

/** `domain edit-root`: drafts the next root from the current one, as verified from the pinned root. */
export async function editRoot(options: EditRootOptions, out: string): Promise<Outcome> {
  const { trusted, time } = await openDomain(options);
  const current = trusted.root.signed;
  const of = (name: TopLevelRole): Role => {
    const role = current.roles.get(name);
    if (role === undefined) throw new TypeError("A decoded root has every top-level role.");
    return role;
  };
  const keep = (name: TopLevelRole) => roleKeys(of(name), current.keys);
  const online = options.onlineKey === undefined ? undefined : await readPublicKeyFile(options.onlineKey);
  const onlineRole = (name: TopLevelRole) =>
    online === undefined ? keep(name) : { keys: [online], threshold: 1 };
  const payload = rootPayload({
    version: current.version + 1,
    expires: parseExpiry(options.expires, time),
    roles: {
      root: await editKeys("root", keep("root"), {
        add: options.addRootKey,
        remove: options.removeRootKey,
        threshold: options.rootThreshold,
      }),
      targets: await editKeys("targets", keep("targets"), {
        add: options.addTargetsKey,
        remove: options.removeTargetsKey,
        threshold: options.targetsThreshold,
      }),
      timestamp: onlineRole("timestamp"),
      snapshot: onlineRole("snapshot"),
    },
  });
  return drafted("root", out, assemble(payload, []), time);
}

export interface EditTargetsOptions extends TrustOptions {
  readonly removeProject?: readonly string[];
  readonly project?: string;
  readonly addOwner?: readonly string[];
  readonly removeOwner?: readonly string[];
  readonly threshold?: number;
  readonly onlineKey?: string;
  readonly expires: string;
}

/** `domain edit-targets`: drafts the next targets: owners of a project, projects that end, the online key, the expiry. */
export async function editTargets(options: EditTargetsOptions, out: string): Promise<Outcome> {
  const at = await openDomain(options);
  const removed = new Set(options.removeProject ?? []);
  const online = options.onlineKey === undefined ? undefined : await readPublicKeyFile(options.onlineKey);
  const before = currentDelegations(at);
  for (const name of [...removed, ...(options.project === undefined ? [] : [options.project])]) {
    if (!before.some((role) => role.name === name && name !== "artifacts")) {
      throw new CliError("unknown_project", `The trust domain ${at.domain} has no project ${name}.`);
    }
  }
  if (
    options.project === undefined &&
    (options.addOwner ?? options.removeOwner ?? options.threshold) !== undefined
  ) {
    throw new CliError("usage", "Name the --project whose owners change.");
  }
  const roles: DelegatedRoleInput[] = [];
  for (const role of before) {
    if (removed.has(role.name)) continue;
    roles.push(await editDelegation(role, options, online));
  }
  return drafted("targets", out, nextTargets(at, roles, options.expires), at.time);
}

async function editDelegation(
  role: DelegatedRoleInput,
  options: EditTargetsOptions,
  online: PublicKey | undefined,
): Promise<DelegatedRoleInput> {
  if (role.name === "artifacts")
    return online === undefined ? role : { ...role, keys: [online], threshold: 1 };
  if (role.name !== options.project) return role;
  const edit = { add: options.addOwner, remove: options.removeOwner, threshold: options.threshold };
  return { ...role, ...(await editKeys(role.name, role, edit)) };
}

/** The delegations of the current targets, in order. */
export function currentDelegations(at: TrustedDomain): readonly DelegatedRoleInput[] {
  const { delegations } = at.targets.signed;
  const input = delegations === undefined ? { roles: [] } : delegationsInput(delegations);
  return "roles" in input ? input.roles : [];
}

/** The next version of targets with these delegations and the files that it lists now and one more, without signatures. */
export function nextTargets(
  at: TrustedDomain,
  roles: readonly DelegatedRoleInput[],
  expires: string,
  file?: NamedFile,
): Uint8Array {
  const current = at.targets.signed;
  const payload = targetsPayload({
    version: current.version + 1,
    expires: parseExpiry(expires, at.time),
    targets: withFile(current.targets, file),
    delegations: { roles },
  });
  return assemble(payload, []);
}

async function drafted(role: string, out: string, bytes: Uint8Array, now: Date): Promise<Outcome> {
  await writeOutput(out, bytes, { create: true });
  const { lines, document } = describeMetadata(decodeRole(role, bytes).signed, now);
  return {
    document: { file: out, ...document },
    lines: [
      ["Drafted ", styled("bold", out), ", not signed yet."],
      ...lines,
      "",
      `Next, enough of its owners: stemma sign ${out} --key <file>`,
      `Then: stemma domain publish ${out}`,
    ],
  };
}
