import { LIMITS } from "@stemma/contract";
import { type Sha256Hex, StemmaError } from "@stemma/encoding";
import { DEFAULT_LIMITS, Evidence, EvidenceGate, InTotoError, type Layout } from "@stemma/in-toto";
import type { ArtifactRecord } from "@stemma/lineage";
import type { Published } from "../domain/domains.ts";
import type { Context } from "../service.ts";
import { asGateRefusal, type GateRefusal } from "./gate-refusal.ts";

/** What the owners of a project say at present. */
export interface Current {
  readonly layout: Layout;
  /** The layout as they signed it. */
  readonly layoutBytes: Uint8Array;
  /** The Sigstore roots of the project, or else of the trust domain. */
  readonly trustedRoot: Uint8Array | undefined;
}

type EvidenceBytes = ReadonlyMap<Sha256Hex, Uint8Array>;

/**
 * Refuses evidence that no functionary signed: of the layout, or of a sublayout that is offered with it or was recorded
 * before. What was recorded before is only read when something needs it.
 *
 * Throws what keeps the first item out, `limit_exceeded` for more Sigstore bundles than one request may bring, and
 * `too_busy`.
 */
export async function admit(
  context: Context,
  { domain }: Published,
  current: Current,
  offered: EvidenceBytes,
  before: ArtifactRecord | undefined,
  signal: AbortSignal,
): Promise<void> {
  const time = context.clock();
  const items = read(offered);
  checkBundles(items);
  let refused = await judge(context, current, items, time, signal);
  if (refused.length > 0 && before !== undefined) {
    const names = before.evidence.map(({ sha256 }) => sha256);
    const recorded = () => context.domains.files.evidences(domain.id, names);
    const { layoutBytes: layout, trustedRoot } = current;
    refused = await context.gate.offerAfter(
      { layout, trustedRoot, time, evidence: offered },
      recorded,
      signal,
    );
  }
  const [first] = refused;
  if (first !== undefined) throw new EvidenceRefused(first);
}

/** A refusal as the gate has it, wherever it stood. */
class EvidenceRefused extends StemmaError {
  constructor({ code, message }: GateRefusal) {
    super(code, message);
  }
}

/** A piece of evidence, and its bytes for the thread. */
interface Item {
  readonly evidence: Evidence;
  readonly bytes: Uint8Array;
}

function read(evidence: EvidenceBytes): readonly Item[] {
  return [...evidence].map(([name, bytes]) => ({
    evidence: new Evidence(name, bytes, DEFAULT_LIMITS),
    bytes,
  }));
}

/** Before any cryptography. */
function checkBundles(items: readonly Item[]): void {
  const bundles = items.filter(isBundle).length;
  if (bundles <= LIMITS.bundlesPerUpload) return;
  throw new InTotoError(
    "limit_exceeded",
    `The request brings ${bundles} Sigstore bundles; at most ${LIMITS.bundlesPerUpload} are accepted at a time.`,
  );
}

/** What the gate does not let in. With a bundle among it, a thread does the work, and the service goes on answering. */
async function judge(
  { gate }: Context,
  { layout, layoutBytes, trustedRoot }: Current,
  items: readonly Item[],
  time: Date,
  signal: AbortSignal,
): Promise<readonly GateRefusal[]> {
  if (items.some(isBundle)) {
    const evidence = new Map(items.map((item) => [item.evidence.sha256, item.bytes]));
    return gate.offer({ layout: layoutBytes, trustedRoot, time, evidence }, signal);
  }
  const here = new EvidenceGate(layout, { time, keyless: undefined, limits: DEFAULT_LIMITS });
  return here.offer(items.map(({ evidence }) => evidence)).map(asGateRefusal);
}

function isBundle(item: Item): boolean {
  return holds(item, ({ envelope }) => envelope.bundle);
}

/** False for what cannot be read; why, is for the gate to say. */
function holds({ evidence }: Item, test: (evidence: Evidence) => boolean): boolean {
  try {
    return test(evidence);
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    return false;
  }
}
