import { sha256 } from "@stemma/crypto";
import type { Digest, Sha256Hex } from "@stemma/encoding";
import type { Inspector } from "@stemma/in-toto";
import {
  restsElsewhere,
  type Verdict,
  type VerifyRequest,
  verifyArtifact,
  verifyFromRoot,
} from "@stemma/lineage";
import { refresh, TrustedMetadata } from "@stemma/tuf";
import { bundleSource } from "./bundle/bundle-source.ts";
import type { Bundle } from "./bundle/document.ts";
import { drive, driveSync } from "./drive.ts";
import type { Cache, Source } from "./source.ts";

/** What a verdict is asked about. */
export interface Question {
  readonly digest: Digest;
  readonly project: string;
  /** Parameters of the layout. */
  readonly parameters?: ReadonlyMap<string, string>;
  /** The time as of which to verify; now unless told. */
  readonly time?: Date;
  /** Carries out the inspections of layouts, without which they deny. */
  readonly inspect?: Inspector;
  /** Also look at what the artifact rests on where nobody demands anything of it. Changes no decision. */
  readonly explore?: boolean;
}

/** What a client is made of. */
export interface ClientOptions {
  /** The pinned root.json: the only thing that is trusted. */
  readonly root: Uint8Array;
  readonly source: Source;
  readonly cache?: Cache;
  /** Milliseconds for which refreshed metadata is used again; 60,000 unless told. Expiry always comes first. */
  readonly maxAge?: number;
}

const VERDICTS_KEPT = 100_000;

/**
 * Verifies artifacts of one trust domain. Metadata is refreshed at most every `maxAge`, and a verdict is reached once
 * for each set of signed documents that it depends on: the cache of verdicts is emptied whenever the metadata changes,
 * and nothing is answered from it past the earliest expiry. Errors are never cached.
 */
export class Client {
  private readonly options: ClientOptions;
  private readonly rootDigest: Sha256Hex;
  private current: { readonly trusted: TrustedMetadata; readonly since: number } | undefined;
  private readonly verdicts = new Map<string, { readonly verdict: Verdict; readonly until: number }>();

  constructor(options: ClientOptions) {
    this.options = options;
    this.rootDigest = sha256(options.root);
  }

  /**
   * The verdict. Throws ClientError when the source cannot tell; that is neither allow nor deny. A question with a
   * time or an inspector of its own is answered from scratch, and its answer is not kept.
   */
  async verify(question: Question): Promise<Verdict> {
    if (question.time !== undefined || question.inspect !== undefined || question.explore === true) {
      return this.verifyAt(question, question.time ?? new Date());
    }
    const now = Date.now();
    const key = cacheKey(question);
    const fresh = this.current !== undefined && now - this.current.since < (this.options.maxAge ?? 60_000);
    const known = fresh ? this.verdicts.get(key) : undefined;
    if (known !== undefined && now < known.until) return known.verdict;

    const { source, cache } = this.options;
    const trusted = fresh ? this.current?.trusted : await this.refresh(now);
    const verdict =
      trusted === undefined
        ? await this.verifyAt(question, new Date(now))
        : await drive(verifyArtifact(trusted, this.rootDigest, request(question)), source, cache);
    // The cache is emptied when this domain's metadata changes; what changes in another domain is not heard of here.
    const heard = restsElsewhere(verdict) ? now + (this.options.maxAge ?? 60_000) : Number.POSITIVE_INFINITY;
    const until = Math.min(heard, Date.parse(verdict.freshness.validUntil ?? ""));
    // NaN compares as "not later", so a verdict without an expiry is not kept.
    if (trusted !== undefined && until > now && this.verdicts.size < VERDICTS_KEPT) {
      this.verdicts.set(key, { verdict, until });
    }
    return verdict;
  }

  private verifyAt(question: Question, time: Date): Promise<Verdict> {
    const { root, source, cache } = this.options;
    return drive(verifyFromRoot(root, request(question), time), source, cache);
  }

  /** Fresh metadata, or undefined when it was refused: the full workflow then says why, as a verdict. */
  private async refresh(now: number): Promise<TrustedMetadata | undefined> {
    const before = this.current?.trusted.timestamp?.bytes;
    this.current = undefined;
    let trusted: TrustedMetadata;
    try {
      trusted = TrustedMetadata.create(this.options.root, { time: new Date(now) });
      await drive(refresh(trusted), this.options.source, this.options.cache);
    } catch (error) {
      this.verdicts.clear();
      if (error instanceof Error && error.name === "TufError") return undefined;
      throw error;
    }
    const after = trusted.timestamp?.bytes;
    if (before === undefined || after === undefined || sha256(before) !== sha256(after))
      this.verdicts.clear();
    this.current = { trusted, since: now };
    return trusted;
  }
}

/** Verifies from a bundle alone: no network, no cache, no promise. */
export function verifyBundle(
  root: Uint8Array,
  bundle: Bundle,
  question: Question & { readonly time: Date },
): Verdict {
  return driveSync(verifyFromRoot(root, request(question), question.time), bundleSource(bundle));
}

function request(question: Question): VerifyRequest {
  const { digest, project, parameters, inspect, explore } = question;
  return {
    digest,
    project,
    ...(parameters === undefined ? {} : { parameters }),
    ...(inspect === undefined ? {} : { inspect }),
    ...(explore === undefined ? {} : { explore }),
  };
}

/** Names of projects and digests hold no newline; parameters are written as JSON, which escapes them. */
function cacheKey(question: Question): string {
  const parameters = question.parameters === undefined ? "" : JSON.stringify([...question.parameters]);
  return `${question.digest}\n${question.project}\n${parameters}`;
}
