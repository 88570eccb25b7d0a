import { type ChangeAnswer, LIMITS } from "@stemma/contract";
import { encodeBase64 } from "@stemma/encoding";
import { asProjectName } from "@stemma/lineage";
import { type Command, InvalidArgumentError } from "commander";
import { callServer, type DomainOptions, domainOf } from "../api.ts";
import { throwIfRefused } from "../ceremony.ts";
import { act, leaf, withDomain } from "../command.ts";
import { CliError } from "../error.ts";
import { readInput } from "../files.ts";
import { type Outcome, styled } from "../output.ts";
import { findSubject, type Subject } from "../subject.ts";
import { plural } from "../text.ts";
import { pending, warningLines } from "./domain-publish.ts";

/** `stemma record`: puts an artifact and evidence about it on record. Functionaries' signatures are the authorisation. */
export function addRecordCommand(program: Command): void {
  const record = withDomain(
    leaf(program, "record <what>", "Record evidence about a digest, a file, or an OCI image layout"),
  )
    .requiredOption("--project <project>", "project that stands for it")
    .requiredOption("--evidence <file...>", "signed links")
    .option("--media-type <type>", "media type (default: of the image, or by the file's name)")
    .option("--size <bytes>", "length of the artifact, for a bare digest", asSize)
    .option("--artifact-type <type>", "artifact type")
    .option("--no-wait", "do not wait until it is published");
  act(record, recordArtifact);
}

interface RecordOptions extends DomainOptions {
  readonly project: string;
  readonly evidence: readonly string[];
  readonly mediaType?: string;
  readonly size?: number;
  readonly artifactType?: string;
  /** False after `--no-wait`. */
  readonly wait: boolean;
}

async function recordArtifact(options: RecordOptions, what: string): Promise<Outcome> {
  const domain = domainOf(options);
  const project = asProjectName(options.project);
  const subject = await findSubject(what, {});
  const evidence = await Promise.all(options.evidence.map((path) => readInput(path, LIMITS.evidenceBytes)));
  const { body: change, status } = await callServer<ChangeAnswer>(options, "recordArtifact", {
    params: { domain, digest: subject.digest },
    query: { wait: options.wait ? "published" : undefined },
    body: { descriptor: descriptorOf(options, subject), project, evidence: evidence.map(encodeBase64) },
  });
  throwIfRefused(change);
  const snapshot = change.versions?.snapshot;
  return {
    document: { ...change, digest: subject.digest, project, evidence: evidence.length },
    lines: [
      [
        styled("good", status === 200 ? "On record already" : "Recorded"),
        ` ${subject.digest}${pending(change)}`,
      ],
      `  project ${project}, ${plural(evidence.length, "item")} of evidence`,
      ...(snapshot === undefined ? [] : [`  in snapshot version ${snapshot}`]),
      ...warningLines(change),
      `Verify it: stemma verify ${subject.digest} --domain ${domain} --project ${project} --root <root.json>`,
    ],
  };
}

/** What the artifact is. A file or an image says it itself, and what is said beside must agree. */
function descriptorOf(options: RecordOptions, subject: Subject): Record<string, unknown> {
  const size = subject.size ?? options.size;
  const mediaType = options.mediaType ?? subject.mediaType;
  if (size === undefined || mediaType === undefined) {
    throw new CliError("usage", "A bare digest needs --size and --media-type.");
  }
  if (options.size !== undefined && options.size !== size) {
    throw new CliError("usage", `--size is ${options.size}, but the artifact has ${size} bytes.`);
  }
  const artifactType = options.artifactType ?? subject.artifactType;
  return artifactType === undefined ? { mediaType, size } : { mediaType, size, artifactType };
}

function asSize(value: string): number {
  const size = Number(value);
  if (!/^(?:0|[1-9]\d*)$/.test(value) || !Number.isSafeInteger(size)) {
    throw new InvalidArgumentError("It must be a number of bytes.");
  }
  return size;
}
