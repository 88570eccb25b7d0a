import { stat } from "node:fs/promises";
import { toPlain } from "@stemma/encoding";
import { lintLayout, writeLayout } from "@stemma/in-toto";
import { type Command, Option } from "commander";
import { act, collect, leaf } from "../command.ts";
import { CliError } from "../error.ts";
import { writeOutput } from "../files.ts";
import { readPublicKeyFile } from "../keys.ts";
import {
  type Answers,
  addFunctionary,
  contentOf,
  missingAnswers,
  partOf,
  readIdentity,
  readSource,
  readStepName,
  templateOf,
} from "../layout-answers.ts";
import { askAnswers, askTemplate } from "../layout-questions.ts";
import { readLayoutFile } from "../layout-source.ts";
import { EVIDENCE, type EvidenceKind, TEMPLATES, type TemplateName } from "../layout-templates.ts";
import type { Outcome } from "../output.ts";
import { styled } from "../output.ts";
import { Prompter } from "../prompt.ts";
import { parseExpiry } from "../time.ts";
import { findingLines } from "./layout-lint.ts";

const DEFAULT_FILE = "layout.json";
const DEFAULT_EXPIRY = "90d";

/** `stemma layout new`: a layout from a template, by options, or by questions on a terminal for what they leave open. */
export function addNewCommand(layout: Command): void {
  const make = leaf(
    layout,
    "new [file]",
    `Write a layout from a template to <file>, ${DEFAULT_FILE} unless told; on a terminal, asks for what is not given`,
  )
    .addOption(new Option("--template <template>", "what is made").choices(TEMPLATES))
    .addOption(
      new Option("--evidence <kind>", "what shows that a step was carried out (default: links)").choices(
        EVIDENCE,
      ),
    )
    .option("--functionary <step=file>", "public key that may sign for a step; several times", collect)
    .option("--identity <step=issuer,identity>", "Sigstore identity that may; several times", collect)
    .option("--threshold <step=n>", "how many of them must agree; several times", collect)
    .option("--rename <step=name>", "another name for a step of the template; several times", collect)
    .option("--source <uri>", "with attestations: repository that provenance must name (git+https://…)")
    .option("--builder <uri>", "with attestations: builder that provenance must name (default: any)")
    .option("--expires <time>", `expiry: time from now, or a moment (default: ${DEFAULT_EXPIRY})`);
  act(make, newLayout);
}

interface NewOptions {
  readonly template?: TemplateName;
  readonly evidence?: EvidenceKind;
  readonly functionary?: readonly string[];
  readonly identity?: readonly string[];
  readonly threshold?: readonly string[];
  readonly rename?: readonly string[];
  readonly source?: string;
  readonly builder?: string;
  readonly expires?: string;
}

async function newLayout(options: NewOptions, file = DEFAULT_FILE): Promise<Outcome> {
  // Before the questions, whose answers would be lost.
  if (await stat(file).catch(() => undefined))
    throw new CliError("file_exists", `${file} exists already and is not overwritten.`);
  const answers = await completeAnswers(options);
  const payload = writeLayout(contentOf(answers));
  await writeOutput(file, `${JSON.stringify(toPlain(payload), null, 2)}\n`, { create: true });
  const { layout, time } = await readLayoutFile(file);
  const findings = lintLayout(layout, time);
  return {
    document: {
      file,
      template: answers.template,
      evidence: answers.evidence,
      expires: answers.expires,
      steps: layout.steps.map(({ name }) => name),
      findings,
    },
    lines: [
      [
        "Wrote ",
        styled("bold", file),
        ", not signed yet. Its rules are a beginning: make them fit your build.",
      ],
      ...findingLines(findings),
      "",
      "Next, look at it:",
      `  stemma layout explain ${file}`,
      `  stemma layout graph ${file}`,
      `  stemma layout lint ${file}`,
      "then let the project's owners sign it, and put it into force:",
      `  stemma sign ${file} --key <owner's key> --any-key`,
      `  stemma layout publish <project> ${file} --key <owner's key> --root root.json`,
    ],
  };
}

/** From the options, and on a terminal from questions. Throws `usage` that names everything that is missing. */
async function completeAnswers(options: NewOptions): Promise<Answers> {
  const { template, evidence = "links" } = options;
  if (template === undefined && !Prompter.isPossible)
    throw new CliError("usage", `Name a --template: ${TEMPLATES.join(", ")}.`);
  const given = template === undefined ? undefined : await answersFrom(options, template, evidence);
  if (given !== undefined && missingAnswers(given).length === 0) return given;
  const answers = given === undefined || Prompter.isPossible ? await guided(options) : given;
  const missing = missingAnswers(answers);
  if (missing.length > 0) throw new CliError("usage", `The layout is not complete: ${missing.join("; ")}.`);
  return answers;
}

/** Asks for what the options leave open. */
async function guided(options: NewOptions): Promise<Answers> {
  const prompter = new Prompter();
  try {
    const { template, evidence } = await askTemplate(prompter, options);
    const answers = await answersFrom(options, template, evidence);
    await askAnswers(prompter, answers, options.expires === undefined ? DEFAULT_EXPIRY : undefined);
    return answers;
  } finally {
    prompter.close();
  }
}

/** What the options say. */
async function answersFrom(
  options: NewOptions,
  template: TemplateName,
  evidence: EvidenceKind,
): Promise<Answers> {
  const answers: Answers = {
    template,
    evidence,
    functionaries: new Map(),
    thresholds: new Map(),
    names: new Map(),
    source: options.source === undefined ? undefined : readSource(options.source),
    builder: options.builder,
    expires: parseExpiry(options.expires ?? DEFAULT_EXPIRY, new Date()),
  };
  templateOf(answers);
  if (evidence === "links" && (options.source ?? options.builder) !== undefined)
    throw new CliError("usage", "--source and --builder are for --evidence attestations.");
  for (const [id, file] of pairs("--functionary", options.functionary))
    addFunctionary(answers, id, await readPublicKeyFile(file));
  for (const [id, identity] of pairs("--identity", options.identity))
    addFunctionary(answers, id, readIdentity(identity));
  for (const [id, count] of pairs("--threshold", options.threshold)) {
    if (!/^[1-9][0-9]{0,2}$/.test(count))
      throw new CliError("usage", `--threshold ${id}=${count} must be a number from 1 to 999.`);
    answers.thresholds.set(partOf(answers, id).id, Number(count));
  }
  for (const [id, name] of pairs("--rename", options.rename)) {
    if (!partOf(answers, id).isStep)
      throw new CliError("usage", `${id} is no step of its own, so it has no name to change.`);
    answers.names.set(id, readStepName(name));
  }
  return answers;
}

/** Reads `STEP=value`. Throws `usage`. */
function pairs(option: string, given: readonly string[] = []): readonly (readonly [string, string])[] {
  return given.map((text) => {
    const at = text.indexOf("=");
    if (at < 1 || at === text.length - 1)
      throw new CliError("usage", `${option} ${text} must have the form STEP=value.`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
}
