import { sha256, sha512 } from "@stemma/crypto";
import { type Digest, digestParts, parseDigest, type Sha256Hex, StemmaError } from "@stemma/encoding";
import { type ImageConfig, type Index, type Manifest, readDocument, readImageConfig } from "@stemma/image";
import type { Effect, EffectAnswer } from "@stemma/tuf";
import { LineageError } from "./error.ts";
import { type ArtifactRecord, MAX_EVIDENCE_BYTES } from "./record.ts";

/** Bytes of contents that one verdict takes in all. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Manifests, indexes and configurations by their digests. Whoever hands them over, and whatever record lists them, makes no
 * difference: the digest is asked for, and the bytes either have it or do not. What cannot be read is as good as absent.
 */
export class Contents {
  readonly #bytes = new Map<Digest, Uint8Array>();
  readonly #documents = new Map<Digest, Manifest | Index | undefined>();
  readonly #configs = new Map<Digest, ImageConfig | undefined>();
  readonly #fetched = new Set<string>();
  /** Bytes whose sha512 nobody has asked for yet. */
  readonly #unnamed: Uint8Array[] = [];
  #size = 0;

  /**
   * Asks for what a record lists, once for each trust domain that has one. Throws `lineage_limit` before it asks for too much.
   *
   * @param where tells the trust domains apart: what one has on record of an artifact must not hide what another has
   */
  *gather(record: ArtifactRecord, where: string): Generator<Effect, void, EffectAnswer> {
    const name = `${where} ${record.digest}`;
    if (this.#fetched.has(name)) return;
    this.#fetched.add(name);
    const wanted = (record.contents ?? []).filter(({ sha256 }) => !this.has(parseDigest(`sha256:${sha256}`)));
    if (wanted.length === 0) return;
    const size = this.#size + wanted.reduce((sum, { length }) => sum + length, 0);
    if (size > MAX_BYTES) {
      throw new LineageError(
        "lineage_limit",
        `The verdict rests on more than ${MAX_BYTES} bytes of manifests.`,
      );
    }
    this.#size = size;
    const names = wanted.map(({ sha256 }) => sha256);
    const answer = yield { kind: "evidence", wanted: names, maxLength: MAX_EVIDENCE_BYTES };
    if (!(answer instanceof Map)) return;
    for (const { sha256: name, length } of wanted) {
      const bytes = (answer as ReadonlyMap<Sha256Hex, Uint8Array>).get(name);
      if (bytes === undefined || bytes.length !== length || sha256(bytes) !== name) continue;
      this.#bytes.set(parseDigest(`sha256:${name}`), bytes);
      this.#unnamed.push(bytes);
    }
  }

  has(digest: Digest): boolean {
    return this.#find(digest) !== undefined;
  }

  /** All that is there, by sha256. */
  digests(): Iterable<Digest> {
    return this.#bytes.keys();
  }

  /** The manifest or index with a digest. */
  document(digest: Digest): Manifest | Index | undefined {
    return read(this.#documents, digest, this.#find(digest), readDocument);
  }

  /** The configuration with a digest. */
  config(digest: Digest): ImageConfig | undefined {
    return read(this.#configs, digest, this.#find(digest), readImageConfig);
  }

  /** Records list contents by sha256; an artifact may be asked about by another digest. */
  #find(digest: Digest): Uint8Array | undefined {
    const known = this.#bytes.get(digest);
    if (known !== undefined || digestParts(digest).algorithm === "sha256") return known;
    for (const bytes of this.#unnamed.splice(0))
      this.#bytes.set(parseDigest(`sha512:${sha512(bytes)}`), bytes);
    return this.#bytes.get(digest);
  }
}

function read<T>(
  known: Map<Digest, T | undefined>,
  digest: Digest,
  bytes: Uint8Array | undefined,
  reader: (bytes: Uint8Array) => T,
): T | undefined {
  if (bytes === undefined) return undefined;
  if (known.has(digest)) return known.get(digest);
  let value: T | undefined;
  try {
    value = reader(bytes);
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
  }
  known.set(digest, value);
  return value;
}
