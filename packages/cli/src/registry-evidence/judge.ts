import { sha256 } from "@stemma/crypto";
import { type Digest, digestParts, StemmaError } from "@stemma/encoding";
import { type AttachedKind, mayBeEvidence } from "@stemma/image";
import { DEFAULT_LIMITS, Evidence, type Statement } from "@stemma/in-toto";

/** Why something that is attached is not offered to the service. */
export type SetAside = "unsigned" | "not judged" | "unreadable" | "about another";

/** Something attached is not offered, for this reason. */
export interface Rejected {
  readonly setAside: SetAside;
  readonly why: string;
  readonly code?: string;
  readonly predicateType?: string;
}

/** Something attached is offered as evidence about these subjects. */
export interface Offered {
  readonly about: readonly Digest[];
  /** Links may need a layout that answers for their step, so they come after everything else. */
  readonly isLink: boolean;
  readonly predicateType?: string;
}

const REASONS: Partial<Readonly<Record<AttachedKind, readonly [SetAside, string]>>> = {
  "unsigned-statement": [
    "unsigned",
    "Nobody signed it, so it claims at best: whoever can push may have written it.",
  ],
  "cosign-signature": ["not judged", "A signature on an image's name and digest; it attests no step."],
  "notation-signature": ["not judged", "A signature on an image's digest; it attests no step."],
  other: ["not judged", "It is not signed in a form that is known here."],
};

/** What is said of a kind that needs no reading; undefined for what may be evidence. */
export function judgeKind(kind: AttachedKind): Rejected | undefined {
  if (mayBeEvidence(kind)) return undefined;
  const [setAside, why] = REASONS[kind] ?? ["not judged", "It is of a kind that is not known here."];
  return { setAside, why };
}

/**
 * Reads what may be evidence, and finds what it is about: a statement names its subjects, of which those of this artifact
 * count, wherever it was attached; a link or a layout is about what it is attached to. Nothing is verified: the service
 * does, and whoever verifies a record does again.
 */
export function judgeBytes(
  bytes: Uint8Array,
  { kind, of }: { readonly kind: AttachedKind; readonly of: Digest },
  subjects: readonly Digest[],
): Offered | Rejected {
  const evidence = new Evidence(sha256(bytes), bytes, DEFAULT_LIMITS);
  try {
    if (evidence.kind !== "statement") return { about: [of], isLink: evidence.kind === "link" };
    const { statement } = evidence;
    const about = subjects.filter((digest) => names(statement, digest));
    const { predicateType } = statement;
    if (about.length > 0) return { about, isLink: false, predicateType };
    return {
      setAside: "about another",
      why: "None of its subjects is part of this artifact.",
      predicateType,
    };
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    // A bundle without an envelope signs the bytes of a file: it is in order, and says nothing of steps.
    const isSignature = kind === "sigstore-bundle" && error.code === "unsupported_envelope";
    return { setAside: isSignature ? "not judged" : "unreadable", why: error.message, code: error.code };
  }
}

function names({ subjects }: Statement, digest: Digest): boolean {
  const { algorithm, hex } = digestParts(digest);
  return subjects.some((subject) => subject.digest.get(algorithm) === hex);
}
