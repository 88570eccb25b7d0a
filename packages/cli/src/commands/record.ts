import { type ChangeAnswer, LIMITS } from "@stemma/contract";
import { encodeBase64 } from "@stemma/encoding";
import { asProjectName } from "@stemma/lineage";
import { parseReference, referenceText } from "@stemma/oci";
import { type Command, InvalidArgumentError } from "commander";
import { callServer, type DomainOptions, domainOf } from "../api.ts";
import { throwIfRefused } from "../ceremony.ts";
import { act, collect, leaf, withDomain } from "../command.ts";
import { recordContents } from "../contents.ts";
import { CliError } from "../error.ts";
import { readInput } from "../files.ts";
import { openRegistry, type PlaceOptions } from "../open-place.ts";
import { type Outcome, progress, styled } from "../output.ts";
import { findRegistryEvidence } from "../registry-evidence/find.ts";
import { offerEvidence } from "../registry-evidence/offer.ts";
import { reportRegistryEvidence } from "../registry-evidence/report.ts";
import { findSubject, type Subject } from "../subject.ts";
import { plural } from "../text.ts";
import { pending, warningLines } from "./domain-publish.ts";

/** `stemma record`: puts an artifact and evidence about it on record. Functionaries' signatures are the authorisation. */
export function addRecordCommand(program: Command): void {
  const record = withDomain(
    leaf(
      program,
      "record [what]",
      "Record evidence about a digest, a file, an OCI image layout, or an image",
    ),
  )
    .usage(
      "<what> --evidence <file...> --project <project> [options]\n       stemma record --from-registry <image> --project <project> [options]",
    )
    .requiredOption("--project <project>", "project that stands for it")
    .option("--evidence <file...>", "signed links, attestations and bundles")
    .option(
      "--from-registry <image>",
      "record what is attached to HOST/REPOSITORY:TAG or @DIGEST already, and to each image of an index: what functionaries signed is taken, the rest is listed",
    )
    .option(
      "--base <image>",
      "image that it is built upon, at oci:HOST/REPOSITORY:TAG or in an image layout: kept so that its layers can be compared; several times for several",
      collect,
    )
    .option("--plain-http", "without TLS, from a registry on this machine")
    .option("--media-type <type>", "media type (default: of the image, or by the file's name)")
    .option("--size <bytes>", "length of the artifact, for a bare digest", asSize)
    .option("--artifact-type <type>", "artifact type")
    .option("--no-wait", "do not wait until it is published");
  act(record, recordCommand);
}

interface RecordOptions extends DomainOptions, PlaceOptions {
  readonly project: string;
  readonly evidence?: readonly string[];
  readonly base?: readonly string[];
  readonly fromRegistry?: string;
  readonly mediaType?: string;
  readonly size?: number;
  readonly artifactType?: string;
  /** False after `--no-wait`. */
  readonly wait: boolean;
}

async function recordCommand(options: RecordOptions, what: string | undefined): Promise<Outcome> {
  const { fromRegistry } = options;
  if (fromRegistry === undefined) {
    if (what === undefined) throw new CliError("usage", "Say what is recorded, or --from-registry <image>.");
    if (options.evidence === undefined)
      throw new CliError("usage", "Give the evidence: --evidence <file...>.");
    return recordArtifact(options, what, options.evidence);
  }
  const { evidence, mediaType, size, artifactType } = options;
  if ([what, evidence, mediaType, size, artifactType].some((given) => given !== undefined)) {
    throw new CliError(
      "usage",
      "--from-registry finds the artifact and its evidence by itself; leave out the artifact, --evidence, --media-type, --size and --artifact-type.",
    );
  }
  return recordFromRegistry(options, fromRegistry);
}

/** Records what is attached to an image, and to each image of an index. Nothing that the registry says is believed. */
async function recordFromRegistry(options: RecordOptions, image: string): Promise<Outcome> {
  const offer = { ...options, domain: domainOf(options), project: asProjectName(options.project) };
  const reference = parseReference(image.replace(/^oci:/, ""));
  const store = openRegistry(reference, options);
  progress(`Looking at ${referenceText(reference)}…`);
  const evidence = await findRegistryEvidence(store, reference.digest ?? reference.tag ?? "");
  return reportRegistryEvidence(store.place, evidence, await offerEvidence(store, evidence, offer));
}

async function recordArtifact(
  options: RecordOptions,
  what: string,
  files: readonly string[],
): Promise<Outcome> {
  const domain = domainOf(options);
  const project = asProjectName(options.project);
  const subject = await findSubject(what, options);
  const evidence = await Promise.all(files.map((path) => readInput(path, LIMITS.evidenceBytes)));
  const contents = await recordContents(subject, evidence, await findBases(options));
  const { body: change, status } = await callServer<ChangeAnswer>(options, "recordArtifact", {
    params: { domain, digest: subject.digest },
    query: { wait: options.wait ? "published" : undefined },
    body: {
      descriptor: descriptorOf(options, subject),
      project,
      evidence: evidence.map(encodeBase64),
      ...(contents.length === 0 ? {} : { contents: contents.map(encodeBase64) }),
    },
  });
  throwIfRefused(change);
  const snapshot = change.versions?.snapshot;
  return {
    document: {
      ...change,
      digest: subject.digest,
      project,
      evidence: evidence.length,
      contents: contents.length,
    },
    lines: [
      [
        styled("good", status === 200 ? "On record already" : "Recorded"),
        ` ${subject.digest}${pending(change)}`,
      ],
      `  project ${project}, ${plural(evidence.length, "item")} of evidence${contents.length === 0 ? "" : `, ${plural(contents.length, "manifest")} and configurations`}`,
      ...(snapshot === undefined ? [] : [`  in snapshot version ${snapshot}`]),
      ...warningLines(change),
      `Verify it: stemma verify ${subject.digest} --domain ${domain} --project ${project} --root <root.json>`,
    ],
  };
}

async function findBases(options: RecordOptions): Promise<readonly Subject[]> {
  const bases: Subject[] = [];
  for (const what of options.base ?? []) bases.push(await findSubject(what, options));
  return bases;
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
