import { ServiceError } from "@stemma/contract";
import { bytesAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import type { Context } from "../service.ts";

/**
 * The read view: what any stock TUF client reads (TUF 3.2, 6.2 consistent snapshots). Every file but timestamp.json is named
 * by version or digest and never changes.
 */
export function tufHandlers({
  domains,
}: Context): Pick<Handlers, "timestamp" | "metadata" | "target" | "targetBesideMetadata" | "evidence"> {
  const { heads, files } = domains;
  const target = async ({ domain: name, path }: { domain: string; path: string }) => {
    const domain = await domains.find(name);
    const file = path.slice(path.lastIndexOf("/") + 1);
    const stored = await files.target(domain.id, file.slice(0, 64));
    // The path is checked no further: the digest alone says which bytes these are, and clients take both from metadata.
    if (stored === undefined) {
      throw new ServiceError("unknown_target", `No target file of ${domain.name} has this digest.`);
    }
    return immutable("application/octet-stream", stored);
  };
  return {
    async timestamp({ params }) {
      const domain = await domains.find(params.domain);
      const head = await heads.head(domain);
      const stored = await files.metadata(domain.id, "timestamp", head.timestampVersion);
      if (stored === undefined)
        throw new Error(`The head of ${domain.name} names a timestamp that is not there.`);
      return bytesAnswer("application/json", stored.bytes, "revalidate", {
        sha256: stored.sha256,
        keepWhile: () => heads.isCurrent(domain.id, head.epoch),
      });
    },

    async metadata({ params }) {
      const domain = await domains.find(params.domain);
      const dot = params.file.indexOf(".");
      const version = Number(params.file.slice(0, dot));
      const role = params.file.slice(dot + 1, -".json".length);
      const stored = await files.metadata(domain.id, role, version);
      if (stored === undefined) {
        throw new ServiceError(
          "unknown_metadata",
          `Version ${version} of ${role} was never published in ${domain.name}.`,
        );
      }
      return immutable("application/json", stored);
    },

    target: ({ params }) => target(params),

    targetBesideMetadata: ({ params }) => target(params),

    async evidence({ params }) {
      const domain = await domains.find(params.domain);
      const stored = await files.evidence(domain.id, params.sha256);
      if (stored === undefined) {
        throw new ServiceError(
          "unknown_evidence",
          `There is no evidence ${params.sha256} in ${domain.name}.`,
        );
      }
      return immutable("application/octet-stream", stored);
    },
  };
}

function immutable(mediaType: string, stored: { readonly bytes: Uint8Array; readonly sha256: string }) {
  return bytesAnswer(mediaType, stored.bytes, "immutable", { sha256: stored.sha256, keepWhile: () => true });
}
