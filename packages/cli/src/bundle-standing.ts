import { type OpenBundle, PROJECT_HINT, TIME_HINT } from "@stemma/client";
import type { RoleFreshness, Verdict } from "@stemma/lineage";
import { type Line, styled } from "./output.ts";
import { describeMoment } from "./time.ts";

/** What a bundle says of itself. None of it is signed, and nothing rests on it. */
export interface BundleClaims {
  readonly project: string | undefined;
  /** The moment as of which it was made. */
  readonly time: Date | undefined;
}

/** What a bundle can promise at a moment, and what it cannot. */
export interface Standing {
  /** What it says of the time at which it was made; not signed. */
  readonly madeAt: string | undefined;
  /** The verdict as of then: what the bundle promised when it was new. */
  readonly whenMade: { readonly time: string; readonly decision: Verdict["decision"] } | undefined;
  /** Signed documents that the verdict rests on and that have expired. */
  readonly expired: readonly RoleFreshness[];
  readonly timestamp: RoleFreshness | undefined;
  /** What cannot be known from it, at any age. */
  readonly cannotKnow: string;
}

/** Reads the hints of a bundle; whatever is not in their form is as good as absent. */
export function claimsOf({ manifest }: OpenBundle): BundleClaims {
  const time = new Date(manifest.annotations.get(TIME_HINT) ?? "");
  return {
    project: manifest.annotations.get(PROJECT_HINT),
    time: Number.isNaN(time.getTime()) ? undefined : time,
  };
}

/**
 * Says what a bundle can still promise.
 *
 * @param verdict as of the moment that was asked about
 * @param then the verdict as of the moment at which it was made, where the first one could not be reached for age
 */
export function standingOf(verdict: Verdict, then: Verdict | undefined, { time }: BundleClaims): Standing {
  const { roles } = (then ?? verdict).freshness;
  const timestamp = roles.find(({ role }) => role === "timestamp");
  const version = timestamp === undefined ? "its timestamp" : `timestamp ${timestamp.version}`;
  return {
    madeAt: time?.toISOString(),
    whenMade: then === undefined ? undefined : { time: then.time, decision: then.decision },
    expired: roles.filter(({ expires }) => Date.parse(expires) <= Date.parse(verdict.time)),
    timestamp,
    cannotKnow: `Whatever was published after ${version}: revocations, changed layouts, rotated keys, evidence that came later.`,
  };
}

export function standingLines(standing: Standing, now: Date): readonly Line[] {
  const { madeAt, whenMade, expired, cannotKnow } = standing;
  const lines: Line[] = [];
  if (madeAt !== undefined) {
    lines.push(`  made as of ${describeMoment(new Date(madeAt), now)}, by its own word`);
  }
  for (const { role, version, expires } of expired) {
    lines.push([
      styled("warn", "  no longer promises "),
      `that ${role} ${version} is the newest: it expired at ${describeMoment(new Date(expires), now)}`,
    ]);
  }
  if (whenMade !== undefined) {
    const { decision, time } = whenMade;
    lines.push([
      "  as of then, the verdict was ",
      styled(decision === "allow" ? "good" : "bad", decision.toUpperCase()),
      ` (--at ${time})`,
    ]);
  }
  lines.push([styled("dim", `  cannot know: ${cannotKnow}`)]);
  return lines;
}
