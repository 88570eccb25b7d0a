import type { Digest } from "@stemma/encoding";
import { attestedBy, type Descriptor, type Index, isIndexType, platformText } from "@stemma/image";
import type { RelativeTrace } from "./ancestry.ts";
import type { PlatformChoice } from "./policy.ts";
import type { ArtifactRecord } from "./record.ts";
import type { Verdict } from "./verdict.ts";
import type { Found, Place, Walk, Work } from "./walk.ts";

/** What is asked about, with the way to what it is related to. */
export interface Family {
  readonly digest: Digest;
  readonly record: ArtifactRecord;
  readonly project: string;
  readonly place: Place;
  readonly walk: Walk;
  /** The verdict of the artifact's own evidence; reached once, when it is first asked for. */
  readonly own: () => Work<Found>;
}

/** What the layout holds for. */
export interface Standing {
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
  readonly relatives: readonly RelativeTrace[];
  /** The verdicts that it stands on. Empty exactly when there are reasons. */
  readonly stands: readonly Found[];
}

/**
 * Applies the choice between an index and its platforms. Which platforms an index lists is certain by its bytes, and who made
 * the index or the platform is for the layout to say. So an index with one child more is another index, and a platform
 * does not become good by an index that lists something else.
 */
export function* standing(family: Family, choice: PlatformChoice): Work<Standing> {
  if (choice === "itself") return yield* alone(family);
  if (choice === "either") {
    const own = yield* alone(family);
    if (own.reasons.length === 0) return own;
    const document = family.walk.contents.document(family.digest);
    if (document === undefined) return own;
    const by = document.kind === "index" ? yield* platforms(family, document) : yield* byIndex(family);
    return by.reasons.length === 0 ? by : { ...by, reasons: [...own.reasons, ...by.reasons] };
  }
  const document = family.walk.contents.document(family.digest);
  if (document === undefined) {
    return refusal(
      "content_missing",
      `The project distinguishes indexes from platforms, and the bytes of ${family.digest} are not on record, so it is neither.`,
    );
  }
  const needsOwn = choice === "both" || (choice === "index") === (document.kind === "index");
  const own = needsOwn ? yield* alone(family) : undefined;
  const needsOther = choice === "both" || !needsOwn;
  const other = !needsOther
    ? undefined
    : document.kind === "index"
      ? yield* platforms(family, document)
      : yield* byIndex(family);
  const reasons = [...(own?.reasons ?? []), ...(other?.reasons ?? [])];
  return {
    reasons,
    relatives: other?.relatives ?? [],
    stands: reasons.length > 0 ? [] : [...(own?.stands ?? []), ...(other?.stands ?? [])],
  };
}

function* alone({ own }: Family): Work<Standing> {
  const found = yield* own();
  const { reasons } = found.verdict;
  return { reasons, relatives: [], stands: reasons.length === 0 ? [found] : [] };
}

/** A platform that is listed by an index that holds. */
function* byIndex({ digest, record, project, place, walk }: Family): Work<Standing> {
  const relatives: RelativeTrace[] = [];
  for (const index of record.indexes ?? []) {
    yield* walk.record(place, index);
    const document = walk.contents.document(index);
    if (document?.kind !== "index") continue;
    const entry = imagesOf(document).find((one) => one.digest === digest);
    if (entry === undefined) continue;
    const found = yield* walk.verdict(place, project, index, "direct");
    if (found === undefined) continue;
    const { verdict } = found;
    const { decision } = verdict;
    relatives.push({ relation: "index", digest: index, platform: platformOf(entry), decision, verdict });
    if (found.verdict.decision === "allow") return { reasons: [], relatives, stands: [found] };
  }
  const first = relatives[0]?.verdict;
  return {
    ...refusal(
      "index_not_proven",
      first === undefined
        ? `No index on record lists the platform ${digest}.`
        : `The platform ${digest} is listed by ${first.digest}, which does not hold itself: ${codes(first)}.`,
    ),
    relatives,
  };
}

/** An index of which every platform holds. */
function* platforms({ digest, project, place, walk }: Family, document: Index): Work<Standing> {
  const relatives: RelativeTrace[] = [];
  const stands: Found[] = [];
  const images = imagesOf(document);
  const reasons: Standing["reasons"][number][] = [];
  for (const entry of images) {
    if (isIndexType(entry.mediaType)) {
      reasons.push({
        code: "platform_not_proven",
        message: `The index ${digest} lists the index ${entry.digest}; every platform must hold, and that is none.`,
      });
      continue;
    }
    const found = yield* walk.verdict(place, project, entry.digest, "direct");
    if (found?.verdict.decision === "allow") stands.push(found);
    else {
      const why = found === undefined ? "it is in a circle" : codes(found.verdict);
      reasons.push({
        code: "platform_not_proven",
        message: `The index ${digest} lists ${entry.digest}, which does not hold itself: ${why}.`,
      });
    }
    if (found !== undefined) {
      const { verdict } = found;
      const { decision } = verdict;
      relatives.push({
        relation: "platform",
        digest: entry.digest,
        platform: platformOf(entry),
        decision,
        verdict,
      });
    }
  }
  if (images.length === 0) {
    reasons.push({
      code: "platform_not_proven",
      message: `The index ${digest} lists no image that could hold.`,
    });
  }
  return { reasons, relatives, stands: reasons.length === 0 ? stands : [] };
}

/**
 * The entries of an index that are images. An attestation that BuildKit keeps beside them is none: it is for no platform, so
 * nothing ever runs it. It must be about another entry; whatever only claims to be one counts as an image.
 */
export function imagesOf({ manifests }: Index): readonly Descriptor[] {
  const digests = new Set<string>(manifests.map(({ digest }) => digest));
  const images = manifests.filter((entry) => {
    const about = attestedBy(entry);
    return about === undefined || about === entry.digest || !digests.has(about);
  });
  return [...new Map(images.map((entry) => [entry.digest, entry])).values()];
}

function platformOf({ platform }: Descriptor): string | undefined {
  return platform === undefined ? undefined : platformText(platform);
}

function refusal(code: string, message: string): Standing {
  return { reasons: [{ code, message }], relatives: [], stands: [] };
}

/** The codes of a denial, for a sentence. */
export function codes({ reasons }: Verdict): string {
  return [...new Set(reasons.map(({ code }) => code))].join(", ");
}
