import { generatePrivateKey, type KeyId, type PublicKey, signerFromPem } from "@stemma/crypto";
import { asObject, parseJson } from "@stemma/encoding";
import {
  checkLayoutForPublish,
  type Envelope,
  type Owners,
  readEnvelope,
  readLayout,
  signPayload,
} from "@stemma/in-toto";
import { asProjectName, layoutPath } from "@stemma/lineage";
import { type Delegations, decodeTargets, findDelegation } from "@stemma/tuf";
import type { Command } from "commander";
import { act, leaf, withDomain, withRoot, withSigner } from "../command.ts";
import { describeLayout } from "../describe.ts";
import { CliError } from "../error.ts";
import { readInput } from "../files.ts";
import type { SignerOptions } from "../keys.ts";
import { type Line, type Outcome, styled } from "../output.ts";
import { nextProject, readProjectFile } from "../project-file.ts";
import { wrapBare } from "../signable.ts";
import { openDomain, type TrustedDomain, type TrustOptions } from "../trust.ts";
import { signAndOpen } from "./project.ts";

/** `stemma layout`: what a project's owners demand of the making of its artifacts. */
export function addLayoutCommands(program: Command): void {
  const layout = program.command("layout").description("Check, publish and look at in-toto layouts");

  const check = leaf(
    layout,
    "check <file>",
    "Say whether a layout can be published, and what may be a mistake in it",
  )
    .option("--targets <file>", "targets.json that names the project's owners")
    .option("--project <project>", "project whose owners must have signed");
  act(check, checkLayout);

  const publish = withSigner(
    withRoot(
      withDomain(leaf(layout, "publish <project> <file>", "Put a signed layout into force, by a ceremony")),
    ),
  ).option("--expires <time>", "expiry of the project's metadata: time from now, or a moment", "28d");
  act(publish, publishLayout);

  act(withRoot(withDomain(leaf(layout, "show <project>", "Show the layout in force"))), showLayout);
}

interface CheckOptions {
  readonly targets?: string;
  readonly project?: string;
}

interface Finding {
  readonly code: string;
  readonly message: string;
}

/** Without the owners' keys everything but the signatures is checked: whoever signed counts as an owner. */
async function checkLayout(options: CheckOptions, file: string): Promise<Outcome> {
  const now = new Date();
  const bytes = await readInput(file);
  const envelope = readEnvelope(wrapBare(asObject(parseJson(bytes), file), "dsse") ?? bytes);
  const layout = readLayout(envelope);
  const owners =
    options.targets === undefined
      ? undefined
      : ownersIn(decodeTargets(await readInput(options.targets)).signed.delegations, projectOf(options));
  const { errors, warnings } = await checkWith(envelope, owners, now);
  const { lines, document } = describeLayout(layout, now);
  return {
    code: errors.length === 0 ? 0 : 1,
    document: {
      file,
      publishable: errors.length === 0,
      ownersChecked: owners !== undefined,
      errors,
      warnings,
      layout: document,
    },
    lines: [
      ...lines,
      ...findingLines(errors, warnings),
      errors.length > 0
        ? [styled("bad", "This layout cannot be published.")]
        : owners === undefined
          ? [styled("good", "This layout can be published"), " once enough owners have signed it."]
          : [styled("good", "This layout can be published.")],
    ],
  };
}

function projectOf(options: CheckOptions): string {
  if (options.project === undefined)
    throw new CliError("usage", "With --targets, name the --project as well.");
  return asProjectName(options.project);
}

/**
 * `checkLayoutForPublish`, which reads nothing of a layout that its owners have not signed. Where nobody said who they are, a
 * key that lives for this one call signs the same payload, so that everything else is checked.
 */
async function checkWith(
  envelope: Envelope,
  owners: Owners | undefined,
  now: Date,
): Promise<{ errors: readonly Finding[]; warnings: readonly Finding[] }> {
  if (owners !== undefined) return checkLayoutForPublish(envelope, owners, now);
  const signer = signerFromPem(generatePrivateKey());
  const keys = new Map([[signer.publicKey.keyId, signer.publicKey]]);
  const signed = await signPayload(envelope.payload, [signer], envelope.format);
  return checkLayoutForPublish(signed, { keys, threshold: 1 }, now);
}

function findingLines(errors: readonly Finding[], warnings: readonly Finding[]): Line[] {
  return [
    ...errors.map(({ code, message }): Line => [styled("bad", "  error:   "), `${message} (${code})`]),
    ...warnings.map(({ code, message }): Line => [styled("warn", "  warning: "), `${message} (${code})`]),
  ];
}

interface PublishOptions extends TrustOptions, SignerOptions {
  readonly expires: string;
}

async function publishLayout(options: PublishOptions, text: string, file: string): Promise<Outcome> {
  const project = asProjectName(text);
  const bytes = await readInput(file);
  const at = await openDomain(options);
  const { errors, warnings } = checkLayoutForPublish(bytes, ownersOf(at, project), at.time);
  const [first] = errors;
  if (first !== undefined) {
    const more = errors.length > 1 ? ` And ${errors.length - 1} more: stemma layout check ${file}.` : "";
    throw new CliError("layout_not_publishable", `${first.message} (${first.code})${more}`);
  }
  const draft = await nextProject(at, project, { path: layoutPath(project), bytes }, options.expires);
  const outcome = await signAndOpen(
    options,
    project,
    draft,
    [bytes],
    `Published: the layout of ${project} is in force.`,
  );
  return { ...outcome, lines: [...outcome.lines, ...findingLines([], warnings)] };
}

async function showLayout(options: TrustOptions, text: string): Promise<Outcome> {
  const project = asProjectName(text);
  const at = await openDomain(options);
  const bytes = await readProjectFile(at, project, layoutPath(project));
  if (bytes === undefined)
    throw new CliError("layout_not_publishable", `The project ${project} has published no layout.`);
  const { lines, document } = describeLayout(readLayout(readEnvelope(bytes)), at.time);
  return { document: { project, ...document }, lines };
}

/** The owners of a project: keys and threshold of its role in the verified targets. */
export function ownersOf(at: TrustedDomain, project: string): Owners {
  return ownersIn(at.targets.signed.delegations, project);
}

function ownersIn(delegations: Delegations | undefined, project: string): Owners {
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
