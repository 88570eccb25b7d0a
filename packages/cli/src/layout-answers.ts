import {
  checkStepName,
  type FunctionaryContent,
  type LayoutContent,
  type SigningContent,
} from "@stemma/in-toto";
import { CliError } from "./error.ts";
import { readPublicKeyFile } from "./keys.ts";
import {
  type EvidenceKind,
  findTemplate,
  type Part,
  type Template,
  type TemplateName,
} from "./layout-templates.ts";

/** What is known of a layout that is being made. Options answer some of it, and questions on a terminal the rest. */
export interface Answers {
  readonly template: TemplateName;
  readonly evidence: EvidenceKind;
  readonly functionaries: Map<string, FunctionaryContent[]>;
  readonly thresholds: Map<string, number>;
  readonly names: Map<string, string>;
  source: string | undefined;
  builder: string | undefined;
  expires: Date;
}

/** The template that the answers are for. Throws `usage` where there is none for this kind of evidence. */
export function templateOf({ template, evidence }: Pick<Answers, "template" | "evidence">): Template {
  const found = findTemplate(template, evidence);
  if (found === undefined)
    throw new CliError("usage", `The template ${template} is for links; it has no form for attestations.`);
  return found;
}

/** What the answers still lack, one sentence each, with the option that would give it. */
export function missingAnswers(answers: Answers): readonly string[] {
  const missing: string[] = [];
  for (const part of templateOf(answers).parts) {
    const count = answers.functionaries.get(part.id)?.length ?? 0;
    const threshold = thresholdFor(answers, part);
    const lacks = threshold - count;
    if (lacks > 0) {
      missing.push(
        `${part.id} needs ${threshold === 1 ? "somebody" : `${threshold} people`} who ${part.does}, and has ${count} (--functionary ${part.id}=FILE or --identity ${part.id}=ISSUER,IDENTITY${threshold > 1 && count > 0 ? `, or --threshold ${part.id}=${count}` : ""})`,
      );
    }
  }
  if (answers.evidence === "attestations" && answers.source === undefined)
    missing.push("provenance needs the repository that it must name (--source git+https://HOST/REPOSITORY)");
  return missing;
}

function thresholdFor({ thresholds }: Answers, { id, threshold }: Part): number {
  return thresholds.get(id) ?? threshold;
}

/** The layout that the answers make. Nothing may be missing in them. */
export function contentOf(answers: Answers): LayoutContent {
  const template = templateOf(answers);
  const signersOf = (id: string): SigningContent => {
    const part = partOf(answers, id);
    return {
      functionaries: answers.functionaries.get(id) ?? [],
      threshold: thresholdFor(answers, part),
    };
  };
  const nameOf = (id: string): string => answers.names.get(id) ?? id;
  const { source, builder, expires } = answers;
  return { expires, readme: template.readme, steps: template.steps({ nameOf, signersOf, source, builder }) };
}

/** A part by its name in the template. Throws `usage` with those that there are. */
export function partOf(answers: Answers, id: string): Part {
  const { parts } = templateOf(answers);
  const found = parts.find((part) => part.id === id);
  if (found !== undefined) return found;
  const known = parts.map((part) => part.id).join(", ");
  throw new CliError("usage", `The template ${answers.template} has no step ${id}; it has ${known}.`);
}

/** Adds a functionary. Throws `usage` for one that is there already: they would count once. */
export function addFunctionary(answers: Answers, id: string, one: FunctionaryContent): void {
  const { id: known } = partOf(answers, id);
  const before = answers.functionaries.get(known) ?? [];
  if (before.some((other) => identityOf(other) === identityOf(one)))
    throw new CliError("usage", `The same functionary is given for ${id} twice, and would count once.`);
  answers.functionaries.set(known, [...before, one]);
}

function identityOf(one: FunctionaryContent): string {
  return "issuer" in one ? `${one.issuer} ${one.identity}` : one.fingerprint;
}

/** Reads `ISSUER,IDENTITY`. Throws `usage`. */
export function readIdentity(text: string): FunctionaryContent {
  const at = text.indexOf(",");
  const [issuer, identity] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  if (at < 1 || identity === "" || /[\s*]/.test(issuer + identity))
    throw new CliError(
      "usage",
      `"${text}" must have the form ISSUER,IDENTITY, both exact and without spaces.`,
    );
  return { issuer, identity };
}

/** Reads what somebody typed for a functionary: an identity, or the file of a public key. */
export function readFunctionary(text: string): Promise<FunctionaryContent> | FunctionaryContent {
  return /^https?:\/\/[^,]*,/.test(text) ? readIdentity(text) : readPublicKeyFile(text);
}

/** Reads the name of a step. Throws `usage` for one that no other implementation could keep. */
export function readStepName(text: string): string {
  checkStepName(text, "The name of a step");
  return text;
}

/** Reads the URI of a source repository, in which nothing may be a pattern. Throws `usage`. */
export function readSource(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:[^\s*?[\]{}@]+$/.test(text))
    throw new CliError(
      "usage",
      `"${text}" must be the URI of a repository, such as git+https://HOST/REPOSITORY.`,
    );
  return text;
}
