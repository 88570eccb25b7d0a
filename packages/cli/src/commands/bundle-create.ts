import { BundleRecorder, Client, rootsUpTo, writeBundleFile } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import type { Verdict } from "@stemma/lineage";
import { decodeRoot } from "@stemma/tuf";
import type { Command } from "commander";
import { act, collect, leaf, withDomain, withRoot } from "../command.ts";
import { readParameters, type SourceOptions, sourceOf, withSources } from "../evidence-source.ts";
import { writeOutput } from "../files.ts";
import { claimedProject, momentOf } from "../judge.ts";
import { type Line, note, type Outcome, progress, styled } from "../output.ts";
import { findSubject, type SubjectOptions } from "../subject.ts";
import { plural } from "../text.ts";
import { pinnedRoot, type TrustOptions } from "../trust.ts";
import { verdictLines } from "../verdict-lines.ts";

/** `stemma bundle create`: verifies, and keeps all that the verification asked for. */
export function addBundleCreateCommand(group: Command): void {
  const create = withSources(
    withRoot(
      withDomain(
        leaf(
          group,
          "create <what>",
          "Make the bundle of a digest, a file, an OCI image layout, or oci:HOST/REPOSITORY:TAG",
        ),
      ),
    ),
  )
    .requiredOption("-o, --output <file>", "where the bundle is written")
    .option("--project <project>", "project that must stand for it (default: the one that its record claims)")
    .option("--lineage", "take along what stemma lineage shows, too, beyond what the verdict needs")
    .option("--at <time>", "as of this moment instead of now")
    .option("--param <name=value>", "parameter of the layout; several times for several", collect)
    .option("--plain-http", "pull without TLS, from a registry on this machine");
  act(create, createBundle);
}

interface CreateOptions extends TrustOptions, SubjectOptions, SourceOptions {
  readonly output: string;
  readonly project?: string;
  readonly lineage?: boolean;
  readonly at?: string;
  readonly param?: readonly string[];
}

async function createBundle(options: CreateOptions, what: string): Promise<Outcome> {
  const root = await pinnedRoot(options);
  const time = momentOf(options);
  const parameters = readParameters(options.param ?? []);
  const { source } = await sourceOf(options, root, () => time);
  const { digest } = await findSubject(what, options);
  // Without the cache: what is remembered would not be asked for, and so not be heard.
  const recorder = new BundleRecorder(source);
  progress("Asking for everything that the verdict needs…");
  const place = { source: recorder.source };
  const project = options.project ?? (await claimedProject({ root, place, digest, time, parameters }));
  if (typeof project !== "string") return refused(project);
  const client = new Client({ root, ...place });
  const verdict = await client.verify({ digest, project, parameters, time });
  const { record } = verdict;
  if (record === undefined) return refused(verdict);
  if (options.lineage === true) await client.verify({ digest, project, parameters, time, explore: true });
  const roots = await rootsUpTo(root, source);
  if (roots === undefined) {
    note([
      styled("warn", "The source lacks older roots: "),
      "whoever pinned one of them cannot use this bundle.",
    ]);
    recorder.addMetadata("root", decodeRoot(root).signed.version, root);
  }
  for (const [index, bytes] of (roots ?? []).entries()) recorder.addMetadata("root", index + 1, bytes);
  const { mediaType, size } = record;
  const packed = recorder.pack({ mediaType, digest, size }, { project, time });
  const bytes = await writeBundleFile(packed);
  await writeOutput(options.output, bytes);
  const documents = packed.blobs.size - 1;
  return {
    document: {
      file: options.output,
      bytes: bytes.length,
      documents,
      bundle: `sha256:${sha256(packed.manifest)}`,
      digest,
      project,
      time,
      decision: verdict.decision,
      reasons: verdict.reasons,
    },
    lines: [
      [
        "Wrote ",
        styled("bold", options.output),
        `: ${plural(documents, "document")}, ${bytes.length} bytes, sha256:${sha256(packed.manifest)}`,
      ],
      ...verdictLines(verdict),
      `Verify it without a network: stemma bundle verify ${options.output} --root <root.json>`,
    ],
  };
}

/** Nothing is on record, or the metadata was refused: there is nothing to take along. */
function refused(verdict: Verdict): Outcome {
  const lines: Line[] = [
    ...verdictLines(verdict),
    "No bundle was written: there is no record to make one of.",
  ];
  return { code: 1, document: { decision: verdict.decision, reasons: verdict.reasons }, lines };
}
