import { resolve } from "node:path";
import { decodeUtf8, type JsonObject, jsonObject } from "@stemma/encoding";
import {
  checkStepName,
  type EnvelopeFormat,
  linkStatement,
  provenanceStatement,
  type RunContent,
  writeLink,
  writeStatement,
} from "@stemma/in-toto";
import { type Command, Option } from "commander";
import { DEFAULT_EXCLUDES, recordArtifacts } from "../artifacts.ts";
import {
  type Attestation,
  type Attester,
  type AttesterOptions,
  openAttester,
  signedByText,
} from "../attester.ts";
import { act, leaf, withAttester } from "../command.ts";
import { CliError } from "../error.ts";
import { execute, JOB_IDENTITY } from "../execute.ts";
import { readInput, writeOutput } from "../files.ts";
import { note, type Outcome, progress, styled } from "../output.ts";
import { plural } from "../text.ts";

/** Bytes of each stream that `--record-streams` keeps. */
const KEPT_STREAM = 32 * 1024;

/** What `run` can write: a link (in-toto 4.4), the same as a statement, or SLSA provenance. */
const FORMATS = ["link", "link-attestation", "provenance"] as const;
type RunFormat = (typeof FORMATS)[number];

/** `stemma run`: carries out a step, and signs what went in and what came out. */
export function addRunCommand(program: Command): void {
  const run = withAttester(
    leaf(program, "run <command...>", "Run a step of the supply chain and sign what it did"),
  )
    .usage("--step <name> --key <file> [options] -- <command...>")
    .requiredOption("--step <name>", "name of the step in the layout")
    .option("--materials <path...>", "files and folders to record before the command runs")
    .option("--materials-from <file>", "file that lists more of them, one a line")
    .option("--products <path...>", "files and folders to record after it")
    .option("--products-from <file>", "file that lists more of them, one a line")
    .option("--workdir <folder>", "run the command here; names are relative to it", ".")
    .option("--exclude <pattern...>", `leave out matching names (always: ${DEFAULT_EXCLUDES.join(" ")})`)
    .option(
      "--record-streams",
      "put the beginning of the command's output into the link, which will be public",
    )
    .addOption(
      new Option("--format <format>", `what to write: ${FORMATS.join(", ")}`)
        .choices(FORMATS)
        .default("link"),
    )
    .option("--builder-id <uri>", "who ran the command, for --format provenance")
    .addOption(
      new Option("--envelope <format>", "envelope of a link").choices(["dsse", "metablock"]).default("dsse"),
    )
    .option("-o, --output <file>", "where to write it (default: <step>.<key id>.link)");
  act(run, runStep);
}

interface RunOptions extends AttesterOptions {
  readonly step: string;
  readonly materials?: readonly string[];
  readonly materialsFrom?: string;
  readonly products?: readonly string[];
  readonly productsFrom?: string;
  readonly workdir: string;
  readonly exclude?: readonly string[];
  readonly recordStreams?: boolean;
  readonly format: RunFormat;
  readonly builderId?: string;
  readonly envelope: EnvelopeFormat;
  readonly output?: string;
  readonly json?: boolean;
}

async function runStep(options: RunOptions, command: readonly string[]): Promise<Outcome> {
  checkStepName(options.step, "--step");
  const materialPaths = await pathsOf(options.materials, options.materialsFrom);
  const productPaths = await pathsOf(options.products, options.productsFrom);
  const builderId = checkFormat(options, productPaths);
  // Before the command runs: a passphrase that is wrong should not cost a build.
  const attester = await openAttester(options);
  const recording = {
    workdir: options.workdir,
    exclude: [...DEFAULT_EXCLUDES, ...(options.exclude ?? [])],
    warn: (message: string) => note([styled("warn", "stemma: "), message]),
  };

  progress("Recording materials…");
  const materials = await recordArtifacts(materialPaths, recording);
  const startedOn = new Date();
  const execution = await execute(command, {
    workdir: options.workdir,
    keep: options.recordStreams === true ? KEPT_STREAM : 0,
    stdoutTo: options.json === true ? "stderr" : "stdout",
    withhold: options.keyless === true ? JOB_IDENTITY : [],
  });
  if (execution.exitCode !== 0) return failed(options.step, execution.exitCode);
  const finishedOn = new Date();
  progress("Recording products…");
  const products = await recordArtifacts(productPaths, recording);

  const byproducts = jsonObject({
    "return-value": execution.exitCode,
    stderr: execution.stderr,
    stdout: execution.stdout,
  });
  const run = {
    name: options.step,
    command,
    materials,
    products,
    byproducts,
    builderId,
    startedOn,
    finishedOn,
  };
  const attestation = await attester.sign(payloadOf(options.format, run), options.envelope);
  const file = options.output ?? defaultName(options, attester);
  await writeOutput(file, attestation.bytes);
  return written(options, resolve(file), attestation, run);
}

/** Refuses, before the command runs, what could not be written afterwards. Returns the builder's id. */
function checkFormat(options: RunOptions, productPaths: readonly string[]): string {
  const { format, builderId = "", envelope } = options;
  if (format === "provenance" ? !/^[a-z][a-z0-9+.-]*:\S+$/.test(builderId) : builderId !== "") {
    throw new CliError(
      "usage",
      "--builder-id is the URI of whoever ran the command; --format provenance needs it.",
    );
  }
  if (format !== "link" && productPaths.length === 0) {
    throw new CliError("usage", `--format ${format} is about products; name them with --products.`);
  }
  const isBundle = options.bundle === true || options.keyless === true;
  if (envelope === "metablock" && (format !== "link" || isBundle)) {
    throw new CliError("usage", "Only a link that is signed by keys can be in a metablock.");
  }
  return builderId;
}

function payloadOf(format: RunFormat, run: RunContent): JsonObject {
  if (format === "link") return writeLink(run);
  return writeStatement(format === "provenance" ? provenanceStatement(run) : linkStatement(run));
}

/** `build.0123abcd.link`; a bundle says in its name that it is one. */
function defaultName({ step, format }: RunOptions, { keyIds, bundles }: Attester): string {
  const kind = format === "provenance" ? "provenance" : "link";
  if (bundles) return `${step}.${kind}.sigstore.json`;
  const name = `${step}.${keyIds[0]?.slice(0, 8)}.${kind}`;
  return kind === "link" ? name : `${name}.json`;
}

function failed(step: string, exitCode: number): Outcome {
  return {
    exitCode,
    stream: "stderr",
    document: { step, exitCode, link: null },
    lines: [[styled("bad", `The command ended with ${exitCode}`), "; nothing was signed."]],
  };
}

function written(
  { step, format }: RunOptions,
  file: string,
  { signedBy }: Attestation,
  { materials, products }: RunContent,
): Outcome {
  const [first] = signedBy;
  return {
    stream: "stderr",
    document: { step, exitCode: 0, format, link: file, ...first, signedBy, materials, products },
    lines: [
      [
        styled("good", `Step ${step}`),
        `: ${plural(materials.size, "material")}, ${plural(products.size, "product")}`,
      ],
      [`  ${format} `, styled("bold", file), `, signed by ${signedByText(signedBy)}`],
    ],
  };
}

/** Paths given as options, and those of a list, such as `git ls-files` writes. */
async function pathsOf(given: readonly string[] | undefined, list: string | undefined): Promise<string[]> {
  const paths = [...(given ?? [])];
  if (list !== undefined) {
    const lines = decodeUtf8(await readInput(list, 64 * 1024 * 1024)).split(/\r?\n/);
    for (const [index, line] of lines.entries()) {
      if (line === "") continue;
      // git quotes names that it finds unusual; unquoted they would be other names.
      if (line.startsWith('"')) {
        throw new CliError(
          "usage",
          `Line ${index + 1} of ${list} is quoted; use git -c core.quotePath=false ls-files.`,
        );
      }
      paths.push(line);
    }
  }
  return paths;
}
