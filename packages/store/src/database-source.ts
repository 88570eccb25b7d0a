import { ClientError, type Source } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import type { Sha256Hex } from "@stemma/encoding";
import { findDomain, type Head, readHead } from "./domains.ts";
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
  const others = new Map<string, Source>();
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
    foreign: ({ name }) => {
      const known = others.get(name) ?? domainSource(database, name);
      others.set(name, known);
      return known;
    },
  };
}

/**
 * Another trust domain of this service, by its name, as it is published when it is first asked. Whether it is the one that is
 * meant, its pinned root says. Throws `domain_unreachable` when there is none of that name.
 */
function domainSource(database: Queryable, name: string): Source {
  let opened: Promise<Source> | undefined;
  const source = (): Promise<Source> => {
    opened ??= openByName(database, name);
    return opened;
  };
  return {
    metadata: async (...wanted) => (await source()).metadata(...wanted),
    target: async (...wanted) => (await source()).target(...wanted),
    evidence: async (...wanted) => (await source()).evidence(...wanted),
  };
}

async function openByName(database: Queryable, name: string): Promise<Source> {
  const domain = await findDomain(database, name);
  const head = domain && (await readHead(database, domain.id));
  if (head === undefined || head.epoch === 0) {
    throw new ClientError(
      "domain_unreachable",
      `This service has no trust domain ${name}, on which the verdict rests.`,
    );
  }
  return databaseSource(database, head.domainId, head);
}

function intact(bytes: Uint8Array, hash: Sha256Hex, what: string): Uint8Array {
  if (sha256(bytes) === hash) return bytes;
  throw new StoreError("stored_bytes_damaged", `${what} is not what was stored.`);
}
