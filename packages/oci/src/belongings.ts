import type { Digest } from "@stemma/encoding";
import type { ContentStore, Document } from "./content-store.ts";
import { OciError } from "./error.ts";
import { inParallel } from "./pool.ts";
import { referrersTag } from "./reference.ts";
import { Budget, readTree } from "./tree.ts";

const PARALLEL = 8;
/** Lies that are looked into and told. A list that has more is no list. */
const MAX_LEFT_OUT = 1_024;
/** What cosign appends to the tag of a digest: signature, attestations, SBOM. */
const COMPANIONS = [".sig", ".att", ".sbom"] as const;

/** A document that belongs to another: by its subject, or by its tag. */
export interface Belonging {
  readonly document: Document;
  /** With what its own indexes list; those come first, itself last. */
  readonly tree: readonly Document[];
  /** `sha256-<hex>.sig` and the like; undefined for a referrer. */
  readonly tag: string | undefined;
  readonly of: Digest;
}

export interface Belongings {
  /** What belongs to something comes after it. */
  readonly found: readonly Belonging[];
  /** What the place lists and does not have, or what does not say that it belongs here: left out, and said. */
  readonly leftOut: readonly string[];
}

/**
 * Everything that belongs to documents: their referrers, cosign's tags, and what belongs to those in turn, to a bounded
 * depth. A place's list of referrers is only a claim: each is read, and its own subject decides.
 *
 * Throws `too_many_manifests`, `too_many_referrers`, and as the store.
 */
export async function findBelongings(
  store: ContentStore,
  documents: readonly Document[],
  budget = new Budget(),
): Promise<Belongings> {
  const found = new Map<string, Belonging>();
  const leftOut: string[] = [];
  const leave = (why: string): void => {
    if (leftOut.length >= MAX_LEFT_OUT) {
      throw new OciError(
        "too_many_referrers",
        `${store.place} lists more than ${MAX_LEFT_OUT} referrers that are not there or refer to something else.`,
      );
    }
    leftOut.push(why);
  };
  const seen = new Set<Digest>();
  let level: ReadonlyMap<Digest, Document> = byDigest(documents);
  for (let depth = 1; level.size > 0; depth += 1) {
    const next: Document[] = [];
    const add = async (document: Document, tag: string | undefined, of: Digest): Promise<void> => {
      const key = `${tag ?? ""} ${document.digest}`;
      if (found.has(key)) return;
      budget.take(document, depth);
      const tree = await readTree(store, document, budget);
      found.set(key, { document, tree, tag, of });
      next.push(...tree);
    };
    const fresh = [...level.keys()].filter((digest) => !seen.has(digest));
    for (const digest of fresh) seen.add(digest);
    await inParallel(fresh, PARALLEL, async (digest) => {
      for (const listed of await store.listReferrers(digest)) {
        const document = await store.findDocument(listed.digest);
        if (document?.subject?.digest === digest) await add(document, undefined, digest);
        else if (document === undefined) leave(`${listed.digest} is listed and not there`);
        else leave(`${listed.digest} is listed and refers to something else`);
      }
      for (const ending of COMPANIONS) {
        const tag = `${referrersTag(digest)}${ending}`;
        const document = await store.findDocument(tag);
        if (document !== undefined) await add(document, tag, digest);
      }
    });
    level = byDigest(next);
  }
  return { found: [...found.values()], leftOut };
}

function byDigest(documents: readonly Document[]): ReadonlyMap<Digest, Document> {
  return new Map(documents.map((document) => [document.digest, document]));
}
