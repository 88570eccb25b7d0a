import type { Digest, Sha256Hex } from "@stemma/encoding";
import type { Grade, PlatformChoice } from "./policy.ts";
import type { Verdict } from "./verdict.ts";

/** What an artifact rests on, as far as its project demands it or the asker wanted to know. Plain data. */
export interface Ancestry {
  /** sha256 of the project's `lineage.json`; undefined when it demands nothing. */
  readonly policy: Sha256Hex | undefined;
  readonly platforms: PlatformChoice;
  /** Undefined where the artifact's own bytes are not among the contents on record, as with a plain file. */
  readonly kind: "manifest" | "index" | undefined;
  /** The artifacts whose layout was asked for because of `platforms`, the one asked about left out. */
  readonly relatives: readonly RelativeTrace[];
  /** Images that its own are said to be built upon, with how sure that is. */
  readonly bases: readonly BaseTrace[];
  readonly dependencies: readonly DependencyTrace[];
}

/** An index that lists the artifact, or a platform that it lists. The edge between them is certain by the index's bytes. */
export interface RelativeTrace {
  readonly relation: "index" | "platform";
  readonly digest: Digest;
  /** Of a platform, as the index has it: `linux/amd64`. */
  readonly platform: string | undefined;
  readonly decision: Verdict["decision"];
  /** Absent where it was told of before. */
  readonly verdict: Verdict | undefined;
}

/** Who proved it: a project, and the trust domain where it is another. */
export interface OriginTrace {
  readonly project: string;
  readonly domain: string | undefined;
  /** sha256 of the root that the project's owners pinned for that domain. */
  readonly root: Sha256Hex | undefined;
}

/** Who names a base: the image's own annotation, or signed evidence. */
export type NamedBy = "annotation" | "statement";

export interface BaseTrace {
  /** The image that is built upon it: the artifact itself, or one of its platforms. */
  readonly image: Digest;
  /** The base, as it is named: a manifest or an index. */
  readonly digest: Digest;
  /** The manifest whose layers were compared; undefined where it is not to be had. */
  readonly manifest: Digest | undefined;
  readonly namedBy: readonly NamedBy[];
  readonly grade: Grade;
  /** Layers of the base, and of the image. */
  readonly layers: { readonly base: number; readonly image: number } | undefined;
  readonly origin: OriginTrace | undefined;
  /** By the origin that proved it, or by the last that did not; absent where none was asked. */
  readonly decision: Verdict["decision"] | undefined;
  /** The same in full; absent where it was told of before. */
  readonly verdict: Verdict | undefined;
  /** Why the grade is not a better one. */
  readonly problem: Problem | undefined;
}

export interface DependencyTrace {
  /** As the evidence has it: a URI, or a name. */
  readonly uri: string;
  readonly digest: Digest | undefined;
  /** The evidence that lists it. */
  readonly evidence: Sha256Hex;
  readonly grade: Exclude<Grade, "contained">;
  readonly origin: OriginTrace | undefined;
  readonly decision: Verdict["decision"] | undefined;
  readonly verdict: Verdict | undefined;
  readonly problem: Problem | undefined;
}

/** A stable code, and a sentence. */
export interface Problem {
  readonly code: string;
  readonly message: string;
}

/** Whether a verdict rests on another trust domain than the one that it was reached in. */
export function restsElsewhere({ pinnedRoot, ancestry }: Verdict): boolean {
  const { relatives = [], bases = [], dependencies = [] } = ancestry ?? {};
  return [...relatives, ...bases, ...dependencies].some(
    ({ verdict }) => verdict !== undefined && (verdict.pinnedRoot !== pinnedRoot || restsElsewhere(verdict)),
  );
}
