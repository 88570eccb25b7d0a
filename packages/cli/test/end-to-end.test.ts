import { chmod, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type PublicKey, publicKeyFromPem, sha256 } from "@stemma/crypto";
import { utf8, writeJson } from "@stemma/encoding";
import { writeLayout } from "@stemma/in-toto";
import { folderStore } from "@stemma/oci";
import { makeImage, put } from "../../../test/support/artifacts.ts";
import { MemoryRegistry } from "../../../test/support/registry.ts";
import { type RunningService, startService } from "../../../test/support/service.ts";
import { Desk } from "./support/command-line.ts";

/*
 * One trust domain from its first key to a revocation, by nothing but the command, against the service as it is started
 * by `npm start`. Each test goes on where the one before ended.
 */

const PASSPHRASE = "not to be seen by anybody";
const PEOPLE = [
  "root-a",
  "root-b",
  "root-c",
  "targets-a",
  "targets-b",
  "owner-a",
  "owner-b",
  "source",
  "build",
  "other",
];

let service: RunningService;
let desk: Desk;
let artifact: string;
let imageDigest: string;

beforeAll(async () => {
  [service, desk] = await Promise.all([startService(), Desk.create()]);
  Object.assign(desk.env, {
    STEMMA_SERVER: service.url,
    STEMMA_DOMAIN: "acme",
    STEMMA_DATA_DIR: service.dataDirectory,
    STEMMA_CACHE: desk.path("cache"),
    STEMMA_PASSPHRASE: PASSPHRASE,
  });
  await Promise.all(PEOPLE.map((name) => desk.json(["key", "new", name])));
  await writeFile(desk.path("app.js"), "console.log('hello')\n");
  artifact = `sha256:${sha256(await readFile(desk.path("app.js")))}`;
}, 120_000);
afterAll(async () => {
  await service.stop();
  await desk.remove();
}, 60_000);

interface Ceremony {
  readonly ceremony: string;
  readonly state: string;
}
interface VerdictDocument {
  readonly decision: string;
  readonly project: string;
  readonly reasons: readonly { readonly code: string }[];
}

const verify = (what: string, expected: number, ...more: readonly string[]): Promise<VerdictDocument> =>
  desk.json<VerdictDocument>(["verify", what, "--root", "domain/root.json", ...more], expected);

const publicKey = async (name: string): Promise<PublicKey> =>
  publicKeyFromPem(await readFile(desk.path(`${name}.pub`), "utf8"));

describe("a trust domain", () => {
  test("is drafted with the server's online key, and signed by its owners alone", async () => {
    const roots = ["root-a.pub", "root-b.pub", "root-c.pub"];
    await desk.json([
      ...["domain", "init", "domain", "--root-key", ...roots, "--root-threshold", "2"],
      ...["--targets-key", "targets-a.pub", "targets-b.pub", "--targets-threshold", "2"],
    ]);
    const refused = await desk.json(["sign", "domain/root.json", "--key", "targets-a"], 1);
    expect(refused).toMatchObject({ error: { code: "key_may_not_sign" } });
    for (const [role, name] of [
      ["root", "root-a"],
      ["root", "root-b"],
      ["targets", "targets-a"],
    ] as const) {
      await desk.json(["sign", `domain/${role}.json`, "--key", name]);
    }
    const { stdout } = await desk.stemma(["sign", "domain/targets.json", "--key", "targets-a"]);
    expect(stdout).toContain("as root version 1 asks: 1 of 2 signatures");
    const again = await desk.json(["sign", "domain/root.json", "--key", "root-b"]);
    expect(again).toMatchObject({ alreadySigned: true, signatures: 2, status: [{ met: true }] });
    expect(await desk.json(["sign", "domain/targets.json", "--key", "targets-b"])).toMatchObject({
      status: [{ met: true, missing: [] }],
    });
  }, 60_000);

  test("is created with a token, and not without", async () => {
    expect(await desk.json(["domain", "create", "acme", "domain"], 2)).toMatchObject({
      error: { code: "usage" },
    });
    const { token } = await desk.json<{ token: string }>([
      ...["token", "new", "--name", "test", "--scope", "domain:create", "domain:list"],
    ]);
    desk.env.STEMMA_TOKEN = token;
    const created = await desk.stemma(["domain", "create", "acme", "domain"]);
    expect(created).toMatchObject({ code: 0 });
    expect(created.stdout + created.stderr).not.toContain(token);
    expect(await desk.json(["domain", "list"])).toMatchObject({ domains: [{ domain: "acme" }] });
    // The same once more changes nothing.
    expect(await desk.json(["domain", "create", "acme", "domain"])).toMatchObject({ outcome: "published" });
  }, 60_000);

  test("is shown as the server says, and as verified from the pinned root, alike", async () => {
    const { verified, ...said } = await desk.json(["domain", "show", "acme"]);
    const { verified: checked, ...known } = await desk.json([
      "domain",
      "show",
      "acme",
      "--root",
      "domain/root.json",
    ]);
    expect([verified, checked]).toEqual([false, true]);
    const roles = (overview: Record<string, unknown>) =>
      (overview.roles as { role: string; threshold: number; keys: string[] }[])
        .map(({ role, threshold, keys }) => ({ role, threshold, keys }))
        .sort((a, b) => a.role.localeCompare(b.role));
    expect(roles(known)).toEqual(roles(said));
  }, 60_000);

  test("changes its owners by the next root, which the old ones sign", async () => {
    const edit = ["domain", "edit-root", "2.root.json", "--root", "domain/root.json"];
    expect(await desk.json([...edit, "--remove-root-key", "other.pub"], 2)).toMatchObject({
      error: { code: "unknown_key" },
    });
    await desk.json([...edit, "--remove-root-key", "root-c.pub", "--add-root-key", "other.pub"]);
    await desk.json(["sign", "2.root.json", "--key", "root-a"]);
    await desk.json(["sign", "2.root.json", "--key", "root-b", "--signers-from", "domain/root.json"]);
    expect(await desk.json(["domain", "publish", "2.root.json"])).toMatchObject({ outcome: "published" });
    expect(await desk.json(["domain", "publish", "domain/root.json"], 1)).toHaveProperty("error.code");
  }, 60_000);
});

describe("a project", () => {
  test("is delegated by a ceremony: resumed by id, refused to strangers", async () => {
    const add = [
      "project",
      "add",
      "app",
      "--root",
      "domain/root.json",
      "--owner",
      "owner-a.pub",
      "owner-b.pub",
    ];
    const open = await desk.json<Ceremony>([...add, "--threshold", "2", "--key", "targets-a"]);
    expect(open.state).toBe("open");
    const sign = ["sign", "--ceremony", open.ceremony, "--key"];
    expect(await desk.json([...sign, "owner-a"], 1)).toMatchObject({ error: { code: "key_may_not_sign" } });
    expect(await desk.json([...sign, "targets-a"], 1)).toMatchObject({ error: { code: "key_may_not_sign" } });
    const done = await desk.json<Ceremony>([...sign, "targets-b"]);
    expect(done.state).not.toBe("open");
    expect(await desk.json(["project", "list", "--root", "domain/root.json"])).toMatchObject({
      verified: true,
      projects: [{ role: "app", threshold: 2 }],
    });
  }, 60_000);

  test("publishes a layout that enough owners signed, and no other", async () => {
    const layout = writeLayout({
      expires: new Date(Date.now() + 20 * 86_400_000),
      steps: [
        {
          name: "build",
          threshold: 1,
          functionaries: [await publicKey("build")],
          expectedMaterials: [["ALLOW", "*"]],
          expectedProducts: [["ALLOW", "*"]],
        },
      ],
    });
    await writeFile(desk.path("layout.json"), writeJson(layout));
    expect(await desk.json(["layout", "lint", "layout.json"])).toMatchObject({
      publishable: true,
      ownersChecked: false,
      warnings: [{ code: "open_rules" }, { code: "open_rules" }],
    });
    const publish = [
      "layout",
      "publish",
      "app",
      "layout.json",
      "--root",
      "domain/root.json",
      "--key",
      "owner-a",
    ];
    await desk.json(["sign", "layout.json", "--key", "owner-a"]);
    const early = await desk.json(publish, 1);
    expect(early).toMatchObject({ error: { code: "layout_not_publishable" } });
    await desk.json(["sign", "layout.json", "--key", "owner-b"]);
    const { ceremony } = await desk.json<Ceremony>(publish);
    expect((await desk.json<Ceremony>(["sign", "--ceremony", ceremony, "--key", "owner-b"])).state).not.toBe(
      "open",
    );
    expect(await desk.json(["layout", "show", "app", "--root", "domain/root.json"])).toMatchObject({
      steps: [{ name: "build" }],
    });
    expect(await desk.json(["project", "show", "app", "--root", "domain/root.json"])).toMatchObject({
      files: ["projects/app/layout.json"],
    });
    expect(await desk.json(["layout", "lint", "app", "--root", "domain/root.json"])).toMatchObject({
      project: "app",
      publishable: true,
      ownersChecked: true,
    });
  }, 60_000);
});

describe("an artifact", () => {
  test("is unknown before it is recorded", async () => {
    expect(await verify("app.js", 1)).toMatchObject({
      decision: "deny",
      reasons: [{ code: "artifact_unknown" }],
    });
  }, 30_000);

  test("is recorded with a link of a functionary, and not with anybody else's", async () => {
    const run = ["run", "--step", "build", "--products", "app.js", "-o"];
    await desk.json([...run, "build.link", "--key", "build", "--", "true"]);
    await desk.json([...run, "other.link", "--key", "other", "--", "true"]);
    const record = ["record", "app.js", "--project", "app", "--evidence"];
    expect(await desk.json([...record, "other.link"], 1)).toHaveProperty("error.advice");
    expect(await desk.json([...record, "build.link"])).toMatchObject({
      outcome: "published",
      digest: artifact,
    });
    expect(await desk.json([...record, "build.link"])).toMatchObject({ outcome: "published" });
  }, 60_000);

  test("verifies as a file, as a digest, from a bundle and from a mirror: the same verdict", async () => {
    for (const what of ["app.js", artifact]) {
      expect(await verify(what, 0)).toMatchObject({ decision: "allow", project: "app", reasons: [] });
    }
    const create = ["bundle", "create", artifact, "--root", "domain/root.json", "-o", "app.bundle"];
    expect(await desk.json(create)).toMatchObject({ decision: "allow", project: "app" });
    await desk.json(["bundle", "extract", "app.bundle", "--to", "mirror"]);
    const offline = ["--server", "http://127.0.0.1:9"];
    for (const source of [
      ["--bundle", "app.bundle"],
      ["--directory", "mirror"],
    ]) {
      expect(await verify("app.js", 0, ...source, ...offline)).toMatchObject({
        decision: "allow",
        project: "app",
      });
    }
    expect(
      await desk.json(["verify", artifact, "--root", "domain/root.json", "--project", "app", ...offline], 3),
    ).toHaveProperty("error.code", "source_unreachable");
  }, 60_000);

  test("is tried by the layout in force, and by a draft", async () => {
    const attempt = ["layout", "try", "app.js", "--project", "app", "--root", "domain/root.json"];
    expect(await desk.json(attempt)).toMatchObject({ satisfied: true, draft: false, digest: artifact });
    expect(await desk.json([...attempt, "--layout", "layout.json"])).toMatchObject({ draft: true });
  }, 30_000);

  test("is printed as a tree for people, without colour where nobody sees it", async () => {
    const { code, stdout } = await desk.stemma(["verify", artifact, "--root", "domain/root.json"]);
    expect(code).toBe(0);
    expect(stdout).toContain("ALLOW");
    expect(stdout).toContain("└─ step build");
    expect(stdout).toContain((await publicKey("build")).keyId.slice(0, 12));
    expect(stdout).not.toContain("\u001b");
  }, 30_000);

  test("is denied when it was changed, for another project, and after everything has expired", async () => {
    await writeFile(desk.path("changed.js"), "console.log('hullo')\n");
    expect((await verify("changed.js", 1)).reasons).toMatchObject([{ code: "artifact_unknown" }]);
    expect((await verify(artifact, 1, "--project", "elsewhere")).reasons).toMatchObject([
      { code: "project_unknown" },
    ]);
    expect((await verify(artifact, 1, "--at", "2099-01-01")).decision).toBe("deny");
  }, 30_000);

  test("has a history in which nobody could sign before it began", async () => {
    const history = ["history", "--root", "domain/root.json"];
    const before = await desk.stemma([...history, "--at", "2000-01-01"]);
    expect(before).toMatchObject({ code: 0 });
    expect(before.stdout).toContain("Nobody: at that moment the trust domain had not begun.");
    expect((await desk.stemma(history)).stdout).toContain("timestamp: 1 of 1 key must sign.");
  }, 30_000);
});

describe("an image", () => {
  test("verifies from a folder and from whichever registry served it; a changed layer is refused", async () => {
    const made = makeImage("amd64", "a layer");
    await put(folderStore(desk.path("image")), made, {});
    imageDigest = made.document.digest;
    const name = `image/blobs/sha256/${sha256(made.document.bytes)}`;
    await desk.json([
      "run",
      "--step",
      "build",
      "--key",
      "build",
      "--products",
      name,
      "-o",
      "image.link",
      "--",
      "true",
    ]);
    const recorded = await desk.json(["record", "image", "--project", "app", "--evidence", "image.link"]);
    expect(recorded).toMatchObject({ outcome: "published", digest: imageDigest });
    expect((await verify("image", 0)).decision).toBe("allow");

    const [a, b] = await Promise.all([MemoryRegistry.start(), MemoryRegistry.start()]);
    try {
      await desk.json(["copy", "image", `oci:${a.host}/team/app:1.0`, "--plain-http"]);
      const copy = ["copy", `oci:${a.host}/team/app:1.0`, `oci:${b.host}/mirror/x:prod`, "--plain-http"];
      expect(await desk.json(copy)).toMatchObject({ digest: imageDigest, blobs: { written: 2 } });
      expect((await verify(`oci:${b.host}/mirror/x:prod`, 0, "--plain-http")).decision).toBe("allow");
      // What is on record comes to the image from the service, which is a place of referrers like others.
      const service = `oci:${new URL(desk.env.STEMMA_SERVER ?? "").host}/acme/any`;
      const attach = ["attach", `oci:${b.host}/mirror/x:prod`, "--from", service, "--plain-http"];
      expect(await desk.json(attach)).toMatchObject({ digest: imageDigest, belongings: { length: 1 } });
      b.blobs.set(`sha256:${sha256(utf8("a layer"))}`, utf8("another"));
      expect(await verify(`oci:${b.host}/mirror/x:prod`, 1, "--plain-http")).toHaveProperty(
        "error.code",
        "blob_digest_mismatch",
      );
    } finally {
      await Promise.all([a.stop(), b.stop()]);
    }
    expect(await verify("oci:registry.invalid/x:1", 2, "--plain-http")).toHaveProperty("error.code", "usage");
  }, 60_000);
});

describe("afterwards", () => {
  test("the owners revoke, by a ceremony, and only what was revoked is denied", async () => {
    const { ceremony } = await desk.json<Ceremony>([
      ...["revoke", artifact, "--project", "app", "--reason", "it leaks", "--root", "domain/root.json"],
      ...["--key", "owner-b"],
    ]);
    expect((await verify(artifact, 0)).decision).toBe("allow");
    await desk.json(["sign", "--ceremony", ceremony, "--key", "owner-a"]);
    expect(await verify(artifact, 1)).toMatchObject({
      decision: "deny",
      reasons: [{ code: "artifact_revoked" }],
    });
    expect((await verify(imageDigest, 0)).decision).toBe("allow");
    expect(await desk.json(["show", artifact])).toMatchObject({ state: "revoked" });
  }, 60_000);

  test("an old bundle is still what it was, and an older server is a rollback", async () => {
    expect((await verify(artifact, 0, "--bundle", "app.bundle")).decision).toBe("allow");
    expect(await verify(artifact, 1, "--directory", "mirror")).toMatchObject({
      reasons: [{ code: "rollback" }],
    });
  }, 30_000);

  test("a token that was revoked is of no use", async () => {
    const { tokens } = await desk.json<{ tokens: { id: number; name: string }[] }>(["token", "list"]);
    expect(tokens).toMatchObject([{ name: "test" }]);
    await desk.json(["token", "revoke", String(tokens[0]?.id)]);
    expect(await desk.json(["domain", "list"], 1)).toMatchObject({ error: { code: "not_authenticated" } });
    expect(await desk.json(["token", "revoke", String(tokens[0]?.id)], 2)).toHaveProperty("error.code");
  }, 30_000);

  test("the passphrase of a key comes from a file that only its owner reads", async () => {
    delete desk.env.STEMMA_PASSPHRASE;
    await writeFile(desk.path("secret"), `${PASSPHRASE}\n`, { mode: 0o600 });
    const show = ["key", "show", "root-a", "--passphrase-file", "secret"];
    const said = await desk.stemma(show);
    expect(said).toMatchObject({ code: 0 });
    expect(said.stdout + said.stderr).not.toContain(PASSPHRASE);
    await chmod(desk.path("secret"), 0o644);
    expect(await desk.json(show, 1)).toMatchObject({ error: { code: "key_file_unprotected" } });
    expect(await desk.json(["key", "show", "root-a"], 2)).toMatchObject({
      error: { code: "passphrase_missing" },
    });
  }, 30_000);
});
