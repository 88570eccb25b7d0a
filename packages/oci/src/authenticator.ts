import { asInteger, asObject, asString, EncodingError, parseJson } from "@stemma/encoding";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credential, CredentialSource } from "./credentials.ts";
import { OciError } from "./error.ts";
import { discard, exchange } from "./exchange.ts";
import { isLoopbackHost, type Reference } from "./reference.ts";
import { readAtMost } from "./verified.ts";

const MAX_ANSWER = 256 * 1024;
const MAX_SCOPES = 8;
/** What may stand in a header. */
const TOKEN = /^[\x21-\x7e]{1,65536}$/;

/**
 * What a registry wants to see before it answers (Docker's token authentication, and RFC 7617). It begins with nothing; a
 * challenge of the registry itself, and of nobody else, makes it ask the token service that the registry names. A login
 * goes to the registry and to that service only, over TLS, or to this machine when the registry is on it.
 */
export class Authenticator {
  private readonly reference: Pick<Reference, "host" | "repository">;
  private readonly credentials: CredentialSource;
  private readonly secure: boolean;
  private readonly timeout: number;
  private readonly scopes = new Set<string>();
  private value: string | undefined;
  private expires = Number.POSITIVE_INFINITY;
  private pending: Promise<void> | undefined;

  constructor(
    reference: Pick<Reference, "host" | "repository">,
    credentials: CredentialSource,
    options: { readonly secure: boolean; readonly timeout: number },
  ) {
    this.reference = reference;
    this.credentials = credentials;
    this.secure = options.secure;
    this.timeout = options.timeout;
  }

  /** The Authorization header for the registry; undefined as long as nobody asked for one. */
  get header(): string | undefined {
    return Date.now() < this.expires ? this.value : undefined;
  }

  /**
   * Answers a challenge. `used` is the header with which it came: when there is another by now that is good for as much, that
   * one is tried first. One answer at a time: ten requests that meet a wrong password together must not lock the account.
   * Throws `registry_login_refused`, `credentials_unreadable`, `registry_unreachable`.
   */
  async answer(challenge: string, used: string | undefined, scope: string | undefined): Promise<void> {
    while (this.pending !== undefined) await this.pending;
    const asked = scopesOf(challenge, scope);
    if (this.header !== undefined && this.header !== used && asked.every((one) => this.scopes.has(one)))
      return;
    this.pending = this.obtain(challenge, asked).finally(() => {
      this.pending = undefined;
    });
    return this.pending;
  }

  private async obtain(text: string, scopes: readonly string[]): Promise<void> {
    const challenges = parseChallenges(text);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) return this.fetchToken(bearer, scopes);
    const credential = await this.login();
    if (challenges.some(({ scheme }) => scheme === "basic") && credential?.kind === "password") {
      this.value = basic(credential);
      this.expires = Number.POSITIVE_INFINITY;
      return;
    }
    throw this.refused(
      credential === undefined
        ? "it wants a login"
        : "it wants to be convinced in a way that is not known here",
    );
  }

  private async login(): Promise<Credential | undefined> {
    const { host, repository } = this.reference;
    if (!this.secure && !isLoopbackHost(host)) return undefined;
    return this.credentials(host, repository);
  }

  private async fetchToken({ parameters }: Challenge, scopes: readonly string[]): Promise<void> {
    const realm = this.readRealm(parameters.get("realm"));
    for (const scope of scopes) if (this.scopes.size < MAX_SCOPES) this.scopes.add(scope);
    const credential = await this.login();
    const form = new URLSearchParams();
    const service = parameters.get("service");
    if (service !== undefined) form.set("service", service);
    const asked = Date.now();
    let answer: Awaited<ReturnType<typeof exchange>>;
    try {
      if (credential?.kind === "identity-token") {
        form.set("grant_type", "refresh_token");
        form.set("refresh_token", credential.token);
        form.set("client_id", "stemma");
        form.set("scope", [...this.scopes].join(" "));
        answer = await this.ask("POST", realm, { body: new TextEncoder().encode(form.toString()) });
      } else {
        for (const scope of this.scopes) form.append("scope", scope);
        for (const [name, value] of form) realm.searchParams.append(name, value);
        answer = await this.ask("GET", realm, {
          ...(credential === undefined ? {} : { authorization: basic(credential) }),
        });
      }
    } catch (error) {
      if (error instanceof OciError) throw error;
      throw new OciError(
        "registry_unreachable",
        `${realm.host}, where ${this.reference.host} gives out its tokens, cannot be reached.`,
      );
    }
    if (answer.status !== 200) {
      discard(answer);
      throw this.refused(
        credential === undefined
          ? `without a login, ${realm.host} answered ${answer.status}`
          : `${realm.host} answered ${answer.status} to the login that is stored here`,
      );
    }
    const { token, seconds } = await this.readToken(answer.body);
    this.value = `Bearer ${token}`;
    // Asked for again a little early, so that none expires on its way.
    this.expires = asked + Math.max(1, seconds - 10) * 1000;
  }

  private ask(
    method: string,
    url: URL,
    { body, authorization }: { readonly body?: Uint8Array; readonly authorization?: string },
  ): ReturnType<typeof exchange> {
    const headers = {
      accept: "application/json",
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
    };
    return exchange({ method, url, headers, body, idle: this.timeout, deadline: this.timeout });
  }

  /** A registry may not have its login sent in the clear, nor from another machine to this one. */
  private readRealm(text: string | undefined): URL {
    const realm = URL.parse(text ?? "");
    const isLocal = !this.secure && isLoopbackHost(this.reference.host);
    const allowed =
      realm?.protocol === "https:" || (isLocal && realm?.protocol === "http:" && isLoopbackHost(realm.host));
    if (realm === null || !allowed || realm.username !== "" || realm.password !== "") {
      throw this.refused("it names a token service without TLS, or none");
    }
    return realm;
  }

  private async readToken(body: AsyncIterable<Uint8Array>): Promise<{ token: string; seconds: number }> {
    const bad = () => this.refused("its token service gave no token that can be read");
    try {
      const answer = asObject(parseJson(await readAtMost(body, MAX_ANSWER, bad), { fractions: true }), "it");
      const token = asString(answer.get("token") ?? answer.get("access_token"), "token");
      // Docker: 60 seconds when nothing is said.
      const seconds = asInteger(answer.get("expires_in") ?? 60, "expires_in");
      if (!TOKEN.test(token)) throw bad();
      return { token, seconds };
    } catch (error) {
      // The parser's own message could quote the token.
      if (error instanceof EncodingError) throw bad();
      throw error;
    }
  }

  /** What to do is said here: this is what people meet first. */
  refused(why: string): OciError {
    const { host, repository } = this.reference;
    return new OciError(
      "registry_login_refused",
      `${host} does not let this user at ${repository}: ${why}. Log in with a tool that writes Docker's configuration (docker login ${host}), and look at the rights of that login.`,
    );
  }
}

/** What a token must be good for: what the registry asks for, and what its user knows to need. */
function scopesOf(text: string, more: string | undefined): readonly string[] {
  const bearer = parseChallenges(text).find(({ scheme }) => scheme === "bearer");
  const asked = (bearer?.parameters.get("scope") ?? "").split(" ");
  return [...asked, more ?? ""].filter((scope) => scope !== "");
}

function basic(credential: Exclude<Credential, { kind: "identity-token" }>): string {
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString("base64")}`;
}
