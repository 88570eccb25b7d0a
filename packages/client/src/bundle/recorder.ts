import { sha256 } from "@stemma/crypto";
import type { Sha256Hex } from "@stemma/encoding";
import { metadataName, type Source } from "../source.ts";
import type { BundleDocument } from "./document.ts";
import { targetFileOf } from "./names.ts";
import { type BundleHints, type BundleSubject, type PackedBundle, packBundle } from "./pack.ts";

/**
 * Makes a bundle by listening: run a verification from the first root through `source`, and whatever it was given
 * is what anybody else will need for the same verdict.
 */
export class BundleRecorder {
  readonly source: Source;
  readonly #documents = new Map<string, BundleDocument>();

  constructor(inner: Source) {
    this.source = this.#listen(inner, undefined);
  }

  /** Adds a document that the verification itself does not ask for: the root that it begins with. */
  addMetadata(role: string, version: number | undefined, bytes: Uint8Array): void {
    this.#add({ kind: "metadata", name: metadataName(role, version), domain: undefined, bytes });
  }

  /** Whether other trust domains were asked, too. */
  get heardOthers(): boolean {
    return [...this.#documents.values()].some(({ domain }) => domain !== undefined);
  }

  /** The bundle of what was heard. Throws `bundle_too_large`. */
  pack(subject: BundleSubject, hints: BundleHints): PackedBundle {
    return packBundle(subject, [...this.#documents.values()], hints);
  }

  #listen(inner: Source, domain: Sha256Hex | undefined): Source {
    return {
      metadata: async (role, version, maxLength) => {
        const bytes = await inner.metadata(role, version, maxLength);
        if (bytes !== undefined)
          this.#add({ kind: "metadata", name: metadataName(role, version), domain, bytes });
        return bytes;
      },
      target: async (path, digest, length) => {
        const bytes = await inner.target(path, digest, length);
        // Other bytes than those that were asked for are of no use to anybody.
        if (bytes !== undefined && sha256(bytes) === digest) {
          this.#add({ kind: "target", name: targetFileOf(path, digest), domain, bytes });
        }
        return bytes;
      },
      evidence: async (wanted, maxLength) => {
        const found = await inner.evidence(wanted, maxLength);
        for (const bytes of found.values())
          this.#add({ kind: "evidence", name: undefined, domain: undefined, bytes });
        return found;
      },
      foreign: (other) => {
        const source = inner.foreign?.(other);
        return source === undefined ? undefined : this.#listen(source, other.root);
      },
    };
  }

  /** The last answer is the one that the verification went on with. */
  #add(document: BundleDocument): void {
    const { kind, name, domain, bytes } = document;
    this.#documents.set(`${kind}\n${domain ?? ""}\n${name ?? sha256(bytes)}`, document);
  }
}
