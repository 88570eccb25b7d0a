import type { KeyId, PublicKey } from "@stemma/crypto";
import { type Envelope, readEnvelope } from "./envelope.ts";
import { InTotoError } from "./error.ts";
import type { Functionary } from "./functionaries.ts";
import { type Layout, readLayout } from "./layout.ts";
import { DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { checkPayloadType } from "./payload.ts";
import { signersOf } from "./signatures.ts";

/** Whoever may sign a layout, and how many of them must. */
export interface Owners {
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
  readonly threshold: number;
}

/** A layout that its owners signed. Its age was not looked at. */
export interface SignedLayout {
  readonly envelope: Envelope;
  readonly layout: Layout;
  readonly signers: readonly Functionary[];
}

/**
 * Reads a layout after checking that enough of its owners signed it (in-toto 4.4, the first check of §1.6): nothing of
 * an unsigned layout is read.
 *
 * Throws `invalid_threshold`, `layout_threshold_not_met`, and everything that `readEnvelope` and `readLayout` throw.
 */
export function openLayout(
  layoutEnvelope: Envelope | Uint8Array,
  owners: Owners,
  limits: InTotoLimits = DEFAULT_LIMITS,
): SignedLayout {
  if (!Number.isSafeInteger(owners.threshold) || owners.threshold < 1) {
    throw new InTotoError(
      "invalid_threshold",
      "The threshold of the layout's owners must be an integer of at least 1.",
    );
  }
  const envelope =
    layoutEnvelope instanceof Uint8Array ? readEnvelope(layoutEnvelope, limits) : layoutEnvelope;
  checkPayloadType(envelope, "layout");
  const signers = signersOf(envelope, owners.keys, limits);
  if (signers.length < owners.threshold) {
    throw new InTotoError(
      "layout_threshold_not_met",
      `The layout needs valid signatures of ${owners.threshold} distinct owners; it has ${signers.length}.`,
    );
  }
  return { envelope, layout: readLayout(envelope, limits), signers };
}

/** Whether the layout no longer holds. At the very moment of `expires` it does not, as in Python. */
export function isExpired(layout: Layout, time: Date): boolean {
  // Said this way round, a time that is not a time counts as expired.
  return !(layout.expires.getTime() > time.getTime());
}
