import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Metadata, MetadataKind } from "@tufjs/models";
import { BaseFetcher, Updater } from "tuf-js";
import { DownloadHTTPError } from "tuf-js/dist/error.js";
import type { Repository } from "./repository.ts";

/* Stock tuf-js, asked the same questions. */

type StockMetadata = ReturnType<typeof readStock>;

/** What tuf-js says to one document, signed for by another: "accepted", or its message. */
export function stockVerdict(
  role: string,
  bytes: Uint8Array,
  delegator: Uint8Array | undefined,
  time: Date,
): string {
  try {
    const metadata = readStock(role, bytes);
    const parent = delegator === undefined ? metadata : readStock(parentOf(role), delegator);
    parent.verifyDelegate(role, metadata);
    return metadata.signed.isExpired(time) ? "expired" : "accepted";
  } catch (error) {
    return String(error);
  }
}

/** The delegated roles that tuf-js would follow for a path, in order, or its message. */
export function stockRoles(targets: Uint8Array, path: string): string {
  try {
    const { delegations } = readTargets(targets).signed;
    return [...(delegations?.rolesForTarget(path) ?? [])].map(({ role }) => role).join(",");
  } catch (error) {
    return String(error);
  }
}

export function parentOf(role: string): string {
  return ["root", "timestamp", "snapshot", "targets"].includes(role) ? "root" : "targets";
}

function readTargets(bytes: Uint8Array) {
  return Metadata.fromJSON(MetadataKind.Targets, JSON.parse(Buffer.from(bytes).toString("utf8")));
}

/** As tuf-js's store does: bytes to text, text to JSON, JSON to a model. */
function readStock(role: string, bytes: Uint8Array) {
  const json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  switch (role) {
    case "root":
      return Metadata.fromJSON(MetadataKind.Root, json);
    case "timestamp":
      return Metadata.fromJSON(MetadataKind.Timestamp, json);
    case "snapshot":
      return Metadata.fromJSON(MetadataKind.Snapshot, json);
    default:
      return Metadata.fromJSON(MetadataKind.Targets, json);
  }
}

export type { StockMetadata };

/** A tuf-js client on a folder of its own, against a repository in memory. Time is the process's. */
export class StockClient {
  readonly #dir = mkdtempSync(join(tmpdir(), "stemma-stock-"));
  readonly #repository: Repository;

  constructor(repository: Repository) {
    this.#repository = repository;
    writeFileSync(join(this.#dir, "root.json"), repository.file("1.root"));
  }

  /** Looks a path up in a new session: the role's target as JSON, "not found", or the message of a refusal. */
  async find(path: string): Promise<string> {
    try {
      const updater = new Updater({
        metadataDir: this.#dir,
        metadataBaseUrl: "http://stock.invalid",
        fetcher: new MemoryFetcher(this.#repository),
      });
      const target = await updater.getTargetInfo(path);
      return target === undefined ? "not found" : "found";
    } catch (error) {
      return String(error);
    }
  }

  close(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

class MemoryFetcher extends BaseFetcher {
  readonly #repository: Repository;

  constructor(repository: Repository) {
    super();
    this.#repository = repository;
  }

  async fetch(url: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const name = decodeURIComponent(new URL(url).pathname.slice(1).replace(/\.json$/, ""));
    const [, version, role] = /^(?:(\d+)\.)?(.*)$/s.exec(name) ?? [];
    const bytes = this.#repository.fetch(role ?? "", version === undefined ? undefined : Number(version));
    if (bytes === undefined) throw new DownloadHTTPError("not there", 404);
    const copy = new Uint8Array(bytes);
    return new ReadableStream({
      start(controller) {
        controller.enqueue(copy);
        controller.close();
      },
    });
  }
}
