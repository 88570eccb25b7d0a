import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { LiveDomain } from "./support/live-domain.ts";
import { repositoryRoot, startService } from "./support/service.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stemma-standalone-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `npm start` with these settings, when it is expected to end by itself. */
async function startAndEnd(
  settings: Record<string, string>,
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [join(repositoryRoot, "services/standalone/src/main.ts")], {
    env: { ...process.env, STEMMA_DATA_DIR: join(folder, "other"), STEMMA_PORT: "0", ...settings },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stderr: stderr.trim() };
}

describe("npm start", () => {
  test("keeps everything over a restart, the online key and the verifier's key included", async () => {
    const data = join(folder, "data");
    const first = await startService(data);
    const domain = await LiveDomain.create(first);
    const item = await domain.link("kept");
    await domain.record(item);
    const keyBefore = await (await fetch(`${first.url}/v1/online-keys`)).text();
    const verifier = await (await fetch(`${first.url}/v1/verifier-key`)).json();
    expect(verifier).toMatchObject({ id: "https://stemma.dev/verifier/standalone" });
    expect(keyBefore).not.toContain((verifier as { keyid: string }).keyid);
    await first.stop();

    const second = await startService(data);
    try {
      const { keys } = (await (await fetch(`${second.url}/v1/online-keys`)).json()) as {
        keys: { keyid: string }[];
      };
      expect(keyBefore).toContain(keys[0]?.keyid);
      expect(await (await fetch(`${second.url}/v1/verifier-key`)).json()).toEqual(verifier);
      const answer = await fetch(`${second.url}/v1/domains/live/artifacts/${item.digest}/verify?project=app`);
      expect(await answer.json()).toMatchObject({ verdict: { decision: "allow" }, verifiedBy: "server" });
    } finally {
      await second.stop();
    }
  }, 120_000);

  test("stops at once while requests wait for a publish: they get it, and nobody waits for a signer that has gone", async () => {
    const service = await startService();
    const domain = await LiveDomain.create(service);
    let stopped = false;
    const clients = Array.from({ length: 10 }, async (_, client) => {
      for (let turn = 0; !stopped; turn += 1) {
        await domain.record(await domain.link(`${client} ${turn}`)).catch(() => undefined);
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const before = performance.now();
    await service.stop();
    stopped = true;
    expect(performance.now() - before).toBeLessThan(6_000);
    await Promise.all(clients);
  });

  test("says in one sentence that the data folder is in use, and harms nobody", async () => {
    const data = join(folder, "data");
    const running = await startService(data);
    try {
      const { code, stderr } = await startAndEnd({ STEMMA_DATA_DIR: data });
      expect(code).not.toBe(0);
      expect(stderr.split("\n")).toHaveLength(1);
      expect((await fetch(`${running.url}/readyz`)).status).toBe(200);
    } finally {
      await running.stop();
    }
  }, 60_000);

  test.each([
    ["STEMMA_PORT", "http"],
    ["DATABASE_URL", "mysql://somewhere"],
    ["STEMMA_BODY_LIMIT", "lots"],
    ["STEMMA_TIMESTAMP_SECONDS", "1"],
    ["STEMMA_VERIFIER_ID", "me"],
  ])(
    "refuses %s=%s with one sentence and exit code 2",
    async (name, value) => {
      const { code, stderr } = await startAndEnd({ [name]: value });
      expect({ code, lines: stderr.split("\n").length }).toEqual({ code: 2, lines: 1 });
      expect(stderr).toContain(name);
    },
    60_000,
  );

  test("does not take a stranger on its port for itself", async () => {
    const stranger = createServer().listen(0, "127.0.0.1");
    await once(stranger, "listening");
    const { port } = stranger.address() as { port: number };
    try {
      const { code, stderr } = await startAndEnd({ STEMMA_PORT: String(port) });
      expect(code).not.toBe(0);
      expect(stderr).toContain(`127.0.0.1:${port}`);
    } finally {
      stranger.close();
    }
  }, 60_000);

  test("gives the repository process nothing that concerns the keys", async () => {
    const running = await startService(join(folder, "data"));
    try {
      const environments = await environmentsOf("services/repository/src/main.ts");
      if (process.platform === "linux") expect(environments.length).toBeGreaterThan(0);
      for (const environment of environments) expect(environment).not.toMatch(/STEMMA_(?:SIGNER|VERIFIER)_/);
    } finally {
      await running.stop();
    }
  }, 60_000);
});

/** Environments of running processes by a part of their command line; none where there is no /proc. */
async function environmentsOf(part: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc").catch(() => [])) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes(part)) found.push(await readFile(`/proc/${pid}/environ`, "utf8").catch(() => ""));
  }
  return found;
}
