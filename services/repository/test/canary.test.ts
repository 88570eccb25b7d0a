import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start({ STEMMA_CANARY_SECONDS: "1" });
});
afterAll(() => world.stop());

async function until(what: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 400; turn += 1) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("It did not come to that within ten seconds.");
}

const sightings = () => world.service.context.canary()?.sightings ?? [];

test("a stock client follows each domain, and /metrics and /readyz tell when it cannot", async () => {
  const first = await world.createDomain();
  await until(async () => sightings().some(({ domain, ok }) => domain === first.name && ok));
  const ready = await world.get("/readyz");
  expect(ready.status).toBe(200);
  expect(ready.json.checks).toContainEqual({ check: "canary", ok: true });
  expect((await world.get("/metrics")).bytes.toString()).toContain(
    `stemma_canary_ok{domain="${first.name}"} 1`,
  );

  // Damage that only the owner of the database can do: bytes that the present keys did not sign.
  await world.database.owner.query("ALTER TABLE metadata DISABLE TRIGGER USER");
  await world.database.owner.query(
    "UPDATE metadata SET bytes = 'x', sha256 = encode(sha256('x'), 'hex') WHERE role LIKE 'bin-%' OR role = 'artifacts'",
  );
  const second = await world.createDomain();
  await until(async () => sightings().some(({ domain, ok }) => domain === second.name && ok));
  // The first domain fails from its next look at a role that the client has not cached yet.
  await world.database.owner.query("DELETE FROM metadata WHERE role = 'timestamp' AND domain_id = 1");
  await world.service.context.publications.close();
  await until(async () => sightings().some(({ domain, ok }) => domain === first.name && !ok));
  const metrics = (await world.get("/metrics")).bytes.toString();
  expect(metrics).toContain(`stemma_canary_ok{domain="${first.name}"} 0`);
  expect(metrics).toContain(`stemma_canary_ok{domain="${second.name}"} 1`);
  expect(metrics).toMatch(/stemma_canary_failing_domains 1/);
  const { json } = await world.get("/readyz");
  const canary = json.checks.find(({ check }: { check: string }) => check === "canary");
  expect(canary).toMatchObject({ ok: false, partly: true });
  expect(canary.detail).toContain(first.name);
  expect(world.log.filter(({ msg }) => msg === "a stock TUF client cannot follow the domain")).toHaveLength(
    1,
  );
});
