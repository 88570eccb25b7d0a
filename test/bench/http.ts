import { fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { LiveDomain } from "../support/live-domain.ts";
import type { Figure } from "./report.ts";

const CONNECTIONS = 32;
const SECONDS = 3;

/** Requests per second of the two hottest answers, beside a bare node:http server that sends as many bytes. */
export async function httpFigures(domain: LiveDomain): Promise<Figure[]> {
  const item = await domain.link("an artifact whose bundle is asked for");
  await domain.record(item);
  const paths = {
    "GET timestamp": `/${domain.name}/metadata/timestamp.json`,
    "GET bundle": `/v1/domains/${domain.name}/artifacts/${item.digest}/bundle?project=app`,
  };
  const figures: Figure[] = [];
  for (const [name, path] of Object.entries(paths)) {
    const url = new URL(path, domain.url);
    const { byteLength } = await (await fetch(url)).arrayBuffer();
    const value = await requestsPerSecond(url);
    const reference = await bareServer(byteLength);
    figures.push({
      group: "http",
      name: `${name} (${byteLength.toLocaleString("en")} bytes)`,
      value,
      unit: "/s",
      reference: { name: "a bare node:http answer of that size", value: reference },
    });
  }
  return figures;
}

async function bareServer(bytes: number): Promise<number> {
  const server = fork(new URL("./bare-server.mjs", import.meta.url), [String(bytes)]);
  try {
    const [port] = await once(server, "message");
    return await requestsPerSecond(new URL(`http://127.0.0.1:${port}/`));
  } finally {
    server.kill();
    await once(server, "exit");
  }
}

/**
 * Asks again as soon as an answer is complete, on raw sockets: the client must not be what is measured. Every answer is
 * checked to be a 200 of the length that it declares.
 */
async function requestsPerSecond(url: URL): Promise<number> {
  const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`;
  let answers = 0;
  let counting = false;
  const sockets: Socket[] = [];
  for (let index = 0; index < CONNECTIONS; index += 1) {
    const socket = connect(Number(url.port), url.hostname);
    let size = 0;
    let received = 0;
    socket.on("data", (chunk) => {
      // Each answer begins a chunk, because the next is asked for only when the last is complete.
      if (received === 0) size = sizeOf(chunk);
      received += chunk.length;
      if (received < size) return;
      received = 0;
      if (counting) answers += 1;
      socket.write(request);
    });
    socket.on("error", () => undefined);
    socket.write(request);
    sockets.push(socket);
  }
  await pause(700);
  counting = true;
  const start = performance.now();
  await pause(SECONDS * 1_000);
  const seconds = (performance.now() - start) / 1_000;
  counting = false;
  for (const socket of sockets) socket.destroy();
  if (answers === 0) throw new Error(`${url} did not answer.`);
  return answers / seconds;
}

function sizeOf(chunk: Buffer): number {
  const text = chunk.toString("latin1");
  const body = text.indexOf("\r\n\r\n");
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, body + 2))?.[1];
  if (!text.startsWith("HTTP/1.1 200") || body < 0 || length === undefined) {
    throw new Error(`Not an answer to measure: ${text.slice(0, 200)}`);
  }
  return body + 4 + Number(length);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
