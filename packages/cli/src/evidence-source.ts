import {
  asyncSource,
  BUNDLE_LIMITS,
  type Bundle,
  bundleSource,
  type Cache,
  directorySource,
  readBundle,
  type Source,
} from "@stemma/client";
import { CliError } from "./error.ts";
import { readInput } from "./files.ts";
import { cacheFor, serverSource, type TrustOptions } from "./trust.ts";

/** Where metadata and evidence come from, when not from a server. */
export interface SourceOptions {
  readonly bundle?: string;
  readonly directory?: string;
}

/** Where bytes come from, and what is remembered. None of the sources is believed. */
export interface Place {
  readonly source: Source;
  readonly cache?: Cache;
}

/** The bundle, the mirror on disk, or the server that the options name. Throws `usage` for two of them. */
export async function sourceOf(options: TrustOptions & SourceOptions, root: Uint8Array): Promise<Place> {
  if (options.bundle !== undefined && options.directory !== undefined) {
    throw new CliError("usage", "Give either --bundle or --directory.");
  }
  if (options.bundle !== undefined) {
    const bundle: Bundle = readBundle(await readInput(options.bundle, BUNDLE_LIMITS.fileBytes));
    // A bundle holds for as long as its metadata does, however much newer a server's would be.
    return { source: asyncSource(bundleSource(bundle)) };
  }
  const cache = cacheFor(root, options);
  if (options.directory !== undefined) return { source: directorySource(options.directory), cache };
  return { source: serverSource(options), cache };
}

/** Parameters of a layout as `--param` gives them. Throws `usage`. */
export function readParameters(given: readonly string[]): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf("=");
    const name = text.slice(0, at);
    if (at < 1 || parameters.has(name)) {
      throw new CliError("usage", `--param ${text} must have the form name=value, each name once.`);
    }
    parameters.set(name, text.slice(at + 1));
  }
  return parameters;
}
