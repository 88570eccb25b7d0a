import { type Digest, type Sha256Hex, StemmaError } from "@stemma/encoding";
import type { ArtifactDigests } from "./artifacts.ts";
import { productsWith } from "./candidates.ts";
import type { CollectedEvidence } from "./collect.ts";
import type { Functionary } from "./functionaries.ts";
import type { Layout } from "./layout.ts";
import type { InTotoLimits } from "./limits.ts";
import { isTransformational, statedMaterials } from "./predicates/index.ts";
import type { Statement } from "./statement.ts";

/** Something that was used in making an artifact, as somebody says. */
export interface Dependency {
  /** A URI where one is given, or else a name: for people, and for the owners' patterns. Empty where there is neither. */
  readonly uri: string;
  readonly digests: ArtifactDigests;
}

/** What functionaries of a step say was used in making the very artifact that is asked about. */
export interface StatedDependencies {
  readonly step: string;
  /** Which of the step's predicates it attests, by place; undefined for links. */
  readonly predicate: number | undefined;
  readonly sha256: Sha256Hex;
  /** How many distinct functionaries the layout asks for, for such evidence. */
  readonly threshold: number;
  /** Who signed it, of those whom the layout lets. */
  readonly functionaries: readonly Functionary[];
  readonly dependencies: readonly Dependency[];
}

/**
 * The dependencies that authorised evidence states of an artifact: materials of links (in-toto 4.4), and what provenance
 * lists (SLSA 1.2, `resolvedDependencies`). Only of evidence whose product is the artifact: what is said of another one, by
 * whomever, says nothing of this one.
 */
export function statedDependencies(
  layout: Layout,
  collected: CollectedEvidence,
  digest: Digest,
  limits: InTotoLimits,
): readonly StatedDependencies[] {
  const stated: StatedDependencies[] = [];
  for (const [index, step] of layout.steps.entries()) {
    const found = collected.steps[index];
    for (const { sha256, report, functionaries, sublayout, predicateType } of found?.groups.flatMap(
      ({ reports }) => reports,
    ) ?? []) {
      if (sublayout !== undefined || predicateType !== undefined) continue;
      if (productsWith(report.products, digest).length === 0) continue;
      const dependencies = [...report.materials].map(([uri, digests]) => ({ uri, digests }));
      stated.push({
        step: step.name,
        predicate: undefined,
        sha256,
        threshold: step.threshold,
        functionaries,
        dependencies,
      });
    }
    for (const [place, attestations] of found?.attestations.entries() ?? []) {
      const threshold = step.expectedPredicates[place]?.threshold ?? step.threshold;
      for (const { sha256, statement, functionaries } of attestations) {
        const subjects = new Map(statement.subjects.map(({ digest: subject }, at) => [String(at), subject]));
        if (productsWith(subjects, digest).length === 0) continue;
        const dependencies = dependenciesOf(statement, limits);
        if (dependencies === undefined) continue;
        stated.push({ step: step.name, predicate: place, sha256, threshold, functionaries, dependencies });
      }
    }
  }
  return stated;
}

/** Undefined for statements that say nothing of dependencies, and for those whose list cannot be read. */
function dependenciesOf(statement: Statement, limits: InTotoLimits): readonly Dependency[] | undefined {
  if (!isTransformational(statement.predicateType)) return undefined;
  try {
    return statedMaterials(statement, limits).map(({ uri, name, digest }) => ({
      uri: uri ?? name ?? "",
      digests: digest,
    }));
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    return undefined;
  }
}
