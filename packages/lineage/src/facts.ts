import { type Digest, utf8 } from "@stemma/encoding";
import type { SignerTrace, StepTrace } from "@stemma/in-toto";
import { type Grade, isAtLeast } from "./policy.ts";
import type { Verdict } from "./verdict.ts";

/** Something that an artifact may rest on. */
export interface LineageNode {
  readonly kind: "artifact" | "functionary" | "certificate" | "evidence";
  /** A digest, a fingerprint, a certificate's subject, or the sha256 of evidence. */
  readonly name: string;
}

/** How an artifact rests on something. */
export type Relation = "base" | "platform" | "index" | "dependency" | "step" | "layout" | "evidence";

/** One artifact rests on something, directly. */
export interface LineageFact {
  readonly descendant: Digest;
  readonly ancestor: LineageNode;
  readonly relation: Relation;
  /** Of artifacts; for evidence and for whoever signed there is nothing to grade. */
  readonly grade: Grade | undefined;
}

/**
 * What a verdict has shown: nothing for a denial. Evidence and its functionaries, the owners of the layout, the relatives that it
 * stands by, bases whose layers it really begins with, dependencies that functionaries stated; and the same for every
 * artifact below whose own verdict is an allow.
 *
 * A base that is only named is no fact; that somebody authorised says what was used is one, of the grade `claimed`.
 */
export function factsOf(verdict: Verdict): readonly LineageFact[] {
  const facts = new Map<string, LineageFact>();
  const seen = new Set<Verdict>();
  const visit = (one: Verdict): void => {
    if (one.decision !== "allow" || seen.has(one)) return;
    seen.add(one);
    for (const fact of [...ofLayout(one), ...ofAncestry(one)]) {
      const { descendant, ancestor, relation } = fact;
      if (ancestor.kind === "artifact" && ancestor.name === descendant) continue;
      const key = `${descendant} ${relation} ${ancestor.kind} ${ancestor.name}`;
      const known = facts.get(key)?.grade;
      // Said twice, it is as sure as the surer of the two.
      if (known === undefined || isAtLeast(fact.grade ?? known, known)) facts.set(key, fact);
    }
    const { relatives = [], bases = [], dependencies = [] } = one.ancestry ?? {};
    for (const below of [...relatives, ...bases, ...dependencies])
      if (below.verdict !== undefined) visit(below.verdict);
  };
  visit(verdict);
  return [...facts.values()];
}

function* ofLayout({ digest, lineage }: Verdict): Generator<LineageFact> {
  // What only somebody else's word allows has no layout of its own that was satisfied.
  if (lineage?.ok !== true) return;
  const fact = (ancestor: LineageNode, relation: Relation): LineageFact => ({
    descendant: digest,
    ancestor,
    relation,
    grade: undefined,
  });
  for (const signer of lineage.layout?.signers ?? [])
    for (const node of nodesOf(signer)) yield fact(node, "layout");
  const steps = function* (list: readonly StepTrace[]): Generator<LineageFact> {
    for (const { functionaries, links, attestations = [], sublayouts = [] } of list) {
      const signers = [...functionaries, ...attestations.flatMap((one) => one.functionaries)];
      for (const signer of signers) for (const node of nodesOf(signer)) yield fact(node, "step");
      for (const name of [...links, ...attestations.map(({ sha256 }) => sha256)]) {
        yield fact({ kind: "evidence", name }, "evidence");
      }
      for (const sublayout of sublayouts) yield* steps(sublayout.steps);
    }
  };
  yield* steps(lineage.steps);
}

/** Bytes of a name by which something can be asked for. An authority may write more into a certificate, or nothing. */
const MAX_NAME_BYTES = 2_048;

function nodesOf({ kind, fingerprint, name = "" }: SignerTrace): readonly LineageNode[] {
  const key: LineageNode = { kind: "functionary", name: fingerprint };
  const { length } = utf8(name);
  return kind === "certificate" && length > 0 && length <= MAX_NAME_BYTES ? [key, { kind, name }] : [key];
}

function* ofAncestry({ digest, ancestry }: Verdict): Generator<LineageFact> {
  const artifact = (name: Digest): LineageNode => ({ kind: "artifact", name });
  for (const { relation, digest: other, decision } of ancestry?.relatives ?? []) {
    if (decision !== "allow") continue;
    yield { descendant: digest, ancestor: artifact(other), relation, grade: "proven" };
    // Which platforms an index lists is certain by its bytes, whichever of the two was asked about.
    const [index, platform] = relation === "index" ? [other, digest] : [digest, other];
    yield { descendant: index, ancestor: artifact(platform), relation: "platform", grade: "contained" };
  }
  for (const { image, digest: base, manifest, grade } of ancestry?.bases ?? []) {
    if (grade === "claimed" || manifest === undefined) continue;
    yield { descendant: image, ancestor: artifact(manifest), relation: "base", grade };
    if (base !== manifest) yield { descendant: image, ancestor: artifact(base), relation: "base", grade };
    if (image !== digest) {
      yield { descendant: digest, ancestor: artifact(image), relation: "platform", grade: "contained" };
    }
  }
  for (const { digest: used, grade } of ancestry?.dependencies ?? []) {
    if (used !== undefined)
      yield { descendant: digest, ancestor: artifact(used), relation: "dependency", grade };
  }
}
