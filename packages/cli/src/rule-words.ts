import type { ArtifactRule, ArtifactType } from "@stemma/in-toto";

/** How artifacts of a list are spoken of. */
interface Words {
  readonly noun: string;
  /** `go in`, `come out`. */
  readonly verb: string;
}

const WORDS: Readonly<Record<ArtifactType, Words>> = {
  materials: { noun: "material", verb: "go in" },
  products: { noun: "product", verb: "come out" },
};

/** A sentence, which a list may end: `Only these may go in:` and then one each. */
export interface Sentence {
  /** Ends in a full stop, or in a colon where items follow. */
  readonly text: string;
  readonly items?: readonly string[];
}

/** The sentence on one line. */
export function sentenceText({ text, items }: Sentence): string {
  return items === undefined ? text : `${text} ${items.join("; ")}.`;
}

/**
 * What a list of rules allows, in sentences. Their order matters, so the sentences keep it; rules that allow something and
 * stand together are one sentence.
 */
export function ruleSentences(list: ArtifactType, rules: readonly ArtifactRule[]): readonly Sentence[] {
  const { noun, verb } = WORDS[list];
  const sentences: Sentence[] = [];
  const say = (text: string): void => {
    sentences.push({ text });
  };
  let allowed: ArtifactRule[] = [];
  const sayAllowed = (isAll: boolean): void => {
    if (allowed.length > 0) sentences.push(allowedSentence(list, allowed, isAll));
    allowed = [];
  };
  for (const [index, rule] of rules.entries()) {
    const isEnd = index === rules.length - 1 && rule.kind === "disallow" && isAny(rule);
    if (rule.kind === "require") {
      sayAllowed(false);
      say(`The ${noun} "${rule.name}" must be there.`);
    } else if (rule.kind === "disallow") {
      const saysAll = isEnd && allowed.length > 0;
      sayAllowed(saysAll);
      const nothing = sentences.length === 0 ? "Nothing" : "Nothing else";
      if (!saysAll) say(`${nothing}${isAny(rule) ? "" : ` ${named(rule)}`} may ${verb}.`);
    } else {
      allowed.push(rule);
    }
    if (isEnd) return sentences;
  }
  sayAllowed(false);
  say(
    sentences.length === 0 ? `Anything may ${verb}.` : `Whatever no rule speaks about may ${verb} as well.`,
  );
  return sentences;
}

/** `Every material must be …` where that is all there is to say, else `Only … may go in.` */
function allowedSentence(list: ArtifactType, rules: readonly ArtifactRule[], isAll: boolean): Sentence {
  const { noun, verb } = WORDS[list];
  const [only] = rules;
  if (only === undefined || rules.length > 1) {
    return { text: `${isAll ? "Only these" : "These"} may ${verb}:`, items: rules.map(clause) };
  }
  if (only.kind === "allow" && isAny(only)) return { text: `Anything may ${verb}.` };
  if (!isAll) return { text: `This may ${verb}:`, items: [clause(only)] };
  if (!isAny(only)) return { text: `Only ${clause(only)} may ${verb}.` };
  return { text: `Every ${noun} must be ${single(only)}; nothing else may ${verb}.` };
}

/** One artifact that a rule without a pattern allows. */
function single(rule: ArtifactRule): string {
  switch (rule.kind) {
    case "match":
      return `${rule.type === "materials" ? "a material" : "a product"} of step ${rule.step}${below(rule.destinationPrefix)} with the same content`;
    case "create":
      return "new in this step";
    case "delete":
      return "gone after this step";
    case "modify":
      return "changed by this step";
    default:
      return "anything";
  }
}

/** The artifacts that a rule allows. */
function clause(rule: ArtifactRule): string {
  switch (rule.kind) {
    case "match":
      return `${rule.type} of step ${rule.step}${below(rule.destinationPrefix)}${isAny(rule) ? "" : ` ${named(rule)}`} with the same content${rule.sourcePrefix === "" ? "" : `, here${below(rule.sourcePrefix)}`}`;
    case "create":
      return `what is new in this step${isAny(rule) ? "" : ` and ${named(rule)}`}`;
    case "delete":
      return `what this step takes away${isAny(rule) ? "" : ` and is ${named(rule)}`}`;
    case "modify":
      return `what this step changes${isAny(rule) ? "" : ` and is ${named(rule)}`}`;
    default:
      return isAny(rule) ? "anything" : `anything ${named(rule)}`;
  }
}

function below(prefix: string): string {
  return prefix === "" ? "" : ` below ${prefix}`;
}

function named(rule: ArtifactRule): string {
  return `named "${patternOf(rule)}"`;
}

/** Whether a rule is about every artifact. */
function isAny(rule: ArtifactRule): boolean {
  return patternOf(rule) === "*" && (rule.kind !== "match" || rule.sourcePrefix === "");
}

function patternOf(rule: ArtifactRule): string {
  return rule.kind === "require" ? rule.name : rule.pattern.pattern;
}
