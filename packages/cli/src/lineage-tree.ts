import type { Digest } from "@stemma/encoding";
import type { BaseTrace, DependencyTrace, Grade, OriginTrace, Verdict } from "@stemma/lineage";

/** An artifact in the tree of what another one rests on. */
export interface LineageBranch {
  /** How the one above rests on it; undefined for the artifact that was asked about. */
  readonly relation: "index" | "platform" | "base" | "dependency" | undefined;
  readonly digest: Digest | undefined;
  /** A platform, or a dependency's URI. */
  readonly name: string | undefined;
  readonly grade: Grade | undefined;
  /** Of its own verdict, where there is one. */
  readonly decision: Verdict["decision"] | undefined;
  /** `app`, or `debian of upstream`. */
  readonly origin: string | undefined;
  readonly layers: BaseTrace["layers"];
  /** Why it does not hold, or why its grade is not better. */
  readonly problem: string | undefined;
  readonly branches: readonly LineageBranch[];
}

/** The tree of a verdict. An artifact that was told of further up is not told of again below itself. */
export function lineageTree(verdict: Verdict): LineageBranch {
  return {
    relation: undefined,
    digest: verdict.digest,
    name: verdict.record?.mediaType,
    grade: undefined,
    decision: verdict.decision,
    origin: verdict.project === "" ? undefined : verdict.project,
    layers: undefined,
    problem: problemOf(verdict),
    branches: branchesOf(verdict, new Set([verdict.digest])),
  };
}

function branchesOf({ ancestry }: Verdict, above: ReadonlySet<Digest>): readonly LineageBranch[] {
  const { relatives = [], bases = [], dependencies = [] } = ancestry ?? {};
  const below = (verdict: Verdict | undefined): readonly LineageBranch[] =>
    verdict === undefined || above.has(verdict.digest)
      ? []
      : branchesOf(verdict, new Set([...above, verdict.digest]));
  const ofBases = bases.map((base) => baseBranch(base, below(base.verdict)));
  const platforms = new Set(relatives.map(({ digest }) => digest));
  return [
    ...relatives.map(({ relation, digest, platform, verdict }): LineageBranch => {
      const own = bases.flatMap((base, index) => (base.image === digest ? (ofBases[index] ?? []) : []));
      return {
        relation,
        digest,
        name: platform,
        grade: verdict.decision === "allow" ? "proven" : "claimed",
        decision: verdict.decision,
        origin: undefined,
        layers: undefined,
        problem: problemOf(verdict),
        branches: [...below(verdict), ...own],
      };
    }),
    ...ofBases.filter((_, index) => !platforms.has(bases[index]?.image as Digest)),
    ...dependencies.map((dependency) => dependencyBranch(dependency, below(dependency.verdict))),
  ];
}

function baseBranch(
  { digest, grade, verdict, origin, layers, problem }: BaseTrace,
  branches: readonly LineageBranch[],
): LineageBranch {
  return {
    relation: "base",
    digest,
    name: undefined,
    grade,
    decision: verdict?.decision,
    origin: originText(origin),
    layers,
    problem: problem?.message,
    branches,
  };
}

function dependencyBranch(
  { uri, digest, grade, verdict, origin, problem }: DependencyTrace,
  branches: readonly LineageBranch[],
): LineageBranch {
  return {
    relation: "dependency",
    digest,
    name: uri === "" ? undefined : uri,
    grade,
    decision: verdict?.decision,
    origin: originText(origin),
    layers: undefined,
    problem: problem?.message,
    branches,
  };
}

function originText(origin: OriginTrace | undefined): string | undefined {
  if (origin === undefined) return undefined;
  return origin.domain === undefined ? origin.project : `${origin.project} of ${origin.domain}`;
}

function problemOf({ reasons }: Verdict): string | undefined {
  return reasons.length === 0 ? undefined : reasons.map(({ message }) => message).join(" ");
}

/** `base, proven by debian of upstream, 5 of 7 layers`: what is known of a branch, in words. */
export function branchWords({ relation, grade, origin, layers, decision }: LineageBranch): string {
  if (relation === undefined) return `${decision ?? ""}${origin === undefined ? "" : ` by ${origin}`}`;
  const by = grade === "proven" && origin !== undefined ? ` by ${origin}` : "";
  const share = layers === undefined ? "" : `, ${layers.base} of ${layers.image} layers`;
  return `${relation}, ${grade ?? ""}${by}${share}`;
}
