import { resolve } from "node:path";
import { decodeUtf8, jsonObject } from "@stemma/encoding";
import { checkStepName, type EnvelopeFormat, signLink } from "@stemma/in-toto";
import { type Command, Option } from "commander";
import { DEFAULT_EXCLUDES, type RecordedArtifacts, recordArtifacts } from "../artifacts.ts";
import { act, leaf, withSigner } from "../command.ts";
import { CliError } from "../error.ts";
import { execute } from "../execute.ts";
import { readInput, writeOutput } from "../files.ts";
import { openSigner, type SignerOptions } from "../keys.ts";
import { note, type Outcome, progress, styled } from "../output.ts";
import { plural } from "../text.ts";

/** Bytes of each stream that `--record-streams` keeps. */
const KEPT_STREAM = 32 * 1024;

/** `stemma run`: carries out a step, and signs a link that says what went in and what came out (in-toto 4.4). */
export function addRunCommand(program: Command): void {
  const run = withSigner(
    leaf(program, "run <command...>", "Run a step of the supply chain and sign a link about it"),
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
      new Option("--format <format>", "envelope of the link").choices(["dsse", "metablock"]).default("dsse"),
    )
    .option("-o, --output <file>", "where to write the link (default: <step>.<key id>.link)");
  act(run, runStep);
}

interface RunOptions extends SignerOptions {
  readonly step: string;
  readonly materials?: readonly string[];
  readonly materialsFrom?: string;
  readonly products?: readonly string[];
  readonly productsFrom?: string;
  readonly workdir: string;
  readonly exclude?: readonly string[];
  readonly recordStreams?: boolean;
  readonly format: EnvelopeFormat;
  readonly output?: string;
  readonly json?: boolean;
}

async function runStep(options: RunOptions, command: readonly string[]): Promise<Outcome> {
  checkStepName(options.step, "--step");
  const materialPaths = await pathsOf(options.materials, options.materialsFrom);
  const productPaths = await pathsOf(options.products, options.productsFrom);
  // Before the command runs: a passphrase that is wrong should not cost a build.
  const signer = await openSigner(options);
  const recording = {
    workdir: options.workdir,
    exclude: [...DEFAULT_EXCLUDES, ...(options.exclude ?? [])],
    warn: (message: string) => note([styled("warn", "stemma: "), message]),
  };

  progress("Recording materials…");
  const materials = await recordArtifacts(materialPaths, recording);
  const execution = await execute(command, {
    workdir: options.workdir,
    keep: options.recordStreams === true ? KEPT_STREAM : 0,
    stdoutTo: options.json === true ? "stderr" : "stdout",
  });
  if (execution.exitCode !== 0) return failed(options.step, execution.exitCode);
  progress("Recording products…");
  const products = await recordArtifacts(productPaths, recording);

  const link = await signLink(
    {
      name: options.step,
      command,
      materials,
      products,
      byproducts: jsonObject({
        "return-value": execution.exitCode,
        stderr: execution.stderr,
        stdout: execution.stdout,
      }),
      environment: new Map(),
    },
    [signer],
    options.format,
  );
  const { keyId } = signer.publicKey;
  const file = options.output ?? `${options.step}.${keyId.slice(0, 8)}.link`;
  await writeOutput(file, link);
  return written(options, resolve(file), keyId, materials, products);
}

function failed(step: string, exitCode: number): Outcome {
  return {
    exitCode,
    stream: "stderr",
    document: { step, exitCode, link: null },
    lines: [[styled("bad", `The command ended with ${exitCode}`), "; no link was written."]],
  };
}

function written(
  options: RunOptions,
  file: string,
  keyId: string,
  materials: RecordedArtifacts,
  products: RecordedArtifacts,
): Outcome {
  return {
    stream: "stderr",
    document: { step: options.step, exitCode: 0, link: file, keyId, materials, products },
    lines: [
      [
        styled("good", `Step ${options.step}`),
        `: ${plural(materials.size, "material")}, ${plural(products.size, "product")}`,
      ],
      ["  link ", styled("bold", file)],
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
