import { writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { digestParts } from "@stemma/encoding";
import { describeBytes } from "@stemma/image";
import { folderStore, registryStore } from "@stemma/oci";
import { makeImage, makeIndex, makeReferrer, put } from "../../../test/support/artifacts.ts";
import { MemoryRegistry, type MemoryRegistryOptions } from "../../../test/support/registry.ts";
import { Desk } from "./support/command-line.ts";

const PASSWORD = "not to be seen by anybody";
const images = [makeImage("amd64"), makeImage("arm64")] as const;
const index = makeIndex(images);
const sbom = makeReferrer(images[0].document, "application/spdx+json", "sbom");

let desk: Desk;
const registries: MemoryRegistry[] = [];
beforeEach(async () => {
  desk = await Desk.create();
  const store = folderStore(desk.path("release"));
  for (const image of images) await put(store, image);
  await store.writeDocument(index, { tag: "1.0" });
  await put(store, sbom);
});
afterEach(async () => {
  for (const registry of registries.splice(0)) await registry.stop();
  await desk.remove();
});

async function registry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const started = await MemoryRegistry.start(options);
  registries.push(started);
  return started;
}

const referrersAt = (at: MemoryRegistry, repository: string) =>
  registryStore({ host: at.host, repository }, { plainHttp: true }).listReferrers(images[0].document.digest);

describe("copy", () => {
  test("goes from a folder to a registry, another, and a tarball, and keeps the tag that it had", async () => {
    const [a, b] = [await registry(), await registry({ referrers: true })];
    const first = await desk.json(["copy", "layout:release:1.0", `oci:${a.host}/team/app`, "--plain-http"]);
    expect(first).toMatchObject({
      digest: index.digest,
      place: `oci:${a.host}/team/app`,
      manifests: 3,
      belongings: [{ digest: sbom.document.digest, artifactType: "application/spdx+json" }],
      leftOut: [],
    });
    await desk.json(["copy", `oci:${a.host}/team/app:1.0`, `oci:${b.host}/x/y:prod`, "--plain-http"]);
    await desk.json(["copy", `oci:${b.host}/x/y:prod`, "image.tar", "--plain-http"]);
    const said = await desk.stemma(["copy", "tarball:image.tar:prod", "again"]);
    expect(said).toMatchObject({ code: 0, stderr: "" });
    expect(said.stdout).toContain(`Copied ${index.digest} to layout:again`);
    expect(said.stdout).toContain("application/spdx+json");
  });

  test("may leave behind what refers to it, and attach brings it after", async () => {
    const at = await registry();
    const to = `oci:${at.host}/team/app:1.0`;
    await desk.json(["copy", "release", to, "--plain-http", "--alone"]);
    expect(await referrersAt(at, "team/app")).toEqual([]);
    const attached = await desk.json(["attach", to, "--from", "release", "--plain-http"]);
    expect(attached).toMatchObject({ digest: index.digest, blobs: { written: 2 } });
    expect(await referrersAt(at, "team/app")).toHaveLength(1);
    const again = await desk.stemma(["attach", to, "--from", "release", "--plain-http"]);
    expect(again.stdout).toContain("0 blobs sent (0 B)");
    const elsewhere = await desk.stemma(["attach", to, "--from", `oci:${at.host}/team/ap`, "--plain-http"]);
    expect(elsewhere.stdout).toMatch(/^Nothing was attached: .*\/team\/ap has nothing/);
  });

  test("uses the logins of other tools, and never shows them", async () => {
    const login = { kind: "token", username: "robot", password: PASSWORD } as const;
    const at = await registry({ login });
    const copy = ["copy", "release", `oci:${at.host}/team/app:1.0`, "--plain-http"];
    const refused = await desk.json(copy, 3);
    expect(refused).toHaveProperty("error.code", "registry_login_refused");
    const auth = Buffer.from(`robot:${PASSWORD}`).toString("base64");
    await writeFile(desk.path("config.json"), JSON.stringify({ auths: { [at.host]: { auth } } }));
    desk.env.DOCKER_CONFIG = desk.folder;
    const said = await desk.stemma([...copy, "--json"]);
    expect(said.code).toBe(0);
    expect(said.stdout + said.stderr).not.toContain(PASSWORD);
    expect(said.stdout + said.stderr).not.toContain(auth);
  });

  test("towards a registry without TLS, the refusal says which option is missing", async () => {
    const at = await registry();
    const said = await desk.stemma(["copy", "release", `oci:${at.host}/team/app:1.0`]);
    expect(said).toMatchObject({ code: 3, stderr: expect.stringContaining("needs --plain-http") });
    expect(said.stderr).toContain("cannot be reached: it does not answer in TLS.");
  }, 30_000);

  test.each([
    ["ambiguous_reference", 2, ["copy", "nothing", "there"]],
    ["bad_reference", 2, ["copy", "release", "oci:nowhere"]],
    ["usage", 2, ["copy", "release", "there", "--plain-http"]],
    ["usage", 2, ["copy", "oci:registry.invalid/x:1", "there", "--plain-http"]],
    ["usage", 2, ["copy", "release", "there", "--force"]],
    ["usage", 2, ["attach", "release"]],
    ["manifest_not_found", 3, ["copy", "layout:release:2.0", "there"]],
    ["manifest_digest_mismatch", 1, ["copy", "release", `layout:there@${images[0].document.digest}`]],
  ] as const)("is refused with %s, and ends with %i", async (code, exit, args) => {
    expect(await desk.json([...args], exit)).toHaveProperty("error.code", code);
  });
});

test("an index in a folder or a tarball is asked about by its tag, after every byte of it was checked", async () => {
  await desk.json(["key", "new", "a.pem", "--no-passphrase"]);
  await writeFile(desk.path("result.json"), '{"result":"PASSED","configuration":[]}');
  await desk.json(["copy", "release", "tarball:release.tar:1.0"]);
  const rest = ["--type", "test-result", "--predicate", "result.json", "--key", "a.pem", "-o", "out.json"];
  for (const what of ["release", "layout:release:1.0", "tarball:release.tar:1.0"]) {
    const attested = await desk.json(["attest", what, ...rest]);
    expect(JSON.stringify(attested)).toContain(index.digest.slice("sha256:".length));
  }
  const { algorithm, hex } = digestParts(describeBytes("", images[1].blobs[1] as Uint8Array).digest);
  await writeFile(desk.path("release", "blobs", algorithm, hex), "files for somebody else");
  expect(await desk.json(["attest", "layout:release:1.0", ...rest], 1)).toHaveProperty(
    "error.code",
    "blob_digest_mismatch",
  );
});
