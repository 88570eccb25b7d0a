import { join } from "node:path";
import type { ChangeAnswer } from "@stemma/contract";
import { asObject, parseJson } from "@stemma/encoding";
import { decodeRole, type Targets } from "@stemma/tuf";
import { callServer, type DomainOptions, domainOf, type ServerOptions } from "../api.ts";
import { type DraftRole, settleChange, throwIfRefused, uploadBody } from "../ceremony.ts";
import { CliError } from "../error.ts";
import { readInput } from "../files.ts";
import { type Line, type Outcome, styled } from "../output.ts";

const MAX_METADATA = 5_000_000;

/** `domain create`: posts the signed root and targets of a new trust domain. Needs a token. */
export async function createDomain(options: ServerOptions, name: string, folder: string): Promise<Outcome> {
  const rootFile = join(folder, "root.json");
  const roles = [
    { role: "root", bytes: await readInput(rootFile, MAX_METADATA) },
    { role: "targets", bytes: await readInput(join(folder, "targets.json"), MAX_METADATA) },
  ];
  const { body } = await callServer<ChangeAnswer>(options, "createDomain", {
    query: { wait: "published" },
    body: { name, ...uploadBody(roles, []) },
  });
  const change = await settled({ ...options, domain: name }, body);
  return {
    document: { ...change, root: rootFile },
    lines: [
      [styled("good", "Created"), ` the trust domain ${name}${pending(change)}.`],
      `Give ${rootFile} to whoever verifies: it is what they pin.`,
    ],
  };
}

export interface PublishOptions extends DomainOptions {
  readonly file?: readonly string[];
}

/** `domain publish`: new versions of several roles, all or none. */
export async function publishFiles(options: PublishOptions, paths: readonly string[]): Promise<Outcome> {
  const roles: DraftRole[] = [];
  for (const path of paths) {
    const bytes = await readInput(path, MAX_METADATA);
    roles.push({ role: roleOf(path, bytes), bytes });
  }
  const files = await Promise.all((options.file ?? []).map((path) => readInput(path)));
  const { body } = await callServer<ChangeAnswer>(options, "publishMetadata", {
    params: { domain: domainOf(options) },
    query: { wait: "published" },
    body: uploadBody(roles, files),
  });
  const change = await settled(options, body);
  const names = roles.map(({ role }) => role).join(", ");
  return {
    document: { ...change, roles: roles.map(({ role }) => role) },
    lines: [[styled("good", "Published"), ` ${names}${pending(change)}.`], ...warningLines(change)],
  };
}

/** The role of metadata on disk: what it says, and for a project what it lists. Throws `not_signable`. */
function roleOf(path: string, bytes: Uint8Array): string {
  const signed = asObject(asObject(parseJson(bytes), path).get("signed"), `${path}: signed`);
  if (signed.get("_type") === "root") return "root";
  if (signed.get("_type") !== "targets") {
    throw new CliError(
      "not_signable",
      `${path} is neither root nor targets metadata; the service makes the rest.`,
    );
  }
  const targets = (decodeRole("targets", bytes).signed as Targets).targets;
  const [first] = targets.keys();
  return (first === undefined ? undefined : /^projects\/([^/]+)\//.exec(first)?.[1]) ?? "targets";
}

/** The change once it is settled, or as it stands after ten seconds. */
export async function settled(options: DomainOptions, change: ChangeAnswer): Promise<ChangeAnswer> {
  throwIfRefused(change);
  if (change.outcome !== "waiting" || change.change === undefined) return change;
  return settleChange(options, change.change);
}

/** What is still to come, for the end of a sentence. */
export function pending(change: ChangeAnswer): string {
  return change.outcome === "waiting" ? "; it is accepted, and the signer publishes it next" : "";
}

/** What may be a mistake, though the service accepted it. */
export function warningLines(change: ChangeAnswer): Line[] {
  const warnings = "warnings" in change && Array.isArray(change.warnings) ? change.warnings : [];
  return warnings.map(({ code, message }: { code: string; message: string }) => [
    styled("warn", "  warning: "),
    `${message} (${code})`,
  ]);
}
