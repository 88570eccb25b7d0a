import { type ArtifactDigests, type Artifacts, digestTexts, sameDigests } from "./artifacts.ts";
import { agreeOnDigest, strongDigests } from "./digests.ts";
import type { Glob } from "./glob.ts";
import { DEFAULT_LIMITS, type InTotoLimits, type Meter } from "./limits.ts";
import { type ArtifactRule, type ArtifactType, type MatchRule, ruleText } from "./rule.ts";

/** The materials and products that rules speak about. */
export interface ItemArtifacts {
  readonly materials: Artifacts;
  readonly products: Artifacts;
  /**
   * In which of them the names are labels, as an attestation's are: it is about digests, "regardless of content type"
   * (in-toto attestation, Statement). A MATCH with labels on either side compares digests alone.
   */
  readonly labels?: readonly ArtifactType[];
}

/** What one rule did: the artifacts that it took from the queue, and how many it left. */
export interface RuleTrace {
  readonly list: ArtifactType;
  readonly text: string;
  /** The first of them; `consumedCount` is all. */
  readonly consumed: readonly string[];
  readonly consumedCount: number;
  readonly left: number;
}

/** Why an artifact was still in the queue: a MATCH rule looked at it and found something else. */
export interface Mismatch {
  readonly artifact: string;
  readonly rule: string;
  readonly found: readonly string[];
  /** Empty: the other step has no such artifact. */
  readonly expected: readonly string[];
}

export interface RuleFailure {
  readonly list: ArtifactType;
  readonly index: number;
  readonly text: string;
  /** The first of the artifacts concerned, in order; `artifactCount` is all. */
  readonly artifacts: readonly string[];
  readonly artifactCount: number;
  readonly mismatches: readonly Mismatch[];
}

export interface RuleOutcome {
  readonly trace: readonly RuleTrace[];
  readonly failure: RuleFailure | undefined;
}

/**
 * Applies the rules of one list to the materials or the products of a step (in-toto 4.3.3).
 *
 * Every artifact begins in the queue; each rule in turn takes out what it authorises. `DISALLOW` fails when its pattern
 * matches what is left, `REQUIRE` when its artifact is no longer there. What no rule speaks about is allowed, as the
 * specification has it: a list should end in `DISALLOW *`.
 *
 * @param linkOf the artifacts of another step by name; without them a MATCH takes nothing
 */
export function applyRules(
  list: ArtifactType,
  rules: readonly ArtifactRule[],
  item: ItemArtifacts,
  linkOf: (step: string) => ItemArtifacts | undefined,
  meter: Meter,
  limits: InTotoLimits = DEFAULT_LIMITS,
): RuleOutcome {
  const trace: RuleTrace[] = [];
  let queue: readonly string[] = [...item[list].keys()];
  for (const [index, rule] of rules.entries()) {
    const failed = violation(rule, queue, meter);
    if (failed.length > 0) {
      const artifacts = failed.slice(0, limits.traceNames);
      const mismatches = explain(rules.slice(0, index), artifacts, item[list], linkOf, meter);
      const text = ruleText(rule);
      return {
        trace,
        failure: { list, index, text, artifacts, artifactCount: failed.length, mismatches },
      };
    }
    const authorises = authority(rule, item, list, linkOf, meter);
    const left: string[] = [];
    const consumed: string[] = [];
    let consumedCount = 0;
    for (const name of queue) {
      if (!authorises(name)) {
        left.push(name);
        continue;
      }
      consumedCount += 1;
      if (consumed.length < limits.traceNames) consumed.push(name);
    }
    meter.spend(queue.length);
    queue = left;
    trace.push({ list, text: ruleText(rule), consumed, consumedCount, left: left.length });
  }
  return { trace, failure: undefined };
}

/** The artifacts for which a rule fails: what DISALLOW matches, or what REQUIRE misses. */
function violation(rule: ArtifactRule, queue: readonly string[], meter: Meter): readonly string[] {
  if (rule.kind === "disallow") return queue.filter((name) => rule.pattern.matches(name, meter));
  if (rule.kind === "require" && !queue.includes(rule.name)) return [rule.name];
  return [];
}

/** Which artifacts of the queue a rule takes out. */
function authority(
  rule: ArtifactRule,
  item: ItemArtifacts,
  list: ArtifactType,
  linkOf: (step: string) => ItemArtifacts | undefined,
  meter: Meter,
): (name: string) => boolean {
  const { materials, products } = item;
  const matching =
    (pattern: Glob, condition: (name: string) => boolean) =>
    (name: string): boolean =>
      condition(name) && pattern.matches(name, meter);

  switch (rule.kind) {
    case "match": {
      const source = linkOf(rule.step);
      const other = source?.[rule.type];
      if (source === undefined || other === undefined) return () => false;
      if (item.labels?.includes(list) === true || source.labels?.includes(rule.type) === true) {
        const find = findByDigest(other, rule.destinationPrefix, meter);
        return (name) => {
          const here = item[list].get(name);
          return here !== undefined && counterpartOf(rule, name, meter) !== undefined && find(here);
        };
      }
      return (name) => {
        const counterpart = counterpartOf(rule, name, meter);
        if (counterpart === undefined) return false;
        const here = item[list].get(name);
        const there = other.get(counterpart);
        return here !== undefined && there !== undefined && sameDigests(here, there);
      };
    }
    case "create":
      return matching(rule.pattern, (name) => products.has(name) && !materials.has(name));
    case "delete":
      return matching(rule.pattern, (name) => materials.has(name) && !products.has(name));
    case "modify":
      return matching(rule.pattern, (name) => {
        const before = materials.get(name);
        const after = products.get(name);
        return before !== undefined && after !== undefined && !sameDigests(before, after);
      });
    case "allow":
      return matching(rule.pattern, () => true);
    case "disallow":
    case "require":
      return () => false;
  }
}

type DigestIndex = ReadonlyMap<string, readonly ArtifactDigests[]>;

/** Artifacts by digest, for each prefix that a rule asked for: one look through them all, however many rules there are. */
const indexes = new WeakMap<Artifacts, Map<string, DigestIndex>>();

function digestIndex(artifacts: Artifacts, prefix: string, meter: Meter): DigestIndex {
  const byPrefix = indexes.get(artifacts) ?? new Map<string, DigestIndex>();
  indexes.set(artifacts, byPrefix);
  const known = byPrefix.get(prefix);
  if (known !== undefined) return known;
  const byDigest = new Map<string, ArtifactDigests[]>();
  for (const [name, digests] of artifacts) {
    if (!name.startsWith(prefix)) continue;
    for (const text of strongDigests(digests)) {
      const before = byDigest.get(text);
      if (before === undefined) byDigest.set(text, [digests]);
      else before.push(digests);
    }
  }
  meter.spend(LOOKUP_WORK * artifacts.size);
  byPrefix.set(prefix, byDigest);
  return byDigest;
}

/** What it costs to look one artifact up, in comparisons of characters. */
const LOOKUP_WORK = 4;

/** Whether there is an artifact below a prefix that agrees on a digest. */
function findByDigest(
  artifacts: Artifacts,
  prefix: string,
  meter: Meter,
): (digests: ArtifactDigests) => boolean {
  const byDigest = digestIndex(artifacts, prefix, meter);
  return (digests) => {
    meter.spend(LOOKUP_WORK * (1 + digests.size));
    return strongDigests(digests).some((text) =>
      (byDigest.get(text) ?? []).some((other) => {
        meter.spend(1 + digests.size);
        return agreeOnDigest(digests, other);
      }),
    );
  };
}

/**
 * What the artifact is called in the other step, or undefined when the rule does not speak about it. An artifact
 * outside the source prefix is never matched (Python; Go compares it without the prefix, see docs/divergences.md).
 */
function counterpartOf(rule: MatchRule, name: string, meter: Meter): string | undefined {
  if (!name.startsWith(rule.sourcePrefix)) return undefined;
  const rest = name.slice(rule.sourcePrefix.length);
  return rule.pattern.matches(rest, meter) ? rule.destinationPrefix + rest : undefined;
}

/** For artifacts that a rule then refused: the MATCH rules before it that spoke about them, and what they found. */
function explain(
  rules: readonly ArtifactRule[],
  artifacts: readonly string[],
  here: Artifacts,
  linkOf: (step: string) => ItemArtifacts | undefined,
  meter: Meter,
): readonly Mismatch[] {
  const mismatches: Mismatch[] = [];
  for (const artifact of artifacts) {
    const digests = here.get(artifact);
    if (digests === undefined) continue;
    for (const rule of rules) {
      if (rule.kind !== "match") continue;
      const counterpart = counterpartOf(rule, artifact, meter);
      if (counterpart === undefined) continue;
      const there = linkOf(rule.step)?.[rule.type].get(counterpart);
      mismatches.push({
        artifact,
        rule: ruleText(rule),
        found: digestTexts(digests),
        expected: there === undefined ? [] : digestTexts(there),
      });
    }
  }
  return mismatches;
}
