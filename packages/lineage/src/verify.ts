/**
 * The verdict engine: where does this digest come from, and may I trust it?
 *
 * Pure: bytes come through effects, time is a parameter, nothing is drawn at random. The order of the checks:
 *
 * 1. TUF (TUF 5): root chain, timestamp, snapshot, targets, then the project's role and the artifact's record.
 * 2. The project's own word: its layout, its revocations, and what it demands of ancestors, as signed by its owners.
 * 3. Evidence: every item that the record lists is there, and its bytes hash to its name.
 * 4. in-toto (in-toto 5): the layout's owners, its expiry, links by authorised functionaries, thresholds, rules, and
 *    the digest asked about among the products of the last step.
 * 5. Ancestors, where the project demands anything of them: indexes and platforms, bases, dependencies, each with a verdict of
 *    its own, in its own trust domain if need be.
 *
 * Whatever is missing, unknown, unparsable or empty denies with a code of its own. Nothing is ever allowed because
 * some evidence is absent: whoever holds the online keys can withhold, and must gain nothing by it.
 */
import { sha256 } from "@stemma/crypto";
import type { Sha256Hex } from "@stemma/encoding";
import { refresh, TrustedMetadata } from "@stemma/tuf";
import { Inquiry, type OwnedLayout, type VerifyRequest } from "./inquiry.ts";
import { type Trial, trialOf } from "./trial.ts";
import type { Verdict } from "./verdict.ts";
import type { Work } from "./walk.ts";

/**
 * Verifies from a pinned root: the client workflow of TUF 5 first, then `verifyArtifact`. Refusals become denials;
 * drivers keep the errors of their sources to themselves, because an unreachable source is no verdict.
 */
export function* verifyFromRoot(pinnedRoot: Uint8Array, request: VerifyRequest, time: Date): Work<Verdict> {
  return yield* fromRoot(pinnedRoot, new Inquiry(request, time, sha256(pinnedRoot)), time);
}

/**
 * The same way from the root to the evidence, and a dry run at its end: by a draft in place of the published layout where
 * one is given. What comes out is no verdict, because whoever gives a draft says who its owners are.
 */
export function* tryFromRoot(
  pinnedRoot: Uint8Array,
  request: VerifyRequest,
  time: Date,
  draft?: OwnedLayout,
): Work<Trial> {
  const inquiry = new Inquiry(request, time, sha256(pinnedRoot), draft);
  return trialOf(yield* fromRoot(pinnedRoot, inquiry, time), draft !== undefined);
}

function* fromRoot(pinnedRoot: Uint8Array, inquiry: Inquiry, time: Date): Work<Verdict> {
  try {
    const trusted = TrustedMetadata.create(pinnedRoot, { time });
    inquiry.trusted = trusted;
    yield* refresh(trusted);
  } catch (error) {
    return inquiry.deny(error);
  }
  return yield* inquiry.run();
}

/** Verifies against metadata that was refreshed already, for a client that asks about many digests. */
export function* verifyArtifact(
  trusted: TrustedMetadata,
  pinnedRoot: Sha256Hex,
  request: VerifyRequest,
): Work<Verdict> {
  const inquiry = new Inquiry(request, trusted.time, pinnedRoot);
  inquiry.trusted = trusted;
  return yield* inquiry.run();
}
