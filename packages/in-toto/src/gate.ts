import { StemmaError } from "@stemma/encoding";
import { authorizeEvidence } from "./authorize.ts";
import type { Evidence } from "./evidence.ts";
import { type Layout, readLayout } from "./layout.ts";
import { isExpired } from "./open-layout.ts";
import type { SigningTrust } from "./signatures.ts";

/** Evidence that nobody who may sign has signed, and why. */
export interface Refused {
  readonly evidence: Evidence;
  readonly refusal: StemmaError;
}

/**
 * What a repository asks of evidence that it is offered: that a functionary of the current layout signed it, or, where a
 * functionary answers for a step with a sublayout, a functionary of that one. Whether it all adds up is for verdicts.
 */
export class EvidenceGate {
  readonly #layouts: Layout[];
  readonly #trust: SigningTrust;

  constructor(layout: Layout, trust: SigningTrust) {
    this.#layouts = [layout];
    this.#trust = trust;
  }

  /**
   * Lets evidence in, in whatever order it comes. Sublayouts that are let in speak for what comes with them and after
   * them. Returns what is not let in, each with what the project's own layout has against it.
   */
  offer(offered: readonly Evidence[]): readonly Refused[] {
    let refused: readonly Refused[] = offered.flatMap((evidence) => this.#tryAll(evidence));
    // Each round that lets a sublayout in may let in what it speaks for.
    for (let rounds = 0; refused.length > 0 && rounds < this.#trust.limits.sublayoutDepth; rounds += 1) {
      const before = refused.length;
      refused = refused.flatMap(({ evidence }) => this.#tryAll(evidence));
      if (refused.length === before) break;
    }
    return refused;
  }

  #tryAll(evidence: Evidence): readonly Refused[] {
    let first: StemmaError | undefined;
    for (const layout of this.#layouts) {
      try {
        authorizeEvidence(layout, evidence, this.#trust);
        this.#note(evidence);
        return [];
      } catch (error) {
        if (!(error instanceof StemmaError)) throw error;
        first ??= error;
      }
    }
    return first === undefined ? [] : [{ evidence, refusal: first }];
  }

  #note(evidence: Evidence): void {
    if (evidence.kind !== "layout") return;
    const { limits, time } = this.#trust;
    const layout = readLayout(evidence.envelope, limits);
    if (this.#layouts.length <= limits.sublayouts && !isExpired(layout, time)) this.#layouts.push(layout);
  }
}
