import { attributeText, type FunctionarySet, type Layout, ruleText, whoMaySign } from "@stemma/in-toto";

/** A place in a layout where somebody may sign: a step, or an expected predicate of a step. */
export interface LayoutPlace {
  /** As people say it. */
  readonly name: string;
  readonly step: string;
  readonly predicateType: string | undefined;
  readonly threshold: number;
  readonly set: FunctionarySet;
  /** Whoever may sign, in words, by what makes them who they are: a key that only got another id is the same. */
  readonly members: ReadonlyMap<string, string>;
  /** What is asked of what they sign, as one text to compare. */
  readonly demands: string;
}

/** The places of a layout, in its order. */
export function placesOf(layout: Layout): readonly LayoutPlace[] {
  return layout.steps.flatMap((step): LayoutPlace[] => {
    const rules = [step.expectedMaterials, step.expectedProducts].map((list) => list.map(ruleText));
    const demands = JSON.stringify([...rules, step.expectedCommand]);
    const common = { step: step.name, demands };
    if (step.expectedPredicates.length === 0) {
      const name = `step ${step.name}`;
      const { threshold } = step;
      return [{ ...common, name, predicateType: undefined, threshold, set: step, members: membersOf(step) }];
    }
    return step.expectedPredicates.map((expected) => ({
      step: step.name,
      name: `step ${step.name}, attestations of ${expected.predicateType}`,
      predicateType: expected.predicateType,
      threshold: expected.threshold,
      set: expected,
      members: membersOf(expected),
      demands: JSON.stringify([demands, expected.attributes.map(attributeText)]),
    }));
  });
}

function membersOf(set: FunctionarySet): ReadonlyMap<string, string> {
  const members = new Map<string, string>();
  for (const { fingerprint } of set.keys.values()) members.set(fingerprint, fingerprint.slice(0, 16));
  for (const { fingerprint, identity, issuer } of set.identities.values()) {
    members.set(fingerprint, `${identity} of ${issuer}`);
  }
  const nobodyElse = { ...set, keyIds: [] };
  for (const [index, words] of whoMaySign(nobodyElse).entries()) {
    members.set(JSON.stringify(set.constraints[index]), words);
  }
  return members;
}

/** The certificate authorities and inspections of a layout, as texts to compare. */
export function surroundingsOf(layout: Layout | undefined): { authorities: string; inspections: string } {
  const { roots, intermediates } = layout?.authorities ?? { roots: new Map(), intermediates: [] };
  return {
    authorities: JSON.stringify([
      [...roots].map(([label, { fingerprint }]) => [label, fingerprint]).sort(),
      intermediates.map(({ fingerprint }) => fingerprint).sort(),
    ]),
    inspections: JSON.stringify(
      (layout?.inspections ?? []).map(({ name, run, expectedMaterials, expectedProducts }) => [
        name,
        run,
        expectedMaterials.map(ruleText),
        expectedProducts.map(ruleText),
      ]),
    ),
  };
}
