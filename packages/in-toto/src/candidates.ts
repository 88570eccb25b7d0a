import { type Digest, digestParts } from "@stemma/encoding";
import type { ArtifactDigests, Artifacts } from "./artifacts.ts";
import type { Candidate, StepEvidence } from "./collect.ts";
import { agreeOnDigest, strongDigests } from "./digests.ts";
import type { ExpectedPredicate } from "./expected-predicate.ts";
import { countDistinct, mergeFunctionaries } from "./functionaries.ts";
import type { Step } from "./layout.ts";
import type { Meter } from "./limits.ts";
import type { FoundAttestation } from "./report.ts";

/**
 * What may stand for a step: groups of agreeing reports that enough distinct functionaries signed, each with what the
 * step's further predicates ask to be attested about its products.
 *
 * @param digest the artifact asked about, when the step is the last one: what is attested must be about it. Otherwise it
 *   must be about every product.
 *
 * The work of comparing is added to the meter, which may throw `search_limit`.
 */
export function candidatesOf(
  step: Step,
  found: StepEvidence,
  digest: Digest | undefined,
  meter: Meter,
): readonly Candidate[] {
  const candidates: Candidate[] = [];
  const indexes = found.attestations.map((attestations) => {
    let index: SubjectIndex | undefined;
    return (): SubjectIndex => {
      index ??= subjectIndex(attestations, digest, meter);
      return index;
    };
  });
  for (const group of found.groups) {
    if (countDistinct(group.functionaries) < step.threshold) continue;
    const companions: FoundAttestation[] = [];
    const complete = step.expectedPredicates.every((expected, index) => {
      if (index === 0) return true;
      const about = attestedAbout(group, indexes[index]?.() ?? new Map(), expected, digest, meter);
      companions.push(...(about ?? []));
      return about !== undefined;
    });
    if (complete) candidates.push({ ...group, companions });
  }
  return candidates;
}

interface AttestedSubject {
  readonly attestation: FoundAttestation;
  readonly digest: ArtifactDigests;
}

/** What was attested about, by each strong digest of it. */
type SubjectIndex = ReadonlyMap<string, readonly AttestedSubject[]>;

/**
 * The subjects of attestations, looked through once. Where a digest was asked about, a subject counts only if it has that
 * very digest: the products come from whoever signed the first predicate, and two digests in one product, of two
 * artifacts, would otherwise lend the one what was attested about the other.
 */
function subjectIndex(
  attestations: readonly FoundAttestation[],
  digest: Digest | undefined,
  meter: Meter,
): SubjectIndex {
  const index = new Map<string, AttestedSubject[]>();
  const asked = digest === undefined ? undefined : digestParts(digest);
  for (const attestation of attestations) {
    for (const { digest: subject } of attestation.statement.subjects) {
      meter.spend(subject.size);
      if (asked !== undefined && subject.get(asked.algorithm) !== asked.hex) continue;
      for (const text of strongDigests(subject)) {
        const known = index.get(text);
        if (known === undefined) index.set(text, [{ attestation, digest: subject }]);
        else known.push({ attestation, digest: subject });
      }
    }
  }
  return index;
}

/** The attestations by which a predicate is satisfied for a candidate's products; undefined when it is not. */
function attestedAbout(
  { report }: Candidate,
  subjects: SubjectIndex,
  { threshold }: ExpectedPredicate,
  digest: Digest | undefined,
  meter: Meter,
): readonly FoundAttestation[] | undefined {
  const products =
    digest === undefined
      ? [...report.products.values()]
      : productsWith(report.products, digest).flatMap((name) => report.products.get(name) ?? []);
  const used = new Set<FoundAttestation>();
  for (const product of products) {
    const about = new Set<FoundAttestation>();
    for (const text of strongDigests(product)) {
      const found = subjects.get(text) ?? [];
      meter.spend(1 + found.length * (1 + product.size));
      for (const one of found) if (agreeOnDigest(one.digest, product)) about.add(one.attestation);
    }
    const functionaries = [...about].map((one) => one.functionaries);
    meter.spend(FUNCTIONARY_WORK * functionaries.flat().length);
    if (countDistinct(mergeFunctionaries(functionaries)) < threshold) return undefined;
    for (const one of about) used.add(one);
  }
  // Without a product there is nothing that anything could be attested about.
  return products.length === 0 ? undefined : [...used];
}

/** What it costs to count one functionary, in comparisons. */
const FUNCTIONARY_WORK = 16;

/** The names of the products that have a digest. */
export function productsWith(products: Artifacts, digest: Digest): string[] {
  const { algorithm, hex } = digestParts(digest);
  const names: string[] = [];
  for (const [name, digests] of products) if (digests.get(algorithm) === hex) names.push(name);
  return names;
}
