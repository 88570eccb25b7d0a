import { type Digest, parseDigest, StemmaError } from "@stemma/encoding";
import { countDistinct, type Dependency, type StatedDependencies } from "@stemma/in-toto";
import type { DependencyTrace, Problem } from "./ancestry.ts";
import { attempt } from "./attempt.ts";
import type { Proof } from "./bases.ts";
import type { DependencyDemand } from "./policy.ts";
import { codes } from "./relatives.ts";
import type { Verdict } from "./verdict.ts";
import type { Found, Work } from "./walk.ts";

/** Dependencies of which a trace tells. */
const MAX_TRACED = 256;

/**
 * Whether what an artifact was made of is as the owners demand it. For each demand there must be evidence, of as many distinct
 * functionaries as the layout asks for, that lists at least one dependency which the pattern matches, and in which every one
 * that it matches is proven. Evidence that falls short counts for nothing, so more of it never denies.
 */
export function* checkDependencies(
  digest: Digest,
  stated: readonly StatedDependencies[],
  demand: DependencyDemand,
  proof: Proof,
): Work<{
  readonly traces: readonly DependencyTrace[];
  readonly reasons: readonly Problem[];
  /** The verdicts by which dependencies are proven: all of them, however many the traces tell of. */
  readonly supports: ReadonlySet<Verdict>;
}> {
  const { meter } = proof.walk;
  const supports = new Set<Verdict>();
  const traces: DependencyTrace[] = [];
  /** Evidence that satisfies the demand, by the step that it stands for and which of its predicates it is. */
  const satisfied = new Map<string, StatedDependencies[]>();
  const outcomes: Outcomes = new Map();
  let listed = false;
  for (const one of stated) {
    const matching = one.dependencies.filter(({ uri }) => demand.uri.matches(uri, meter));
    if (matching.length === 0) continue;
    listed = true;
    let complete = true;
    for (const dependency of matching) {
      const trace = yield* traceDependency(dependency, one, demand, proof, outcomes);
      if (traces.length < MAX_TRACED) traces.push(trace);
      if (trace.grade === "proven" && trace.verdict !== undefined) supports.add(trace.verdict);
      if (trace.grade !== "proven" && demand.grade === "proven") complete = false;
    }
    if (!complete) continue;
    const key = JSON.stringify([one.step, one.predicate]);
    const group = satisfied.get(key);
    if (group === undefined) satisfied.set(key, [one]);
    else group.push(one);
  }
  for (const group of satisfied.values()) {
    const functionaries = group.flatMap((one) => one.functionaries);
    if (countDistinct(functionaries) >= (group[0]?.threshold ?? 1)) return { traces, reasons: [], supports };
  }
  return { traces, reasons: [shortfall(digest, demand, listed, traces)], supports };
}

function shortfall(
  digest: Digest,
  { pattern, grade }: DependencyDemand,
  listed: boolean,
  traces: readonly DependencyTrace[],
): Problem {
  if (!listed || grade === "claimed") {
    return {
      code: "dependency_missing",
      message: `The project demands dependencies like ${pattern}, and no provenance of ${digest} by enough functionaries lists one.`,
    };
  }
  const first = traces.find((trace) => trace.grade !== "proven");
  return {
    code: "dependency_not_proven",
    message:
      first === undefined
        ? `The dependencies like ${pattern} of ${digest} are proven by the evidence of too few functionaries.`
        : `The dependency ${first.uri} of ${digest} is not proven. ${first.problem?.message ?? ""}`.trim(),
  };
}

/** What came of a digest. Evidence may list one ten thousand times, and whoever may prove it is asked once. */
type Outcomes = Map<Digest, Outcome>;
type Outcome = Pick<DependencyTrace, "grade" | "origin" | "decision" | "verdict" | "problem">;

const NOT_ASKED = { origin: undefined, decision: undefined, verdict: undefined };

function* traceDependency(
  { uri, digests }: Dependency,
  { sha256 }: StatedDependencies,
  { grade }: Pick<DependencyDemand, "grade">,
  proof: Proof,
  outcomes: Outcomes,
): Work<DependencyTrace> {
  const digest = digestOf(digests);
  const known = { uri, digest, evidence: sha256 };
  if (digest === undefined) {
    const message = `${uri} is listed without a sha256 or sha512, so nobody can tell what it was.`;
    return {
      ...known,
      ...NOT_ASKED,
      grade: "claimed",
      problem: { code: "dependency_not_proven", message },
    };
  }
  if (grade === "claimed") return { ...known, ...NOT_ASKED, grade, problem: undefined };
  const outcome = outcomes.get(digest) ?? (yield* proveDependency(digest, proof));
  outcomes.set(digest, outcome);
  return { ...known, ...outcome };
}

function* proveDependency(digest: Digest, proof: Proof): Work<Outcome> {
  let verdict: Found["verdict"] | undefined;
  let message = `No project that may prove it has ${digest} on record.`;
  for (const origin of proof.from ?? (yield* claimedOrigins(digest, proof))) {
    try {
      const place = yield* proof.placeOf(origin);
      const found = yield* proof.walk.verdict(
        place,
        origin.project,
        digest,
        proof.from === undefined ? "explore" : "full",
      );
      if (found === undefined) continue;
      verdict = found.verdict;
      message = `${digest} does not hold itself: ${codes(verdict)}.`;
      if (verdict.decision !== "allow") continue;
      const trace = { project: origin.project, domain: place.domain?.name, root: place.domain?.root };
      return { grade: "proven", origin: trace, decision: verdict.decision, verdict, problem: undefined };
    } catch (error) {
      if (!(error instanceof StemmaError) || error.code === "lineage_limit") throw error;
      message = error.message;
    }
  }
  return {
    grade: "claimed",
    origin: undefined,
    decision: verdict?.decision,
    verdict,
    problem: { code: "dependency_not_proven", message },
  };
}

/** The projects of this domain that a record claims, for those who only want to know. */
function* claimedOrigins(digest: Digest, { walk, place }: Proof): Work<NonNullable<Proof["from"]>> {
  const record = yield* walk.record(place, digest);
  return (record?.projects ?? []).map((project) => ({ project, domain: undefined, foundation: false }));
}

/** Dependencies that are looked at where nobody demands any. */
const MAX_EXPLORED = 64;

/** What is to be found of dependencies that nobody demands. */
export function* exploreDependencies(
  stated: readonly StatedDependencies[],
  proof: Proof,
): Work<readonly DependencyTrace[]> {
  const traces = new Map<string, DependencyTrace>();
  const outcomes: Outcomes = new Map();
  for (const one of stated) {
    for (const dependency of one.dependencies) {
      if (traces.size >= MAX_EXPLORED) return [...traces.values()];
      const digest = digestOf(dependency.digests);
      const key = digest ?? dependency.uri;
      if (traces.has(key)) continue;
      traces.set(key, yield* traceDependency(dependency, one, { grade: "proven" }, proof, outcomes));
    }
  }
  return [...traces.values()];
}

function digestOf(digests: Dependency["digests"]): Digest | undefined {
  for (const algorithm of ["sha256", "sha512"]) {
    const hex = digests.get(algorithm);
    if (hex !== undefined) return attempt(() => parseDigest(`${algorithm}:${hex}`));
  }
  return undefined;
}
