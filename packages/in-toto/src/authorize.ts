import { keyIdsOf } from "@stemma/crypto";
import { StemmaError } from "@stemma/encoding";
import { failedAttributes } from "./attributes.ts";
import type { Envelope } from "./envelope.ts";
import { InTotoError } from "./error.ts";
import type { Evidence } from "./evidence.ts";
import type { ExpectedPredicate } from "./expected-predicate.ts";
import type { Functionary, FunctionarySet } from "./functionaries.ts";
import type { Layout, Step } from "./layout.ts";
import type { Meter } from "./limits.ts";
import { claimedStep } from "./link.ts";
import { quote } from "./names.ts";
import { checkOutcome, comparesNames } from "./predicates/index.ts";
import { findKey, functionariesOf, type SigningTrust } from "./signatures.ts";

/** A place in a layout that a piece of evidence may stand in: a step, and with attestations one of its predicates. */
export interface Place {
  readonly step: Step;
  /** The place of the expected predicate in its step; undefined for links and sublayouts. */
  readonly predicate?: number;
}

/**
 * The places that a piece of evidence speaks for by what it says of itself. A link names its step. A sublayout names
 * none, so it may stand for any step of links; who signed it decides. An attestation may stand wherever its predicate
 * type is expected, and a statement of a link (link/v0.3) only in the step that it names.
 *
 * Throws `unknown_step` and `predicate_not_expected` when there is no such place, and as `readStatement`.
 */
export function placesOf(layout: Layout, evidence: Evidence): readonly Place[] {
  switch (evidence.kind) {
    case "link":
      return [{ step: stepOfLinks(layout, claimedStep(evidence.envelope.payload)) }];
    case "layout":
      return placesOfLayout(layout);
    case "statement":
      return placesOfStatement(layout, evidence);
  }
}

function stepOfLinks(layout: Layout, name: string | undefined): Step {
  const step = layout.steps.find((candidate) => candidate.name === name);
  if (step === undefined) {
    throw new InTotoError(
      "unknown_step",
      `The link is of step ${quote(name ?? "")}, which the layout does not have.`,
    );
  }
  if (!takesLinks(step)) {
    throw new InTotoError(
      "unknown_step",
      `The link is of step ${quote(step.name)}, for which the layout expects attestations and no links.`,
    );
  }
  return step;
}

function placesOfLayout(layout: Layout): readonly Place[] {
  const steps = layout.steps.filter(takesLinks);
  if (steps.length === 0) {
    throw new InTotoError(
      "unknown_step",
      "The evidence is a layout, and every step of the project's layout expects attestations.",
    );
  }
  return steps.map((step) => ({ step }));
}

function takesLinks(step: Step): boolean {
  return step.expectedPredicates.length === 0;
}

function placesOfStatement(layout: Layout, evidence: Evidence): readonly Place[] {
  const { predicateType, predicate } = evidence.statement;
  const named = comparesNames(predicateType) ? predicate.get("name") : undefined;
  const places = layout.steps.flatMap((step) =>
    step.expectedPredicates.flatMap((expected, index): Place[] =>
      expected.predicateType === predicateType && (named === undefined || named === step.name)
        ? [{ step, predicate: index }]
        : [],
    ),
  );
  if (places.length === 0) {
    throw new InTotoError(
      "predicate_not_expected",
      `The evidence is an attestation of ${quote(predicateType)}${named === undefined ? "" : ` for step ${quote(String(named))}`}, which no step of the layout expects.`,
    );
  }
  return places;
}

/** Whoever may sign in a place. */
export function functionariesFor({ step, predicate }: Place): FunctionarySet {
  return predicate === undefined ? step : (step.expectedPredicates[predicate] as ExpectedPredicate);
}

/**
 * Who of those that may sign in a place validly signed a piece of evidence (in-toto 4.4). What it says is not looked at.
 *
 * Throws `functionary_not_authorized` when no signature is by anybody of the place, `bad_signature` when one claims to be
 * and is not, and what kept a certificate or a Sigstore identity from counting.
 */
export function authorize(
  layout: Layout,
  place: Place,
  evidence: Evidence,
  trust: SigningTrust,
): readonly Functionary[] {
  const set = functionariesFor(place);
  const { functionaries, refusals } = functionariesOf(evidence, set, layout.authorities, trust);
  if (functionaries.length > 0) return functionaries;
  throw (
    forged(place, set, evidence.envelope) ?? refusals[0] ?? notAuthorized(layout, place, evidence.envelope)
  );
}

function forged({ step }: Place, set: FunctionarySet, envelope: Envelope): InTotoError | undefined {
  for (const { keyId } of envelope.signatures) {
    if (keyId === undefined || findKey(set.keys, keyId) === undefined) continue;
    return new InTotoError(
      "bad_signature",
      `The evidence for step ${quote(step.name)} has a signature in the name of key ${quote(keyId)}, but that key did not make it.`,
    );
  }
  return undefined;
}

function notAuthorized(layout: Layout, { step }: Place, envelope: Envelope): InTotoError {
  const claimed = envelope.signatures.slice(0, 8).map(({ keyId }) => describe(layout, keyId));
  return new InTotoError(
    "functionary_not_authorized",
    `The evidence for step ${quote(step.name)} is signed by ${claimed.length === 0 ? "nobody" : claimed.join(", ")}, but by no functionary of that step.`,
  );
}

function describe(layout: Layout, keyId: Envelope["signatures"][number]["keyId"]): string {
  if (keyId === undefined) return "a key without an id";
  const elsewhere = stepsByKey(layout).get(keyId);
  return elsewhere === undefined
    ? `key ${quote(keyId)}, which the layout does not name`
    : `key ${quote(keyId)} of step ${quote(elsewhere)}`;
}

const steps = new WeakMap<Layout, ReadonlyMap<string, string>>();

/** The first step in which a key may sign, by whatever the key is called. */
function stepsByKey(layout: Layout): ReadonlyMap<string, string> {
  const known = steps.get(layout);
  if (known !== undefined) return known;
  const names = new Map<string, string>();
  for (const step of layout.steps) {
    for (const { keys } of [step, ...step.expectedPredicates]) {
      for (const [label, key] of keys) {
        for (const name of [label, ...keyIdsOf(key)]) if (!names.has(name)) names.set(name, step.name);
      }
    }
  }
  steps.set(layout, names);
  return names;
}

/**
 * Whether an attestation is what its place expects: a predicate in the form of its type, a summary that says that it
 * passed, and every attribute as the layout has it.
 *
 * Throws `bad_statement`, `bad_predicate`, `vsa_not_passed`, `attribute_failed`.
 */
export function checkAttestation({ step, predicate }: Place, evidence: Evidence, meter: Meter): void {
  const expected = predicate === undefined ? undefined : step.expectedPredicates[predicate];
  if (expected === undefined) return;
  // Reading what it reports checks its form.
  void evidence.reported;
  checkOutcome(evidence.statement);
  const [failed] = failedAttributes(expected.attributes, evidence.envelope.payload, meter);
  if (failed === undefined) return;
  throw new InTotoError(
    "attribute_failed",
    `The attestation of ${quote(expected.predicateType)} for step ${quote(step.name)} does not hold: ${failed.rule}. Expected ${failed.expected}; found ${failed.found}.`,
  );
}

export interface AuthorizedEvidence {
  readonly step: string;
  readonly functionaries: readonly Functionary[];
}

/**
 * Whether a layout lets a piece of evidence be recorded: somebody who may sign for one of the places that it speaks for
 * did sign it, and it can be read. A repository asks this of what it is offered. Whether it says what the layout expects,
 * and everything adds up, is for `verifyLayout` to say.
 *
 * Throws the refusal of the most promising place.
 */
export function authorizeEvidence(
  layout: Layout,
  evidence: Evidence,
  trust: SigningTrust,
): AuthorizedEvidence {
  let refusal: StemmaError | undefined;
  for (const place of placesOf(layout, evidence)) {
    try {
      const functionaries = authorize(layout, place, evidence, trust);
      // Read for its form alone: a scan that failed is evidence, too.
      if (evidence.kind === "link") void evidence.link;
      if (evidence.kind === "statement") void evidence.reported;
      return { step: place.step.name, functionaries };
    } catch (error) {
      if (!(error instanceof StemmaError)) throw error;
      if (refusal === undefined || refusal.code === "functionary_not_authorized") refusal = error;
    }
  }
  throw refusal ?? new TypeError("Evidence has at least one place, or was refused.");
}
