import { basename, resolve } from "node:path";
import { digestParts, type JsonObject, parseJson } from "@stemma/encoding";
import {
  DEFAULT_LIMITS,
  type DescriptorContent,
  PREDICATE_WORDS,
  payloadKind,
  readStatement,
  writeStatement,
} from "@stemma/in-toto";
import type { Command } from "commander";
import { artifactName } from "../artifacts.ts";
import { type AttesterOptions, openAttester, signedByText } from "../attester.ts";
import { act, collect, leaf, withAttester } from "../command.ts";
import { describeStatement } from "../describe.ts";
import { CliError } from "../error.ts";
import { readInputOrStdin, writeOutput } from "../files.ts";
import { type Outcome, styled } from "../output.ts";
import { findSubject, type Subject, type SubjectOptions } from "../subject.ts";
import { short } from "../text.ts";

/** `stemma attest`: signs that a predicate is true of artifacts (in-toto attestation 1.1). */
export function addAttestCommand(program: Command): void {
  const words = [...PREDICATE_WORDS.keys()].join(", ");
  const attest = withAttester(
    leaf(
      program,
      "attest <artifact...>",
      "Sign a statement about files, OCI image layouts, oci:HOST/REPOSITORY:TAG, or digests",
    ),
  )
    .usage("<artifact...> --type <type> --predicate <file> --key <file> [options]")
    .requiredOption("--type <type>", `predicate type: a URI, or one of ${words}`)
    .requiredOption("--predicate <file>", "JSON file with the predicate, or - for the standard input")
    .option("--name <name>", "name of an artifact; several times, one for each, in order", collect)
    .option("--plain-http", "pull without TLS, from a registry on this machine")
    .option("-o, --output <file>", "where to write it (default: <artifact>.<type>.json)");
  act(attest, attestCommand);
}

interface AttestOptions extends AttesterOptions, SubjectOptions {
  readonly type: string;
  readonly predicate: string;
  readonly name?: readonly string[];
  readonly output?: string;
}

async function attestCommand(options: AttestOptions, artifacts: readonly string[]): Promise<Outcome> {
  const predicateType = PREDICATE_WORDS.get(options.type) ?? asTypeUri(options.type);
  const predicate = await readPredicate(options.predicate);
  const subjects = await findSubjects(options, artifacts);
  const payload = writeStatement({ subjects, predicateType, predicate });
  const attester = await openAttester(options);
  const { bytes, signedBy } = await attester.sign(payload);

  const file = options.output ?? defaultName(artifacts[0] ?? "", options.type, attester.bundles);
  await writeOutput(file, bytes);
  const description = describeStatement(readStatement(payload));
  return {
    document: { file: resolve(file), bundle: attester.bundles, signedBy, ...description.document },
    lines: [
      [styled("good", "Attested"), `, signed by ${signedByText(signedBy)}`],
      ...description.lines,
      ["  written to ", styled("bold", file)],
    ],
  };
}

function asTypeUri(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\S+$/.test(text)) return text;
  throw new CliError(
    "usage",
    `--type is ${JSON.stringify(text)}; it must be a URI, or one of ${[...PREDICATE_WORDS.keys()].join(", ")}.`,
  );
}

async function readPredicate(path: string): Promise<JsonObject> {
  const bytes = await readInputOrStdin(path, DEFAULT_LIMITS.payloadBytes);
  const limits = { maxBytes: DEFAULT_LIMITS.payloadBytes, maxDepth: DEFAULT_LIMITS.payloadDepth };
  const predicate = parseJson(bytes, { ...limits, fractions: true });
  if (!(predicate instanceof Map)) throw new CliError("usage", `${path} must hold one JSON object.`);
  if (payloadKind(predicate as JsonObject) === "statement") {
    throw new CliError("usage", `${path} holds a whole statement; give its predicate alone.`);
  }
  return predicate as JsonObject;
}

/** The artifacts by digest. Names are labels: nothing is ever found by them. */
async function findSubjects(
  { name: names = [], ...options }: AttestOptions,
  artifacts: readonly string[],
): Promise<DescriptorContent[]> {
  if (names.length > 0 && names.length !== artifacts.length) {
    throw new CliError("usage", `Give one --name for each artifact: ${artifacts.length}, or none.`);
  }
  const subjects: DescriptorContent[] = [];
  for (const [index, what] of artifacts.entries()) {
    const subject = await findSubject(what, options);
    const { algorithm, hex } = digestParts(subject.digest);
    const name = names[index] ?? nameOf(subject, what);
    if (subjects.some((other) => other.digest.get(algorithm) === hex && other.name === name)) {
      throw new CliError("usage", `${what} is an artifact that was given already.`);
    }
    subjects.push({ ...(name === undefined ? {} : { name }), digest: new Map([[algorithm, hex]]) });
  }
  return subjects;
}

/** A file is known by its path below the working folder, as in links, or else by its own name. */
function nameOf(subject: Subject, what: string): string | undefined {
  if (subject.kind !== "file") return undefined;
  try {
    return artifactName(".", what);
  } catch (error) {
    if (error instanceof CliError && error.code === "path_outside_workdir") return basename(what);
    throw error;
  }
}

/** `app.tgz.provenance.json`; beside the file, or in the working folder for what is no file. */
function defaultName(artifact: string, type: string, bundle: boolean): string {
  const digest = /^sha\d+:([0-9a-f]+)$/.exec(artifact)?.[1];
  const base = digest === undefined ? artifact.replace(/^oci:|\/+$/g, "") : short(digest);
  const word = PREDICATE_WORDS.has(type) ? type : "attestation";
  return `${basename(base).replaceAll(":", "-")}.${word}${bundle ? ".sigstore" : ""}.json`;
}
