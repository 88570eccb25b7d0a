import { type Digest, digestParts } from "@stemma/encoding";
import type { Artifacts } from "./artifacts.ts";
import type { Candidate, StepEvidence } from "./collect.ts";
import { agreeOnDigest } from "./digests.ts";
import type { ExpectedPredicate } from "./expected-predicate.ts";
import { countDistinct, mergeFunctionaries } from "./functionaries.ts";
import type { Step } from "./layout.ts";
import type { FoundAttestation } from "./report.ts";

/**
 * What may stand for a step: groups of agreeing reports that enough distinct functionaries signed, each with what the
 * step's further predicates ask to be attested about its products.
 *
 * @param digest the artifact asked about, when the step is the last one: what is attested must be about it. Otherwise it
 *   must be about every product.
 */
export function candidatesOf(
  step: Step,
  found: StepEvidence,
  digest: Digest | undefined,
): readonly Candidate[] {
  const candidates: Candidate[] = [];
  for (const group of found.groups) {
    if (countDistinct(group.functionaries) < step.threshold) continue;
    const companions: FoundAttestation[] = [];
    const complete = step.expectedPredicates.every((expected, index) => {
      if (index === 0) return true;
      const about = attestedAbout(group, found.attestations[index] ?? [], expected, digest);
      companions.push(...(about ?? []));
      return about !== undefined;
    });
    if (complete) candidates.push({ ...group, companions });
  }
  return candidates;
}

/** The attestations by which a predicate is satisfied for a candidate's products; undefined when it is not. */
function attestedAbout(
  { report }: Candidate,
  attestations: readonly FoundAttestation[],
  { threshold }: ExpectedPredicate,
  digest: Digest | undefined,
): readonly FoundAttestation[] | undefined {
  const products =
    digest === undefined
      ? [...report.products.values()]
      : productsWith(report.products, digest).flatMap((name) => report.products.get(name) ?? []);
  const used = new Set<FoundAttestation>();
  for (const product of products) {
    const about = attestations.filter(({ statement }) =>
      statement.subjects.some((subject) => agreeOnDigest(subject.digest, product)),
    );
    if (countDistinct(mergeFunctionaries(about.map((one) => one.functionaries))) < threshold)
      return undefined;
    for (const one of about) used.add(one);
  }
  // Without a product there is nothing that anything could be attested about.
  return products.length === 0 ? undefined : [...used];
}

/** The names of the products that have a digest. */
export function productsWith(products: Artifacts, digest: Digest): string[] {
  const { algorithm, hex } = digestParts(digest);
  const names: string[] = [];
  for (const [name, digests] of products) if (digests.get(algorithm) === hex) names.push(name);
  return names;
}
