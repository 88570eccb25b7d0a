import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Signer, sha256 } from "@stemma/crypto";
import { decodeBase64, encodeBase64, encodeHex } from "@stemma/encoding";
import { signPayload } from "@stemma/tuf";
import { keysOf, newSigner, People } from "./support/people.ts";
import { type Reply, World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

interface ShownRole {
  readonly role: string;
  readonly bytesToSign: string;
  readonly sha256: string;
}

/** Signs what a ceremony shows, as somebody who has nothing but the shown bytes. */
async function sign(ceremony: Reply["json"], role: string, signer: Signer) {
  const shown = ceremony.roles.find((candidate: ShownRole) => candidate.role === role);
  const bytes = decodeBase64(shown.bytesToSign);
  expect(sha256(bytes)).toBe(shown.sha256);
  return { role, keyid: signer.publicKey.keyId, sig: encodeHex(await signer.sign(bytes)) };
}

const idsOf = (signers: readonly Signer[]) => keysOf(signers).map(({ keyId }) => keyId);

describe("a ceremony of new versions", () => {
  test("shows who signed and who must, survives a restart, and publishes at the threshold", async () => {
    const { name, people } = await world.createDomain();
    const draft = await people.targetsDocument(2, { signers: people.targets.slice(0, 1) });
    const opened = await world.post(`/v1/domains/${name}/ceremonies`, { metadata: [draft] });
    expect(opened).toMatchObject({
      status: 201,
      json: {
        state: "open",
        roles: [
          {
            role: "targets",
            version: 2,
            groups: [
              {
                of: "root version 1",
                threshold: 2,
                signed: idsOf(people.targets.slice(0, 1)),
                missing: idsOf(people.targets.slice(1)),
                met: false,
              },
            ],
          },
        ],
      },
    });
    const path = `/v1/domains/${name}/ceremonies/${opened.json.ceremony}`;

    // Nothing of it lives in the process: another one goes on with it.
    const shown = await world.get(path);
    expect(shown.json).toEqual(opened.json);
    const signature = await sign(shown.json, "targets", people.targets[1] as Signer);
    const signed = await world.post(`${path}/signatures?wait=published`, { signatures: [signature] });
    expect(signed).toMatchObject({ status: 201, json: { state: "accepted" } });
    const now = await world.get(`/v1/domains/${name}`);
    expect(now.json.versions.targets).toBe(2);
    const list = await world.get(`/v1/domains/${name}/ceremonies`);
    expect(list.json.ceremonies).toMatchObject([
      { state: "accepted", roles: [{ role: "targets", version: 2 }] },
    ]);
    const after = await world.post(`${path}/signatures`, { signatures: [signature] });
    expect(after).toMatchObject({ status: 409, json: { code: "ceremony_closed" } });
  });

  test("of a root with new keys needs the old threshold and the new one", async () => {
    const { name, people } = await world.createDomain();
    const fresh = newSigner();
    const keys = [people.root[0], people.root[1], fresh] as Signer[];
    const payload = people.rootPayload(2, { root: keys });
    const bytes = encodeBase64(await signPayload(payload, [people.root[0] as Signer]));
    const opened = await world.post(`/v1/domains/${name}/ceremonies`, {
      metadata: [{ role: "root", bytes }],
    });
    expect(opened.json.roles[0].groups.map(({ of }: { of: string }) => of)).toEqual([
      "root version 1",
      "root version 2",
    ]);
    const path = `/v1/domains/${name}/ceremonies/${opened.json.ceremony}/signatures?wait=published`;
    const byNew = await world.post(path, { signatures: [await sign(opened.json, "root", fresh)] });
    // The new key counts for the new root alone.
    expect(byNew.json.roles[0].groups.map(({ met }: { met: boolean }) => met)).toEqual([false, true]);
    expect(byNew.status).toBe(200);
    const byOld = await world.post(path, {
      signatures: [await sign(opened.json, "root", people.root[1] as Signer)],
    });
    expect(byOld).toMatchObject({ status: 201, json: { state: "accepted" } });
    expect((await world.get(`/${name}/metadata/2.root.json`)).status).toBe(200);
  });

  test("of a new domain begins with a token and ends with signatures alone", async () => {
    const people = new People(world.online);
    const body = {
      name: "by-ceremony",
      metadata: [
        await people.rootDocument(1, people.root.slice(0, 1)),
        await people.targetsDocument(1, { signers: people.targets.slice(0, 1) }),
      ],
    };
    const anonymous = await world.post("/v1/ceremonies", body);
    expect(anonymous.status).toBe(401);
    const opened = await world.post("/v1/ceremonies", body, { Authorization: `Bearer ${world.token}` });
    expect(opened).toMatchObject({ status: 201, json: { domain: "by-ceremony", state: "open" } });
    const path = `/v1/domains/by-ceremony/ceremonies/${opened.json.ceremony}`;
    const first = await world.post(`${path}/signatures`, {
      signatures: [await sign(opened.json, "root", people.root[2] as Signer)],
    });
    expect(first).toMatchObject({ status: 200, json: { state: "open" } });
    expect((await world.get("/v1/domains/by-ceremony")).status).toBe(404);
    const last = await world.post(`${path}/signatures?wait=published`, {
      signatures: [await sign(opened.json, "targets", people.targets[1] as Signer)],
    });
    expect(last).toMatchObject({ status: 201, json: { state: "accepted" } });
    expect((await world.get("/v1/domains/by-ceremony")).json.state).toBe("published");
  });

  test("the same draft again is the same ceremony, and its signatures are merged", async () => {
    const { name, people } = await world.createDomain();
    const path = `/v1/domains/${name}/ceremonies`;
    const one = await people.targetsDocument(2, { signers: people.targets.slice(0, 1) });
    const two = await people.targetsDocument(2, { signers: people.targets.slice(1) });
    const opened = await world.post(path, { metadata: [one] });
    const again = await world.post(path, { metadata: [one] });
    expect(again).toMatchObject({ status: 200, json: { ceremony: opened.json.ceremony } });
    const merged = await world.post(path, { metadata: [two] });
    expect(merged).toMatchObject({ json: { ceremony: opened.json.ceremony, state: "accepted" } });
  });
});

describe("refused in a ceremony", () => {
  async function open() {
    const { name, people } = await world.createDomain();
    const metadata = [await people.targetsDocument(2, { signers: people.targets.slice(0, 1) })];
    const { json } = await world.post(`/v1/domains/${name}/ceremonies`, { metadata });
    return { name, people, ceremony: json, path: `/v1/domains/${name}/ceremonies/${json.ceremony}` };
  }

  test("a draft that nobody signed who may", async () => {
    const { name, people } = await world.createDomain();
    for (const signers of [[], [newSigner()], people.root]) {
      const metadata = [await people.targetsDocument(2, { signers })];
      const reply = await world.post(`/v1/domains/${name}/ceremonies`, { metadata });
      expect(reply).toMatchObject({ status: 422, json: { code: "no_valid_signature" } });
    }
  });

  test("another body for the same role and version (N-73)", async () => {
    const { name, people } = await open();
    const roles = people.delegations([{}, { name: "other" }]);
    const metadata = [await people.targetsDocument(2, { signers: people.targets.slice(1), roles })];
    const reply = await world.post(`/v1/domains/${name}/ceremonies`, { metadata });
    expect(reply).toMatchObject({ status: 409, json: { code: "draft_conflict" } });
  });

  test("a signature for a stale draft (N-73)", async () => {
    const { name, people, ceremony, path } = await open();
    const metadata = [await people.targetsDocument(2)];
    expect((await world.post(`/v1/domains/${name}/metadata?wait=published`, { metadata })).status).toBe(201);
    const signature = await sign(ceremony, "targets", people.targets[1] as Signer);
    const reply = await world.post(`${path}/signatures`, { signatures: [signature] });
    expect(reply).toMatchObject({ status: 409, json: { code: "stale_draft" } });
    expect((await world.get(path)).json.state).toBe("stale");
  });

  test("a wrong signature, a stranger's, and one for a role that is not in it; nothing changes", async () => {
    const { people, ceremony, path } = await open();
    const good = await sign(ceremony, "targets", people.targets[1] as Signer);
    const stranger = await sign(ceremony, "targets", newSigner());
    const cases = [
      [{ ...good, sig: stranger.sig }, "signature_invalid", 422],
      [{ ...good, sig: `${good.sig}zz` }, "bad_body", 400],
      [stranger, "key_not_authorized", 422],
      [{ ...good, role: "root" }, "key_not_authorized", 422],
    ] as const;
    for (const [signature, code, status] of cases) {
      // Beside a good one: all of a request counts, or nothing of it.
      const reply = await world.post(`${path}/signatures`, { signatures: [good, signature] });
      expect(reply).toMatchObject({ status, json: { code } });
      expect((await world.get(path)).json).toEqual(ceremony);
    }
  });

  test("one after thirty days", async () => {
    let now = new Date();
    const later = await World.start({}, { clock: () => now });
    try {
      const { name, people } = await later.createDomain();
      const metadata = [await people.targetsDocument(2, { signers: people.targets.slice(0, 1) })];
      const { json } = await later.post(`/v1/domains/${name}/ceremonies`, { metadata });
      now = new Date(now.getTime() + 31 * 86_400_000);
      const path = `/v1/domains/${name}/ceremonies/${json.ceremony}`;
      expect((await later.get(path)).json.state).toBe("expired");
      const signature = await sign(json, "targets", people.targets[1] as Signer);
      const reply = await later.post(`${path}/signatures`, { signatures: [signature] });
      expect(reply).toMatchObject({ status: 409, json: { code: "ceremony_closed" } });
    } finally {
      await later.stop();
    }
  });

  test("a draft whose content could never be published", async () => {
    const { name, people } = await world.createDomain();
    const roles = people.delegations([{ paths: ["*"] }]);
    const metadata = [await people.targetsDocument(2, { signers: people.targets.slice(0, 1), roles })];
    const reply = await world.post(`/v1/domains/${name}/ceremonies`, { metadata });
    expect(reply).toMatchObject({ status: 422, json: { code: "tree_shape" } });
  });

  test("an unknown ceremony, and one of another domain (N-64)", async () => {
    const { ceremony } = await open();
    const other = await world.createDomain();
    for (const id of [ceremony.ceremony, "7b1b2a52-6ad5-4d26-9c5b-9a52f3d5a001"]) {
      const reply = await world.get(`/v1/domains/${other.name}/ceremonies/${id}`);
      expect(reply).toMatchObject({ status: 404, json: { code: "unknown_ceremony" } });
    }
  });
});
