import { asArray, asString, type JsonValue } from "@stemma/encoding";
import { InTotoError } from "./error.ts";
import { Glob } from "./glob.ts";
import { checkLimit, type InTotoLimits } from "./limits.ts";
import { quote } from "./names.ts";

export type ArtifactType = "materials" | "products";

/** `MATCH`: artifacts that are the same in another step, under another folder if the prefixes say so. */
export interface MatchRule {
  readonly kind: "match";
  readonly tokens: readonly string[];
  readonly pattern: Glob;
  /** Ends in `/`, or is empty. */
  readonly sourcePrefix: string;
  readonly destinationPrefix: string;
  readonly type: ArtifactType;
  readonly step: string;
}

export interface PatternRule {
  readonly kind: "create" | "delete" | "modify" | "allow" | "disallow";
  readonly tokens: readonly string[];
  readonly pattern: Glob;
}

/** `REQUIRE` takes a name, not a pattern. */
export interface RequireRule {
  readonly kind: "require";
  readonly tokens: readonly string[];
  readonly name: string;
}

/** An artifact rule (in-toto 4.3.3). `tokens` are the words as the layout has them. */
export type ArtifactRule = MatchRule | PatternRule | RequireRule;

const PATTERN_KINDS: ReadonlySet<string> = new Set(["create", "delete", "modify", "allow", "disallow"]);

/** The rule as people write it. */
export function ruleText(rule: ArtifactRule): string {
  return rule.tokens.join(" ");
}

/** Reads a list of rules; absent or null, as Go writes an empty one, is none. Throws `bad_rule` or `limit_exceeded`. */
export function readRules(
  value: JsonValue | undefined,
  where: string,
  limits: InTotoLimits,
): readonly ArtifactRule[] {
  const list = asArray(value ?? [], where);
  checkLimit(list.length, limits.rules, where, "rules");
  return list.map((item, index) => {
    const at = `${where}[${index}]`;
    const tokens = asArray(item, at).map((token) => asString(token, `${at}: every word`));
    return parseRule(tokens, at, limits);
  });
}

/** Parses the words of one rule; keywords in any case. Throws `bad_rule` or `limit_exceeded`. */
export function parseRule(tokens: readonly string[], where: string, limits: InTotoLimits): ArtifactRule {
  for (const token of tokens) checkLimit(token.length, limits.patternLength, where, "characters in a word");
  const kind = (tokens[0] ?? "").toLowerCase();
  const subject = tokens[1];
  if (subject !== undefined && tokens.length === 2) {
    if (PATTERN_KINDS.has(kind)) {
      return { kind: kind as PatternRule["kind"], tokens, pattern: new Glob(subject) };
    }
    if (kind === "require") return { kind, tokens, name: subject };
  }
  const match = kind === "match" && subject !== undefined ? parseMatch(tokens, subject) : undefined;
  if (match === undefined) {
    throw new InTotoError("bad_rule", `${where} is not an artifact rule: ${quote(tokens.join(" "))}.`);
  }
  return match;
}

/** `MATCH <pattern> [IN <prefix>] WITH MATERIALS|PRODUCTS [IN <prefix>] FROM <step>`, word by word. */
function parseMatch(tokens: readonly string[], pattern: string): MatchRule | undefined {
  let at = 2;
  const keyword = (word: string): boolean => {
    if (tokens[at]?.toLowerCase() !== word) return false;
    at += 1;
    return true;
  };
  const prefix = (): string | undefined => {
    if (!keyword("in")) return "";
    const text = tokens[at];
    at += 1;
    return text;
  };
  const source = prefix();
  if (source === undefined || !keyword("with")) return undefined;
  const type = tokens[at]?.toLowerCase();
  at += 1;
  if (type !== "materials" && type !== "products") return undefined;
  const destination = prefix();
  if (destination === undefined || !keyword("from")) return undefined;
  const step = tokens[at];
  if (step === undefined || tokens.length !== at + 1) return undefined;
  return {
    kind: "match",
    tokens,
    pattern: new Glob(pattern),
    sourcePrefix: asFolder(source),
    destinationPrefix: asFolder(destination),
    type,
    step,
  };
}

function asFolder(prefix: string): string {
  return prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
}
