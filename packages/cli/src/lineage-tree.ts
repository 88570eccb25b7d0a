import type { Digest } from "@stemma/encoding";
import { MANIFEST_TYPES } from "@stemma/image";
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

/** The tree of a verdict. What an artifact rests on is told where it comes first. */
export function lineageTree(verdict: Verdict): LineageBranch {
  return {
    relation: undefined,
    digest: verdict.digest,
    name: verdict.record?.mediaType,
    grade: undefined,
    decision: verdict.decision,
    origin: verdict.project === "" ? undefined : verdict.project,
    layers: undefined,
    problem: problemOf(verdict) ?? withoutContents(verdict),
    branches: branchesOf(verdict),
  };
}

function branchesOf(verdict: Verdict | undefined): readonly LineageBranch[] {
  const { relatives = [], bases = [], dependencies = [] } = verdict?.ancestry ?? {};
  // The base of an image stands below that image, and the base of a base below that. Two images of the same layers may name
  // each other.
  const upon = (
    image: Digest | undefined,
    above: ReadonlySet<Digest | undefined>,
  ): readonly LineageBranch[] =>
    bases
      .filter((base) => base.image === image && !above.has(base.manifest))
      .map((base) =>
        baseBranch(base, [
          ...branchesOf(base.verdict),
          ...(base.manifest === undefined ? [] : upon(base.manifest, new Set([...above, base.manifest]))),
        ]),
      );
  const placed = new Set<Digest | undefined>([
    ...relatives.map(({ digest }) => digest),
    ...bases.map(({ manifest }) => manifest),
  ]);
  return [
    ...relatives.map(
      ({ relation, digest, platform, decision, verdict: own }): LineageBranch => ({
        relation,
        digest,
        name: platform,
        grade: decision === "allow" ? "proven" : "claimed",
        decision,
        origin: undefined,
        layers: undefined,
        problem: own === undefined ? undefined : problemOf(own),
        branches: [...branchesOf(own), ...upon(digest, new Set([digest]))],
      }),
    ),
    ...[...new Set(bases.map(({ image }) => image))]
      .filter((image) => image === verdict?.digest || !placed.has(image))
      .flatMap((image) => upon(image, new Set([image]))),
    ...dependencies.map((dependency) => dependencyBranch(dependency, branchesOf(dependency.verdict))),
  ];
}

function baseBranch(
  { digest, grade, decision, origin, layers, problem }: BaseTrace,
  branches: readonly LineageBranch[],
): LineageBranch {
  return {
    relation: "base",
    digest,
    name: undefined,
    grade,
    decision,
    origin: originText(origin),
    layers,
    problem: problem?.message,
    branches,
  };
}

function dependencyBranch(
  { uri, digest, grade, decision, origin, problem }: DependencyTrace,
  branches: readonly LineageBranch[],
): LineageBranch {
  return {
    relation: "dependency",
    digest,
    name: uri === "" ? undefined : uri,
    grade,
    decision,
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

/** Of an image without its manifest on record nothing is known, and that looks like an image that rests on nothing. */
function withoutContents({ record, ancestry }: Verdict): string | undefined {
  if (ancestry === undefined || ancestry.kind !== undefined || record === undefined) return undefined;
  if (!MANIFEST_TYPES.includes(record.mediaType)) return undefined;
  return "Its manifest is not on record, so nobody can tell its base or its platforms: record it again from its registry or image layout.";
}

/** `base, proven by debian of upstream, 5 of 7 layers`: what is known of a branch, in words. */
export function branchWords({ relation, grade, origin, layers, decision }: LineageBranch): string {
  if (relation === undefined) return `${decision ?? ""}${origin === undefined ? "" : ` by ${origin}`}`;
  // Which platforms an index lists is certain; whether they hold is what is to be told of them.
  if (relation === "index" || relation === "platform") {
    return `${relation}, ${decision === "deny" ? "does not hold itself" : "holds"}`;
  }
  const by = grade === "proven" && origin !== undefined ? ` by ${origin}` : "";
  const share = layers === undefined ? "" : `, ${layers.base} of ${layers.image} layers`;
  return `${relation}, ${grade ?? ""}${by}${share}`;
}

/** How sure a branch is, as all drawings colour it. */
export function sureness({ relation, grade, decision }: LineageBranch): "good" | "fair" | "weak" | "bad" {
  if (relation === undefined || relation === "index" || relation === "platform") {
    return decision === "deny" ? "bad" : "good";
  }
  return grade === "proven" ? "good" : grade === "contained" ? "fair" : "weak";
}
