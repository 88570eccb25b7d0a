import type { ArtifactAnswer } from "@stemma/contract";
import { asProjectName } from "@stemma/lineage";
import type { Command } from "commander";
import { callForBytes, callServer, type DomainOptions, domainOf } from "../api.ts";
import { act, leaf, withDomain } from "../command.ts";
import { CliError } from "../error.ts";
import { writeOutput } from "../files.ts";
import { type Line, type Outcome, styled } from "../output.ts";
import { showFile } from "../show-file.ts";
import { asDigest, looksLikeDigest } from "../subject.ts";

/** `stemma show`: what a server has on record about a digest, or what a file says. Their word, not a verdict. */
export function addShowCommand(program: Command): void {
  const show = withDomain(
    leaf(
      program,
      "show <what>",
      "Show the record and the evidence of a digest, or what a layout, link, statement or bundle says",
    ),
  )
    .option("--bundle <file>", "save all that an offline verification needs")
    .option("--project <project>", "project of the bundle (default: the one that the record claims)");
  act(show, showCommand);
}

interface ShowOptions extends DomainOptions {
  readonly bundle?: string;
  readonly project?: string;
}

async function showCommand(options: ShowOptions, what: string): Promise<Outcome> {
  if (looksLikeDigest(what)) return showArtifact(options, what);
  if (options.bundle !== undefined || options.project !== undefined) {
    throw new CliError("usage", "--bundle and --project are for digests.");
  }
  return showFile(what);
}

async function showArtifact(options: ShowOptions, text: string): Promise<Outcome> {
  const params = { domain: domainOf(options), digest: asDigest(text) };
  const { body } = await callServer<ArtifactAnswer>(options, "showArtifact", { params });
  const saved =
    options.bundle === undefined ? undefined : await saveBundle(options, options.bundle, params, body);
  return {
    document: saved === undefined ? body : { ...body, bundle: saved },
    lines: [
      [styled("bold", params.digest), "  ", styled(body.state === "revoked" ? "bad" : "good", body.state)],
      ...recordLines(body),
      ...(saved === undefined
        ? []
        : [`Saved the bundle of ${saved.project}: ${saved.file}, ${saved.bytes} bytes`]),
      [styled("dim", "As the server says; stemma verify is what tells whether it holds.")],
    ],
  };
}

function recordLines(answer: ArtifactAnswer): Line[] {
  const { record } = answer;
  const lines: Line[] = [];
  if (record !== undefined) {
    const artifactType = record.artifactType === undefined ? "" : `, ${record.artifactType}`;
    lines.push(`  ${record.mediaType}${artifactType}, ${record.length} bytes`);
    for (const item of record.evidence) lines.push(`  evidence ${item.sha256}, ${item.length} bytes`);
  }
  for (const { project, state, reason, since } of answer.projects) {
    const why = reason === undefined ? "" : `: ${reason}${since === undefined ? "" : ` (${since})`}`;
    lines.push(["  project ", project, ", ", styled(state === "revoked" ? "bad" : "dim", `${state}${why}`)]);
  }
  if (answer.waiting > 0)
    lines.push([styled("warn", `  ${answer.waiting} changes are accepted and not yet signed`)]);
  return lines;
}

interface SavedBundle {
  readonly file: string;
  readonly project: string;
  readonly bytes: number;
}

async function saveBundle(
  options: ShowOptions,
  file: string,
  params: Readonly<Record<string, string>>,
  answer: ArtifactAnswer,
): Promise<SavedBundle> {
  const claimed = answer.projects.map(({ project }) => project);
  const [first] = claimed;
  const project = options.project ?? (claimed.length === 1 ? first : undefined);
  if (project === undefined) {
    throw new CliError(
      "usage",
      `Name the --project of the bundle; the record claims ${claimed.join(", ") || "none"}.`,
    );
  }
  const bytes = await callForBytes(options, "bundle", { params, query: { project: asProjectName(project) } });
  await writeOutput(file, bytes);
  return { file, project, bytes: bytes.length };
}
