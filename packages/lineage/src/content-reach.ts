import { type Digest, parseDigest, StemmaError } from "@stemma/encoding";
import { type Index, type Manifest, readDocument } from "@stemma/image";
import { type ArtifactDigests, DEFAULT_LIMITS, Evidence, statedMaterials } from "@stemma/in-toto";
import { attempt } from "./attempt.ts";

const BASE_DIGEST = "org.opencontainers.image.base.digest";
/** Digests named by one piece of evidence. */
const MAX_NAMED = 10_000;

/** The base that an image names in its own annotation (image specification, "Pre-Defined Annotation Keys"). */
export function annotatedBase({ annotations }: Manifest | Index): Digest | undefined {
  const text = annotations.get(BASE_DIGEST);
  return text === undefined ? undefined : attempt(() => parseDigest(text));
}

/**
 * Which of some contents an artifact leads to: its own bytes, what they list or name as base, what evidence names as material, and
 * so on from there. Everything else would be no more than bytes that somebody wants to be kept.
 *
 * @param contents manifests, indexes and configurations by their digests
 * @param named digests that evidence about the artifact names
 */
export function reachableContents(
  digest: Digest,
  contents: ReadonlyMap<Digest, Uint8Array>,
  named: Iterable<Digest>,
): ReadonlySet<Digest> {
  const reached = new Set<Digest>();
  const waiting: Digest[] = [digest, ...named];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const bytes = contents.get(next);
    if (bytes === undefined || reached.has(next)) continue;
    reached.add(next);
    const document = attempt(() => readDocument(bytes));
    if (document === undefined) continue;
    const base = annotatedBase(document);
    if (base !== undefined) waiting.push(base);
    if (document.kind === "manifest") waiting.push(document.config.digest);
    else waiting.push(...document.manifests.map((entry) => entry.digest));
  }
  return reached;
}

/** What a piece of evidence names. It says nothing about who signed that. */
export interface Named {
  /** What it is about: the products of a link, the subjects of a statement. */
  readonly products: readonly Digest[];
  /** What that was made of. */
  readonly materials: readonly Digest[];
}

/** The digests that a piece of evidence names; none for what cannot be read. */
export function namedDigests(name: Evidence["sha256"], bytes: Uint8Array): Named {
  const evidence = new Evidence(name, bytes, DEFAULT_LIMITS);
  try {
    if (evidence.kind === "link") {
      const { materials, products } = evidence.link;
      return { materials: digestsOf(materials.values()), products: digestsOf(products.values()) };
    }
    if (evidence.kind === "statement") {
      const { statement } = evidence;
      return {
        materials: digestsOf(statedMaterials(statement).map(({ digest }) => digest)),
        products: digestsOf(statement.subjects.map(({ digest }) => digest)),
      };
    }
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
  }
  return { materials: [], products: [] };
}

function digestsOf(all: Iterable<ArtifactDigests>): readonly Digest[] {
  return [...all]
    .slice(0, MAX_NAMED)
    .flatMap((digests) =>
      [...digests].flatMap(([algorithm, hex]) => attempt(() => parseDigest(`${algorithm}:${hex}`)) ?? []),
    );
}
