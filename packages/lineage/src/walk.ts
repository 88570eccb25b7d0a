import { sha256 } from "@stemma/crypto";
import { type Digest, recordPath, type Sha256Hex, StemmaError } from "@stemma/encoding";
import { DEFAULT_LIMITS, type InTotoLimits, Meter, type StatedDependencies } from "@stemma/in-toto";
import {
  type Effect,
  type EffectAnswer,
  type ForeignDomain,
  findTarget,
  refresh,
  TrustedMetadata,
} from "@stemma/tuf";
import type { Contents } from "./contents.ts";
import { LineageError } from "./error.ts";
import { MAX_DEPTH } from "./policy.ts";
import { type ArtifactRecord, type EvidenceEntry, readRecord } from "./record.ts";
import type { Verdict } from "./verdict.ts";

/** Pure code that asks for bytes. */
export type Work<T> = Generator<Effect, T, EffectAnswer>;

/** A trust domain whose metadata is verified. */
export interface Place {
  readonly trusted: TrustedMetadata;
  /** sha256 of the root that it was verified from. */
  readonly pinnedRoot: Sha256Hex;
  /** Undefined for the one whose root the caller pinned. */
  readonly domain: ForeignDomain | undefined;
}

/** Tells places apart. The first one is none of those that are pinned, be it by the same root: only there the caller's parameters hold. */
export function nameOf({ domain }: Place): string {
  return domain?.root ?? "";
}

/**
 * How much of an artifact a verdict is about: the digest alone (`direct`), or all that its project demands of what it rests
 * on, too (`full`). With `explore`, what nobody demands is looked at as well, as far as it is to be had.
 */
export type Extent = "direct" | "full" | "explore";

/** A verdict that another one rests on, with what the way down goes on from. */
export interface Found {
  readonly verdict: Verdict;
  readonly record: ArtifactRecord | undefined;
  readonly stated: readonly StatedDependencies[];
}

/** Verdicts that one verdict may take in all, and other trust domains. */
const MAX_VERDICTS = 128;
const MAX_DOMAINS = 16;
/** Items of evidence of all those verdicts. */
const MAX_EVIDENCE_ITEMS = 1_024;
/** Their bytes: to read them takes time that no other limit counts. */
const MAX_EVIDENCE_TOTAL = 4 * DEFAULT_LIMITS.evidenceBytes;
/** What their layouts may cost together, in the unit of `InTotoLimits.work`: as much as the first verdict alone. */
const MAX_WORK = DEFAULT_LIMITS.work;
/** What a verdict below tells of its steps: there may be many. */
const BRIEF = { traceArtifacts: 16, traceNames: 8 };

/**
 * What is shared by a verdict and all verdicts that it rests on: each is reached once, and all together are bounded, so that an
 * artifact that names a thousand others costs no more than that.
 */
export class Walk {
  readonly contents: Contents;
  readonly #inquire: Inquire;
  readonly #time: Date;
  readonly #domains = new Map<Sha256Hex, TrustedMetadata | StemmaError>();
  readonly #known = new Map<string, Found>();
  readonly #open = new Set<string>();
  #cuts = 0;
  #left = MAX_VERDICTS;
  #evidence = 0;
  #evidenceBytes = 0;
  #work = 0;
  /** For patterns of demands. */
  readonly meter = new Meter();

  constructor(time: Date, contents: Contents, inquire: Inquire) {
    this.#time = time;
    this.contents = contents;
    this.#inquire = inquire;
  }

  /**
   * The verdict about another artifact; undefined while that very verdict is being reached, further up. Throws
   * `lineage_limit`.
   */
  *verdict(place: Place, project: string, digest: Digest, extent: Extent): Work<Found | undefined> {
    const key = `${nameOf(place)} ${project} ${digest} ${extent}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#open.has(key)) {
      this.#cuts += 1;
      return undefined;
    }
    if (this.#left === 0 || this.#open.size >= MAX_DEPTH) {
      throw new LineageError(
        "lineage_limit",
        `The verdict rests on more than ${MAX_VERDICTS} others, or on a chain of more than ${MAX_DEPTH}.`,
      );
    }
    this.#left -= 1;
    const cuts = this.#cuts;
    this.#open.add(key);
    const found = yield* inDomain(place.domain, this.#inquire(this, place, project, digest, extent));
    this.#open.delete(key);
    // What was cut short inside a circle may come out otherwise when it is asked from elsewhere.
    if (this.#cuts === cuts) this.#known.set(key, found);
    return found;
  }

  /** Counts evidence before it is fetched. Throws `lineage_limit`. */
  spendEvidence(items: readonly EvidenceEntry[]): void {
    this.#evidence += items.length;
    this.#evidenceBytes += items.reduce((sum, { length }) => sum + length, 0);
    if (this.#evidence > MAX_EVIDENCE_ITEMS || this.#evidenceBytes > MAX_EVIDENCE_TOTAL) {
      throw new LineageError(
        "lineage_limit",
        `The verdicts below this one rest on more than ${MAX_EVIDENCE_ITEMS} items of evidence, or on more than ${MAX_EVIDENCE_TOTAL} bytes of it.`,
      );
    }
  }

  /** Limits for the layout of a verdict below. Throws `lineage_limit` when nothing is left. */
  limits(): Partial<InTotoLimits> {
    const work = MAX_WORK - this.#work;
    if (work <= 0)
      throw new LineageError("lineage_limit", "The layouts below this one cost too much to satisfy.");
    return { ...BRIEF, work };
  }

  /** Counts what a layout below has cost. */
  spendWork(work: number): void {
    this.#work += work;
  }

  /** Another trust domain, from the root that a project of this one pins. Throws TufError. */
  *domain(name: string, root: Uint8Array): Work<Place> {
    const pinnedRoot = sha256(root);
    const domain = { name, root: pinnedRoot };
    let trusted = this.#domains.get(pinnedRoot);
    if (trusted === undefined) {
      if (this.#domains.size >= MAX_DOMAINS) {
        throw new LineageError(
          "lineage_limit",
          `The verdict rests on more than ${MAX_DOMAINS} trust domains.`,
        );
      }
      try {
        trusted = TrustedMetadata.create(root, { time: this.#time });
        yield* inDomain(domain, refresh(trusted));
      } catch (error) {
        if (!(error instanceof StemmaError)) throw error;
        trusted = error;
      }
      this.#domains.set(pinnedRoot, trusted);
    }
    if (trusted instanceof StemmaError) throw trusted;
    return { trusted, pinnedRoot, domain };
  }

  /** The record of a digest, with its contents looked up; undefined where there is none that can be read. */
  *record(place: Place, digest: Digest): Work<ArtifactRecord | undefined> {
    try {
      const found = yield* inDomain(place.domain, findTarget(place.trusted, recordPath(digest)));
      if (found === undefined) return undefined;
      const record = readRecord(digest, found.target);
      yield* inDomain(place.domain, this.contents.gather(record, nameOf(place)));
      return record;
    } catch (error) {
      if (!(error instanceof StemmaError)) throw error;
      return undefined;
    }
  }
}

/** Reaches a verdict about one artifact in a place. */
export type Inquire = (
  walk: Walk,
  place: Place,
  project: string,
  digest: Digest,
  extent: Extent,
) => Work<Found>;

/** Sends the questions of a workflow to another trust domain. Those that are for a third one already go there. */
function* inDomain<T>(domain: ForeignDomain | undefined, work: Work<T>): Work<T> {
  if (domain === undefined) return yield* work;
  let answer: EffectAnswer;
  for (;;) {
    const step = work.next(answer);
    if (step.done === true) return step.value;
    answer = yield step.value.domain === undefined ? { ...step.value, domain } : step.value;
  }
}
