import type { Digest } from "@stemma/encoding";
import { parseDigest, StemmaError } from "@stemma/encoding";
import { type ImageConfig, isLayerPrefix, type Manifest } from "@stemma/image";
import type { StatedDependencies } from "@stemma/in-toto";
import type { BaseTrace, NamedBy, OriginTrace, Problem } from "./ancestry.ts";
import { attempt } from "./attempt.ts";
import { annotatedBase } from "./content-reach.ts";
import { type BaseDemand, isAtLeast, type Origin } from "./policy.ts";
import { codes, imagesOf } from "./relatives.ts";
import type { Found, Place, Walk, Work } from "./walk.ts";

/** An image, with everything that may name its base. */
export interface Image {
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly stated: readonly StatedDependencies[];
}

/** Where bases are proven. */
export interface Proof {
  readonly walk: Walk;
  /** Where origins without a domain are. */
  readonly place: Place;
  /** Finds the trust domain of an origin. Throws a refusal where it cannot be opened. */
  readonly placeOf: (origin: Origin) => Work<Place>;
  /** Who may prove a base; undefined for whichever projects of this domain its record claims. */
  readonly from: readonly Origin[] | undefined;
}

/** A base with its trace, and what the next level goes on from. */
export interface Base {
  readonly trace: BaseTrace;
  readonly origin: Origin | undefined;
  readonly next: Image | undefined;
}

/** Bases of one image that are looked at. */
const MAX_NAMED = 32;
/** URIs of images in provenance: package URLs (BuildKit), and the references of other builders. */
const IMAGE_URI = /^(?:pkg:docker\/|pkg:oci\/|docker:|docker-image:|oci:|docker-pullable:)/;

/** The image with a digest, when its manifest and its configuration are to be had. */
export function imageOf(
  digest: Digest,
  { contents }: Walk,
  stated: readonly StatedDependencies[],
): Image | undefined {
  const manifest = contents.document(digest);
  if (manifest?.kind !== "manifest") return undefined;
  const config = contents.config(manifest.config.digest);
  // Each layer has its diff_id (image specification, "Image Configuration"); one that tells of others is not this image's.
  if (config?.diffIds.length !== manifest.layers.length) return undefined;
  return { digest, manifest, config, stated };
}

/** Every base that an image names, graded, the surest and nearest first. */
export function* gradedBases(image: Image, proof: Proof): Work<readonly Base[]> {
  const bases: Base[] = [];
  for (const [digest, namedBy] of namedBases(image, proof.walk)) {
    bases.push(yield* gradeBase(image, digest, namedBy, proof));
  }
  return bases.sort(
    (a, b) =>
      Number(isAtLeast(b.trace.grade, "proven")) - Number(isAtLeast(a.trace.grade, "proven")) ||
      (b.trace.layers?.base ?? 0) - (a.trace.layers?.base ?? 0),
  );
}

/**
 * What may be the base of an image. A name costs nobody anything and proves nothing: it only says which layers to compare, and
 * whom to ask.
 */
function namedBases({ digest, manifest, stated }: Image, { contents }: Walk): Map<Digest, NamedBy[]> {
  const named = new Map<Digest, NamedBy[]>();
  const name = (base: Digest, by: NamedBy): void => {
    const known = named.get(base);
    if (known !== undefined) {
      if (!known.includes(by)) known.push(by);
    } else if (base !== digest && base !== manifest.digest && named.size < MAX_NAMED) named.set(base, [by]);
  };
  const annotated = annotatedBase(manifest);
  if (annotated !== undefined) name(annotated, "annotation");
  const { images, others } = statedDigests(stated);
  for (const base of images) name(base, "statement");
  for (const base of contents.digests()) if (others.has(base)) name(base, "statement");
  return named;
}

interface StatedDigests {
  /** Under the URI of an image. */
  readonly images: ReadonlySet<Digest>;
  readonly others: ReadonlySet<Digest>;
}

/** An index of a hundred images is about the same evidence a hundred times, and that may name a hundred thousand digests. */
const digestsOfStated = new WeakMap<readonly StatedDependencies[], StatedDigests>();

function statedDigests(stated: readonly StatedDependencies[]): StatedDigests {
  const known = digestsOfStated.get(stated);
  if (known !== undefined) return known;
  const images = new Set<Digest>();
  const others = new Set<Digest>();
  for (const { dependencies } of stated) {
    for (const { uri, digests } of dependencies) {
      const hex = digests.get("sha256");
      const base = hex === undefined ? undefined : attempt(() => parseDigest(`sha256:${hex}`));
      if (base !== undefined) (IMAGE_URI.test(uri) ? images : others).add(base);
    }
  }
  digestsOfStated.set(stated, { images, others });
  return { images, others };
}

function* gradeBase(image: Image, digest: Digest, namedBy: readonly NamedBy[], proof: Proof): Work<Base> {
  const { walk } = proof;
  const known = {
    image: image.digest,
    digest,
    namedBy,
    manifest: undefined,
    layers: undefined,
    origin: undefined,
    decision: undefined,
    verdict: undefined,
  };
  const claimed = (problem: Problem): Base => ({
    trace: { ...known, grade: "claimed", problem },
    origin: undefined,
    next: undefined,
  });
  const places = yield* recordedAt(digest, proof);
  const found = comparable(digest, image, walk);
  if (found.length === 0) {
    const closed = places.find(({ place }) => "problem" in place)?.place;
    if (closed !== undefined && "problem" in closed) return claimed(closed.problem);
    return claimed({
      code: "content_missing",
      message: `The manifest and the configuration of ${digest} are not on record, so nobody can compare its layers.`,
    });
  }
  // An index that lists the image itself has it for no base of its own.
  const base = found.find(
    ({ manifest, config }) =>
      manifest.digest !== image.manifest.digest && isLayerPrefix(config.diffIds, image.config.diffIds),
  );
  if (base === undefined) {
    return claimed({
      code: "base_not_contained",
      message: `The layers of ${image.digest} do not begin with those of ${digest}, in their order.`,
    });
  }
  const contained = {
    ...known,
    manifest: base.digest,
    layers: { base: base.config.diffIds.length, image: image.config.diffIds.length },
  };
  let verdict: Found["verdict"] | undefined;
  let problem: Problem | undefined;
  for (const { origin, place } of places) {
    if ("problem" in place) {
      problem = place.problem;
      continue;
    }
    for (const one of new Set([base.digest, digest])) {
      const proven = yield* walk.verdict(
        place.place,
        origin.project,
        one,
        proof.from === undefined ? "explore" : "full",
      );
      if (proven === undefined) continue;
      verdict = proven.verdict;
      if (verdict.decision !== "allow") {
        // An index may speak for its platforms, and not for one that the same owners have revoked.
        if (verdict.reasons.some(({ code }) => code === "artifact_revoked")) break;
        continue;
      }
      const next = imageOf(base.digest, walk, proven.stated);
      const trace = originTrace(origin, place.place);
      return {
        trace: {
          ...contained,
          grade: "proven",
          origin: trace,
          decision: verdict.decision,
          verdict,
          problem: undefined,
        },
        origin,
        next,
      };
    }
  }
  const why = verdict === undefined ? problem?.message : `${digest} does not hold itself: ${codes(verdict)}.`;
  return {
    trace: {
      ...contained,
      grade: "contained",
      decision: verdict?.decision,
      verdict,
      problem: {
        code: "base_not_proven",
        message: why ?? `No project that may prove it has ${digest} on record.`,
      },
    },
    origin: undefined,
    next: imageOf(base.digest, walk, []),
  };
}

type Opened = { readonly place: Place } | { readonly problem: Problem };

/** The origins that may prove a base, in order, with their trust domains; its contents are fetched from each on the way. */
function* recordedAt(
  digest: Digest,
  { walk, place, placeOf, from }: Proof,
): Work<readonly { readonly origin: Origin; readonly place: Opened }[]> {
  if (from === undefined) {
    const record = yield* walk.record(place, digest);
    return (record?.projects ?? []).slice(0, MAX_CLAIMED).map((project) => ({
      origin: { project, domain: undefined, foundation: false },
      place: { place },
    }));
  }
  const opened: { origin: Origin; place: Opened }[] = [];
  for (const origin of from) {
    try {
      const there = yield* placeOf(origin);
      yield* walk.record(there, digest);
      opened.push({ origin, place: { place: there } });
    } catch (error) {
      if (!(error instanceof StemmaError)) throw error;
      opened.push({ origin, place: { problem: { code: error.code, message: error.message } } });
    }
  }
  return opened;
}

/** Projects that are asked, of those that a record claims, when the demand names none. */
const MAX_CLAIMED = 4;

/** The images under a digest that an image could be built upon: itself, or what an index lists for the same platform. */
function comparable(digest: Digest, image: Image, walk: Walk): readonly Image[] {
  const document = walk.contents.document(digest);
  if (document === undefined) return [];
  const digests = document.kind === "manifest" ? [digest] : imagesOf(document).map((entry) => entry.digest);
  return digests
    .map((one) => imageOf(one, walk, []))
    .filter((one) => one !== undefined)
    .filter(({ config }) => samePlatform(config, image.config));
}

function samePlatform(a: ImageConfig, b: ImageConfig): boolean {
  return a.os === b.os && a.architecture === b.architecture;
}

function originTrace({ project }: Origin, { domain }: Place): OriginTrace {
  return { project, domain: domain?.name, root: domain?.root };
}

/** Whether the bases of an image are as the owners demand it, level by level; why not, where they are not. */
export function* checkBases(
  image: Image,
  demand: BaseDemand,
  proof: Proof,
): Work<{ readonly traces: readonly BaseTrace[]; readonly reasons: readonly Problem[] }> {
  const bases = yield* gradedBases(image, proof);
  const traces = bases.map(({ trace }) => trace);
  const good = bases.filter(({ trace }) => isAtLeast(trace.grade, demand.grade));
  if (good.length === 0) return { traces, reasons: [shortfall(image, demand, traces)] };
  if (demand.depth === 1) return { traces, reasons: [] };
  let reasons: readonly Problem[] = [];
  for (const { origin, next } of good) {
    if (origin?.foundation === true) return { traces, reasons: [] };
    if (next === undefined) continue;
    const below = yield* checkBases(next, { ...demand, depth: demand.depth - 1 }, proof);
    if (below.reasons.length === 0) return { traces: [...traces, ...below.traces], reasons: [] };
    reasons = below.reasons;
  }
  return { traces, reasons: reasons.length > 0 ? reasons : [shortfall(image, demand, traces)] };
}

function shortfall({ digest }: Image, { grade }: BaseDemand, traces: readonly BaseTrace[]): Problem {
  const [nearest] = traces;
  if (nearest === undefined) {
    return {
      code: "base_missing",
      message: `The project demands a base that is ${grade}, and nothing says what ${digest} is built upon.`,
    };
  }
  const code =
    grade === "claimed"
      ? "base_missing"
      : nearest.grade === "claimed"
        ? "base_not_contained"
        : "base_not_proven";
  return {
    code,
    message:
      `The project demands a base that is ${grade}; the nearest to it, ${nearest.digest}, is only ${nearest.grade}. ${nearest.problem?.message ?? ""}`.trim(),
  };
}
