import { asKeyId, type KeyId, type PublicKey, readPublicKey } from "@stemma/crypto";
import type { JsonObject, JsonValue } from "@stemma/encoding";
import { StemmaError } from "@stemma/encoding";

/**
 * The keys of a document, read when they are asked for: a targets role may list thousands, and a look-up needs two or
 * three. Seen as a map it holds the usable keys only.
 */
export class KeyRing implements ReadonlyMap<KeyId, PublicKey> {
  readonly #json: JsonObject;
  readonly #where: string;
  readonly #read = new Map<string, PublicKey | string>();

  /** @param json the object `keys` of root or of delegations, by key id */
  constructor(json: JsonObject, where: string) {
    this.#json = json;
    this.#where = where;
  }

  get(id: KeyId): PublicKey | undefined {
    const json = this.#json.get(id);
    if (json === undefined) return undefined;
    const key = this.#key(id, json);
    return typeof key === "string" ? undefined : key;
  }

  has(id: KeyId): boolean {
    return this.get(id) !== undefined;
  }

  get size(): number {
    return this.#all().size;
  }

  /** The keys that cannot be used, each with the reason. */
  get unusable(): ReadonlyMap<KeyId, string> {
    const unusable = new Map<KeyId, string>();
    for (const [id, json] of this.#json) {
      const key = this.#key(id, json);
      if (typeof key === "string") unusable.set(id as KeyId, key);
    }
    return unusable;
  }

  keys(): MapIterator<KeyId> {
    return this.#all().keys();
  }

  values(): MapIterator<PublicKey> {
    return this.#all().values();
  }

  entries(): MapIterator<[KeyId, PublicKey]> {
    return this.#all().entries();
  }

  [Symbol.iterator](): MapIterator<[KeyId, PublicKey]> {
    return this.entries();
  }

  forEach(visit: (key: PublicKey, id: KeyId, map: ReadonlyMap<KeyId, PublicKey>) => void): void {
    for (const [id, key] of this.#all()) visit(key, id, this);
  }

  #all(): Map<KeyId, PublicKey> {
    const usable = new Map<KeyId, PublicKey>();
    for (const [id, json] of this.#json) {
      const key = this.#key(id, json);
      if (typeof key !== "string") usable.set(id as KeyId, key);
    }
    return usable;
  }

  #key(id: string, json: JsonValue): PublicKey | string {
    const known = this.#read.get(id);
    if (known !== undefined) return known;
    let key: PublicKey | string;
    try {
      asKeyId(id, this.#where);
      key = readPublicKey(json, `${this.#where}[${JSON.stringify(id)}]`);
    } catch (error) {
      if (!(error instanceof StemmaError)) throw error;
      key = error.message;
    }
    this.#read.set(id, key);
    return key;
  }
}
