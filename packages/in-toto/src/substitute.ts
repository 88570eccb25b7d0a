import { InTotoError } from "./error.ts";
import type { Inspection, Layout, Step } from "./layout.ts";
import { DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { quote } from "./names.ts";
import { type ArtifactRule, parseRule } from "./rule.ts";

export type Parameters = ReadonlyMap<string, string>;

const NAME = /^[A-Za-z0-9_-]+$/;
/** In turn: an escaped brace, a placeholder, or a brace that is neither. */
const BRACES = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;
const PLACEHOLDER = /\{[A-Za-z0-9_-]+\}/;

/**
 * Puts the verifier's parameters in place of `{NAME}` in every word of the rules, expected commands and inspection
 * commands, never in names or keys (in-toto 4.3, python's `str.format` without its format specifications).
 *
 * With parameters, `{{` and `}}` stand for one brace, and a name without a value or any other brace throws
 * `unknown_parameter`. Without parameters, braces stand for themselves, but a placeholder in a rule throws
 * `unknown_parameter`: a DISALLOW of `{NAME}` would otherwise forbid nothing. Throws `bad_parameter` for a name outside
 * `[a-zA-Z0-9_-]+`, and `bad_rule` when what comes out is not a rule.
 */
export function substituteParameters(
  layout: Layout,
  parameters: Parameters = new Map(),
  limits: InTotoLimits = DEFAULT_LIMITS,
): Layout {
  for (const name of parameters.keys()) {
    if (!NAME.test(name)) {
      throw new InTotoError(
        "bad_parameter",
        `A parameter is named by letters, digits, "_" and "-"; found ${quote(name)}.`,
      );
    }
  }
  const rules = (list: readonly ArtifactRule[], where: string): readonly ArtifactRule[] =>
    list.some((rule) => rule.tokens.some(hasBrace))
      ? list.map((rule) => substituteRule(rule, parameters, where, limits))
      : list;
  const command = (words: readonly string[], where: string): readonly string[] =>
    parameters.size > 0 && words.some(hasBrace)
      ? words.map((word) => substitute(word, parameters, where))
      : words;
  const lists = <T extends Step | Inspection>(item: T): T => ({
    ...item,
    expectedMaterials: rules(item.expectedMaterials, `The material rules of ${quote(item.name)}`),
    expectedProducts: rules(item.expectedProducts, `The product rules of ${quote(item.name)}`),
  });
  return {
    ...layout,
    steps: layout.steps.map((step) => ({
      ...lists(step),
      expectedCommand: command(step.expectedCommand, `The command of ${quote(step.name)}`),
    })),
    inspections: layout.inspections.map((inspection) => ({
      ...lists(inspection),
      run: command(inspection.run, `The command of ${quote(inspection.name)}`),
    })),
  };
}

function hasBrace(word: string): boolean {
  return word.includes("{") || word.includes("}");
}

function substituteRule(
  rule: ArtifactRule,
  parameters: Parameters,
  where: string,
  limits: InTotoLimits,
): ArtifactRule {
  if (parameters.size === 0) {
    const open = rule.tokens.find((token) => PLACEHOLDER.test(token));
    if (open === undefined) return rule;
    throw unknown(open, where);
  }
  return parseRule(
    rule.tokens.map((token) => substitute(token, parameters, where)),
    where,
    limits,
  );
}

function substitute(word: string, parameters: Parameters, where: string): string {
  return word.replace(BRACES, (found, name: string | undefined) => {
    if (found === "{{") return "{";
    if (found === "}}") return "}";
    const value = name === undefined ? undefined : parameters.get(name);
    if (value === undefined) throw unknown(found, where);
    return value;
  });
}

function unknown(text: string, where: string): InTotoError {
  return new InTotoError(
    "unknown_parameter",
    `${where} hold ${quote(text)}, for which no parameter was given.`,
  );
}
