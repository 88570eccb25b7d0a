import { stat } from "node:fs/promises";
import type { KeyId, PublicKey } from "@stemma/crypto";
import { asObject, parseJson } from "@stemma/encoding";
import { type Envelope, type Layout, type Owners, readEnvelope, readLayout } from "@stemma/in-toto";
import { asProjectName, layoutPath } from "@stemma/lineage";
import { type Delegations, findDelegation } from "@stemma/tuf";
import { CliError } from "./error.ts";
import { readInput } from "./files.ts";
import { readProjectFile } from "./project-file.ts";
import { wrapBare } from "./signable.ts";
import { openDomain, type TrustedDomain, type TrustOptions } from "./trust.ts";

/** A layout that somebody wants to look at: a file that need not be signed, or the one that a project published. */
export interface LayoutSource {
  /** How documents name where it came from. */
  readonly origin: { readonly file: string } | { readonly project: string };
  readonly envelope: Envelope;
  readonly layout: Layout;
  /** Who must have signed it; undefined for a file, which does not say. */
  readonly owners: Owners | undefined;
  readonly time: Date;
}

/**
 * Reads the layout that the text means: a file where there is one of that name, else the project's of a trust domain,
 * verified from the pinned root. Throws InTotoError for one that cannot be read, and `layout_not_publishable` for a
 * project without one.
 */
export async function openLayoutSource(options: TrustOptions, what: string): Promise<LayoutSource> {
  const isFile = (await stat(what).catch(() => undefined))?.isFile() === true;
  // No project has a dot or a slash in its name: that was to be a file.
  return isFile || /[./]/.test(what) ? readLayoutFile(what) : readProjectLayout(options, what);
}

/** Reads a layout on disk: in an envelope, signed or not, or as its author wrote it. */
export async function readLayoutFile(file: string): Promise<LayoutSource> {
  const bytes = await readInput(file);
  const envelope = readEnvelope(wrapBare(asObject(parseJson(bytes), file), "dsse") ?? bytes);
  const layout = readLayout(envelope);
  return { origin: { file }, envelope, layout, owners: undefined, time: new Date() };
}

/** Reads the layout that a project has published. */
export async function readProjectLayout(options: TrustOptions, name: string): Promise<LayoutSource> {
  const project = asProjectName(name);
  const at = await openDomain(options);
  const bytes = await readProjectFile(at, project, layoutPath(project));
  if (bytes === undefined)
    throw new CliError("layout_not_publishable", `The project ${project} has published no layout.`);
  const envelope = readEnvelope(bytes);
  const layout = readLayout(envelope);
  return { origin: { project }, envelope, layout, owners: ownersOf(at, project), time: at.time };
}

/** The owners of a project: keys and threshold of its role in the verified targets. Throws `unknown_project`. */
export function ownersOf(at: TrustedDomain, project: string): Owners {
  return ownersIn(at.targets.signed.delegations, project);
}

/** The owners of a project by the delegations of some targets metadata. Throws `unknown_project`. */
export function ownersIn(delegations: Delegations | undefined, project: string): Owners {
  const role = delegations === undefined ? undefined : findDelegation(delegations, project);
  if (delegations === undefined || role === undefined) {
    throw new CliError("unknown_project", `The targets do not delegate to a project ${project}.`);
  }
  const keys = new Map<KeyId, PublicKey>();
  for (const id of role.keyIds) {
    const key = delegations.keys.get(id);
    if (key !== undefined) keys.set(id, key);
  }
  return { keys, threshold: role.threshold };
}
