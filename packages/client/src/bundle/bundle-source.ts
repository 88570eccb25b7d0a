import type { Sha256Hex } from "@stemma/encoding";
import type { Source, SyncSource } from "../source.ts";
import type { Bundle } from "./document.ts";
import { metadataKey } from "./names.ts";

/**
 * A bundle as a source. Of another trust domain it always answers a source, an empty one where it holds nothing: a bundle
 * has what the verdict needs, or denies.
 */
export function bundleSource(bundle: Bundle): SyncSource {
  return domainSource(bundle, bundle.metadata);
}

function domainSource(bundle: Bundle, metadata: ReadonlyMap<string, Uint8Array>): SyncSource {
  const { blobs, foreign } = bundle;
  return {
    metadata: (role, version) => metadata.get(metadataKey(role, version)),
    target: (_path, digest) => blobs.get(digest),
    evidence: (wanted) => {
      const found = new Map<Sha256Hex, Uint8Array>();
      for (const digest of wanted) {
        const bytes = blobs.get(digest);
        if (bytes !== undefined) found.set(digest, bytes);
      }
      return found;
    },
    foreign: ({ root }) => domainSource(bundle, foreign?.get(root) ?? new Map()),
  };
}

/** Any source in memory as an asynchronous one. */
export function asyncSource(source: SyncSource): Source {
  return {
    metadata: async (role, version, maxLength) => source.metadata(role, version, maxLength),
    target: async (path, digest, length) => source.target(path, digest, length),
    evidence: async (wanted, maxLength) => source.evidence(wanted, maxLength),
    foreign: (domain) => {
      const other = source.foreign?.(domain);
      return other === undefined ? undefined : asyncSource(other);
    },
  };
}
