import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What a mirror does with one path: other bytes, "not there", or undefined for the truth. */
export type Answer = Uint8Array | "missing" | undefined;

/**
 * An HTTP mirror of a repository service that may lie. It passes everything on, except what `lie` says otherwise:
 * the place of an attacker between a client and the service, or of a service that was taken over.
 */
export class Mirror {
  lie: (path: string) => Answer = () => undefined;
  private readonly server: Server;

  private constructor(origin: string) {
    this.server = createServer((request, response) => {
      const path = request.url ?? "/";
      const answer = this.lie(path);
      if (answer === "missing") return void response.writeHead(404).end();
      if (answer !== undefined) return void response.writeHead(200).end(answer);
      fetch(new URL(path, origin), { method: request.method ?? "GET" })
        .then(async (truth) => {
          const type = truth.headers.get("content-type") ?? "application/octet-stream";
          response.writeHead(truth.status, { "content-type": type });
          response.end(Buffer.from(await truth.arrayBuffer()));
        })
        .catch(() => response.writeHead(502).end());
    });
  }

  static async start(origin: string): Promise<Mirror> {
    const mirror = new Mirror(origin);
    await new Promise<void>((resolve) => mirror.server.listen(0, "127.0.0.1", resolve));
    return mirror;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
