import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ContentStore,
  folderStore,
  type RegistryOptions,
  registryStore,
  tarballStore,
} from "@stemma/oci";
import { MemoryRegistry, type MemoryRegistryOptions } from "../../../../test/support/registry.ts";

/** Places for one test, all gone after it. */
export class Desk {
  readonly folder: string;
  private places = 0;
  private readonly registries: MemoryRegistry[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Desk> {
    return new Desk(await mkdtemp(join(tmpdir(), "stemma-oci-")));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async registry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
    const registry = await MemoryRegistry.start(options);
    this.registries.push(registry);
    return registry;
  }

  /** Every kind of place, empty. */
  async place(kind: PlaceKind): Promise<ContentStore> {
    this.places += 1;
    const name = `place-${this.places}`;
    switch (kind) {
      case "a folder":
        return folderStore(this.path(name));
      case "a tarball":
        return tarballStore(this.path(`${name}.tar`));
      case "a registry with referrers":
        return repository(await this.registry({ referrers: true, pageSize: 2 }));
      case "a registry without":
        return repository(await this.registry());
    }
  }

  async close(): Promise<void> {
    for (const registry of this.registries) await registry.stop();
    await rm(this.folder, { recursive: true });
  }
}

export const PLACE_KINDS = [
  "a registry with referrers",
  "a registry without",
  "a folder",
  "a tarball",
] as const;
export type PlaceKind = (typeof PLACE_KINDS)[number];

/** A repository, with little patience. */
export function repository(
  registry: MemoryRegistry,
  name = "team/app",
  options: RegistryOptions = {},
): ContentStore {
  return registryStore(
    { host: registry.host, repository: name },
    { plainHttp: true, backoff: 1, idle: 2_000, attempts: 3, ...options },
  );
}

export async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of chunks) pieces.push(piece);
  return Buffer.concat(pieces);
}
