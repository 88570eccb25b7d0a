import { type Finding, type FindingPlace, finding } from "./finding.ts";
import type { Inspection, Layout, Step } from "./layout.ts";
import { quote } from "./names.ts";
import { nearestName } from "./nearest-name.ts";
import { type Reach, Reaches, reachOf } from "./reach.ts";
import { type ArtifactRule, type ArtifactType, type MatchRule, ruleText } from "./rule.ts";

type Item = Step | Inspection;

interface PlacedRule<Rule extends ArtifactRule = ArtifactRule> {
  readonly rule: Rule;
  readonly place: FindingPlace;
  /** `of the products of step "build"`. */
  readonly where: string;
}

const LISTS: readonly ArtifactType[] = ["materials", "products"];

function rulesOf(item: Item, list: ArtifactType): readonly PlacedRule[] {
  const rules = list === "materials" ? item.expectedMaterials : item.expectedProducts;
  const kind = "run" in item ? "inspection" : "step";
  return rules.map((rule, ruleIndex) => ({
    rule,
    place: { step: item.name, rule: ruleText(rule), ruleList: list, ruleIndex },
    where: `of the ${list} of ${kind} ${quote(item.name)}`,
  }));
}

/** What is wrong within the rules of one step or inspection. */
export function ruleFindings(item: Item, mustBeClosed: boolean): Finding[] {
  const reaches = new Reaches();
  return LISTS.flatMap((list) => {
    const rules = rulesOf(item, list);
    return [
      ...(mustBeClosed ? openFindings(item.name, list, rules) : []),
      ...rules.flatMap((placed) => [...patternFindings(placed), ...idleFindings(placed, list)]),
      ...takenFindings(rules, reaches),
    ];
  });
}

function openFindings(step: string, list: ArtifactType, rules: readonly PlacedRule[]): Finding[] {
  const last = rules.at(-1)?.rule;
  if (last?.kind === "disallow" && last.pattern.pattern === "*") return [];
  return [
    finding(
      "open_rules",
      `The ${list} of step ${quote(step)} do not end in DISALLOW *, so whatever no rule speaks about is allowed.`,
      { step, ruleList: list },
    ),
  ];
}

/** Patterns that begin like no normal path, or go through one. A name is never changed to fit them. */
const NOT_NORMAL = /^\.\/|\/\.{1,2}\/|\\/;
/** `*`, `?`, or a set that could hardly be part of a name. `[slug].js` is a name. */
const PATTERN = /[*?]|\[(?:![^\]]|[^\]]-[^\]])[^\]]*\]/;

function patternFindings({ rule, place, where }: PlacedRule): Finding[] {
  const texts =
    rule.kind === "require"
      ? [rule.name]
      : rule.kind === "match"
        ? [rule.pattern.pattern, rule.sourcePrefix, rule.destinationPrefix]
        : [rule.pattern.pattern];
  const said = `The rule ${quote(ruleText(rule))} ${where}`;
  if (texts.some((text) => NOT_NORMAL.test(text))) {
    const message = `${said} matches no artifact: names are paths in normal form.`;
    return [finding("pattern_not_normal", message, place)];
  }
  if (rule.kind === "require" && PATTERN.test(rule.name)) {
    const message = `${said} takes the text for a name, letter by letter, and not for a pattern.`;
    return [finding("require_pattern", message, place)];
  }
  return [];
}

/** What was created is no material, and what was deleted is no product: such a rule never takes anything. */
function idleFindings({ rule, place, where }: PlacedRule, list: ArtifactType): Finding[] {
  if (rule.kind !== (list === "materials" ? "create" : "delete")) return [];
  const why =
    list === "materials" ? "what a step creates is not among them" : "what a step deletes is not among them";
  return [finding("idle_rule", `The rule ${quote(ruleText(rule))} ${where} takes nothing: ${why}.`, place)];
}

/** Rules that come too late, because an earlier one certainly took all that they could speak about. */
function takenFindings(rules: readonly PlacedRule[], reaches: Reaches): Finding[] {
  const before: { readonly placed: PlacedRule; readonly reach: Reach }[] = [];
  return rules.flatMap((placed) => {
    const { rule, place, where } = placed;
    const reach = reachOf(rule);
    const earlier = before.find(
      (one) => takesFrom(one.placed.rule, rule) && reaches.covers(one.reach, reach),
    );
    before.push({ placed, reach });
    if (earlier === undefined) return [];
    const said = `The rule ${quote(ruleText(rule))} ${where}`;
    const because = `${quote(ruleText(earlier.placed.rule))} before it`;
    if (rule.kind === "require") {
      const message = `${said} can never hold: ${because} leaves no such artifact.`;
      return [finding("require_too_late", message, place)];
    }
    const effect = rule.kind === "disallow" ? "can refuse nothing" : "can take nothing";
    return [finding("unreachable_rule", `${said} ${effect}: ${because} leaves nothing of it.`, place)];
  });
}

/**
 * Whether a rule leaves nothing, within its reach, that a later one could be about. ALLOW takes everything and DISALLOW
 * fails on everything. The others take what meets their condition, so nothing is left for the same condition again.
 */
function takesFrom(earlier: ArtifactRule, later: ArtifactRule): boolean {
  switch (earlier.kind) {
    case "allow":
    case "disallow":
      return true;
    case "match":
      return (
        later.kind === "match" &&
        later.step === earlier.step &&
        later.type === earlier.type &&
        later.sourcePrefix === earlier.sourcePrefix &&
        later.destinationPrefix === earlier.destinationPrefix
      );
    case "require":
      return false;
    default:
      return later.kind === earlier.kind;
  }
}

/** What is wrong with the steps that MATCH rules name. */
export function matchFindings({ steps, inspections }: Layout): Finding[] {
  const order = new Map(steps.map(({ name }, index) => [name, index]));
  const all = new Set([...order.keys(), ...inspections.map(({ name }) => name)]);
  // Whoever has so many names wrong is not helped by one more guess, and each looks at every step.
  const guesses = new Map<string, string>();
  const guess = (name: string): string => {
    const known = guesses.get(name);
    if (known !== undefined) return known;
    const nearest = guesses.size < GUESSES ? nearestName(name, order.keys()) : undefined;
    const hint = nearest === undefined ? "" : ` Did you mean ${quote(nearest)}?`;
    if (guesses.size < GUESSES) guesses.set(name, hint);
    return hint;
  };
  return [...steps, ...inspections].flatMap((item) => {
    const isStep = order.has(item.name);
    return matchesOf(item).flatMap(({ rule, place, where }) => {
      const said = `The rule ${quote(ruleText(rule))} ${where}`;
      if (!(isStep ? order : all).has(rule.step)) {
        // A parameter may name the step.
        if (/\{[A-Za-z0-9_-]+\}/.test(rule.step)) return [];
        return [finding("unknown_step", `${said} names ${unknownStep(rule.step, all, guess)}`, place)];
      }
      if (rule.step === item.name) return selfFindings(said, rule, place);
      const [here = 0, there = 0] = [order.get(item.name), order.get(rule.step)];
      if (!isStep || there < here || place.ruleList !== "materials" || rule.type !== "products") return [];
      const message = `${said} takes what a later step makes; when this step is carried out, there is nothing of it yet.`;
      return [finding("match_from_later_step", message, place)];
    });
  });
}

/** Unknown names for which the nearest known one is looked for. */
const GUESSES = 32;

function unknownStep(name: string, all: ReadonlySet<string>, guess: (name: string) => string): string {
  if (all.has(name)) return `the inspection ${quote(name)}, but inspections come after all steps.`;
  return `the step ${quote(name)}, but there is no such step.${guess(name)}`;
}

function selfFindings(said: string, rule: MatchRule, place: FindingPlace): Finding[] {
  if (rule.type !== place.ruleList || rule.sourcePrefix !== rule.destinationPrefix) return [];
  const message = `${said} compares every artifact with itself, so it allows whatever stands there.`;
  return [finding("match_itself", message, place)];
}

function matchesOf(item: Item): readonly PlacedRule<MatchRule>[] {
  return LISTS.flatMap((list) => rulesOf(item, list)).flatMap(({ rule, ...rest }) =>
    rule.kind === "match" ? [{ ...rest, rule }] : [],
  );
}

/**
 * Steps that no MATCH ties to another: links from the making of anything else will do for them. Nothing is said while a
 * MATCH names a step that is not there, because it may have been meant to be that tie.
 */
export function isolatedSteps({ steps, inspections }: Layout): Finding[] {
  if (steps.length < 2) return [];
  const names = new Set([...steps, ...inspections].map(({ name }) => name));
  const tied = new Set<string>();
  for (const item of [...steps, ...inspections]) {
    for (const { rule } of matchesOf(item)) {
      if (!names.has(rule.step)) return [];
      if (rule.step === item.name) continue;
      tied.add(item.name).add(rule.step);
    }
  }
  return steps
    .filter(({ name }) => !tied.has(name))
    .map(({ name }) =>
      finding(
        "isolated_step",
        `No MATCH ties step ${quote(name)} to another step, so evidence from the making of any other artifact stands for it as well.`,
        { step: name },
      ),
    );
}
