import type { Command } from "commander";
import { callServer, type ServerOptions } from "../api.ts";
import { act, atLeastOne, leaf, withDomain, withRoot, withServer } from "../command.ts";
import { type Outcome, styled } from "../output.ts";
import { readOverview, roleLines, sourceLine } from "../overview.ts";
import type { TrustOptions } from "../trust.ts";
import { editRoot, editTargets } from "./domain-edit.ts";
import { initDomain } from "./domain-init.ts";
import { createDomain, publishFiles } from "./domain-publish.ts";

/** `stemma domain`: trust domains, their roots and their targets. */
export function addDomainCommands(program: Command): void {
  const domain = program
    .command("domain")
    .description("Create trust domains, and change who may sign in them");

  const init = withServer(
    leaf(domain, "init <folder>", "Draft root.json and targets.json of a new trust domain"),
  )
    .requiredOption("--root-key <file...>", "public keys that may sign root")
    .requiredOption("--root-threshold <n>", "how many of them must", atLeastOne)
    .requiredOption("--targets-key <file...>", "public keys that may sign targets")
    .requiredOption("--targets-threshold <n>", "how many of them must", atLeastOne)
    .option("--online-key <file>", "public key of the signer service (default: asked from the server)")
    .option("--root-expires <time>", "time from now, or a moment", "365d")
    .option("--targets-expires <time>", "time from now, or a moment", "90d");
  act(init, initDomain);

  act(
    withServer(
      leaf(domain, "create <name> <folder>", "Create a trust domain from signed root.json and targets.json"),
    ),
    createDomain,
  );
  act(withServer(leaf(domain, "list", "List the trust domains of a server")), listDomains);
  act(
    withRoot(withServer(leaf(domain, "show <name>", "Show who may sign what, and until when"))),
    showDomain,
  );

  const root = withRoot(withDomain(leaf(domain, "edit-root <out>", "Draft the next version of root")))
    .option("--add-root-key <file...>", "public keys that may sign root from now on")
    .option("--remove-root-key <key...>", "key ids or public keys that may not any more")
    .option("--root-threshold <n>", "how many must sign root", atLeastOne)
    .option("--add-targets-key <file...>", "public keys that may sign targets from now on")
    .option("--remove-targets-key <key...>", "key ids or public keys that may not any more")
    .option("--targets-threshold <n>", "how many must sign targets", atLeastOne)
    .option("--online-key <file>", "another online key for timestamp and snapshot")
    .option("--expires <time>", "time from now, or a moment", "365d");
  act(root, editRoot);

  const targets = withRoot(
    withDomain(leaf(domain, "edit-targets <out>", "Draft the next version of targets")),
  )
    .option("--remove-project <project...>", "projects that are trusted with nothing any more")
    .option("--project <project>", "project whose owners change")
    .option("--add-owner <file...>", "public keys that may sign for it from now on")
    .option("--remove-owner <key...>", "key ids or public keys that may not any more")
    .option("--threshold <n>", "how many owners must sign", atLeastOne)
    .option("--online-key <file>", "another online key for the records of artifacts")
    .option("--expires <time>", "time from now, or a moment", "90d");
  act(targets, editTargets);

  const publish = withDomain(
    leaf(domain, "publish <metadata...>", "Publish signed versions of several roles, all or none"),
  );
  publish.option("--file <file...>", "target files that the new metadata names");
  act(publish, publishFiles);
}

async function listDomains(options: ServerOptions): Promise<Outcome> {
  const domains: { domain: string; createdAt: string }[] = [];
  let after: string | undefined;
  do {
    const { body } = await callServer<{ domains: typeof domains; next?: string }>(options, "listDomains", {
      query: { after },
    });
    domains.push(...body.domains);
    after = body.next;
  } while (after !== undefined);
  return {
    document: { domains },
    lines:
      domains.length === 0
        ? ["There are no trust domains yet."]
        : domains.map(({ domain, createdAt }) => [
            styled("bold", domain),
            `  since ${createdAt.slice(0, 10)}`,
          ]),
  };
}

async function showDomain(options: TrustOptions, name: string): Promise<Outcome> {
  const now = new Date();
  const overview = await readOverview({ ...options, domain: name });
  return {
    document: overview,
    lines: [
      ["Trust domain ", styled("bold", name)],
      ...overview.roles.flatMap((role) => roleLines(role, now)),
      "Projects",
      ...(overview.projects.length === 0
        ? ["  none"]
        : overview.projects.flatMap((role) => roleLines(role, now))),
      sourceLine(overview),
    ],
  };
}
