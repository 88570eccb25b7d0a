import { fromPlain, jsonObject, writeJson } from "@stemma/encoding";
import {
  asProjectName,
  domainRootPath,
  domainsOf,
  GRADES,
  lineagePath,
  type Origin,
  PLATFORM_CHOICES,
  readLineagePolicy,
} from "@stemma/lineage";
import { TrustedMetadata } from "@stemma/tuf";
import { type Command, Option } from "commander";
import { act, atLeastOne, collect, leaf, withDomain, withRoot, withSigner } from "../command.ts";
import { CliError } from "../error.ts";
import { readInput, writeOutput } from "../files.ts";
import type { SignerOptions } from "../keys.ts";
import { policyLines } from "../lineage-policy-words.ts";
import { type Outcome, styled } from "../output.ts";
import { type NamedFile, nextProject } from "../project-file.ts";
import { openDomain, type TrustOptions } from "../trust.ts";
import { signAndOpen } from "./project.ts";

/** `stemma lineage-policy`: what the owners of a project demand of everything that its artifacts rest on. */
export function addLineagePolicyCommands(program: Command): void {
  const group = program
    .command("lineage-policy")
    .description("Say what the bases, platforms and dependencies of a project's artifacts must be");

  const write = leaf(group, "new <file>", "Write a lineage.json")
    .addOption(
      new Option(
        "--platforms <choice>",
        "what must satisfy the layout, of an index and its platforms",
      ).choices(PLATFORM_CHOICES),
    )
    .addOption(new Option("--base <grade>", "how sure the base of every image must be").choices(GRADES))
    .option(
      "--from <origin>",
      "who may prove a base: PROJECT or DOMAIN/PROJECT, with :foundation where the chain may end; several times for several",
      collect,
    )
    .option("--depth <n>", "levels of bases that are held to it", atLeastOne)
    .option(
      "--dependency <uri=origins>",
      "dependencies like this URI pattern must be proven by one of these, separated by commas; several times for several",
      collect,
    )
    .option(
      "--claimed <uri>",
      "provenance must list a dependency like this; several times for several",
      collect,
    );
  act(write, writePolicy);

  act(
    leaf(group, "explain <file>", "Check a lineage.json, and say in plain words what it demands"),
    explainPolicy,
  );

  const publish = withSigner(
    withRoot(withDomain(leaf(group, "publish <file>", "Publish a lineage.json, and open the ceremony"))),
  )
    .requiredOption("--project <project>", "the project whose artifacts are held to it")
    .option(
      "--pin <domain=root.json>",
      "root of another trust domain that it names; several times for several",
      collect,
    )
    .option("--expires <time>", "expiry of the new metadata: time from now, or a moment", "28d");
  act(publish, publishPolicy);
}

interface WriteOptions {
  readonly platforms?: string;
  readonly base?: string;
  readonly from?: readonly string[];
  readonly depth?: number;
  readonly dependency?: readonly string[];
  readonly claimed?: readonly string[];
}

async function writePolicy(options: WriteOptions, file: string): Promise<Outcome> {
  const { platforms, base, from = [], depth, dependency = [], claimed = [] } = options;
  if (base === undefined && (from.length > 0 || depth !== undefined)) {
    throw new CliError("usage", "--from and --depth say more of --base; give that, too.");
  }
  const bytes = writeJson(
    jsonObject({
      _type: "stemma-lineage",
      version: 1,
      platforms,
      bases:
        base === undefined
          ? undefined
          : jsonObject({
              grade: base,
              from: from.length === 0 ? undefined : fromPlain(from.map(readOrigin)),
              depth,
            }),
      dependencies: fromPlain([
        ...dependency.map(readDependency),
        ...claimed.map((uri) => ({ uri, grade: "claimed" })),
      ]),
    }),
  );
  const policy = readLineagePolicy(bytes);
  const document = documentOf(bytes);
  await writeOutput(file, `${JSON.stringify(document, null, 2)}\n`, { create: true });
  return {
    document: { file, policy: document },
    lines: [["Wrote ", styled("bold", file)], ...policyLines(policy)],
  };
}

/** `upstream/debian:foundation`. Names are checked when the file is read. */
function readOrigin(text: string): Record<string, unknown> {
  const foundation = text.endsWith(":foundation");
  const name = foundation ? text.slice(0, -":foundation".length) : text;
  const slash = name.indexOf("/");
  return {
    ...(slash < 0 ? {} : { domain: name.slice(0, slash) }),
    project: name.slice(slash + 1),
    ...(foundation ? { foundation } : {}),
  };
}

function readDependency(text: string): Record<string, unknown> {
  const at = text.lastIndexOf("=");
  if (at < 1)
    throw new CliError("usage", `--dependency ${text} must have the form uri=project or uri=domain/project.`);
  return {
    uri: text.slice(0, at),
    grade: "proven",
    from: text
      .slice(at + 1)
      .split(",")
      .map(readOrigin),
  };
}

async function explainPolicy(_options: unknown, file: string): Promise<Outcome> {
  const bytes = await readInput(file);
  const policy = readLineagePolicy(bytes);
  return { document: { file, policy: documentOf(bytes) }, lines: policyLines(policy) };
}

function documentOf(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

interface PublishOptions extends TrustOptions, SignerOptions {
  readonly project: string;
  readonly pin?: readonly string[];
  readonly expires: string;
}

async function publishPolicy(options: PublishOptions, file: string): Promise<Outcome> {
  const bytes = await readInput(file);
  // Refused here, before anybody signs.
  const policy = readLineagePolicy(bytes);
  const project = asProjectName(options.project);
  const at = await openDomain(options);
  const pins = await readPins(options.pin ?? [], project, at.time);
  const listed = (await at.project(project))?.signed.targets;
  for (const domain of domainsOf(policy)) {
    const path = domainRootPath(project, domain);
    if (listed?.has(path) === true || pins.some((pin) => pin.path === path)) continue;
    throw new CliError(
      "usage",
      `${file} names the trust domain ${domain}; pin its root with --pin ${domain}=<root.json>.`,
    );
  }
  const files = [{ path: lineagePath(project), bytes }, ...pins];
  const draft = await nextProject(at, project, files, options.expires);
  const done = `Published: artifacts of ${project} are held to ${file}.`;
  return signAndOpen(
    options,
    project,
    draft,
    files.map((one) => one.bytes),
    done,
  );
}

/** The roots of other trust domains, by the names that the policy gives them. Throws `usage`, TufError. */
async function readPins(
  given: readonly string[],
  project: string,
  time: Date,
): Promise<readonly NamedFile[]> {
  return Promise.all(
    given.map(async (text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new CliError("usage", `--pin ${text} must have the form domain=root.json.`);
      const bytes = await readInput(text.slice(at + 1));
      TrustedMetadata.create(bytes, { time });
      return {
        path: domainRootPath(project, text.slice(0, at) satisfies NonNullable<Origin["domain"]>),
        bytes,
      };
    }),
  );
}
