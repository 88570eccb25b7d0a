import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { sha256 } from "@stemma/crypto";

/**
 * A small registry in memory that conforms to OCI distribution 1.1 as far as pushing and pulling go: real HTTP, real
 * digests. Its content is open, so that a test or the demo can be the attacker who owns the registry.
 */
export class MemoryRegistry {
  /** By `sha256:<hex>`; an attacker may replace the bytes under a name. */
  readonly blobs = new Map<string, Uint8Array>();
  /** By `repository@digest` and `repository:tag`; the media type is served beside the bytes. */
  readonly manifests = new Map<string, { readonly mediaType: string; readonly bytes: Uint8Array }>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
  }

  /** Starts on a free loopback port. */
  static async start(): Promise<MemoryRegistry> {
    const registry = new MemoryRegistry();
    await new Promise<void>((resolve) => registry.server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://registry");
    if (url.pathname === "/v2/") return void response.writeHead(200).end("{}");
    const match = /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests)\/([^/]*)$/.exec(url.pathname);
    const [, repository = "", kind = "", name = ""] = match ?? [];
    const method = request.method ?? "GET";
    if (kind === "blobs/uploads" && method === "POST") {
      const location = `/v2/${repository}/blobs/uploads/${this.blobs.size}-${Date.now()}`;
      return void response.writeHead(202, { location }).end();
    }
    if (kind === "blobs/uploads" && method === "PUT") {
      return this.putBlob(request, response, url.searchParams.get("digest"));
    }
    if (kind === "manifests" && method === "PUT")
      return this.putManifest(request, response, repository, name);
    if (method !== "GET" && method !== "HEAD") return void response.writeHead(405).end();
    if (kind === "blobs") return send(response, method, this.blobs.get(name), "application/octet-stream");
    if (kind === "manifests") {
      const separator = name.startsWith("sha256:") ? "@" : ":";
      const manifest = this.manifests.get(`${repository}${separator}${name}`);
      return send(response, method, manifest?.bytes, manifest?.mediaType ?? "application/json");
    }
    response.writeHead(404).end();
  }

  private async putBlob(
    request: IncomingMessage,
    response: ServerResponse,
    digest: string | null,
  ): Promise<void> {
    const bytes = await readAll(request);
    if (digest !== `sha256:${sha256(bytes)}`) return void response.writeHead(400).end();
    this.blobs.set(digest, bytes);
    response.writeHead(201, { "docker-content-digest": digest }).end();
  }

  private async putManifest(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    name: string,
  ): Promise<void> {
    const bytes = await readAll(request);
    const digest = `sha256:${sha256(bytes)}`;
    if (name.startsWith("sha256:") && name !== digest) return void response.writeHead(400).end();
    const manifest = { mediaType: request.headers["content-type"] ?? "", bytes };
    this.manifests.set(`${repository}@${digest}`, manifest);
    if (!name.startsWith("sha256:")) this.manifests.set(`${repository}:${name}`, manifest);
    response.writeHead(201, { "docker-content-digest": digest }).end();
  }
}

async function readAll(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

function send(
  response: ServerResponse,
  method: string,
  bytes: Uint8Array | undefined,
  mediaType: string,
): void {
  if (bytes === undefined) return void response.writeHead(404).end();
  response.writeHead(200, { "content-type": mediaType, "content-length": bytes.length });
  response.end(method === "HEAD" ? undefined : bytes);
}
