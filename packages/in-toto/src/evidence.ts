import { anchorsOf, type Certificate, type PublicKey, readCertificate } from "@stemma/crypto";
import { type Sha256Hex, StemmaError } from "@stemma/encoding";
import type { Authorities } from "./authorities.ts";
import { type Envelope, type EnvelopeSignature, readEnvelope } from "./envelope.ts";
import { InTotoError } from "./error.ts";
import type { InTotoLimits } from "./limits.ts";
import { type Link, readLink } from "./link.ts";
import { checkPayloadType, type PayloadKind, payloadKind } from "./payload.ts";
import { checkPredicate, type ReportedArtifacts, reportedArtifacts } from "./predicates/index.ts";
import { readStatement, type Statement } from "./statement.ts";

/** What a Sigstore bundle proves about whoever signed it. */
export interface KeylessSigner {
  readonly issuer: string;
  readonly identity: string;
}

/** Verifies the whole of a Sigstore bundle, for a moment that it knows. Throws StemmaError for what it does not trust. */
export type KeylessVerifier = (bundle: Uint8Array) => KeylessSigner;

/** Something that costs, worked out at most once: a value, or the refusal that came instead. */
class Once<T> {
  #outcome: { readonly value: T } | { readonly refusal: StemmaError } | undefined;

  get(work: () => T): T {
    if (this.#outcome === undefined) {
      try {
        this.#outcome = { value: work() };
      } catch (error) {
        if (!(error instanceof StemmaError)) throw error;
        this.#outcome = { refusal: error };
      }
    }
    if ("refusal" in this.#outcome) throw this.#outcome.refusal;
    return this.#outcome.value;
  }
}

/** The certificate of a signature, and the roots of a layout that anchor it. */
export interface Anchored {
  readonly certificate: Certificate;
  readonly anchors: readonly string[];
}

/** For which layout, and as of when, a certificate was looked at. */
type Anchorings = Map<Authorities, Map<number, Once<Anchored>>>;

/**
 * One piece of evidence. It is read once, whatever the number of steps and sublayouts that look at it, and each of its
 * signatures is verified with a key once. What it says depends on its bytes alone.
 */
export class Evidence {
  readonly sha256: Sha256Hex;
  readonly #bytes: Uint8Array;
  readonly #limits: InTotoLimits;
  readonly #envelope = new Once<Envelope>();
  readonly #link = new Once<Link>();
  readonly #statement = new Once<Statement>();
  readonly #reported = new Once<ReportedArtifacts>();
  readonly #keyless = new Once<KeylessSigner>();
  readonly #verified = new Map<EnvelopeSignature, Map<string, boolean>>();
  readonly #anchored = new Map<EnvelopeSignature, Anchorings>();

  constructor(sha256: Sha256Hex, bytes: Uint8Array, limits: InTotoLimits) {
    this.sha256 = sha256;
    this.#bytes = bytes;
    this.#limits = limits;
  }

  /** Throws as `readEnvelope`. */
  get envelope(): Envelope {
    return this.#envelope.get(() => readEnvelope(this.#bytes, this.#limits));
  }

  /** What it claims to be; `wrong_document` when it is nothing of in-toto. */
  get kind(): PayloadKind {
    const kind = payloadKind(this.envelope.payload);
    if (kind !== undefined) return kind;
    throw new InTotoError("wrong_document", "The evidence is neither a link, nor a layout, nor a statement.");
  }

  /** Throws as `readLink`. */
  get link(): Link {
    return this.#link.get(() => readLink(this.envelope, this.#limits));
  }

  /** Throws as `readStatement`. */
  get statement(): Statement {
    return this.#statement.get(() => {
      checkPayloadType(this.envelope, "statement");
      return readStatement(this.envelope.payload, this.#limits);
    });
  }

  /** The materials and products that a statement reports. Throws `bad_predicate` and as `readStatement`. */
  get reported(): ReportedArtifacts {
    return this.#reported.get(() => {
      checkPredicate(this.statement);
      return reportedArtifacts(this.statement, this.#limits);
    });
  }

  /** Whether a signature of this envelope is a key's. */
  isSignedBy(signature: EnvelopeSignature, key: PublicKey): boolean {
    let known = this.#verified.get(signature);
    if (known === undefined) {
      known = new Map();
      this.#verified.set(signature, known);
    }
    // One public key may be used with several schemes, such as RSA-PSS with different hashes.
    const name = `${key.fingerprint} ${key.scheme}`;
    const before = known.get(name);
    if (before !== undefined) return before;
    const verified = key.verify(this.envelope.message, signature.signature);
    known.set(name, verified);
    return verified;
  }

  /** Who signed a Sigstore bundle without a key of their own. Throws what the verifier throws. */
  keylessSigner(verify: KeylessVerifier): KeylessSigner {
    return this.#keyless.get(() => verify(this.#bytes));
  }

  /**
   * The certificate of a signature, under the authorities of a layout. Anybody can add signatures with certificates to
   * an envelope, and a chain costs more than a signature, so it is built once and not for every place. Throws as
   * `readCertificate`.
   */
  anchored(signature: EnvelopeSignature, pem: string, authorities: Authorities, time: Date): Anchored {
    const byLayout: Anchorings = this.#anchored.get(signature) ?? new Map();
    this.#anchored.set(signature, byLayout);
    const byTime = byLayout.get(authorities) ?? new Map<number, Once<Anchored>>();
    byLayout.set(authorities, byTime);
    const once = byTime.get(time.getTime()) ?? new Once<Anchored>();
    byTime.set(time.getTime(), once);
    return once.get(() => {
      const certificate = readCertificate(pem, "The certificate of a signature");
      const { intermediates, roots } = authorities;
      return { certificate, anchors: anchorsOf(certificate, intermediates, roots, time) };
    });
  }
}
