import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { encodeBase64 } from "@stemma/encoding";
import { layoutPath } from "@stemma/lineage";
import { keysOf, newSigner, type People } from "./support/people.ts";
import { World } from "./support/world.ts";

let world: World;
let domain: string;
let people: People;
let digest: string;
let between: string;
const newOwner = newSigner();

beforeAll(async () => {
  world = await World.start();
  ({ name: domain, people } = await world.createDomain());
  ({ digest } = await world.record(domain, people, "historical"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  between = new Date().toISOString();
  await new Promise((resolve) => setTimeout(resolve, 20));
  // One owner hands over to another: targets, project and layout in one upload.
  const owners = [people.owners[0], newOwner].filter((owner) => owner !== undefined);
  const layout = await people.layout({ signers: owners });
  const reply = await world.post(`/v1/domains/${domain}/metadata?wait=published`, {
    metadata: [
      await people.rootDocument(2, people.root),
      await people.targetsDocument(2, { roles: people.delegations([{ keys: keysOf(owners) }]) }),
      await people.projectDocument(2, new Map([[layoutPath("app"), layout]]), { signers: owners }),
    ],
    files: [encodeBase64(layout)],
  });
  expect(reply.status).toBe(201);
});
afterAll(() => world.stop());

const history = async (query = "") => (await world.get(`/v1/domains/${domain}/history${query}`)).json;

test("tells every version in the order of publication, with its signers and changes", async () => {
  const { entries, verifiedBy } = await history();
  expect(verifiedBy).toBe("server");
  expect(entries.map(({ role, version }: { role: string; version: number }) => `${version}.${role}`)).toEqual(
    ["1.root", "1.targets", "1.app", "2.root", "2.targets", "2.app"],
  );
  for (const entry of entries) expect(entry).not.toHaveProperty("fault");
  expect(entries[3].signers).toHaveLength(3);
  expect(entries[4].changes).toContainEqual(
    expect.objectContaining({ kind: "keys_changed", subject: "app" }),
  );
});

test("tells who could sign for what at a time, and who can now", async () => {
  const ownersAt = async (time: string) => {
    const { authorities } = await history(`?at=${time}`);
    const app = authorities.find(({ role }: { role: string }) => role === "app");
    expect(app.steps.map(({ step }: { step: string }) => step)).toEqual(["build", "package"]);
    return app.keys.map(({ keyId }: { keyId: string }) => keyId);
  };
  expect(await ownersAt(between)).toEqual(keysOf(people.owners).map(({ keyId }) => keyId));
  expect(await ownersAt(new Date().toISOString())).toContain(newOwner.publicKey.keyId);
});

test("tells which roles and functionaries an artifact rests on", async () => {
  const { restsOn } = await history(`?digest=${digest}`);
  expect(restsOn).toMatchObject([
    {
      project: "app",
      decision: "allow",
      steps: [
        { step: "build", functionaries: [{ keyId: people.builder.publicKey.keyId }] },
        { step: "package", functionaries: [{ keyId: people.packager.publicKey.keyId }] },
      ],
    },
  ]);
  const roles = restsOn[0].roles.map(({ role }: { role: string }) => role);
  expect(roles).toEqual(
    expect.arrayContaining(["root", "timestamp", "snapshot", "targets", "app", "artifacts"]),
  );
});

test("can leave out other projects, and refuses what is no question", async () => {
  const { entries } = await history("?role=targets");
  expect(new Set(entries.map(({ role }: { role: string }) => role))).toEqual(new Set(["root", "targets"]));
  const unknown = `sha256:${"0".repeat(64)}`;
  expect((await world.get(`/v1/domains/${domain}/history?digest=${unknown}`)).json.code).toBe(
    "artifact_unknown",
  );
  expect((await world.get(`/v1/domains/${domain}/history?at=yesterday`)).json.code).toBe("bad_parameter");
  expect((await world.get(`/v1/domains/${domain}/history?at=2026-13-01T00:00:00Z`)).json.code).toBe(
    "bad_parameter",
  );
});
