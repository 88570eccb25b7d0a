import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { sha256 } from "@stemma/crypto";
import { parseDigest } from "@stemma/encoding";
import {
  describeDocument,
  descriptorJson,
  IMAGE_INDEX,
  MAX_MANIFEST_BYTES,
  readDocument,
} from "@stemma/image";
import { type Login, TokenService } from "./registry-login.ts";

export interface MemoryRegistryOptions {
  /** Whether it lists referrers, as distribution 1.1 has it. */
  readonly referrers?: boolean;
  /** Referrers on one page; all unless told. */
  readonly pageSize?: number;
  /** Who may enter; everybody unless told. */
  readonly login?: Login;
}

/** What a registry was asked, for tests that look at how a client behaves. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

/**
 * A small registry in memory that conforms to OCI distribution 1.1: real HTTP, real digests. Its content is open, so that a
 * test or the demo can be the attacker who owns the registry.
 */
export class MemoryRegistry {
  /** By `sha256:<hex>`; an attacker may replace the bytes under a name. */
  readonly blobs = new Map<string, Uint8Array>();
  /** By `repository@digest` and `repository:tag`; the media type is served beside the bytes. */
  readonly manifests = new Map<string, { readonly mediaType: string; readonly bytes: Uint8Array }>();
  readonly asked: Asked[] = [];
  /** Answers in the place of the registry when it returns true: faults and lies. */
  intervene: ((asked: Asked, response: ServerResponse) => boolean | Promise<boolean>) | undefined;
  private readonly server: Server;
  private readonly options: MemoryRegistryOptions;
  private readonly tokens: TokenService | undefined;
  /** `repository@digest` of blobs: what one repository has, another has not. */
  private readonly held = new Set<string>();

  private constructor(options: MemoryRegistryOptions) {
    this.options = options;
    this.tokens = options.login === undefined ? undefined : new TokenService(options.login, () => this.host);
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500);
        response.end(String(error));
      });
    });
  }

  /** Starts on a free loopback port. */
  static async start(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
    const registry = new MemoryRegistry(options);
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
    const method = request.method ?? "GET";
    const asked = { method, path: `${url.pathname}${url.search}`, headers: request.headers };
    this.asked.push(asked);
    if ((await this.intervene?.(asked, response)) === true) return void request.resume();
    if (this.tokens !== undefined && !this.tokens.admits(request, response, url))
      return void request.resume();
    if (url.pathname === "/v2/") return void response.writeHead(200).end("{}");
    const match = /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|referrers)\/([^/]*)$/.exec(url.pathname);
    const [, repository = "", kind = "", name = ""] = match ?? [];
    if (kind === "blobs/uploads" && method === "POST") return this.beginUpload(response, repository, url);
    if (kind === "blobs/uploads" && method === "PUT") {
      return this.putBlob(request, response, repository, url.searchParams.get("digest"));
    }
    if (kind === "manifests" && method === "PUT")
      return this.putManifest(request, response, repository, name);
    if (method !== "GET" && method !== "HEAD") return void response.writeHead(405).end();
    if (kind === "blobs") {
      const bytes = this.held.has(`${repository}@${name}`) ? this.blobs.get(name) : undefined;
      return send(request, response, bytes, "application/octet-stream");
    }
    if (kind === "manifests") {
      const separator = name.startsWith("sha256:") ? "@" : ":";
      const manifest = this.manifests.get(`${repository}${separator}${name}`);
      return send(request, response, manifest?.bytes, manifest?.mediaType ?? "application/json");
    }
    if (kind === "referrers" && this.options.referrers === true) {
      return this.listReferrers(response, repository, name, url);
    }
    response.writeHead(404).end("404 page not found");
  }

  private beginUpload(response: ServerResponse, repository: string, url: URL): void {
    const digest = url.searchParams.get("mount") ?? "";
    if (this.held.has(`${url.searchParams.get("from")}@${digest}`)) {
      this.held.add(`${repository}@${digest}`);
      response.writeHead(201, { location: `/v2/${repository}/blobs/${digest}` }).end();
      return;
    }
    const location = `/v2/${repository}/blobs/uploads/${this.asked.length}?state=x`;
    response.writeHead(202, { location }).end();
  }

  private async putBlob(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    digest: string | null,
  ): Promise<void> {
    const bytes = await readAll(request);
    if (digest !== `sha256:${sha256(bytes)}`) return refuse(response, 400, "DIGEST_INVALID");
    this.blobs.set(digest, bytes);
    this.held.add(`${repository}@${digest}`);
    response.writeHead(201, { "docker-content-digest": digest }).end();
  }

  private async putManifest(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    name: string,
  ): Promise<void> {
    const bytes = await readAll(request);
    if (bytes.length > MAX_MANIFEST_BYTES) return refuse(response, 413, "MANIFEST_INVALID");
    const document = readDocument(bytes);
    const { digest, subject } = document;
    if (name.startsWith("sha256:") && name !== digest) return refuse(response, 400, "DIGEST_INVALID");
    const missing =
      document.kind === "index"
        ? document.manifests.some((child) => !this.manifests.has(`${repository}@${child.digest}`))
        : [document.config, ...document.layers].some(
            (blob) => !this.held.has(`${repository}@${blob.digest}`),
          );
    if (missing) return refuse(response, 400, "MANIFEST_BLOB_UNKNOWN");
    const manifest = { mediaType: request.headers["content-type"] ?? "", bytes };
    this.manifests.set(`${repository}@${digest}`, manifest);
    if (!name.startsWith("sha256:")) this.manifests.set(`${repository}:${name}`, manifest);
    const lists = this.options.referrers === true && subject !== undefined;
    response.writeHead(201, {
      "docker-content-digest": digest,
      ...(lists ? { "oci-subject": subject.digest } : {}),
    });
    response.end();
  }

  private listReferrers(response: ServerResponse, repository: string, name: string, url: URL): void {
    const subject = parseDigest(name);
    const artifactType = url.searchParams.get("artifactType");
    const all = [...this.manifests]
      .filter(([key]) => key.startsWith(`${repository}@`))
      .map(([, { bytes }]) => readDocument(bytes))
      .filter((document) => document.subject?.digest === subject)
      .map(describeDocument)
      .filter((entry) => artifactType === null || entry.artifactType === artifactType);
    const from = Number(url.searchParams.get("from") ?? 0);
    const page = all.slice(from, from + (this.options.pageSize ?? all.length));
    const next = from + page.length;
    const link = next < all.length ? { link: `<${url.pathname}?from=${next}>; rel="next"` } : {};
    const filtered = artifactType === null ? {} : { "oci-filters-applied": "artifactType" };
    response.writeHead(200, { "content-type": IMAGE_INDEX, ...link, ...filtered });
    const manifests = page.map((entry) => Object.fromEntries(descriptorJson(entry)));
    response.end(
      JSON.stringify({ schemaVersion: 2, mediaType: IMAGE_INDEX, manifests }, (_name, value) =>
        value instanceof Map ? Object.fromEntries(value) : value,
      ),
    );
  }
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message: "refused" }] }));
}

async function readAll(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Answers with bytes, or from an offset on when a range asks for that. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array | undefined,
  mediaType: string,
): void {
  if (bytes === undefined) return void refuse(response, 404, "BLOB_UNKNOWN");
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (start > 0 && start >= bytes.length) return void response.writeHead(416).end();
  const part = bytes.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    "content-type": mediaType,
    "content-length": part.length,
    ...(start > 0 ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : part);
}
