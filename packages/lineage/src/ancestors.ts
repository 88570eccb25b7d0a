import { type Digest, type Sha256Hex, StemmaError } from "@stemma/encoding";
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
  const { relatives } = stand;
  const reasons: Problem[] = [...stand.reasons];
  const bases: BaseTrace[] = [];
  const dependencies: DependencyTrace[] = [];
  const supports = new Set(stand.stands.map(({ verdict }) => verdict));
  const proofOf = proofs(descent);
  // What does not hold itself rests on nothing; to look further would only hide that.
  if (demands !== undefined && reasons.length === 0) {
    for (const checked of yield* demanded(descent, stand, demands, proofOf)) {
      bases.push(...checked.bases);
      dependencies.push(...checked.dependencies.slice(0, MAX_TRACED - dependencies.length));
      reasons.push(...checked.reasons);
      for (const verdict of checked.supports) supports.add(verdict);
    }
  }
  if (explore) {
    const found = yield* explored(descent, stand, proofOf(undefined));
    if (demands?.bases === undefined) bases.push(...found.bases);
    if ((demands?.dependencies.length ?? 0) === 0) dependencies.push(...found.dependencies);
  }
  const kind = walk.contents.document(digest)?.kind;
  return {
    ancestry: { policy: policy?.sha256, platforms, kind, relatives, bases, dependencies },
    reasons,
    supports: [...supports],
  };
}

interface Checked {
  readonly bases: readonly BaseTrace[];
  readonly dependencies: readonly DependencyTrace[];
  readonly reasons: readonly Problem[];
  readonly supports: Iterable<Verdict>;
}

/** Dependencies that one verdict tells of. */
const MAX_TRACED = 1_024;

/** What the owners demand of bases and dependencies, and whether it is so. */
function* demanded(
  descent: Descent,
  stand: Standing,
  demands: LineagePolicy,
  proofOf: (from: readonly Origin[]) => Proof,
): Work<readonly Checked[]> {
  const checked: Checked[] = [];
  if (demands.bases !== undefined) {
    const { images, reasons } = yield* imagesWithin(descent, stand);
    checked.push({ bases: [], dependencies: [], reasons, supports: [] });
    for (const image of images) {
      const found = yield* checkBases(image, demands.bases, proofOf(demands.bases.from));
      const { traces, reasons } = found;
      const supports = traces.flatMap(({ grade, verdict }) =>
        grade !== "proven" || verdict === undefined ? [] : [verdict],
      );
      checked.push({ bases: traces, dependencies: [], reasons, supports });
    }
  }
  for (const { verdict, stated } of stand.stands) {
    for (const demand of demands.dependencies) {
      const proof = proofOf(demand.from);
      const found = yield* checkDependencies(verdict.digest, stated, demand, proof);
      const { traces, reasons, supports } = found;
      checked.push({ bases: [], dependencies: traces, reasons, supports });
    }
  }
  return checked;
}

/** What is to be found where nobody demands anything. When it is too much, what was found has to do: it decides nothing. */
function* explored(
  descent: Descent,
  stand: Standing,
  proof: Proof,
): Work<Pick<Checked, "bases" | "dependencies">> {
  const { demands } = descent.policy ?? {};
  const bases: BaseTrace[] = [];
  const dependencies: DependencyTrace[] = [];
  try {
    if (demands?.bases === undefined) {
      for (const image of (yield* imagesWithin(descent, stand)).images) {
        bases.push(...(yield* gradedBases(image, proof)).map(({ trace }) => trace));
      }
    }
    if ((demands?.dependencies.length ?? 0) === 0) {
      for (const { stated } of stand.stands)
        dependencies.push(...(yield* exploreDependencies(stated, proof)));
    }
  } catch (error) {
    if (!(error instanceof LineageError) || error.code !== "lineage_limit") throw error;
  }
  return { bases, dependencies };
}

/** Images of one index that are looked at. */
const MAX_IMAGES = 128;

/** The images whose bases are to be looked at: the artifact, or all that it lists; and why some cannot be. */
function* imagesWithin(
  { digest, walk, place }: Descent,
  { stands }: Standing,
): Work<{ readonly images: readonly Image[]; readonly reasons: readonly Problem[] }> {
  const document = walk.contents.document(digest);
  if (document === undefined) return { images: [], reasons: [missing(digest, "manifest")] };
  const stated = stands.flatMap((found) => found.stated);
  const listed = document.kind === "manifest" ? [digest] : imagesOf(document).map((entry) => entry.digest);
  if (listed.length > MAX_IMAGES) {
    throw new LineageError("lineage_limit", `The index ${digest} lists more than ${MAX_IMAGES} images.`);
  }
  const images: Image[] = [];
  const reasons: Problem[] = listed.length === 0 ? [missing(digest, "images")] : [];
  for (const one of listed) {
    if (one !== digest) yield* walk.record(place, one);
    const image = imageOf(one, walk, stated);
    if (image === undefined) reasons.push(missing(one, "manifest and configuration"));
    else images.push(image);
  }
  return { images, reasons };
}

function missing(digest: Digest, what: string): Problem {
  return {
    code: "content_missing",
    message: `The project demands a base, and the ${what} of ${digest} cannot be had from the contents on record.`,
  };
}

/** Where ancestors of an artifact are proven. Each trust domain that its project names is opened once, however many are looked for in it. */
function proofs({ walk, place, project, fileOf }: Descent): (from: readonly Origin[] | undefined) => Proof {
  const opened = new Map<string, Place | StemmaError>();
  const open = function* (domain: string): Work<Place> {
    const path = domainRootPath(project, domain);
    const root = yield* fileOf(path);
    if (root === undefined) {
      throw new LineageError(
        "file_missing",
        `The project names the trust domain ${domain} and does not pin its root: ${path} is not there.`,
      );
    }
    return yield* walk.domain(domain, root);
  };
  const placeOf = function* ({ domain }: Origin): Work<Place> {
    if (domain === undefined) return place;
    let found = opened.get(domain);
    if (found === undefined) {
      try {
        found = yield* open(domain);
      } catch (error) {
        if (!(error instanceof StemmaError)) throw error;
        found = error;
      }
      opened.set(domain, found);
    }
    if (found instanceof StemmaError) throw found;
    return found;
  };
  return (from) => ({ walk, place, from, placeOf });
}
