import { asObject, type JsonObject, parseJson } from "@stemma/encoding";
import { asProjectName, projectPaths } from "@stemma/lineage";
import { decodeTargets, signPayload } from "@stemma/tuf";
import type { Command } from "commander";
import { ceremonyOutcome, openCeremony } from "../ceremony.ts";
import { act, atLeastOne, leaf, withDomain, withRoot, withSigner } from "../command.ts";
import { describeMetadata } from "../describe.ts";
import { CliError } from "../error.ts";
import { openSigner, readPublicKeyFiles, type SignerOptions } from "../keys.ts";
import { note, type Outcome, styled } from "../output.ts";
import { readOverview, roleLines, sourceLine } from "../overview.ts";
import { openDomain, type TrustOptions } from "../trust.ts";
import { currentDelegations, nextTargets } from "./domain-edit.ts";

/** `stemma project`: teams that own a part of a trust domain. */
export function addProjectCommands(program: Command): void {
  const project = program
    .command("project")
    .description("Delegate projects to their owners, and look at them");

  const add = withSigner(
    withRoot(
      withDomain(
        leaf(project, "add <project>", "Draft targets that delegate a project, and open the ceremony"),
      ),
    ),
  )
    .requiredOption("--owner <file...>", "public keys of the owners")
    .requiredOption("--threshold <n>", "how many of them must sign", atLeastOne)
    .option("--expires <time>", "expiry of the new targets: time from now, or a moment", "90d");
  act(add, addProject);

  act(withRoot(withDomain(leaf(project, "list", "List the projects of a trust domain"))), listProjects);
  act(
    withRoot(withDomain(leaf(project, "show <project>", "Show owners, expiry and files of a project"))),
    showProject,
  );
}

interface AddOptions extends TrustOptions, SignerOptions {
  readonly owner: readonly string[];
  readonly threshold: number;
  readonly expires: string;
}

async function addProject(options: AddOptions, text: string): Promise<Outcome> {
  const name = asProjectName(text);
  const owners = await readPublicKeyFiles(options.owner);
  if (options.threshold > owners.length) {
    throw new CliError(
      "usage",
      `--threshold is ${options.threshold}, but ${owners.length} owners are given.`,
    );
  }
  const at = await openDomain(options);
  const before = currentDelegations(at);
  if (before.some((role) => role.name === name)) {
    throw new CliError("usage", `The project ${name} is delegated already; see stemma domain edit-targets.`);
  }
  const role = {
    name,
    keys: owners,
    threshold: options.threshold,
    terminating: true,
    paths: [projectPaths(name)],
  };
  // The records of artifacts stay last: a project's own paths are looked up first.
  const artifacts = before.findIndex((other) => other.name === "artifacts");
  const position = artifacts < 0 ? before.length : artifacts;
  const draft = nextTargets(
    at,
    [...before.slice(0, position), role, ...before.slice(position)],
    options.expires,
  );
  return signAndOpen(options, "targets", draft, [], `Published: ${name} belongs to its owners now.`);
}

/** Shows a draft, signs it with `--key`, and opens its ceremony. */
export async function signAndOpen(
  options: TrustOptions & SignerOptions,
  role: string,
  draft: Uint8Array,
  files: readonly Uint8Array[],
  done: string,
): Promise<Outcome> {
  note([styled("bold", "To be signed: "), role]);
  for (const line of describeMetadata(decodeTargets(draft).signed, new Date()).lines) note(line);
  const signer = await openSigner(options);
  const payload: JsonObject = asObject(asObject(parseJson(draft), "the draft").get("signed"), "signed");
  const bytes = await signPayload(payload, [signer]);
  return ceremonyOutcome(options, await openCeremony(options, [{ role, bytes }], files), done);
}

async function listProjects(options: TrustOptions): Promise<Outcome> {
  const overview = await readOverview(options);
  const now = new Date();
  return {
    document: { domain: overview.domain, verified: overview.verified, projects: overview.projects },
    lines: [
      ...(overview.projects.length === 0
        ? ["There are no projects yet."]
        : overview.projects.flatMap((role) => roleLines(role, now))),
      sourceLine(overview),
    ],
  };
}

async function showProject(options: TrustOptions, name: string): Promise<Outcome> {
  const overview = await readOverview(options);
  const project = overview.projects.find(({ role }) => role === name);
  if (project === undefined) {
    throw new CliError("unknown_project", `The trust domain ${overview.domain} has no project ${name}.`);
  }
  return {
    document: { domain: overview.domain, verified: overview.verified, ...project },
    lines: [
      ...roleLines(project, new Date()),
      ...project.files.map((path) => `  lists ${path}`),
      sourceLine(overview),
    ],
  };
}
