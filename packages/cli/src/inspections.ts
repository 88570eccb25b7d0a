import { basename } from "node:path";
import { type Digest, StemmaError } from "@stemma/encoding";
import type { Inspection, Inspector, ItemArtifacts } from "@stemma/in-toto";
import type { Verdict } from "@stemma/lineage";
import { archiveNamed, listArchive } from "./inspect-archive.ts";
import { runInspection } from "./inspect-command.ts";
import { InspectionRefusal } from "./inspection-refusal.ts";
import { note, styled } from "./output.ts";

/** Options of `stemma verify` for the inspections of layouts (in-toto 4.3.2). */
export interface InspectionOptions {
  readonly runInspections?: boolean;
  /** Seconds that one command may take. */
  readonly inspectionTimeout: number;
}

/** The artifact as a file on this machine. */
export interface InspectedFile {
  readonly path: string;
  readonly digest: Digest;
}

/** Passes and commands that a layout can cost; whatever it asks beyond denies. */
const MAX_PASSES = 4;
const MAX_INSPECTIONS = 32;

/**
 * Verifies, carries out the inspections that were asked for, and verifies again with what they found.
 *
 * The first pass finds out which inspections those are: the engine asks about layouts alone that owners or functionaries
 * signed. An inspection is known by the words of its command, and is carried out once. What cannot be carried out is
 * answered with nothing, and so denies.
 *
 * @param verify reaches a verdict with an inspector
 * @param file undefined when what is verified is no file
 */
export async function verifyWithInspections(
  verify: (inspect: Inspector) => Promise<Verdict>,
  file: InspectedFile | undefined,
  options: InspectionOptions,
): Promise<Verdict> {
  const found = new Map<string, ItemArtifacts | undefined>();
  for (let pass = 1; ; pass += 1) {
    const asked = new Map<string, Inspection>();
    const verdict = await verify((inspection) => {
      const words = JSON.stringify(inspection.run);
      if (!found.has(words)) asked.set(words, inspection);
      return found.get(words);
    });
    if (asked.size === 0 || pass === MAX_PASSES || found.size + asked.size > MAX_INSPECTIONS) return verdict;
    for (const [words, inspection] of asked) {
      found.set(words, await carryOut(inspection, verdict, file, options));
    }
    if ([...asked.keys()].every((words) => found.get(words) === undefined)) return verdict;
  }
}

/** What an inspection finds; undefined, and a note that says why, when it is not carried out. */
async function carryOut(
  { name, run }: Inspection,
  verdict: Verdict,
  file: InspectedFile | undefined,
  options: InspectionOptions,
): Promise<ItemArtifacts | undefined> {
  try {
    if (file === undefined) {
      throw new InspectionRefusal(
        "it looks into the artifact, so name the artifact's file instead of its digest",
      );
    }
    const names = namesOf(file, verdict);
    const archive = archiveNamed(run);
    if (archive !== undefined && names.includes(archive.name)) {
      if (options.runInspections !== true) return await listArchive(archive, file);
      // What is beyond the function may still be within the command's reach.
      const listed = await listArchive(archive, file).catch(refusalOnly);
      if (listed !== undefined) return listed;
    }
    if (options.runInspections !== true) {
      throw new InspectionRefusal("it is a command of the layout, which runs with --run-inspections alone");
    }
    const given = names.find((one) => run.includes(one)) ?? names[0] ?? basename(file.path);
    return await runInspection(run, given, file, options.inspectionTimeout * 1000);
  } catch (error) {
    if (!(error instanceof InspectionRefusal || error instanceof StemmaError)) throw error;
    note([styled("warn", "stemma: "), `The inspection ${name} was not carried out: ${error.message}.`]);
    return undefined;
  }
}

function refusalOnly(error: unknown): undefined {
  if (!(error instanceof InspectionRefusal)) throw error;
  return undefined;
}

/** Names by which a layout may mean the artifact: those that the last step gave it, then that of its file. */
function namesOf({ path, digest }: InspectedFile, verdict: Verdict): readonly string[] {
  const products = verdict.lineage?.steps.at(-1)?.products.entries ?? [];
  const named = products.filter(({ digests }) => digests.includes(digest)).map(({ name }) => name);
  return [...named.filter(isPathWithin), basename(path)];
}

/** Whether a name is a path below the folder it is used in. Names in links may also lead out of it, or be URIs. */
function isPathWithin(name: string): boolean {
  return !/^(?:\/|[A-Za-z][A-Za-z0-9+.-]*:)/.test(name) && !name.split("/").includes("..");
}
