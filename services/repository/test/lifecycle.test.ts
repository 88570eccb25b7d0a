import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import { World } from "./support/world.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

describe("a shutdown under load", () => {
  test("answers what is under way, refuses what comes later, and loses no acknowledged change (F23)", async () => {
    const world = await World.start();
    try {
      const { name, people } = await world.createDomain();
      const acknowledged: string[] = [];
      let ended = 0;
      const writer = async (id: number) => {
        for (let turn = 0; ; turn += 1) {
          try {
            const { digest, reply } = await world.record(name, people, `load ${id} ${turn}`);
            if (reply.status === 201) acknowledged.push(digest);
            else throw new Error(`${reply.status} ${reply.bytes}`);
          } catch (error) {
            // Refused connections are all that may be seen; an answer would have been thrown as an Error with a status.
            expect(String(error)).toMatch(/fetch failed/);
            ended += 1;
            return;
          }
        }
      };
      const load = Promise.all([0, 1, 2, 3].map(writer));
      while (acknowledged.length < 12) await new Promise((resolve) => setTimeout(resolve, 10));
      const started = performance.now();
      await world.service.stop();
      expect(performance.now() - started).toBeLessThan(10_000);
      await load;
      expect(ended).toBe(4);
      expect(world.log.filter(({ level }) => level === "error")).toEqual([]);

      const { rows } = await world.database.owner.query<{ digest: string }>(
        "SELECT body->>'digest' AS digest FROM change WHERE kind = 'record' AND outcome = 'published'",
      );
      const published = new Set(rows.map(({ digest }) => digest));
      expect(acknowledged.filter((digest) => !published.has(digest))).toEqual([]);
    } finally {
      await world.stop();
    }
  });

  test("turns readiness false first, on connections that are still open", async () => {
    const world = await World.start();
    const { name, people } = await world.createDomain();
    await world.stopSigner();
    const { digest, size, evidence } = await people.links("slow");
    const waiting = world.post(`/v1/domains/${name}/artifacts/${digest}?wait=published`, {
      descriptor: { mediaType: "application/gzip", size },
      project: "app",
      evidence,
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const stopping = world.service.stop();
    expect(world.service.context.isDraining()).toBe(true);
    await world.startSigner();
    // The answer that was under way comes, and tells its client to go elsewhere next time.
    const reply = await waiting;
    expect(reply.status).toBe(201);
    expect(reply.headers.get("connection")).toBe("close");
    await stopping;
    await world.stop();
  });
});

describe("the process", () => {
  let child: ChildProcess | undefined;
  let database: TestDatabase | undefined;
  afterEach(async () => {
    child?.kill("SIGKILL");
    await database?.close();
    child = undefined;
    database = undefined;
  });

  function run(
    environment: Record<string, string>,
  ): Promise<{ code: number | null; stderr: string; stdout: string }> {
    child = spawn(process.execPath, [MAIN], { env: { PATH: process.env.PATH ?? "", ...environment } });
    let stderr = "";
    let stdout = "";
    child.stderr?.on("data", (chunk) => {
      stderr += chunk;
    });
    child.stdout?.on("data", (chunk) => {
      stdout += chunk;
      if (String(chunk).includes('"listening"')) child?.kill("SIGTERM");
    });
    return new Promise((resolve) => child?.on("close", (code) => resolve({ code, stderr, stdout })));
  }

  test("says one sentence and exits with 2 for a wrong setting", async () => {
    const { code, stderr, stdout } = await run({ DATABASE_URL: "postgres://x", STEMMA_PORT: "eighty" });
    expect(code).toBe(2);
    expect(stderr).toBe('STEMMA_PORT must be a port number from 0 to 65535; found "eighty".\n');
    expect(stdout).toBe("");
  });

  test("says one sentence and exits with 1 when the database cannot be reached", async () => {
    const url = "postgres://somebody:secretword@127.0.0.1:1/x";
    const { code, stderr, stdout } = await run({ DATABASE_URL: url, STEMMA_PORT: "0" });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The repository service cannot start: .*\n$/);
    expect(stderr + stdout).not.toContain("secretword");
  });

  test("refuses a database that is not migrated", async () => {
    database = await testDatabase({ migrated: false });
    const { code, stderr } = await run({ STEMMA_DATABASE_URL: database.repositoryUrl, STEMMA_PORT: "0" });
    expect(code).toBe(1);
    expect(stderr).toContain("0001-init.sql");
  });

  test("starts, listens, and ends with 0 on SIGTERM", async () => {
    database = await testDatabase();
    const { code, stderr, stdout } = await run({
      STEMMA_DATABASE_URL: database.repositoryUrl,
      STEMMA_PORT: "0",
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ msg }) => msg)).toEqual(["listening", "stopped"]);
    expect(lines[0]).toMatchObject({ level: "info", service: "repository" });
  });
});
