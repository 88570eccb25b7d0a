import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createPool, type EmbeddedServer, freePort, startEmbedded } from "@stemma/store";
import { repositoryRoot as root } from "./support/service.ts";

const compose = readFileSync(join(root, "deploy/compose.yml"), "utf8");
/** What is added for a signer that issues verification summaries. */
const summaries = readFileSync(join(root, "deploy/compose.summaries.yml"), "utf8");

/** The text of one service of a compose file. */
function service(name: string, file = compose): string {
  const found = new RegExp(`\\n  ${name}:\\n((?:    .*\\n|\\n)+)`).exec(file)?.[1];
  if (found === undefined) throw new Error(`The compose file has no service ${name}.`);
  return found;
}

function listOf(text: string, key: string): string[] {
  return (new RegExp(`^    ${key}: \\[(.*)\\]$`, "m").exec(text)?.[1] ?? "")
    .split(",")
    .map((item) => item.trim().replaceAll('"', ""));
}

/** `environment:` of a service, secrets of the container mapped to a folder. */
function environmentOf(name: string, secrets: string, file = compose): Record<string, string> {
  const block = /^ {4}environment:\n((?: {6}.*\n)+)/m.exec(service(name, file))?.[1] ?? "";
  return Object.fromEntries(
    [...block.matchAll(/^ {6}(\w+): "?([^"\n]*)"?$/gm)].map((match) => [
      match[1] ?? "",
      (match[2] ?? "").replace("/run/secrets", secrets),
    ]),
  );
}

describe("the compose file", () => {
  test("gives the signer no port, and a network that it shares with PostgreSQL alone", () => {
    expect(service("signer")).not.toMatch(/^ {4}ports:/m);
    expect(listOf(service("signer"), "networks")).toEqual(["vault"]);
    expect(listOf(service("repository"), "networks")).toEqual(["front", "back"]);
    expect(listOf(service("postgres"), "networks")).toEqual(["back", "vault"]);
    expect(service("postgres")).not.toMatch(/^ {4}ports:/m);
    expect(compose).toMatch(/^ {2}vault: \{ internal: true \}$/m);
  });

  test("runs Stemma without rights, on a read-only file system", () => {
    const shared = /x-service: &service\n((?: {2}.*\n)+)/.exec(compose)?.[1] ?? "";
    for (const line of [
      'user: "10001:10001"',
      "read_only: true",
      "cap_drop: [ALL]",
      "no-new-privileges:true",
    ]) {
      expect(shared).toContain(line);
    }
    for (const name of ["migrate", "repository", "signer"]) expect(service(name)).toContain("<<: *service");
  });

  test("holds no password, and gives the key to the signer only", () => {
    expect(compose).not.toMatch(/:[^/\s]*:[^@\s]*@postgres|PASSWORD: /);
    for (const name of ["postgres", "migrate", "repository"])
      expect(service(name)).not.toContain("online_key");
    expect(listOf(service("signer"), "secrets")).toEqual([
      "signer_pgpass",
      "online_key",
      "online_key_passphrase",
    ]);
  });

  test("leaves summaries to a file of their own, which gives their key to the signer only", () => {
    expect(compose).not.toContain("verifier");
    expect([...summaries.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name)).toEqual([
      "signer",
      "verifier_key",
      "verifier_key_passphrase",
    ]);
    expect(listOf(service("signer", summaries), "secrets")).toEqual([
      "verifier_key",
      "verifier_key_passphrase",
    ]);
    expect(service("signer", summaries)).toContain('STEMMA_VERIFIER_ID: "${STEMMA_VERIFIER_ID:?');
  });

  test("starts programs that are there", () => {
    for (const name of ["migrate", "repository", "signer"]) {
      const [node, file] = listOf(service(name), "command");
      expect(node).toBe("node");
      expect(existsSync(join(root, file ?? "missing"))).toBe(true);
    }
    const container = readFileSync(join(root, "deploy/Containerfile"), "utf8");
    expect(container).toMatch(/^USER 10001:10001$/m);
    expect(container).toMatch(/^CMD \["node", "services\/repository\/src\/main\.ts"\]$/m);
  });
});

describe("the same commands with the same environment, as processes", () => {
  let folder: string;
  let secrets: string;
  let server: EmbeddedServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "stemma-deploy-"));
    secrets = join(folder, "secrets");
    await promisify(execFile)("sh", [join(root, "deploy/make-secrets.sh"), secrets], { cwd: root });
    server = await startEmbedded({ directory: join(folder, "postgres") });
  }, 120_000);
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  test("secrets are their owner's alone", async () => {
    for (const name of [
      "owner_pgpass",
      "repository_pgpass",
      "signer_pgpass",
      "online_key",
      "online_key_passphrase",
      "verifier_key",
      "verifier_key_passphrase",
    ]) {
      expect((await stat(join(secrets, name))).mode & 0o077).toBe(0);
    }
  });

  test("the roles' script hands over the very passwords that the services use, and stops without them", async () => {
    const bin = join(folder, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "psql"), '#!/bin/sh\necho "$@" > "$OUT/args"\ncat > "$OUT/sql"\n', {
      mode: 0o755,
    });
    const run = (from: string) =>
      promisify(execFile)("sh", [join(root, "deploy/init-roles.sh")], {
        env: {
          PATH: `${bin}:${process.env.PATH}`,
          OUT: bin,
          STEMMA_SECRETS: from,
          POSTGRES_USER: "u",
          POSTGRES_DB: "d",
        },
      });
    await expect(run(join(folder, "nothing"))).rejects.toThrow();
    expect(existsSync(join(bin, "sql"))).toBe(false);
    await run(secrets);
    for (const name of ["repository", "signer"]) {
      const password =
        readFileSync(join(secrets, `${name}_pgpass`), "utf8")
          .trim()
          .split(":")[4] ?? "";
      expect(readFileSync(join(bin, "sql"), "utf8")).toContain(`PASSWORD '${password}'`);
      expect(readFileSync(join(bin, "args"), "utf8")).not.toContain(password);
    }
  });

  test("migration, signer and repository start, become ready, and stop in order", async () => {
    await giveRolesTheirPasswords();
    const migration = start("migrate");
    expect(await migration.ended).toBe(0);

    const verifier = { STEMMA_VERIFIER_ID: "https://verifier.example" };
    const signer = start("signer", { ...environmentOf("signer", secrets, summaries), ...verifier });
    const port = await freePort();
    const repository = start("repository", { STEMMA_HOST: "127.0.0.1", STEMMA_PORT: String(port) });
    try {
      expect(await readyAt(`http://127.0.0.1:${port}/readyz`)).toBe(true);
      const answer = await fetch(`http://127.0.0.1:${port}/v1/online-keys`);
      expect(((await answer.json()) as { keys: unknown[] }).keys).toHaveLength(1);
      const shown = await (await fetch(`http://127.0.0.1:${port}/v1/verifier-key`)).json();
      expect(shown).toMatchObject({ id: "https://verifier.example" });
    } finally {
      repository.stop();
      signer.stop();
    }
    expect(await repository.ended).toBe(0);
    expect(await signer.ended).toBe(0);
  }, 90_000);

  /** What the database container's first start does, on the server that stands in for it. */
  async function giveRolesTheirPasswords(): Promise<void> {
    const pool = createPool({ connectionString: server.url("owner"), max: 1, applicationName: "test" });
    try {
      for (const name of ["repository", "signer"]) {
        const password =
          readFileSync(join(secrets, `${name}_pgpass`), "utf8")
            .trim()
            .split(":")[4] ?? "";
        await pool.query(`ALTER ROLE stemma_${name}_login PASSWORD '${password}'`);
      }
    } finally {
      await pool.end();
    }
  }

  function start(name: string, change: Record<string, string> = {}) {
    const [, file = ""] = listOf(service(name), "command");
    const environment: Record<string, string> = {
      ...environmentOf(name, secrets),
      ...change,
      STEMMA_LOG_LEVEL: "error",
    };
    const owner = new URL(server.url("owner"));
    for (const variable of ["STEMMA_DATABASE_URL", "DATABASE_URL"]) {
      const given = environment[variable];
      if (given === undefined) continue;
      const url = new URL(given);
      url.host = owner.host;
      url.pathname = owner.pathname;
      // The owner of the stand-in has a name and a password of its own; the services log in as they do in a deployment.
      if (name === "migrate") [url.username, url.password] = [owner.username, owner.password];
      environment[variable] = url.href;
    }
    const child = spawn(process.execPath, [join(root, file)], {
      cwd: root,
      env: { PATH: process.env.PATH, ...environment },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const ended = once(child, "exit").then(([code]) => code as number | null);
    return { ended, stop: () => child.kill("SIGTERM") };
  }
});

async function readyAt(url: string): Promise<boolean> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) return true;
    await pause(100);
  }
  return false;
}
