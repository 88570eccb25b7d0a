import type { Digest, Sha256Hex } from "@stemma/encoding";
import type { Ancestry, BaseTrace, DependencyTrace, Problem } from "./ancestry.ts";
import { checkBases, gradedBases, type Image, imageOf, type Proof } from "./bases.ts";
import { checkDependencies, exploreDependencies } from "./dependencies.ts";
import { LineageError } from "./error.ts";
import { domainRootPath, type LineagePolicy, type Origin } from "./policy.ts";
import { type Family, imagesOf, type Standing, standing } from "./relatives.ts";
import type { Verdict } from "./verdict.ts";
import type { Place, Work } from "./walk.ts";

/** An artifact, and what its project demands of everything that it rests on. */
export interface Descent extends Family {
  readonly policy: { readonly sha256: Sha256Hex; readonly demands: LineagePolicy } | undefined;
  /** Look at what nobody demands, too. */
  readonly explore: boolean;
  /** A file of the project, by its path; undefined when the project lists none. */
  readonly fileOf: (path: string) => Work<Uint8Array | undefined>;
}

export interface Resolved {
  readonly ancestry: Ancestry;
  /** Why the demands are not met; empty when they are. */
  readonly reasons: readonly Problem[];
  /** Verdicts that this one holds no longer than. */
  readonly supports: readonly Verdict[];
}

/**
 * Finds out what an artifact rests on: which of index and platform its layout holds for, the bases of its images, and the
 * dependencies that its provenance lists. Monotone like the layout: each demand asks that something be there, so whoever withholds
 * evidence, contents or pointers only ever loses by it.
 */
export function* resolveAncestry(descent: Descent): Work<Resolved> {
  const { digest, walk, policy, explore } = descent;
  const demands = policy?.demands;
  const platforms = demands?.platforms ?? "itself";
  const stand = yield* standing(descent, platforms);
  const reasons: Problem[] = [...stand.reasons];
  const bases: BaseTrace[] = [];
  const dependencies: DependencyTrace[] = [];
  // What does not hold itself rests on nothing; to look further would only hide that.
  if (reasons.length === 0 || explore) {
    for (const image of yield* imagesWithin(descent, stand, reasons, demands?.bases !== undefined)) {
      if (demands?.bases !== undefined) {
        const checked = yield* checkBases(image, demands.bases, proofOf(descent, demands.bases.from));
        bases.push(...checked.traces);
        reasons.push(...checked.reasons);
      } else if (explore) {
        bases.push(...(yield* gradedBases(image, proofOf(descent, undefined))).map(({ trace }) => trace));
      }
    }
    for (const { verdict, stated } of stand.stands) {
      for (const demand of demands?.dependencies ?? []) {
        const checked = yield* checkDependencies(
          verdict.digest,
          stated,
          demand,
          proofOf(descent, demand.from),
        );
        dependencies.push(...checked.traces);
        reasons.push(...checked.reasons);
      }
      if (explore && (demands?.dependencies.length ?? 0) === 0) {
        dependencies.push(...(yield* exploreDependencies(stated, proofOf(descent, undefined))));
      }
    }
  }
  const relatives = stand.relatives;
  const supports = [
    ...stand.stands.map(({ verdict }) => verdict),
    ...[...bases, ...dependencies].flatMap(({ grade, verdict }) =>
      policy === undefined || grade !== "proven" || verdict === undefined ? [] : [verdict],
    ),
  ];
  const kind = walk.contents.document(digest)?.kind;
  return {
    ancestry: { policy: policy?.sha256, platforms, kind, relatives, bases, dependencies },
    reasons,
    supports,
  };
}

/** The images whose bases are to be looked at: the artifact, or all that it lists. */
function* imagesWithin(
  { digest, walk, place }: Descent,
  { stands }: Standing,
  reasons: Problem[],
  demanded: boolean,
): Work<readonly Image[]> {
  const document = walk.contents.document(digest);
  if (document === undefined) {
    if (demanded) reasons.push(missing(digest, "manifest"));
    return [];
  }
  const stated = stands.flatMap((found) => found.stated);
  const images: Image[] = [];
  for (const one of document.kind === "manifest"
    ? [digest]
    : imagesOf(document).map((entry) => entry.digest)) {
    if (one !== digest) yield* walk.record(place, one);
    const image = imageOf(one, walk, stated);
    if (image !== undefined) images.push(image);
    else if (demanded) reasons.push(missing(one, "manifest and configuration"));
  }
  if (demanded && images.length === 0 && reasons.length === 0) reasons.push(missing(digest, "images"));
  return images;
}

function missing(digest: Digest, what: string): Problem {
  return {
    code: "content_missing",
    message: `The project demands a base, and the ${what} of ${digest} cannot be had from the contents on record.`,
  };
}

function proofOf({ walk, place, project, fileOf }: Descent, from: readonly Origin[] | undefined): Proof {
  return {
    walk,
    place,
    from,
    *placeOf({ domain }: Origin): Work<Place> {
      if (domain === undefined) return place;
      const path = domainRootPath(project, domain);
      const root = yield* fileOf(path);
      if (root === undefined) {
        throw new LineageError(
          "file_missing",
          `The project names the trust domain ${domain} and does not pin its root: ${path} is not there.`,
        );
      }
      return yield* walk.domain(domain, root);
    },
  };
}
