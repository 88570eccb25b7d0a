import type { Sha256Hex } from "@stemma/encoding";
import { ClientError } from "./error.ts";
import { metadataName, type Source, targetName } from "./source.ts";

/** How patient an HTTP source is. */
export interface HttpOptions {
  /** Milliseconds for one whole answer; 20,000 unless told. */
  readonly deadline?: number;
  /** Attempts in all when the connection fails or the server answers 5xx or 429; 3 unless told. */
  readonly attempts?: number;
}

/** Metadata and target files below two addresses that end with `/`, as any TUF repository serves them (TUF 5.3, 5.7). */
export interface HttpLocations {
  readonly metadata: string;
  readonly targets: string;
  /** Evidence lies at `<evidence><sha256>`. */
  readonly evidence: string;
}

const PARALLEL = 8;
const SLOW_AFTER_MS = 5_000;
const MIN_BYTES_PER_SECOND = 1_024;

/** A trust domain on a Stemma repository service. Others are looked for there too, by the name that the project's owners gave them. */
export function httpSource(baseUrl: string, domain: string, options: HttpOptions = {}): Source {
  const base = withSlash(baseUrl);
  const name = encodeURIComponent(domain);
  const source = httpLocationsSource(
    {
      metadata: `${base}${name}/metadata/`,
      targets: `${base}${name}/targets/`,
      evidence: `${base}v1/domains/${name}/evidence/`,
    },
    options,
  );
  return { ...source, foreign: (other) => httpSource(baseUrl, other.name, options) };
}

/** A mirror on any web server or CDN: the folder that `directorySource` reads, below an address. */
export function staticSource(baseUrl: string, options: HttpOptions = {}): Source {
  const base = withSlash(baseUrl);
  const of = (folder: string): Source =>
    httpLocationsSource(
      { metadata: `${folder}metadata/`, targets: `${folder}targets/`, evidence: `${folder}evidence/` },
      options,
    );
  const home = of(base);
  return {
    ...home,
    foreign: ({ root }) => {
      const other = of(`${base}foreign/${root}/`);
      return {
        ...other,
        evidence: async (wanted, maxLength) => {
          const shared = await home.evidence(wanted, maxLength);
          const rest = wanted.filter((digest) => !shared.has(digest));
          return new Map([...shared, ...(await other.evidence(rest, maxLength))]);
        },
      };
    },
  };
}

function withSlash(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}

/** The same for metadata and targets that lie at addresses of their own. */
export function httpLocationsSource(at: HttpLocations, options: HttpOptions = {}): Source {
  return {
    metadata: (role, version, maxLength) =>
      fetchBytes(at.metadata + metadataName(role, version), maxLength, options),
    target: (path, sha256, length) => fetchBytes(at.targets + targetName(path, sha256), length, options),
    evidence: async (wanted, maxLength) => {
      const found = new Map<Sha256Hex, Uint8Array>();
      const queue = [...wanted];
      const worker = async (): Promise<void> => {
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
          const bytes = await fetchBytes(at.evidence + next, maxLength, options);
          if (bytes !== undefined) found.set(next, bytes);
        }
      };
      await Promise.all(Array.from({ length: Math.min(PARALLEL, wanted.length) }, worker));
      return found;
    },
  };
}

/**
 * Fetches at most `maxLength` bytes. 403 and 404 mean "not there" (TUF 5.3.3: the end of the root chain), every other
 * status is a failure of the source: a server error must not pass for "no newer root". Redirects are refused.
 *
 * @throws ClientError source_unreachable, source_refused, source_too_large, source_too_slow
 */
export async function fetchBytes(
  url: string,
  maxLength: number,
  options: HttpOptions = {},
): Promise<Uint8Array | undefined> {
  const attempts = options.attempts ?? 3;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await fetchOnce(url, maxLength, options.deadline ?? 20_000);
    } catch (error) {
      const again = error instanceof ClientError && error.code === "source_unreachable" && attempt < attempts;
      if (!again) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * 3 ** (attempt - 1)));
    }
  }
}

async function fetchOnce(url: string, maxLength: number, deadline: number): Promise<Uint8Array | undefined> {
  const { host, username = "", password = "" } = URL.parse(url) ?? {};
  if (username !== "" || password !== "") {
    // Nothing of it is sent, and nothing of it may be repeated.
    throw new ClientError(
      "source_refused",
      `The address at ${host} holds a login; sources are read without.`,
    );
  }
  const signal = AbortSignal.timeout(deadline);
  let response: Response;
  try {
    response = await fetch(url, { redirect: "manual", signal, headers: { accept: "*/*" } });
  } catch (error) {
    throw failure(url, error, signal);
  }
  try {
    if (response.status === 403 || response.status === 404) return undefined;
    if (response.status >= 500 || response.status === 429) {
      throw new ClientError("source_unreachable", `${url} answered ${response.status}.`);
    }
    if (response.status !== 200) {
      throw new ClientError("source_refused", `${url} answered ${response.status}; expected 200.`);
    }
    return await readBody(url, response, maxLength);
  } catch (error) {
    throw failure(url, error, signal);
  } finally {
    // Frees the connection when the body was not read to its end.
    if (!response.bodyUsed || !response.body?.locked) await response.body?.cancel().catch(() => undefined);
  }
}

function failure(url: string, error: unknown, signal: AbortSignal): ClientError {
  if (error instanceof ClientError) return error;
  if (signal.aborted)
    return new ClientError("source_too_slow", `${url} did not answer in full within its deadline.`);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  return new ClientError("source_unreachable", `${url} cannot be reached: ${cause}`, { cause: error });
}

/** Counts decoded bytes as they come, so that neither a missing length nor a compressed bomb can fill memory. */
async function readBody(url: string, response: Response, maxLength: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const started = performance.now();
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > maxLength) {
        throw new ClientError(
          "source_too_large",
          `${url} sent more than the ${maxLength} bytes that it may have.`,
        );
      }
      chunks.push(value);
      const elapsed = performance.now() - started;
      if (elapsed > SLOW_AFTER_MS && length < (elapsed / 1000) * MIN_BYTES_PER_SECOND) {
        throw new ClientError(
          "source_too_slow",
          `${url} sends less than ${MIN_BYTES_PER_SECOND} bytes a second.`,
        );
      }
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error;
  }
  return Buffer.concat(chunks, length);
}
