import type { Source } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import type { Sha256Hex } from "@stemma/encoding";
import type { Head } from "./domains.ts";
import { StoreError } from "./error.ts";
import { readEvidences, readTargetFile } from "./files.ts";
import { readMetadata } from "./metadata.ts";
import type { Queryable } from "./pool.ts";

/**
 * What is published in a domain, as a source for our own client. It shows one moment, that of `head`, however many
 * publishes follow while it is read. Stored bytes that no longer have their hash are not handed out: throws
 * `stored_bytes_damaged`.
 */
export function databaseSource(database: Queryable, domainId: number, head: Head): Source {
  return {
    async metadata(role, version) {
      const wanted = version ?? (role === "timestamp" ? head.timestampVersion : 0);
      if (wanted < 1 || (role === "root" && wanted > head.rootVersion)) return undefined;
      const stored = await readMetadata(database, domainId, role, wanted);
      return stored && intact(stored.bytes, stored.sha256, `Version ${wanted} of ${role}`);
    },
    async target(path, hash) {
      const bytes = await readTargetFile(database, domainId, hash);
      return bytes && intact(bytes, hash, `The file ${path}`);
    },
    async evidence(wanted) {
      const items = await readEvidences(database, domainId, wanted);
      for (const [hash, bytes] of items) intact(bytes, hash, `The evidence ${hash}`);
      return items;
    },
  };
}

function intact(bytes: Uint8Array, hash: Sha256Hex, what: string): Uint8Array {
  if (sha256(bytes) === hash) return bytes;
  throw new StoreError("stored_bytes_damaged", `${what} is not what was stored.`);
}
