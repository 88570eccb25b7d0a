import { CliError } from "./error.ts";
import {
  type Answers,
  addFunctionary,
  readFunctionary,
  readSource,
  readStepName,
  templateOf,
} from "./layout-answers.ts";
import {
  EVIDENCE,
  type EvidenceKind,
  findTemplate,
  type Part,
  TEMPLATES,
  type TemplateName,
} from "./layout-templates.ts";
import { note, styled } from "./output.ts";
import type { Prompter } from "./prompt.ts";
import { parseExpiry } from "./time.ts";

/** Asks which template it is to be, as far as the options do not say. */
export async function askTemplate(
  prompter: Prompter,
  given: { readonly template?: TemplateName; readonly evidence?: EvidenceKind },
): Promise<{ readonly template: TemplateName; readonly evidence: EvidenceKind }> {
  const template =
    given.template ??
    (await prompter.ask(`What is made (${TEMPLATES.join(", ")})`, TEMPLATES[0], oneOf(TEMPLATES)));
  const evidence =
    given.evidence ??
    (findTemplate(template, "attestations") === undefined
      ? "links"
      : await prompter.ask(
          "Evidence: links that stemma run signs, or attestations that CI signs (links, attestations)",
          EVIDENCE[0],
          oneOf(EVIDENCE),
        ));
  return { template, evidence };
}

/** Asks for everything that the answers lack, and puts it into them; for the expiry unless it was given. */
export async function askAnswers(
  prompter: Prompter,
  answers: Answers,
  expiry: string | undefined,
): Promise<void> {
  if (answers.evidence === "attestations") await askProvenance(prompter, answers);
  for (const part of templateOf(answers).parts) await askPart(prompter, answers, part);
  if (expiry !== undefined) {
    answers.expires = await prompter.ask(
      "The layout expires (a time from now such as 90d, or a moment)",
      expiry,
      (answer) => parseExpiry(answer, new Date()),
    );
  }
}

async function askProvenance(prompter: Prompter, answers: Answers): Promise<void> {
  answers.source ??= await prompter.ask(
    "Repository, as provenance names it (git+https://…)",
    undefined,
    readSource,
  );
  answers.builder ??= await prompter.ask(
    "Builder id that provenance must name (nothing: any builder)",
    undefined,
    (answer) => (answer === "" ? undefined : answer),
  );
}

async function askPart(prompter: Prompter, answers: Answers, part: Part): Promise<void> {
  const { id, does, isStep } = part;
  const taken = new Set(answers.names.values());
  note(["", styled("bold", isStep ? `Step ${id}` : `Attestation ${id}`), `: who ${does}`]);
  if (isStep && !answers.names.has(id)) {
    const name = await prompter.ask("  Name of the step", id, (answer) => {
      if (taken.has(answer)) throw new CliError("usage", `Another step is called ${answer} already.`);
      return readStepName(answer);
    });
    answers.names.set(id, name);
  }
  if (!answers.functionaries.has(id)) await askFunctionaries(prompter, answers, id);
  const count = answers.functionaries.get(id)?.length ?? 0;
  if (answers.thresholds.has(id) || count === 1) {
    answers.thresholds.set(id, answers.thresholds.get(id) ?? 1);
    return;
  }
  const fallback = String(Math.min(part.threshold, count));
  const threshold = await prompter.ask(`  How many of these ${count} must agree`, fallback, (answer) => {
    const number = Number(answer);
    if (!Number.isSafeInteger(number) || number < 1 || number > count)
      throw new CliError("usage", `It must be a number from 1 to ${count}.`);
    return number;
  });
  answers.thresholds.set(id, threshold);
}

/** One after the other, until a line is left empty. */
async function askFunctionaries(prompter: Prompter, answers: Answers, id: string): Promise<void> {
  for (;;) {
    const isFirst = !answers.functionaries.has(id);
    const question = isFirst
      ? "  Public key file, or ISSUER,IDENTITY"
      : "  Another one (nothing: that is all)";
    const more = await prompter.ask(question, undefined, async (answer) => {
      if (answer === "") {
        if (isFirst) throw new CliError("usage", "Somebody must be able to sign.");
        return false;
      }
      addFunctionary(answers, id, await readFunctionary(answer));
      return true;
    });
    if (!more) return;
  }
}

function oneOf<T extends string>(choices: readonly T[]): (answer: string) => T {
  return (answer) => {
    const found = choices.find((choice) => choice === answer);
    if (found === undefined) throw new CliError("usage", `It must be one of ${choices.join(", ")}.`);
    return found;
  };
}
