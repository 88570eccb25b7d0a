import { type CopyResult, copyArtifact, copyBelongings, nameIn, parsePlace } from "@stemma/oci";
import type { Command } from "commander";
import { act, leaf } from "../command.ts";
import { copyProgress } from "../copy-progress.ts";
import { openPlaces, type PlaceOptions } from "../open-place.ts";
import { type Line, type Outcome, styled } from "../output.ts";
import { bytesText, plural } from "../text.ts";

const PLACES = "oci:HOST/REPOSITORY, layout:FOLDER or tarball:FILE, with :TAG or @DIGEST";

/** `stemma copy` and `stemma attach`: artifacts move with all that belongs to them, and what was left behind is brought after. */
export function addCopyCommands(program: Command): void {
  const copy = leaf(
    program,
    "copy <source> <destination>",
    `Copy an artifact with its platforms, referrers and signatures between registries, folders and tarballs (${PLACES})`,
  )
    .option("--alone", "leave behind what refers to it: signatures, attestations, SBOMs")
    .option("--plain-http", "without TLS towards registries on this machine");
  act(copy, copyCommand);

  const attach = leaf(
    program,
    "attach <artifact>",
    `Bring referrers and signatures to an artifact that another tool copied without them (${PLACES})`,
  )
    .requiredOption("--from <source>", "place that has them; the artifact is found there by its digest")
    .option("--plain-http", "without TLS towards registries on this machine");
  act(attach, attachCommand);
}

interface CopyCommandOptions extends PlaceOptions {
  readonly alone?: boolean;
}

async function copyCommand(options: CopyCommandOptions, from: string, to: string): Promise<Outcome> {
  const [source, destination] = [parsePlace(from), parsePlace(to)];
  const [reader, writer] = openPlaces([source, destination], options);
  if (reader === undefined || writer === undefined) throw new TypeError("Two places were opened.");
  const progress = copyProgress();
  const copied = await copyArtifact(reader, writer, {
    name: nameIn(source),
    // Without a name at the destination, it keeps the one that it had.
    tag: destination.tag ?? (destination.digest === undefined ? source.tag : undefined),
    digest: destination.digest,
    alone: options.alone === true,
    onProgress: progress.update,
  });
  progress.end();
  return outcomeOf(copied, "Copied", writer.place);
}

async function attachCommand(
  options: PlaceOptions & { readonly from: string },
  what: string,
): Promise<Outcome> {
  const [source, destination] = [parsePlace(options.from), parsePlace(what)];
  const [reader, writer] = openPlaces([source, destination], options);
  if (reader === undefined || writer === undefined) throw new TypeError("Two places were opened.");
  const progress = copyProgress();
  const attached = await copyBelongings(reader, writer, {
    name: nameIn(destination),
    onProgress: progress.update,
  });
  progress.end();
  const outcome = outcomeOf(attached, "Attached what belongs to", writer.place);
  if (attached.belongings.length > 0) return outcome;
  // A place that has nothing, and a name of a place that is not there, look the same from outside.
  const nothing: Line = [
    styled("warn", "Nothing was attached: "),
    `${reader.place} has nothing that belongs to ${attached.root.digest}; check its name.`,
  ];
  return { ...outcome, lines: [nothing, ...(outcome.lines ?? []).slice(1)] };
}

function outcomeOf(result: CopyResult, done: string, place: string): Outcome {
  const { root, documents, belongings, leftOut, blobs, bytesWritten } = result;
  const listed = belongings.map(({ document, tag, of }) => ({
    digest: document.digest,
    artifactType: document.artifactType,
    tag,
    of,
  }));
  const lines: Line[] = [
    [styled("good", done), " ", styled("bold", root.digest), ` ${done === "Copied" ? "to" : "at"} ${place}`],
    `  ${plural(documents, "manifest")}, ${belongings.length} that belong${belongings.length === 1 ? "s" : ""} to them`,
    ...listed.map(
      ({ digest, artifactType, tag }): Line => `    ${digest}  ${tag ?? artifactType ?? "a referrer"}`,
    ),
    `  ${plural(blobs.written, "blob")} sent (${bytesText(bytesWritten)}), ${blobs.there} there already, ${blobs.mounted} lent by a neighbour`,
    ...leftOut.map((why): Line => [styled("warn", "  left out: "), why]),
  ];
  return {
    document: {
      digest: root.digest,
      mediaType: root.mediaType,
      place,
      manifests: documents,
      belongings: listed,
      leftOut,
      blobs,
      bytesWritten,
    },
    lines,
  };
}
