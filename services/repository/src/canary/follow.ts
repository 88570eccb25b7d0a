import { createHash, randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { Updater } from "tuf-js";

/**
 * The canary itself, in a thread of its own: a stock TUF client (tuf-js) that follows domains over HTTP like anybody's. It
 * shares no code with what it watches. Its cache persists between rounds, so that it also notices rollbacks.
 */

/** One round: follow this domain once. */
export interface FollowRequest {
  readonly id: number;
  readonly domain: string;
}

/** What came of it; `fault` is what the stock client said. */
export interface FollowReply {
  readonly id: number;
  readonly fault: string | undefined;
}

const { folder, baseUrl } = workerData as { readonly folder: string; readonly baseUrl: string };

parentPort?.on("message", ({ id, domain }: FollowRequest) => {
  follow(domain).then(
    () => reply({ id, fault: undefined }),
    (error: unknown) => reply({ id, fault: error instanceof Error ? error.message : String(error) }),
  );
});

function reply(message: FollowReply): void {
  parentPort?.postMessage(message);
}

/** Domains whose first root is in their folder. */
const pinned = new Set<string>();

async function follow(domain: string): Promise<void> {
  const cache = join(folder, domain);
  if (!pinned.has(domain)) await pin(domain, cache);
  const updater = new Updater({
    metadataDir: cache,
    metadataBaseUrl: `${baseUrl}/${domain}/metadata`,
    targetDir: cache,
    targetBaseUrl: `${baseUrl}/${domain}/targets`,
    config: { fetchTimeout: 5_000, fetchRetry: false },
  });
  await updater.refresh();
  // A digest that nobody has: the client walks to the role that would list it, another one in each round.
  const digest = createHash("sha256").update(randomBytes(16)).digest("hex");
  await updater.getTargetInfo(`sha256/${digest}`);
}

async function pin(domain: string, cache: string): Promise<void> {
  const response = await fetch(`${baseUrl}/${domain}/metadata/1.root.json`, {
    signal: AbortSignal.timeout(5_000),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`1.root.json was answered with ${response.status}.`);
  await rm(cache, { recursive: true, force: true });
  await mkdir(cache, { recursive: true });
  await writeFile(join(cache, "root.json"), bytes);
  pinned.add(domain);
}
