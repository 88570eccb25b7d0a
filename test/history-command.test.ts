import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { DomainFixture } from "./support/domain.ts";
import { LiveDomain } from "./support/live-domain.ts";
import { Mirror } from "./support/mirror.ts";
import { type RunningService, startService, stemmaJson } from "./support/service.ts";

interface History {
  readonly verifiedBy: string;
  readonly entries: readonly { readonly role: string; readonly version: number; readonly fault?: unknown }[];
  readonly gaps: readonly unknown[];
  readonly authorities?: readonly { readonly role: string; readonly steps: readonly unknown[] }[];
  readonly restsOn?: readonly { readonly decision: string }[];
}

let service: RunningService;
let domain: LiveDomain;
let mirror: Mirror;
let item: Awaited<ReturnType<LiveDomain["link"]>>;

beforeAll(async () => {
  service = await startService();
  domain = await LiveDomain.create(service);
  item = await domain.link("artifact");
  await domain.record(item);
  mirror = await Mirror.start(service.url);
  await writeFile(join(service.dataDirectory, "root.json"), domain.root);
}, 60_000);
afterAll(async () => {
  await mirror.stop();
  await service.stop();
}, 60_000);

const history = (...more: string[]) =>
  stemmaJson<History>(
    [
      "history",
      "--domain",
      domain.name,
      "--root",
      join(service.dataDirectory, "root.json"),
      "--server",
      mirror.url,
      ...more,
    ],
    { STEMMA_CACHE: join(service.dataDirectory, "cache") },
  );

describe("stemma history", () => {
  test("verifies every version on this machine, and says who could sign for what", async () => {
    mirror.lie = () => undefined;
    const found = await history("--at", "2099-01-01T00:00:00Z", "--digest", item.digest);
    expect(found.verifiedBy).toBe("client");
    expect(found.entries.map((entry) => `${entry.version}.${entry.role}`)).toEqual([
      "1.root",
      "1.targets",
      "1.app",
    ]);
    expect(found.entries.filter((entry) => entry.fault !== undefined)).toEqual([]);
    expect(found.gaps).toEqual([]);
    expect(found.authorities?.find((authority) => authority.role === "app")?.steps).toHaveLength(1);
    expect(found.restsOn?.map((verdict) => verdict.decision)).toEqual(["allow"]);
  }, 30_000);

  test("fails when a version is withheld, left out or not what was signed", async () => {
    // What a client has seen it keeps: each lie is told to one that has the honest metadata already.
    const forged = (await DomainFixture.create()).metadata.get("1.app") as Uint8Array;
    const list = `/v1/domains/${domain.name}/history`;
    const answer = (await (await fetch(service.url + list)).json()) as { entries: { role: string }[] };
    const shortened = { ...answer, entries: answer.entries.filter((entry) => entry.role !== "app") };
    const lies: Mirror["lie"][] = [
      (path) => (path.endsWith("/1.app.json") ? "missing" : undefined),
      (path) => (path.endsWith("/1.app.json") ? forged : undefined),
      (path) => (path === list ? Buffer.from(JSON.stringify(shortened)) : undefined),
    ];
    for (const lie of lies) {
      mirror.lie = lie;
      await expect(history()).rejects.toThrow("ended with 1");
    }
  }, 60_000);
});
