import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** Who may enter a registry, and how it asks. */
export interface Login {
  readonly kind: "basic" | "token";
  readonly username: string;
  readonly password: string;
  /** Seconds that a token is good for; 60 unless told. */
  readonly expiresIn?: number;
}

/** The door of a registry: RFC 7617, or tokens as Docker's authentication specification has them. */
export class TokenService {
  private readonly login: Login;
  private readonly host: () => string;
  private readonly scopes = new Map<string, readonly string[]>();

  constructor(login: Login, host: () => string) {
    this.login = login;
    this.host = host;
  }

  /** Whether the request may go on; otherwise it was answered. */
  admits(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
    if (url.pathname === "/token") {
      this.give(request, response, url);
      return false;
    }
    const { authorization = "" } = request.headers;
    const needed = scopesFor(request, url);
    if (this.login.kind === "basic") {
      if (authorization === this.basic) return true;
      return this.challenge(response, 'Basic realm="registry"');
    }
    const held = this.scopes.get(authorization.replace(/^Bearer /, "")) ?? [];
    if (needed.every((scope) => held.some((given) => covers(given, scope)))) return true;
    const [first = ""] = needed;
    return this.challenge(
      response,
      `Bearer realm="http://${this.host()}/token",service="registry",scope="${first}"`,
    );
  }

  private get basic(): string {
    return `Basic ${Buffer.from(`${this.login.username}:${this.login.password}`).toString("base64")}`;
  }

  private challenge(response: ServerResponse, text: string): boolean {
    response.writeHead(401, { "www-authenticate": text }).end();
    return false;
  }

  private give(request: IncomingMessage, response: ServerResponse, url: URL): void {
    if (request.headers.authorization !== this.basic) return void response.writeHead(401).end();
    const token = randomUUID();
    this.scopes.set(token, url.searchParams.getAll("scope"));
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ token, expires_in: this.login.expiresIn ?? 60 }));
  }
}

function scopesFor(request: IncomingMessage, url: URL): readonly string[] {
  const repository = /^\/v2\/(.+)\/(?:blobs|manifests|referrers)\//.exec(url.pathname)?.[1];
  if (repository === undefined) return [];
  const writes = request.method !== "GET" && request.method !== "HEAD";
  const from = url.searchParams.get("from");
  const mounts = url.searchParams.has("mount") ? [`repository:${from}:pull`] : [];
  return [`repository:${repository}:${writes ? "pull,push" : "pull"}`, ...mounts];
}

function covers(given: string, needed: string): boolean {
  const [, name, actions = ""] = given.split(":");
  const [, wanted, asked = ""] = needed.split(":");
  return name === wanted && asked.split(",").every((action) => actions.split(",").includes(action));
}
