import { once } from "node:events";
import { chmod, mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  type Claim,
  claimDirectory,
  type EmbeddedServer,
  freePort,
  migrate,
  startEmbedded,
} from "@stemma/store";
import { type Child, type Ending, startChild } from "./child.ts";
import type { StandaloneConfig } from "./config.ts";

/** All of Stemma on one machine. */
export interface Standalone {
  readonly address: string;
  /** Where PostgreSQL keeps its data; undefined when it is somebody else's. */
  readonly databaseDirectory: string | undefined;
  /** Settles when a service has ended by itself; everything else is stopped by then. */
  readonly failed: Promise<Failure>;
  stop(): Promise<void>;
}

/** A part that ended although nobody asked it to. Code 2: it has said which setting is wrong. */
export class Failure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Claims the data directory, starts PostgreSQL, migrates, and starts signer and repository, each with its own
 * database login. Whatever fails, what was started before is stopped again. Throws Failure, or StoreError.
 */
export async function startStandalone(
  config: StandaloneConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Standalone> {
  const parts = new Parts(await claimDirectory(config.dataDirectory));
  try {
    return await startParts(config, environment, parts);
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

async function startParts(
  config: StandaloneConfig,
  environment: Readonly<Record<string, string | undefined>>,
  parts: Parts,
): Promise<Standalone> {
  const urls = await startDatabase(config, parts);
  await migrate(urls.owner);

  const secrets = path.join(config.dataDirectory, "signer");
  await mkdir(secrets, { recursive: true });
  await chmod(secrets, 0o700);
  const port = config.port === 0 ? await freePort() : config.port;
  // Before anything answers on it: a stranger's answer there must not pass for ours.
  await checkPortFree(config.host, port);
  const quiet = { STEMMA_LOG_LEVEL: environment.STEMMA_LOG_LEVEL || "warn" };
  const ownKey = {
    STEMMA_SIGNER_KEY_FILE: path.join(secrets, "online-key.pem"),
    STEMMA_SIGNER_PASSPHRASE_FILE: path.join(secrets, "passphrase"),
    STEMMA_SIGNER_CREATE_KEY: "1",
  };
  const ownVerifier = {
    STEMMA_VERIFIER_KEY_FILE: path.join(secrets, "verifier-key.pem"),
    STEMMA_VERIFIER_PASSPHRASE_FILE: path.join(secrets, "verifier-passphrase"),
    STEMMA_VERIFIER_CREATE_KEY: "1",
    STEMMA_VERIFIER_ID: environment.STEMMA_VERIFIER_ID || OWN_VERIFIER,
  };
  parts.run("signer", {
    // A key that is given, in whichever way, comes with its own passphrase.
    ...(environment.STEMMA_SIGNER_KEY || environment.STEMMA_SIGNER_KEY_FILE ? {} : ownKey),
    ...without(environment, DATABASE, COMMAND_SECRETS),
    ...(environment.STEMMA_VERIFIER_KEY || environment.STEMMA_VERIFIER_KEY_FILE ? {} : ownVerifier),
    ...quiet,
    STEMMA_DATABASE_URL: urls.signer,
  });
  parts.run("repository", {
    // Nothing that concerns the keys enters the process that faces the network.
    ...without(environment, DATABASE, COMMAND_SECRETS, /^STEMMA_(?:SIGNER|VERIFIER)_/),
    ...quiet,
    STEMMA_HOST: config.host,
    STEMMA_PORT: String(port),
    STEMMA_DATABASE_URL: urls.repository,
  });

  const address = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
  const failed = parts.firstToEnd.then(async (failure) => {
    await parts.stop();
    return failure;
  });
  const early = await Promise.race([parts.firstToEnd, becomesReady(address)]);
  if (early instanceof Failure) throw early;
  await parts.claim.announce({ address, databaseUrl: urls.owner });
  return { address, databaseDirectory: parts.database?.directory, failed, stop: () => parts.stop() };
}

async function startDatabase(
  config: StandaloneConfig,
  parts: Parts,
): Promise<{ owner: string; repository: string; signer: string }> {
  const { databaseUrl } = config;
  if (databaseUrl !== undefined) return { owner: databaseUrl, repository: databaseUrl, signer: databaseUrl };
  const server = await startEmbedded({ directory: path.join(config.dataDirectory, "postgres") });
  parts.database = server;
  return { owner: server.url("owner"), repository: server.url("repository"), signer: server.url("signer") };
}

/** Who verifies unless told: consumers go by the key, which is this machine's own. */
const OWN_VERIFIER = "https://stemma.dev/verifier/standalone";

const DATABASE = /^(?:STEMMA_)?DATABASE_URL$/;
/** What people export for the command `stemma` is no business of the services. */
const COMMAND_SECRETS = /^STEMMA_(?:TOKEN|PASSPHRASE)$/;

function without(
  environment: Readonly<Record<string, string | undefined>>,
  ...patterns: readonly RegExp[]
): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !patterns.some((pattern) => pattern.test(name))),
  );
}

/** Throws Failure when somebody else listens there already. */
async function checkPortFree(host: string, port: number): Promise<void> {
  const probe = createServer();
  try {
    await once(probe.listen({ host, port, exclusive: true }), "listening");
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? "unknown reason";
    throw new Failure(
      `Stemma cannot listen on ${host}:${port} (${why}); set STEMMA_PORT or STEMMA_HOST to another.`,
      1,
    );
  } finally {
    probe.close();
  }
}

/** Ready: the repository answers, and says that the signer has reported and the database answers. */
async function becomesReady(address: string): Promise<undefined> {
  for (;;) {
    const response = await fetch(`${address}/readyz`).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok) return;
    await pause(50);
  }
}

/** What runs. It has to end in this order: the repository, the signer, the database. */
class Parts {
  readonly claim: Claim;
  /** Settles when one of the services has ended by itself. */
  readonly firstToEnd: Promise<Failure>;
  database: EmbeddedServer | undefined;
  readonly #children: Child[] = [];
  readonly #end: (failure: Failure) => void;
  #stopped: Promise<void> | undefined;

  constructor(claim: Claim) {
    this.claim = claim;
    const { promise, resolve } = Promise.withResolvers<Failure>();
    this.firstToEnd = promise;
    this.#end = resolve;
  }

  run(name: "signer" | "repository", env: NodeJS.ProcessEnv): void {
    const child = startChild(name, env);
    this.#children.push(child);
    child.ended.then((ending) => {
      if (this.#stopped === undefined) this.#end(describe(name, ending));
    });
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    // The repository before the signer: requests under way may wait for what only the signer can publish.
    for (const child of this.#children.toReversed()) await child.stop();
    await this.database?.stop();
    this.claim.release();
  }
}

function describe(name: string, { code, signal }: Ending): Failure {
  const how = signal === null ? `with code ${code}` : `by ${signal}`;
  return new Failure(`The ${name} service ended ${how}; everything is stopped.`, code === 2 ? 2 : 1);
}
