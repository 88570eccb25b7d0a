import { type KeyFingerprint, sha256 } from "@stemma/crypto";
import { canonicalJson, jsonObject, type Sha256Hex, StemmaError } from "@stemma/encoding";
import { type AuthorizedLink, authorizedFunctionaries } from "./authorize.ts";
import { type Envelope, readEnvelope } from "./envelope.ts";
import type { Layout, Step } from "./layout.ts";
import type { InTotoLimits } from "./limits.ts";
import { claimedStep, type Link } from "./link.ts";
import { type Functionary, findKey } from "./signatures.ts";
import type { SetAside } from "./verdict.ts";

/** A link in the evidence, signed by functionaries of its step. */
interface FoundLink extends AuthorizedLink {
  readonly sha256: Sha256Hex;
}

/** Links of one step that report the same materials and products, and who signed them together. */
export interface Candidate {
  readonly link: Link;
  readonly links: readonly FoundLink[];
  readonly functionaries: readonly Functionary[];
}

export interface CollectedLinks {
  /** Per step of the layout, in its order: groups of agreeing links, whether they reach the threshold or not. */
  readonly groups: readonly (readonly Candidate[])[];
  /** Evidence that counts for nothing, each with its reason. Never a reason to deny by itself. */
  readonly setAside: readonly SetAside[];
  /** The same evidence, per step that it may have been meant for. */
  readonly setAsideFor: ReadonlyMap<string, readonly SetAside[]>;
}

/**
 * Reads every envelope of the evidence and sorts the valid links by step and by what they report (in-toto 4.4.1).
 *
 * Whether an envelope counts depends on that envelope alone: more evidence adds links and groups and never takes one
 * away, which is what makes verdicts monotone.
 */
export function collectLinks(
  layout: Layout,
  evidence: ReadonlyMap<Sha256Hex, Uint8Array>,
  limits: InTotoLimits,
): CollectedLinks {
  const found: FoundLink[] = [];
  const setAside: SetAside[] = [];
  const setAsideFor = new Map<string, SetAside[]>();
  // In the order of their names, so that the same evidence gives the same verdict in whatever order it came.
  for (const name of [...evidence.keys()].sort()) {
    const bytes = evidence.get(name);
    if (bytes === undefined) continue;
    let envelope: Envelope | undefined;
    try {
      envelope = readEnvelope(bytes, limits);
      found.push({ sha256: name, ...authorizedFunctionaries(layout, envelope, limits) });
    } catch (error) {
      if (!(error instanceof StemmaError)) throw error;
      const steps = envelope === undefined ? [] : stepsMeant(layout, envelope);
      const [step] = steps;
      const item: SetAside = {
        sha256: name,
        code: error.code,
        message: error.message,
        ...(steps.length === 1 && step !== undefined ? { step } : {}),
      };
      setAside.push(item);
      for (const meant of steps) setAsideFor.set(meant, [...(setAsideFor.get(meant) ?? []), item]);
    }
  }
  return {
    groups: layout.steps.map((step) => groupByReport(found.filter((link) => link.step === step.name))),
    setAside,
    setAsideFor,
  };
}

/** The steps that an envelope may have been meant for: by the link's name, or for a sublayout by who claims to have signed it. */
function stepsMeant(layout: Layout, envelope: Envelope): readonly string[] {
  const name = claimedStep(envelope.payload);
  const isMeant = (step: Step): boolean =>
    envelope.payload.get("_type") === "layout"
      ? envelope.signatures.some(
          ({ keyId }) => keyId !== undefined && findKey(step.keys, keyId) !== undefined,
        )
      : step.name === name;
  return layout.steps.filter(isMeant).map((step) => step.name);
}

function groupByReport(links: readonly FoundLink[]): readonly Candidate[] {
  if (links.length === 1) return links.map((link) => candidate([link]));
  const groups = new Map<Sha256Hex, FoundLink[]>();
  for (const link of links) {
    const report = sha256(
      canonicalJson(jsonObject({ materials: link.link.materials, products: link.link.products })),
    );
    const group = groups.get(report);
    if (group === undefined) groups.set(report, [link]);
    else group.push(link);
  }
  return [...groups.values()].map(candidate);
}

function candidate(links: readonly FoundLink[]): Candidate {
  const functionaries = new Map<KeyFingerprint, Functionary>();
  for (const link of links) {
    for (const functionary of link.functionaries) functionaries.set(functionary.fingerprint, functionary);
  }
  const first = links[0];
  if (first === undefined) throw new RangeError("A group of links is never empty.");
  return { link: first.link, links, functionaries: [...functionaries.values()] };
}
