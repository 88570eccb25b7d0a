import type { ArtifactAnswer } from "@stemma/contract";
import type { Command } from "commander";
import { callServer, type DomainOptions, domainOf } from "../api.ts";
import { act, leaf, withDomain } from "../command.ts";
import { type Line, type Outcome, styled } from "../output.ts";
import { showFile } from "../show-file.ts";
import { asDigest, looksLikeDigest } from "../subject.ts";

/** `stemma show`: what a server has on record about a digest, or what a file says. Their word, not a verdict. */
export function addShowCommand(program: Command): void {
  const show = withDomain(
    leaf(
      program,
      "show <what>",
      "Show the record and the evidence of a digest, or what a layout, link, statement or Sigstore bundle says",
    ),
  );
  act(show, showCommand);
}

async function showCommand(options: DomainOptions, what: string): Promise<Outcome> {
  return looksLikeDigest(what) ? showArtifact(options, what) : showFile(what);
}

async function showArtifact(options: DomainOptions, text: string): Promise<Outcome> {
  const params = { domain: domainOf(options), digest: asDigest(text) };
  const { body } = await callServer<ArtifactAnswer>(options, "showArtifact", { params });
  return {
    document: body,
    lines: [
      [styled("bold", params.digest), "  ", styled(body.state === "revoked" ? "bad" : "good", body.state)],
      ...recordLines(body),
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
