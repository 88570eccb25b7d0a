import type { SignedBase } from "@stemma/tuf";
import { isOnlineRole } from "./placement.ts";
import type { DomainState } from "./state.ts";

/** How long what the signer signs is valid, in seconds. */
export interface Periods {
  readonly timestamp: number;
  readonly snapshot: number;
  readonly bins: number;
}

export const DEFAULT_PERIODS: Periods = { timestamp: 86_400, snapshot: 7 * 86_400, bins: 30 * 86_400 };

/** The end of a period that starts now. TUF writes whole seconds (4.2.1). */
export function expiryAfter(now: Date, seconds: number): Date {
  return new Date((Math.floor(now.getTime() / 1000) + seconds) * 1000);
}

/** When a document is signed again: half of its period before it expires, so that a signer may be away that long. */
export function renewalTime(signed: Pick<SignedBase, "expires">, seconds: number): Date {
  return new Date(signed.expires.getTime() - (seconds * 1000) / 2);
}

export function isDue(signed: Pick<SignedBase, "expires">, seconds: number, now: Date): boolean {
  return now.getTime() >= renewalTime(signed, seconds).getTime();
}

/** When the first of a domain's online roles is due, in milliseconds. */
export function nextRenewal(state: DomainState, periods: Periods): number {
  let next = Number.POSITIVE_INFINITY;
  const consider = (signed: { expires: Date } | undefined, seconds: number): void => {
    if (signed) next = Math.min(next, renewalTime(signed, seconds).getTime());
  };
  consider(state.timestamp?.signed, periods.timestamp);
  consider(state.snapshot?.signed, periods.snapshot);
  for (const [role, { signed }] of state.roles) if (isOnlineRole(role)) consider(signed, periods.bins);
  return next;
}
