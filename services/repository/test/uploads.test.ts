import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { isDomainName } from "@stemma/contract";
import { decodeBase64, encodeBase64, jsonObject, writeJson } from "@stemma/encoding";
import { signLink } from "@stemma/in-toto";
import { layoutPath, revocationsPath } from "@stemma/lineage";
import { decodeTargets, signPayload, targetsPayload } from "@stemma/tuf";
import { FAR, keysOf, newSigner, People, type Uploaded } from "./support/people.ts";
import { type Reply, World } from "./support/world.ts";

let world: World;
let domain: string;
let people: People;
beforeAll(async () => {
  world = await World.start();
  ({ name: domain, people } = await world.createDomain());
});
afterAll(() => world.stop());

/** Everything that a refusal must leave as it was. */
async function state(): Promise<unknown> {
  const counts = await world.database.owner.query(
    `SELECT (SELECT count(*) FROM change) AS changes, (SELECT count(*) FROM target_file) AS files,
       (SELECT count(*) FROM evidence) AS evidence, (SELECT count(*) FROM domain) AS domains,
       (SELECT count(*) FROM metadata) AS metadata, (SELECT count(*) FROM ceremony) AS ceremonies,
       (SELECT count(*) FROM ceremony_signature) AS signatures`,
  );
  return counts.rows[0];
}

/** A refusal: its code and status, nothing changed, one line in the log. */
async function refused(send: () => Promise<Reply>, code: string, status: number): Promise<Reply> {
  const before = await state();
  const logged = world.log.length;
  const reply = await send();
  expect({ code: reply.json?.code, status: reply.status, detail: reply.json?.detail }).toMatchObject({
    code,
    status,
  });
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  expect(await state()).toEqual(before);
  const lines = world.log.slice(logged).filter(({ msg }) => msg === "refused");
  expect(lines).toMatchObject([{ code, requestId: reply.json.instance }]);
  return reply;
}

const publish = (metadata: readonly Uploaded[], files: readonly Uint8Array[] = []) =>
  world.post(`/v1/domains/${domain}/metadata?wait=published`, { metadata, files: files.map(encodeBase64) });

describe("new versions", () => {
  test("of root, targets and a project are published together", async () => {
    const fresh = await world.createDomain();
    const layout = await fresh.people.layout();
    const reply = await world.post(`/v1/domains/${fresh.name}/metadata?wait=published`, {
      metadata: [
        await fresh.people.rootDocument(2, fresh.people.root),
        await fresh.people.targetsDocument(2),
        await fresh.people.projectDocument(2, new Map([[layoutPath("app"), layout]])),
      ],
    });
    expect(reply).toMatchObject({ status: 201, json: { versions: { root: 2, targets: 2 } } });
    const shown = await world.get(`/v1/domains/${fresh.name}`);
    expect(shown.json).toMatchObject({
      state: "published",
      versions: { root: 2 },
      projects: [{ project: "app", version: 2, threshold: 2, files: ["projects/app/layout.json"] }],
    });
  });

  test("again are nothing new", async () => {
    const fresh = await world.createDomain();
    const document = await fresh.people.targetsDocument(2);
    const send = () =>
      world.post(`/v1/domains/${fresh.name}/metadata?wait=published`, { metadata: [document] });
    expect((await send()).status).toBe(201);
    const before = await state();
    expect((await send()).status).toBe(200);
    expect(await state()).toEqual(before);
  });

  test("while they wait, the same is the same change and another body is a conflict (N-73)", async () => {
    const fresh = await world.createDomain();
    await world.stopSigner();
    const path = `/v1/domains/${fresh.name}/metadata`;
    const document = await fresh.people.targetsDocument(2);
    const first = await world.post(path, { metadata: [document] });
    expect(first.status).toBe(202);
    const second = await world.post(path, { metadata: [document] });
    expect(second.json.change).toBe(first.json.change);
    const other = await fresh.people.targetsDocument(2, {
      roles: fresh.people.delegations([{}, { name: "other" }]),
    });
    await refused(() => world.post(path, { metadata: [other] }), "version_conflict", 409);
    await world.startSigner();
  });

  test("do not wait longer than a request may: 202 when the signer is away", async () => {
    const impatient = await World.start({ STEMMA_REQUEST_DEADLINE_MS: "1500" });
    try {
      const fresh = await impatient.createDomain();
      await impatient.stopSigner();
      const metadata = [await fresh.people.targetsDocument(2)];
      const reply = await impatient.post(`/v1/domains/${fresh.name}/metadata?wait=published`, { metadata });
      expect(reply).toMatchObject({ status: 202, json: { outcome: "waiting" } });
    } finally {
      await impatient.stop();
    }
  });
});

describe("refused uploads", () => {
  test("too few signatures", async () => {
    const metadata = [await people.targetsDocument(2, { signers: people.targets.slice(0, 1) })];
    await refused(() => publish(metadata), "threshold_not_met", 422);
  });

  test("a root that only the new keys signed", async () => {
    const strangers = [newSigner(), newSigner(), newSigner()];
    const bytes = await signPayload(people.rootPayload(2, { root: strangers }), strangers);
    await refused(() => publish([{ role: "root", bytes: encodeBase64(bytes) }]), "threshold_not_met", 422);
  });

  test("a version that is taken, one that leaves a gap, and one that would lock others out (N-15)", async () => {
    await refused(async () => publish([await people.rootDocument(1, people.root)]), "version_conflict", 409);
    await refused(async () => publish([await people.targetsDocument(3)]), "not_next_version", 422);
    await refused(async () => publish([await people.targetsDocument(1002)]), "version_jump", 422);
    await refused(async () => publish([await people.targetsDocument(2 ** 31)]), "version_jump", 422);
  });

  test("roles that the signer makes, under their own name or another's", async () => {
    const { bytes } = await people.targetsDocument(2);
    for (const role of ["timestamp", "snapshot", "artifacts", "bin-0", "recent"]) {
      await refused(() => publish([{ role, bytes }]), "role_not_writable", 422);
    }
    await refused(() => publish([{ role: "root", bytes }]), "wrong_role_type", 422);
    await refused(() => publish([{ role: "nobody", bytes }]), "not_delegated", 422);
  });

  test("a role twice", async () => {
    const document = await people.targetsDocument(2);
    await refused(() => publish([document, document]), "role_uploaded_twice", 422);
  });

  test("unsigned members, which would brick strict clients (N-19)", async () => {
    const { bytes } = await people.targetsDocument(2);
    const document = new Map(decodeTargets(decodeBase64(bytes)).document);
    document.set("extra", 1);
    const changed = encodeBase64(writeJson(document));
    await refused(() => publish([{ role: "targets", bytes: changed }]), "unexpected_field", 422);
    const twice = encodeBase64(Buffer.concat([decodeBase64(bytes), Buffer.from("{}")]));
    await refused(() => publish([{ role: "targets", bytes: twice }]), "bad_json", 400);
  });

  test.each([
    ["null", "wrong_type"],
    ["[]", "wrong_type"],
    ['"x"', "wrong_type"],
    ["{}", "missing_member"],
    ['{"signed":null,"signatures":[]}', "wrong_type"],
    ["\ufeff{}", "bad_json"],
    ['{"a":1,"\\u0061":2}', "duplicate_member"],
    ["[".repeat(33) + "]".repeat(33), "too_deep"],
  ])("a document that is %s (N-25, N-26)", async (text, code) => {
    await refused(() => publish([{ role: "targets", bytes: encodeBase64(Buffer.from(text)) }]), code, 400);
  });

  test("base64 that is not canonical (N-08)", async () => {
    await refused(() => publish([{ role: "targets", bytes: "e30" }]), "bad_encoding", 400);
    await refused(() => publish([{ role: "targets", bytes: "e31=" }]), "bad_encoding", 400);
  });

  test("an online key in an offline role, and an offline key in an online one", async () => {
    const withOnline = people.delegations([{ keys: keysOf([...people.owners, world.online]) }]);
    const targets = await people.targetsDocument(2, { roles: withOnline });
    await refused(() => publish([targets]), "online_key_misplaced", 422);

    const payload = people.rootPayload(2, { online: [newSigner()] });
    const root = encodeBase64(await signPayload(payload, people.root));
    await refused(() => publish([{ role: "root", bytes: root }]), "online_key_missing", 422);

    const stolen = people.rootPayload(2, { root: [...people.root.slice(0, 2), world.online] });
    const bytes = encodeBase64(await signPayload(stolen, people.root));
    await refused(() => publish([{ role: "root", bytes }]), "online_key_misplaced", 422);
  });

  test.each([
    ["another path", { paths: ["projects/*"] }],
    ["two paths", { paths: ["projects/app/*", "sha256/*"] }],
    ["not terminating", { terminating: false }],
    ["a reserved name", { name: "shelf", paths: ["projects/shelf/*"] }],
  ])("a delegation with %s", async (_what, change) => {
    const roles = people.delegations([change]);
    await refused(async () => publish([await people.targetsDocument(2, { roles })]), "tree_shape", 422);
  });

  test("targets without artifacts, with artifacts first, or with a file that nobody sent", async () => {
    const roles = [...people.delegations()];
    const without = await people.targetsDocument(2, { roles: roles.slice(0, 1) });
    await refused(() => publish([without]), "tree_shape", 422);
    const reversed = await people.targetsDocument(2, { roles: roles.toReversed() });
    await refused(() => publish([reversed]), "tree_shape", 422);
    const files = new Map([
      ["x", { length: 1, hashes: new Map([["sha256", "0".repeat(64)]]), custom: undefined }],
    ]);
    const payload = targetsPayload({ version: 2, expires: FAR, targets: files, delegations: { roles } });
    const bytes = encodeBase64(await signPayload(payload, people.targets));
    await refused(() => publish([{ role: "targets", bytes }]), "target_file_missing", 422);
  });

  test("new owners without a version of the project that they have signed", async () => {
    const roles = people.delegations([{ keys: keysOf([newSigner(), newSigner()]) }]);
    const reply = await refused(
      async () => publish([await people.targetsDocument(2, { roles })]),
      "threshold_not_met",
      422,
    );
    expect(reply.json.detail).toContain("send a new version of app along");
  });

  test("new owners who sign the project but keep a layout that they did not sign", async () => {
    const owners = [newSigner(), newSigner()];
    const roles = people.delegations([{ keys: keysOf(owners) }]);
    const layout = await people.layout();
    const project = await people.projectDocument(2, new Map([[layoutPath("app"), layout]]), {
      signers: owners,
    });
    const targets = await people.targetsDocument(2, { roles });
    await refused(() => publish([targets, project], [layout]), "layout_threshold_not_met", 422);
  });
});

describe("refused files of a project", () => {
  test("one that is named and was not sent", async () => {
    const layout = await people.layout({ expires: new Date("2034-01-01T00:00:00Z") });
    const project = await people.projectDocument(2, new Map([[layoutPath("app"), layout]]));
    await refused(() => publish([project]), "target_file_missing", 422);
  });

  test("one that was sent and is not named", async () => {
    const metadata = [await people.targetsDocument(2)];
    await refused(() => publish(metadata, [Buffer.from("x")]), "target_file_unused", 422);
  });

  test("a layout that too few owners signed, has expired, or is no layout", async () => {
    const cases: [Uint8Array, string, number][] = [
      [await people.layout({ signers: people.owners.slice(0, 1) }), "layout_threshold_not_met", 422],
      [await people.layout({ expires: new Date("2020-01-01T00:00:00Z") }), "layout_expired", 422],
      [Buffer.from('{"signed":{},"signatures":[]}'), "wrong_document", 422],
      [Buffer.from("{}"), "unsupported_envelope", 422],
      [Buffer.from("<html>"), "bad_json", 400],
    ];
    for (const [layout, code, status] of cases) {
      const project = await people.projectDocument(2, new Map([[layoutPath("app"), layout]]));
      await refused(() => publish([project], [layout]), code, status);
    }
  });

  test("revocations that cannot be read", async () => {
    const layout = await people.layout();
    const bad = writeJson(jsonObject({ _type: "stemma-revocations", version: 2, revoked: [] }));
    const files = new Map([
      [layoutPath("app"), layout],
      [revocationsPath("app"), bad],
    ]);
    const project = await people.projectDocument(2, files);
    await refused(() => publish([project], [layout, bad]), "bad_revocations", 422);
  });

  test("a path outside of the project", async () => {
    for (const path of ["projects/other/x", "projects/app/a/b", "projects/app/.hidden", "x"]) {
      const file = Buffer.from("x");
      const project = await people.projectDocument(2, new Map([[path, file]]));
      await refused(() => publish([project], [file]), "bad_target_path", 422);
    }
  });
});

describe("creating a domain", () => {
  const create = (body: unknown, token = world.token) =>
    world.post("/v1/domains?wait=published", body, { Authorization: `Bearer ${token}` });

  test("needs root and targets, first versions", async () => {
    const others = new People(world.online);
    const root = await others.rootDocument();
    await refused(() => create({ name: "lonely", metadata: [root] }), "role_missing", 422);
    const second = await others.rootDocument(2, others.root);
    const metadata = [second, await others.targetsDocument()];
    await refused(() => create({ name: "late", metadata }), "not_next_version", 422);
  });

  test("refuses a name that is taken, by somebody else's root", async () => {
    const others = new People(world.online);
    const upload = await world.firstUpload(others);
    await refused(() => create({ name: domain, ...upload }), "domain_exists", 409);
  });

  test.each([
    "v1",
    "v9",
    "docs",
    "openapi",
    "console",
    "metrics",
    "Upper",
    "../x",
    "a/b",
    "",
    "-x",
    "x".repeat(64),
  ])("refuses the name %j", async (name) => {
    const upload = await world.firstUpload(new People(world.online));
    await refused(() => create({ name, ...upload }), "bad_body", 400);
  });

  test("of the same content again is nothing new", async () => {
    const others = new People(world.online);
    const body = { name: "again", ...(await world.firstUpload(others)) };
    expect((await create(body)).status).toBe(201);
    expect((await create(body)).status).toBe(200);
  });
});

describe("refused records", () => {
  const record = (digest: string, body: Record<string, unknown>) =>
    world.post(`/v1/domains/${domain}/artifacts/${digest}?wait=published`, {
      descriptor: { mediaType: "application/gzip", size: 1 },
      project: "app",
      ...body,
    });

  test("a link by a key that the layout does not name", async () => {
    const { digest } = await people.links("refused");
    const link = { name: "build", command: [], materials: new Map(), products: new Map() };
    const stranger = encodeBase64(await signLink(link, [newSigner()]));
    await refused(() => record(digest, { evidence: [stranger] }), "functionary_not_authorized", 403);
    // The functionary of another step is a stranger to this one.
    const packager = encodeBase64(await signLink(link, [people.packager]));
    await refused(() => record(digest, { evidence: [packager] }), "functionary_not_authorized", 403);
  });

  test("a link that was changed after signing, and one of a step that is not there", async () => {
    const { digest, evidence } = await people.links("refused");
    const text = Buffer.from(evidence[1] ?? "", "base64")
      .toString()
      .replace('"tar"', '"rat"');
    const changed = encodeBase64(Buffer.from(text));
    await refused(() => record(digest, { evidence: [changed] }), "bad_signature", 403);
    const link = { name: "test", command: [], materials: new Map(), products: new Map() };
    const other = encodeBase64(await signLink(link, [people.builder]));
    await refused(() => record(digest, { evidence: [other] }), "unknown_step", 422);
  });

  test("one bad piece refuses all of them", async () => {
    const { digest, evidence } = await people.links("refused");
    await refused(
      () => record(digest, { evidence: [...evidence, encodeBase64(Buffer.from("{}"))] }),
      "unsupported_envelope",
      422,
    );
  });

  test("an unknown project, one without a layout, and an unknown domain", async () => {
    const { digest, evidence } = await people.links("refused");
    await refused(() => record(digest, { evidence, project: "nobody" }), "project_unknown", 404);
    const bare = await world.createDomain({ project: false });
    const links = await bare.people.links("refused");
    const body = { descriptor: { mediaType: "a/b", size: 1 }, project: "app", evidence: links.evidence };
    await refused(
      () => world.post(`/v1/domains/${bare.name}/artifacts/${links.digest}`, body),
      "layout_missing",
      409,
    );
    await refused(() => world.post(`/v1/domains/nowhere/artifacts/${digest}`, body), "unknown_domain", 404);
  });

  test("a descriptor that contradicts the record", async () => {
    const { digest } = await world.record(domain, people, "described");
    const { evidence } = await people.links("described");
    await refused(() => record(digest, { evidence }), "conflicting_record", 409);
  });

  test("an expired layout", async () => {
    let now = new Date();
    const later = await World.start({}, { clock: () => now });
    try {
      const { name, people: others } = await later.createDomain();
      now = new Date("2036-01-01T00:00:00Z");
      const { digest, size, evidence } = await others.links("late");
      const reply = await later.post(`/v1/domains/${name}/artifacts/${digest}`, {
        descriptor: { mediaType: "application/gzip", size },
        project: "app",
        evidence,
      });
      expect(reply).toMatchObject({ status: 409, json: { code: "layout_unusable" } });
    } finally {
      await later.stop();
    }
  });

  test("more evidence than a record may have (N-55)", async () => {
    const { digest, evidence } = await people.links("many");
    await refused(() => record(digest, { evidence: Array(257).fill(evidence[0]) }), "bad_body", 400);
    await refused(() => record(digest, { evidence: [] }), "bad_body", 400);
  });
});

test("the database agrees with the contract about the names of domains", async () => {
  const { rows } = await world.database.owner.query<{ definition: string }>(
    "SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = 'domain'::regclass AND contype = 'c'",
  );
  const reserved = rows.flatMap(({ definition }) =>
    [...definition.matchAll(/'([a-z]+)'::text/g)].map((match) => match[1] ?? ""),
  );
  expect(reserved.length).toBeGreaterThan(3);
  // Whatever the database refuses, the contract has refused before: it would be a 500 otherwise.
  for (const name of reserved) expect([name, isDomainName(name)]).toEqual([name, false]);
});
