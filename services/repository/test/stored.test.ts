import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

/** What a disk or somebody with the owner's rights may do: one byte differs from what was published. */
async function flipByte(table: string, where: string): Promise<void> {
  const { owner } = world.database;
  await owner.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`);
  await owner.query(`ALTER TABLE ${table} DROP CONSTRAINT ${table}_check`);
  const { rowCount } = await owner.query(
    `UPDATE ${table} SET bytes = set_byte(bytes, 0, get_byte(bytes, 0) # 1) WHERE ${where}`,
  );
  expect(rowCount).toBe(1);
}

describe("a damaged row is an alarm and never an answer (F24)", () => {
  test("of metadata", async () => {
    const { name } = await world.createDomain();
    await flipByte("metadata", "role = 'root'");
    const reply = await world.get(`/${name}/metadata/1.root.json`);
    expect(reply).toMatchObject({ status: 500, json: { code: "stored_bytes_damaged" } });
    const alarms = world.log.filter(({ level }) => level === "fatal");
    expect(alarms).toMatchObject([{ msg: "stored bytes do not have their sha256" }]);
    expect((await world.get("/metrics")).bytes.toString()).toContain("stemma_stored_bytes_damaged_total 1");
  });

  test("of a layout", async () => {
    const { name } = await world.createDomain();
    const { rows } = await world.database.owner.query<{ sha256: string }>(
      "SELECT sha256 FROM target_file ORDER BY received_at DESC LIMIT 1",
    );
    const sha256 = rows[0]?.sha256;
    await flipByte("target_file", `sha256 = '${sha256}'`);
    const reply = await world.get(`/${name}/targets/projects/app/${sha256}.layout.json`);
    expect(reply).toMatchObject({ status: 500, json: { code: "stored_bytes_damaged" } });
  });
});

describe("when notifications are lost", () => {
  test("a new publish is still seen, by looking at the database", async () => {
    const { name, people } = await world.createDomain();
    const path = `/${name}/metadata/timestamp.json`;
    const before = (await world.get(path)).json.signed.version;
    await world.service.context.publications.close();
    const { digest, size, evidence } = await people.links("unheard");
    const reply = await world.post(`/v1/domains/${name}/artifacts/${digest}?wait=published`, {
      descriptor: { mediaType: "application/gzip", size },
      project: "app",
      evidence,
    });
    expect(reply.status).toBe(201);
    expect((await world.get(path)).json.signed.version).toBeGreaterThan(before);
    expect((await world.get("/readyz")).json.ready).toBe(false);
  });
});
