import { stat } from "node:fs/promises";
import {
  asyncSource,
  BUNDLE_LIMITS,
  bundleSource,
  type Cache,
  directorySource,
  freshestSource,
  httpSource,
  readBundle,
  type Source,
  staticSource,
} from "@stemma/client";
import { isLoopbackHost } from "@stemma/oci";
import { type Command, Option } from "commander";
import { collect } from "./command.ts";
import { CliError } from "./error.ts";
import { readInput, unreadable } from "./files.ts";
import { registrySource, repositoryOf } from "./oci-mirror.ts";
import { openRegistry, type PlaceOptions } from "./open-place.ts";
import { cacheFor, serverSource, type TrustOptions } from "./trust.ts";

/** Where metadata and evidence come from, when not from a server. */
export interface SourceOptions {
  readonly bundle?: string;
  readonly directory?: string;
  readonly source?: readonly string[];
  readonly foreign?: readonly string[];
}

/** Where bytes come from, and what is remembered. None of the sources is believed. */
export interface Place {
  readonly source: Source;
  readonly cache?: Cache;
}

/** `--source`, `--directory`, `--bundle` and `--foreign`: for commands that verify. */
export function withSources(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--source <source>",
        "take metadata and evidence from here; several times for several, of which the freshest that verifies wins. " +
          "One of: server (the service of --server and --domain), URL#DOMAIN (another service), the URL of a mirror, oci:HOST/REPOSITORY, a folder, a bundle",
      ).argParser(collect),
    )
    .option("--bundle <file>", "take them from a bundle alone")
    .option("--directory <folder>", "take them from a mirror on disk")
    .option(
      "--foreign <domain=source>",
      "where another trust domain is to be had, by the name or the pinned root that the project gave it; several times for several",
      collect,
    );
}

/**
 * What the options name: one source, several as one, or the server. `time` is when metadata must not be expired, for the choice
 * between several. Throws `usage`, `file_unreadable`, `bad_bundle`.
 */
export async function sourceOf(
  options: TrustOptions & SourceOptions & PlaceOptions,
  root: Uint8Array,
  time: () => Date,
): Promise<Place> {
  const { bundle, directory, source: given = [] } = options;
  if ([bundle, directory, given[0]].filter((one) => one !== undefined).length > 1) {
    throw new CliError("usage", "Give either --source, --bundle or --directory.");
  }
  const others = await foreignSources(options);
  // A bundle holds for as long as its metadata does, however much newer a server's would be.
  if (bundle !== undefined) return { source: withForeign(await bundleAt(bundle), others) };
  const cache = cacheFor(root, options);
  if (directory !== undefined) return { source: withForeign(directorySource(directory), others), cache };
  const sources = await Promise.all(given.map((text) => openSource(text, options)));
  const [first, ...more] = sources;
  if (first === undefined) return { source: withForeign(serverSource(options), others), cache };
  const source = more.length === 0 ? first : freshestSource({ root, sources, time });
  return { source: withForeign(source, others), cache };
}

/** One source by its words. Throws `usage`, `file_unreadable`, `bad_bundle`. */
async function openSource(text: string, options: TrustOptions & PlaceOptions): Promise<Source> {
  if (text === "server") return serverSource(options);
  if (/^https?:\/\//.test(text)) return webSource(text);
  if (text.startsWith("oci:")) return repositorySource(text, options);
  const found = await stat(text).catch((error: unknown) => {
    throw unreadable(text, error);
  });
  return found.isDirectory() ? directorySource(text) : bundleAt(text);
}

function webSource(text: string): Source {
  try {
    const url = new URL(text);
    const domain = decodeURIComponent(url.hash.slice(1));
    url.hash = "";
    return domain === "" ? staticSource(url.href) : httpSource(url.href, domain);
  } catch (error) {
    throw new CliError("usage", `"${text}" is no address.`, { cause: error });
  }
}

/** A mirror in a registry. `--plain-http` is meant for those that are on this machine. */
function repositorySource(text: string, { plainHttp = false }: PlaceOptions): Source {
  const reference = repositoryOf(text);
  return registrySource(openRegistry(reference, { plainHttp: plainHttp && isLoopbackHost(reference.host) }));
}

async function bundleAt(path: string): Promise<Source> {
  return asyncSource(bundleSource(readBundle(await readInput(path, BUNDLE_LIMITS.fileBytes))));
}

/** What `--foreign` names, by the name or the pinned root of the domain. */
async function foreignSources(
  options: TrustOptions & SourceOptions & PlaceOptions,
): Promise<ReadonlyMap<string, Source>> {
  const named = readPairs("--foreign", options.foreign ?? []);
  const opened = [...named].map(async ([name, text]) => [name, await openSource(text, options)] as const);
  return new Map(await Promise.all(opened));
}

function withForeign(source: Source, others: ReadonlyMap<string, Source>): Source {
  if (others.size === 0) return source;
  return {
    metadata: (role, version, maxLength) => source.metadata(role, version, maxLength),
    target: (path, sha256, length) => source.target(path, sha256, length),
    evidence: (wanted, maxLength) => source.evidence(wanted, maxLength),
    foreign: (domain) => others.get(domain.root) ?? others.get(domain.name) ?? source.foreign?.(domain),
  };
}

/** Parameters of a layout as `--param` gives them. Throws `usage`. */
export function readParameters(given: readonly string[]): ReadonlyMap<string, string> {
  return readPairs("--param", given);
}

function readPairs(option: string, given: readonly string[]): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf("=");
    const name = text.slice(0, at);
    if (at < 1 || pairs.has(name)) {
      throw new CliError("usage", `${option} ${text} must have the form name=value, each name once.`);
    }
    pairs.set(name, text.slice(at + 1));
  }
  return pairs;
}
