import { folderDestination, type MirrorDestination, mirrorDomain } from "@stemma/client";
import type { Command } from "commander";
import { act, leaf, withDomain, withRoot } from "../command.ts";
import { CliError } from "../error.ts";
import { type SourceOptions, sourceOf, withSources } from "../evidence-source.ts";
import { registryDestination, repositoryOf } from "../oci-mirror.ts";
import { openRegistry, type PlaceOptions } from "../open-place.ts";
import { type Outcome, progress, styled } from "../output.ts";
import { bytesText, plural } from "../text.ts";
import { pinnedRoot, type TrustOptions } from "../trust.ts";

/** `stemma mirror`: a trust domain on any web server, on a CDN, or in a registry. */
export function addMirrorCommand(program: Command): void {
  const mirror = withSources(
    withRoot(
      withDomain(
        leaf(
          program,
          "mirror",
          "Copy a whole trust domain, verified, to a folder for any web server, or to a registry",
        ),
      ),
    ),
  )
    .requiredOption("--to <place>", "a folder, or oci:HOST/REPOSITORY")
    .option("--plain-http", "without TLS, towards a registry on this machine");
  act(mirror, mirrorCommand);
}

interface MirrorCommandOptions extends TrustOptions, SourceOptions, PlaceOptions {
  readonly to: string;
}

async function mirrorCommand(options: MirrorCommandOptions): Promise<Outcome> {
  const root = await pinnedRoot(options);
  const destination = destinationOf(options);
  const time = new Date();
  const { source } = await sourceOf(options, root, () => time);
  const { versions, roles, files, unreadable } = await mirrorDomain({
    root,
    source,
    destination,
    time,
    progress: (done, all) => {
      if (done % 64 === 0 || done === all) progress(`${done} of ${plural(all, "role")}…`);
    },
  });
  return {
    document: { to: options.to, versions, roles, files, unreadable },
    lines: [
      [
        styled("good", "Mirrored"),
        " to ",
        styled("bold", options.to),
        `: timestamp ${versions.timestamp}, snapshot ${versions.snapshot}, root ${versions.root}`,
      ],
      `  ${plural(roles, "role")}; ${plural(files.written, "file")} written (${bytesText(files.bytes)}), ${files.kept} there already`,
      ...(unreadable === 0
        ? []
        : [[styled("warn", `  ${plural(unreadable, "record")} cannot be read by any client`)]]),
      `Verify from it: stemma verify <what> --source ${options.to} --root <root.json>`,
    ],
  };
}

/** Throws `usage`, `bad_reference`. */
function destinationOf(options: MirrorCommandOptions): MirrorDestination {
  const { to } = options;
  if (/^https?:\/\//.test(to)) {
    throw new CliError("usage", "A web server is not written to; mirror to the folder that it serves.");
  }
  if (!to.startsWith("oci:")) return folderDestination(to);
  return registryDestination(openRegistry(repositoryOf(to), options));
}
