import type { Envelope } from "./envelope.ts";
import { InTotoError } from "./error.ts";
import type { Layout, Step } from "./layout.ts";
import { DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { claimedStep, type Link, readLink } from "./link.ts";
import { quote } from "./names.ts";
import { type Functionary, findKey, signersOf } from "./signatures.ts";
import { checkPayloadType } from "./unsupported.ts";

/** A link that functionaries of its step signed. */
export interface AuthorizedLink {
  readonly step: string;
  readonly link: Link;
  /** The distinct public keys that the step names and that validly signed. At least one. */
  readonly functionaries: readonly Functionary[];
}

/**
 * Who of a layout's functionaries validly signed a link, and for which step (in-toto 4.4). Only the keys that the
 * step of that name lists are tried. A repository asks this of evidence that it is offered; `verifyLayout` asks it of
 * every envelope.
 *
 * Throws `unknown_step`, `functionary_not_authorized` when no signature is by a key of the step, `bad_signature` when one
 * claims to be and is not, and everything that `readLink` throws.
 */
export function authorizedFunctionaries(
  layout: Layout,
  envelope: Envelope,
  limits: InTotoLimits = DEFAULT_LIMITS,
): AuthorizedLink {
  checkPayloadType(envelope.payload, "link");
  const name = claimedStep(envelope.payload);
  const step = layout.steps.find((candidate) => candidate.name === name);
  if (step === undefined) {
    throw new InTotoError(
      "unknown_step",
      `The link is of step ${quote(name ?? "")}, which the layout does not have.`,
    );
  }
  const functionaries = signersOf(envelope, step.keys, limits);
  if (functionaries.length === 0) throw notAuthorized(layout, step, envelope);
  return { step: step.name, link: readLink(envelope, limits), functionaries };
}

function notAuthorized(layout: Layout, step: Step, envelope: Envelope): InTotoError {
  for (const { keyId } of envelope.signatures) {
    if (keyId === undefined || findKey(step.keys, keyId) === undefined) continue;
    return new InTotoError(
      "bad_signature",
      `The link of step ${quote(step.name)} has a signature in the name of key ${quote(keyId)}, but that key did not make it.`,
    );
  }
  const claimed = envelope.signatures.map(({ keyId }) => describe(layout, keyId));
  return new InTotoError(
    "functionary_not_authorized",
    `The link of step ${quote(step.name)} is signed by ${claimed.length === 0 ? "nobody" : claimed.slice(0, 8).join(", ")}, but by no functionary of that step.`,
  );
}

function describe(layout: Layout, keyId: Envelope["signatures"][number]["keyId"]): string {
  if (keyId === undefined) return "a key without an id";
  const elsewhere = layout.steps.find((step) => findKey(step.keys, keyId) !== undefined);
  return elsewhere === undefined
    ? `key ${quote(keyId)}, which the layout does not name`
    : `key ${quote(keyId)} of step ${quote(elsewhere.name)}`;
}
