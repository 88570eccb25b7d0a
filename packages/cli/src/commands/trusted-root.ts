import { asProjectName, TRUSTED_ROOT, trustedRootPath } from "@stemma/lineage";
import { readTrustedRoot } from "@stemma/sigstore";
import type { Command } from "commander";
import { act, leaf, withDomain, withRoot, withSigner } from "../command.ts";
import { readInput } from "../files.ts";
import type { SignerOptions } from "../keys.ts";
import type { Outcome } from "../output.ts";
import { nextProject } from "../project-file.ts";
import { openDomain, type TrustOptions } from "../trust.ts";
import { currentDelegations, nextTargets } from "./domain-edit.ts";
import { signAndOpen } from "./project.ts";

/**
 * `stemma trusted-root`: the Sigstore roots that keyless signatures are verified with, published by the ceremony of the
 * domain's targets or of a project. Sigstore's own clients take them from the same place.
 */
export function addTrustedRootCommands(program: Command): void {
  const group = program
    .command("trusted-root")
    .description("Publish the Sigstore roots of trust of a domain or a project");
  const publish = withSigner(
    withRoot(withDomain(leaf(group, "publish <file>", "Publish a trusted_root.json, and open the ceremony"))),
  )
    .option("--project <project>", "for this project alone; without it, for every project that has none")
    .option("--expires <time>", "expiry of the new metadata: time from now, or a moment");
  act(publish, publishTrustedRoot);
}

interface PublishOptions extends TrustOptions, SignerOptions {
  readonly project?: string;
  readonly expires?: string;
}

async function publishTrustedRoot(options: PublishOptions, file: string): Promise<Outcome> {
  const bytes = await readInput(file);
  // Refused here, before anybody signs.
  readTrustedRoot(bytes);
  const at = await openDomain(options);
  if (options.project === undefined) {
    const named = { path: TRUSTED_ROOT, bytes };
    const draft = nextTargets(at, currentDelegations(at), options.expires ?? "90d", named);
    const done = `Published: keyless signatures in ${at.domain} are verified with ${file}.`;
    return signAndOpen(options, "targets", draft, [bytes], done);
  }
  const project = asProjectName(options.project);
  const named = { path: trustedRootPath(project), bytes };
  const draft = await nextProject(at, project, [named], options.expires ?? "28d");
  const done = `Published: keyless signatures of ${project} are verified with ${file}.`;
  return signAndOpen(options, project, draft, [bytes], done);
}
