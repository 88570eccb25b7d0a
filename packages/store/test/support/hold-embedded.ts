import { readFileSync } from "node:fs";
import path from "node:path";
import { startEmbedded } from "../../src/embedded.ts";

/** Starts a server, prints its process, and then waits for a signal, throws, or comes to its end. */
const [directory = "", how = "wait"] = process.argv.slice(2);
const server = await startEmbedded({ directory });
process.stdout.write(
  readFileSync(path.join(server.directory, "cluster/data/postmaster.pid"), "utf8").split("\n")[0] ?? "",
);
if (how === "throw") throw new Error("as asked");
if (how === "wait") setInterval(() => undefined, 1000);
