import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";

/** A plain web server that gives out the files of a folder and knows nothing of TUF: what a mirror lies on. */
export class StaticServer {
  /** Paths that were asked for, in order. */
  readonly asked: string[] = [];
  private readonly server: Server;

  private constructor(folder: string) {
    this.server = createServer((request, response) => {
      const path = decodeURI(new URL(request.url ?? "/", "http://static").pathname);
      this.asked.push(path);
      const file = join(folder, normalize(path));
      stat(file)
        .then((found) => {
          if (!found.isFile()) return void response.writeHead(404).end();
          response.writeHead(200, { "content-length": found.size });
          createReadStream(file).pipe(response);
        })
        .catch(() => response.writeHead(404).end());
    });
  }

  static async start(folder: string): Promise<StaticServer> {
    const server = new StaticServer(folder);
    await new Promise<void>((resolve) => server.server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
