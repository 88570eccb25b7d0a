import { setTimeout as sleep } from "node:timers/promises";
import { StemmaError } from "@stemma/encoding";
import { Authenticator } from "./authenticator.ts";
import { anonymous, type CredentialSource } from "./credentials.ts";
import { OciError } from "./error.ts";
import { type Answer, type Body, discard, exchange } from "./exchange.ts";
import type { Reference } from "./reference.ts";
import { readAtMost } from "./verified.ts";

/** How to reach a registry, and how patient to be. */
export interface RegistryOptions {
  /** Plain HTTP, for registries on this machine. */
  readonly plainHttp?: boolean;
  /** Where logins come from; no login unless told. */
  readonly credentials?: CredentialSource;
  /** Attempts in all when the connection fails or the registry answers 429 or 5xx; 5 unless told. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt, doubled for each further one; 250 unless told. */
  readonly backoff?: number;
  /** Milliseconds without a byte after which a connection is given up; 30,000 unless told. */
  readonly idle?: number;
}

export interface RegistryRequest {
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  /** Below `/v2/<repository>/`, or a whole address on the registry's own host. */
  readonly path: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for every attempt. */
  readonly body?: () => Body;
  /** Bytes that the exchange may carry, in either direction; for its deadline. */
  readonly size?: number;
  /** Redirects are answers like others unless this says to follow them. */
  readonly follow?: boolean;
  /** A further scope to ask for when a token is needed. */
  readonly scope?: string | undefined;
  /** Attempts in all, for callers who count them themselves. */
  readonly attempts?: number;
}

const MAX_REDIRECTS = 5;
const MAX_WAIT_MS = 60_000;
const DEADLINE_MS = 60_000;
/** Slower than this is no transfer but a hold-up. */
const MIN_BYTES_PER_SECOND = 32 * 1024;
/** Node takes a longer time for none at all. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const TEMPORARY = new Set([408, 429, 500, 502, 503, 504]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Whether a status says that the same request may be answered better a little later. */
export function isTemporary(status: number): boolean {
  return TEMPORARY.has(status);
}

/** Requests to one repository of one registry: logins, redirects, and attempts. What the answers mean is not known here. */
export class Transport {
  readonly reference: Pick<Reference, "host" | "repository">;
  private readonly base: URL;
  private readonly options: Required<Omit<RegistryOptions, "plainHttp" | "credentials">>;
  private readonly authenticator: Authenticator;

  constructor(reference: Pick<Reference, "host" | "repository">, options: RegistryOptions = {}) {
    const secure = options.plainHttp !== true;
    // The one registry whose name is not its address.
    const host = reference.host === "docker.io" ? "registry-1.docker.io" : reference.host;
    this.reference = reference;
    this.base = new URL(`${secure ? "https" : "http"}://${host}/v2/${reference.repository}/`);
    this.options = {
      attempts: options.attempts ?? 5,
      backoff: options.backoff ?? 250,
      idle: options.idle ?? 30_000,
    };
    this.authenticator = new Authenticator(reference, options.credentials ?? anonymous, {
      secure,
      timeout: this.options.idle,
    });
  }

  /** For messages. */
  get place(): string {
    return `${this.reference.host}/${this.reference.repository}`;
  }

  /**
   * Sends a request, as often as it takes, and hands over the answer that is left in the end, whatever its status.
   *
   * @throws OciError registry_unreachable, registry_refused (redirects), registry_login_refused, credentials_unreadable
   */
  async send(request: RegistryRequest): Promise<Answer> {
    const attempts = request.attempts ?? this.options.attempts;
    for (let attempt = 1; ; attempt += 1) {
      let answer: Answer;
      try {
        answer = await this.authenticated(request);
      } catch (error) {
        // Ours are final, and so are those of whoever hands out the body.
        if (error instanceof StemmaError) throw error;
        if (attempt >= attempts) throw this.unreachable(error);
        await this.wait(attempt, undefined);
        continue;
      }
      if (!isTemporary(answer.status) || attempt >= attempts) return answer;
      discard(answer);
      await this.wait(attempt, answer.headers["retry-after"]);
    }
  }

  /**
   * The same for answers that are read into memory: with status 200, `bytes` is what `read` makes of it. A body that breaks
   * off is asked for again. Throws also what `read` throws.
   */
  async fetch(
    request: RegistryRequest,
    read: (answer: Answer) => Promise<Uint8Array | undefined>,
  ): Promise<{ readonly answer: Answer; readonly bytes: Uint8Array | undefined }> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.send(request);
      if (answer.status !== 200) return { answer, bytes: undefined };
      try {
        return { answer, bytes: await read(answer) };
      } catch (error) {
        if (error instanceof StemmaError) throw error;
        if (attempt >= this.options.attempts) throw this.unreachable(error);
        await this.wait(attempt, undefined);
      }
    }
  }

  /** Waits before another attempt. Throws `registry_refused` when the registry wants more patience than there is. */
  async wait(attempt: number, retryAfter: string | undefined): Promise<void> {
    // Many clients that failed together must not come back together.
    const own = this.options.backoff * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
    const asked = retryAfterMs(retryAfter);
    if (asked > MAX_WAIT_MS) {
      throw new OciError(
        "registry_refused",
        `${this.place}: the registry is busy and asks to come back in ${Math.ceil(asked / 1000)} seconds.`,
      );
    }
    await sleep(Math.min(MAX_WAIT_MS, Math.max(own, asked)));
  }

  /** The address of a path of this repository, or of a Location; on the registry's own host or refused. */
  locate(path: string | URL, from: URL = this.base): URL {
    const url = URL.parse(String(path), from.href);
    if (url === null || url.host !== this.base.host || url.username !== "") {
      throw new OciError(
        "registry_refused",
        `${this.place}: the registry sends to another host${url === null ? "" : `, ${url.host}`}.`,
      );
    }
    // A registry behind a proxy that ends TLS may not know that it is reached by it.
    url.protocol = this.base.protocol;
    return url;
  }

  private async authenticated(request: RegistryRequest): Promise<Answer> {
    for (let round = 1; ; round += 1) {
      const used = this.authenticator.header;
      const answer = await this.redirected(request, used);
      const isOwn = answer.url.host === this.base.host;
      if (answer.status !== 401 || !isOwn) return answer;
      discard(answer);
      const challenge = answer.headers["www-authenticate"];
      // A token may have expired on its way; a second one that is refused is no accident.
      if (round > 2) throw this.authenticator.refused("it refuses the token that it gave");
      if (challenge === undefined) throw this.authenticator.refused("it does not say how to log in");
      if (used?.startsWith("Basic ") === true) {
        throw this.authenticator.refused("it refuses the login that is stored here");
      }
      await this.authenticator.answer(challenge, used, request.scope);
    }
  }

  private async redirected(request: RegistryRequest, authorization: string | undefined): Promise<Answer> {
    const { method = "GET", headers, body, size = 0, follow = false } = request;
    let url = this.locate(request.path);
    for (let hops = 0; ; hops += 1) {
      const isOwn = url.host === this.base.host && url.protocol === this.base.protocol;
      const answer = await exchange({
        method,
        url,
        headers: {
          "user-agent": "stemma",
          ...headers,
          ...(isOwn && authorization !== undefined ? { authorization } : {}),
        },
        body: body?.(),
        idle: this.options.idle,
        deadline: Math.min(MAX_TIMER_MS, DEADLINE_MS + (size / MIN_BYTES_PER_SECOND) * 1000),
      });
      if (!follow || !REDIRECTS.has(answer.status)) return answer;
      discard(answer);
      const next = URL.parse(answer.headers.location ?? "", url.href);
      const kept = next?.protocol === "https:" || (next?.protocol === "http:" && url.protocol === "http:");
      if (next === null || !kept || hops >= MAX_REDIRECTS) {
        throw new OciError(
          "registry_refused",
          `${this.place}: the registry redirects ${hops >= MAX_REDIRECTS ? "without end" : "to nowhere, or out of TLS"}.`,
        );
      }
      url = next;
    }
  }

  private unreachable(error: unknown): OciError {
    const { message, code } = error as NodeJS.ErrnoException;
    return new OciError(
      "registry_unreachable",
      `${this.reference.host} cannot be reached: ${code === "EPROTO" ? "it does not answer in TLS" : message || code}.`,
      { cause: error },
    );
  }

  /** What an answer that nobody wanted says, as an error. Of its body only the registry's own error code is repeated. */
  async refusal(answer: Answer, doing: string): Promise<OciError> {
    const { status } = answer;
    const codes = await errorCodes(answer);
    if (status === 401 || status === 403)
      return this.authenticator.refused(`${doing} was answered ${status}`);
    return new OciError(
      "registry_refused",
      `${this.place}: the registry answered ${status}${codes} to ${doing}.`,
    );
  }
}

async function errorCodes(answer: Answer): Promise<string> {
  try {
    const text = await readAtMost(answer.body, 64 * 1024, () => new Error("too much"));
    const codes = Buffer.from(text)
      .toString("latin1")
      .matchAll(/"code"\s{0,8}:\s{0,8}"([A-Z][A-Z_]{0,40})"/g);
    const found = [...codes].slice(0, 3).map((match) => match[1]);
    return found.length === 0 ? "" : ` (${found.join(", ")})`;
  } catch {
    return "";
  }
}

/** Retry-After in milliseconds: seconds or a date (RFC 9110, 10.2.3). 0 for none, and for what cannot be read. */
function retryAfterMs(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now());
}
