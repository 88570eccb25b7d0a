import { homedir } from "node:os";
import { join } from "node:path";
import { type Cache, drive, fileCache, httpSource, type Source } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import {
  type Effect,
  type EffectAnswer,
  loadRole,
  type Metadata,
  refresh,
  type Targets,
  TrustedMetadata,
} from "@stemma/tuf";
import { type DomainOptions, domainOf } from "./api.ts";
import { CliError } from "./error.ts";
import { readInput } from "./files.ts";

/** Options of commands that verify before they believe. */
export interface RootOptions {
  readonly root?: string;
  readonly cache?: string;
}

export type TrustOptions = DomainOptions & RootOptions;

/** A trust domain whose metadata was verified from the pinned root a moment ago. */
export interface TrustedDomain {
  readonly domain: string;
  readonly trusted: TrustedMetadata;
  readonly targets: Metadata<Targets>;
  readonly time: Date;
  /** Runs a workflow against the same source and cache. */
  run<T>(workflow: Generator<Effect, T, EffectAnswer>): Promise<T>;
  /** The current metadata of a project; undefined until its owners have published. Throws `unknown_project`. */
  project(name: string): Promise<Metadata<Targets> | undefined>;
}

/** The bytes of the pinned root. Throws `no_pinned_root`. */
export async function pinnedRoot(options: RootOptions): Promise<Uint8Array> {
  if (options.root === undefined || options.root === "") {
    throw new CliError(
      "no_pinned_root",
      "Name the pinned root with --root or STEMMA_ROOT: a root.json of this trust domain that came to you over a channel you trust.",
    );
  }
  return readInput(options.root);
}

/** What this client remembers of a trust domain: verified again whenever it is read. */
export function cacheFor(root: Uint8Array, options: RootOptions): Cache {
  const xdg = process.env.XDG_CACHE_HOME;
  const base =
    options.cache ?? join(xdg === undefined || xdg === "" ? join(homedir(), ".cache") : xdg, "stemma");
  return fileCache(join(base, sha256(root)));
}

/** The service as a source of bytes, none of which is believed. */
export function serverSource(options: DomainOptions): Source {
  return httpSource(options.server, domainOf(options));
}

/** Refreshes the domain's metadata from the pinned root (TUF 5). Throws TufError, ClientError. */
export async function openDomain(options: TrustOptions, time = new Date()): Promise<TrustedDomain> {
  const root = await pinnedRoot(options);
  const source = serverSource(options);
  const cache = cacheFor(root, options);
  const run = <T>(workflow: Generator<Effect, T, EffectAnswer>): Promise<T> => drive(workflow, source, cache);
  const trusted = TrustedMetadata.create(root, { time });
  await run(refresh(trusted));
  const targets = trusted.targets("targets");
  if (targets === undefined) throw new TypeError("A refreshed domain has targets.");
  return {
    domain: domainOf(options),
    trusted,
    targets,
    time,
    run,
    project: async (name) => {
      if (!targets.signed.delegations?.roles.some((role) => role.name === name)) {
        throw new CliError(
          "unknown_project",
          `The trust domain ${domainOf(options)} has no project ${name}.`,
        );
      }
      if (trusted.snapshot?.signed.meta.has(name) !== true) return undefined;
      return run(loadRole(trusted, name));
    },
  };
}
