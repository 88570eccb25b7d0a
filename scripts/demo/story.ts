import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type PublicKey, publicKeyFromPem, sha256 } from "@stemma/crypto";
import { assembleEnvelope, type StepContent, writeLayout } from "@stemma/in-toto";
import { folderStore } from "@stemma/oci";
import { repositoryRoot } from "../../test/support/service.ts";
import { listSourceFiles } from "./source-files.ts";
import type { Stage } from "./stage.ts";

/** What the story made, for the attacks and for whoever goes on. */
export interface Release {
  readonly image: string;
  readonly imageDigest: string;
  readonly tarball: string;
  readonly tarballDigest: string;
  readonly links: readonly string[];
  readonly rootFile: string;
}

export type Say = (text: string) => void;

/** Step 1: a trust domain by ceremony. Root 2 of 3, targets 2 of 2, an online key that only the signer has. */
export async function createDomain(stage: Stage, say: Say): Promise<void> {
  const owners = ["root-a", "root-b", "root-c", "targets-a", "targets-b", "owner-a", "owner-b"];
  await makeKeys(stage, [...owners, "source", "build", "package", "package-2", "stranger"]);
  const domain = stage.path("domain");
  const publicKeys = (names: string[]) => names.map((name) => stage.publicKey(name));
  await stage.stemma(
    ...["domain", "init", domain],
    ...["--root-key", ...publicKeys(["root-a", "root-b", "root-c"]), "--root-threshold", "2"],
    ...["--targets-key", ...publicKeys(["targets-a", "targets-b"]), "--targets-threshold", "2"],
  );
  say(
    "drafted root.json and targets.json; the online key comes from the signer, which alone has its private half",
  );
  for (const [file, signer] of [
    ["root", "root-a"],
    ["root", "root-b"],
    ["targets", "targets-a"],
    ["targets", "targets-b"],
  ] as const) {
    await stage.stemma("sign", join(domain, `${file}.json`), "--key", stage.key(signer));
    say(`${signer} signed ${file}.json`);
  }
  const made = await stage.stemmaJson<{ token: string }>(
    "token",
    "new",
    "--name",
    "demo",
    "--scope",
    "domain:create",
    "domain:list",
  );
  stage.token = made.token;
  await stage.stemma("domain", "create", "example", domain);
  say(
    "the trust domain example is published; from here on, root.json is the only thing that anybody has to trust",
  );
}

/** Keys are made two at a time: each is a process of its own. */
async function makeKeys(stage: Stage, names: readonly string[]): Promise<void> {
  const queue = [...names];
  const worker = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift())
      await stage.stemma("key", "new", stage.key(name));
  };
  await Promise.all([worker(), worker()]);
}

/** Step 2: a project is delegated to its owners, who publish the layout. */
export async function createProject(
  stage: Stage,
  project: string,
  steps: readonly StepContent[],
  say: Say,
): Promise<void> {
  const delegation = await stage.stemmaJson<{ ceremony: string }>(
    ...["project", "add", project, "--owner", stage.publicKey("owner-a"), stage.publicKey("owner-b")],
    ...["--threshold", "2", "--key", stage.key("targets-a")],
  );
  say(`targets-a drafted and signed the delegation of ${project} (ceremony ${delegation.ceremony})`);
  await stage.stemma("sign", "--ceremony", delegation.ceremony, "--key", stage.key("targets-b"));
  say("targets-b signed: the threshold is met, and the service published it");

  const layout = stage.path(`${project}.layout.json`);
  const payload = writeLayout({ expires: new Date(Date.now() + 90 * 86_400_000), steps });
  await writeFile(layout, assembleEnvelope(payload, "dsse", []));
  for (const owner of ["owner-a", "owner-b"]) {
    await stage.stemma("sign", layout, "--key", stage.key(owner), "--any-key");
  }
  const publication = await stage.stemmaJson<{ ceremony: string }>(
    ...["layout", "publish", project, layout, "--key", stage.key("owner-a")],
  );
  await stage.stemma("sign", "--ceremony", publication.ceremony, "--key", stage.key("owner-b"));
  say(
    `owner-a and owner-b signed the layout of ${project} and published it: ${steps.map((step) => step.name).join(" → ")}`,
  );
}

/** The layout of Stemma's own supply chain; `packagers` sign the last step. */
export async function ownSupplyChain(
  stage: Stage,
  packagers: readonly string[],
  threshold: number,
): Promise<readonly StepContent[]> {
  const [source, build, ...rest] = await publicKeysOf(stage, ["source", "build", ...packagers]);
  if (source === undefined || build === undefined) throw new Error("A functionary has no key.");
  return [
    {
      name: "source",
      threshold: 1,
      functionaries: [source],
      expectedMaterials: [["DISALLOW", "*"]],
      expectedProducts: [
        ["CREATE", "*"],
        ["DISALLOW", "*"],
      ],
    },
    {
      name: "build",
      threshold: 1,
      functionaries: [build],
      expectedCommand: ["node", "scripts/build-cli.ts"],
      expectedMaterials: [
        ["MATCH", "*", "WITH", "PRODUCTS", "FROM", "source"],
        ["DISALLOW", "*"],
      ],
      expectedProducts: [
        ["CREATE", "dist/stemma.mjs"],
        ["DISALLOW", "*"],
      ],
    },
    {
      name: "package",
      threshold,
      functionaries: rest,
      expectedCommand: ["node", "scripts/package-cli.ts", "dist/release"],
      expectedMaterials: [
        ["MATCH", "dist/stemma.mjs", "WITH", "PRODUCTS", "FROM", "build"],
        ["DISALLOW", "*"],
      ],
      expectedProducts: [
        ["CREATE", "dist/release/*"],
        ["DISALLOW", "*"],
      ],
    },
  ];
}

async function publicKeysOf(stage: Stage, names: readonly string[]): Promise<PublicKey[]> {
  return Promise.all(
    names.map(async (name) => publicKeyFromPem(await readFile(stage.publicKey(name), "utf8"))),
  );
}

/** Step 3, first half: each step is really run, under `stemma run`, by its functionary. */
export async function buildRelease(stage: Stage, say: Say): Promise<Release> {
  const files = await listSourceFiles(repositoryRoot);
  const list = stage.path("source-files.txt");
  await writeFile(list, `${files.join("\n")}\n`);
  const links = stage.path("links");
  await mkdir(links);
  const release = join(repositoryRoot, "dist", "release");
  await rm(join(repositoryRoot, "dist"), { recursive: true, force: true });

  const link = (step: string) => join(links, `${step}.link`);
  await stage.stemma(
    ...[
      "run",
      "--step",
      "source",
      "--key",
      stage.key("source"),
      "--products-from",
      list,
      "-o",
      link("source"),
    ],
    ...["--", "node", "scripts/demo/source-files.ts"],
  );
  say(`source: ${files.length} tracked files of this repository`);
  await stage.stemma(
    ...["run", "--step", "build", "--key", stage.key("build"), "--materials-from", list],
    ...["--products", "dist/stemma.mjs", "-o", link("build"), "--", "node", "scripts/build-cli.ts"],
  );
  say("build: dist/stemma.mjs, the compiled command");
  await stage.stemma(
    ...["run", "--step", "package", "--key", stage.key("package"), "--materials", "dist/stemma.mjs"],
    ...["--products", "dist/release", "-o", link("package")],
    ...["--", "node", "scripts/package-cli.ts", "dist/release"],
  );
  const image = join(release, "image");
  const { version } = JSON.parse(await readFile(join(repositoryRoot, "package.json"), "utf8"));
  const tarball = join(release, `stemma-cli-${version}.tgz`);
  const imageDigest = await folderStore(image).onlyName();
  const tarballDigest = await digestOfFile(tarball);
  say(`package: npm tarball ${tarballDigest}`);
  say(`         OCI image   ${imageDigest}`);
  return {
    image,
    imageDigest,
    tarball,
    tarballDigest,
    links: ["source", "build", "package"].map(link),
    rootFile: stage.path("domain", "root.json"),
  };
}

async function digestOfFile(path: string): Promise<string> {
  return `sha256:${sha256(await readFile(path))}`;
}

/** Step 3, second half: evidence is recorded for both artifacts, and the service publishes. */
export async function recordRelease(stage: Stage, release: Release, say: Say): Promise<void> {
  for (const artifact of [release.image, release.tarball]) {
    await stage.stemma("record", artifact, "--project", "stemma", "--evidence", ...release.links);
  }
  say("three links recorded for the image and for the tarball; the signer published the records");
}

/** Step 4: the image moves between registries that know nothing of each other. */
export async function moveImage(stage: Stage, release: Release, say: Say): Promise<{ a: string; b: string }> {
  const a = `${stage.registryA.host}/team/app:1.0`;
  const b = `${stage.registryB.host}/mirror/x:prod`;
  await stage.stemma("copy", release.image, `oci:${a}`, "--plain-http");
  say(`pushed to registry A as ${a}`);
  await stage.stemma("copy", `oci:${a}`, `oci:${b}`, "--plain-http");
  say(`copied to registry B as ${b}`);
  return { a, b };
}
