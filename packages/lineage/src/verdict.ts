import type { Digest, Sha256Hex } from "@stemma/encoding";
import type { LayoutVerdict, Reason, Warning } from "@stemma/in-toto";
import type { Ancestry } from "./ancestry.ts";
import type { ArtifactRecord } from "./record.ts";

/** The name of this form of verdict; a change that a reader would have to know of makes another name. */
export const VERDICT_TYPE = "https://stemma.dev/verdict/v1";

/** The version and the expiry of one signed document that the verdict rests on. Times are RFC 3339, UTC. */
export interface RoleFreshness {
  readonly role: string;
  readonly version: number;
  readonly expires: string;
}

/** How fresh a verdict is. A verdict holds for no longer than `validUntil`. */
export interface Freshness {
  readonly roles: readonly RoleFreshness[];
  readonly layoutExpires: string | undefined;
  /** The earliest expiry of everything above. */
  readonly validUntil: string | undefined;
}

/** Allow or deny, with every reason, the freshness it rests on, and a trace. Plain data. */
export interface Verdict {
  readonly type: typeof VERDICT_TYPE;
  readonly decision: "allow" | "deny";
  readonly digest: Digest;
  readonly project: string;
  /** The time as of which the verdict was reached, RFC 3339, UTC. */
  readonly time: string;
  /** sha256 of the root.json that everything was verified from. */
  readonly pinnedRoot: Sha256Hex;
  /** Empty exactly when the decision is allow. */
  readonly reasons: readonly Reason[];
  readonly warnings: readonly Warning[];
  readonly freshness: Freshness;
  readonly record: ArtifactRecord | undefined;
  /** What the layout demanded and what the evidence showed; absent when it did not come to that. */
  readonly lineage: LayoutVerdict | undefined;
  /** What the artifact rests on beyond its own layout: present where the project demands something of it, or the asker did. */
  readonly ancestry?: Ancestry;
}
