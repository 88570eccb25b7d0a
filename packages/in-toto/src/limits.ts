import { InTotoError } from "./error.ts";

/** What a document or a search may cost. Every limit is checked before the cryptography that it bounds. */
export interface InTotoLimits {
  /** Bytes of an envelope as received. */
  readonly envelopeBytes: number;
  /** Bytes of a decoded DSSE payload. */
  readonly payloadBytes: number;
  /** Nesting of a payload: an SBOM is deeper than a link. */
  readonly payloadDepth: number;
  readonly signatures: number;
  /** Verifications that signatures without a known key id may cost in one envelope. */
  readonly unlabelledChecks: number;
  /** Certificates of one envelope that are looked at; signatures with further ones count by key or not at all. */
  readonly certificates: number;
  readonly keys: number;
  readonly keysPerStep: number;
  readonly steps: number;
  /** Root certificates, and intermediate ones, of a layout. */
  readonly authorities: number;
  /** Certificate constraints of a step, and values of one attribute of a constraint. */
  readonly constraints: number;
  readonly predicatesPerStep: number;
  /** Rules in one list of one step. */
  readonly rules: number;
  /** UTF-16 units in one token of a rule. */
  readonly patternLength: number;
  /** UTF-16 units in an artifact's name. */
  readonly nameLength: number;
  readonly digestsPerArtifact: number;
  /** Envelopes considered for one verdict. */
  readonly evidence: number;
  /** Bytes of all those envelopes together. */
  readonly evidenceBytes: number;
  /** How deep sublayouts may stand in sublayouts. */
  readonly sublayoutDepth: number;
  /** Times that a sublayout is verified for one verdict. */
  readonly sublayouts: number;
  /** Times that the rules of a step are evaluated in one search. */
  readonly evaluations: number;
  /** Comparisons of characters and artifacts in one search. */
  readonly work: number;
  /** Artifact names listed for one rule of a trace or one reason. */
  readonly traceNames: number;
  /** Materials, and products, listed for one step of a trace. */
  readonly traceArtifacts: number;
}

export const DEFAULT_LIMITS: InTotoLimits = {
  envelopeBytes: 6_000_000,
  payloadBytes: 4 * 1024 * 1024,
  payloadDepth: 64,
  signatures: 64,
  unlabelledChecks: 64,
  certificates: 8,
  keys: 256,
  keysPerStep: 64,
  steps: 128,
  authorities: 64,
  constraints: 64,
  predicatesPerStep: 32,
  rules: 256,
  patternLength: 1024,
  nameLength: 4096,
  digestsPerArtifact: 32,
  evidence: 256,
  evidenceBytes: 64 * 1024 * 1024,
  sublayoutDepth: 4,
  sublayouts: 64,
  evaluations: 4096,
  work: 100_000_000,
  traceNames: 32,
  traceArtifacts: 1000,
};

/** Throws `limit_exceeded` when there are more than `limit`. */
export function checkLimit(count: number, limit: number, where: string, what: string): void {
  if (count > limit) {
    throw new InTotoError("limit_exceeded", `${where} has ${count} ${what}; at most ${limit} are accepted.`);
  }
}

/** Counts the work of a search, so that hostile patterns and names end in `search_limit`, not in minutes. */
export class Meter {
  work = 0;
  evaluations = 0;
  readonly #limits: InTotoLimits;
  #reached: InTotoError | undefined;

  constructor(limits: InTotoLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /** The limit that was reached first. Evidence that it kept from counting is set aside, and others may do without. */
  get reached(): InTotoError | undefined {
    return this.#reached;
  }

  /** Adds work. Throws `search_limit` when it is too much. */
  spend(steps: number): void {
    this.work += steps;
    if (this.work > this.#limits.work) {
      this.stop(
        `The evidence and the rules cost more than ${this.#limits.work} comparisons; they must be fewer or smaller.`,
      );
    }
  }

  /** Counts one evaluation of a step's rules. Throws `search_limit` when there were too many. */
  evaluation(): void {
    this.evaluations += 1;
    if (this.evaluations > this.#limits.evaluations) {
      this.stop(
        `No combination of links satisfied the layout within ${this.#limits.evaluations} evaluations of rules.`,
      );
    }
  }

  /** Throws `search_limit`, and remembers it. */
  stop(message: string): never {
    const error = new InTotoError("search_limit", message);
    this.#reached ??= error;
    throw error;
  }
}
