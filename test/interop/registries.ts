/**
 * Every source × every destination × every tool: BIN WORK. After each copy the digest is the same; what the tool left
 * behind is brought by one `stemma attach`; then everything is there, cosign verifies both of its signatures there, and the
 * verdict is what it was. At the end, how fast the copies are.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { metadataName, targetName } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import type { Digest } from "@stemma/encoding";
import { IMAGE_CONFIG } from "@stemma/image";
import { type Document, findBelongings, folderStore, readTree, registryStore } from "@stemma/oci";
import { makeArtifact, makeImage, makeIndex, makeReferrer, put } from "../support/artifacts.ts";
import { DomainFixture } from "../support/domain.ts";
import { measureCopies } from "./registries-speed.ts";
import { type CopyTool, type RealRegistry, stop, Toolbox } from "./registries-there.ts";

const [bin = "", work = ""] = process.argv.slice(2);
const box = new Toolbox(bin, work);
const registries = await box.registries();
let failures = 0;
try {
  const root = await makeRelease();
  const domain = await writeDomain(root);
  await box.run("cosign", ["generate-key-pair"]);
  for (const registry of registries) await fillSource(registry, root);
  for (const tool of box.copyTools()) {
    for (const from of registries) {
      for (const to of registries) await tryCopy(tool, from, to, root, domain);
    }
  }
  await measureCopies(box, registries);
} finally {
  for (const registry of registries) await stop(registry);
}
process.stdout.write(
  failures === 0 ? "\nevery copy came out the same\n" : `\n${failures} did not come out\n`,
);
process.exitCode = failures === 0 ? 0 : 1;

/** An index of two platforms with BuildKit's attestations and an SBOM of each, as a layout on disk. */
async function makeRelease(): Promise<Document> {
  const store = folderStore(join(work, "release"));
  const images = [makeImage("amd64"), makeImage("arm64")];
  const attestations = images.map(
    (image) =>
      [
        makeArtifact({
          config: [IMAGE_CONFIG, `{"of":"${image.document.digest}"}`],
          layers: [["application/vnd.in-toto+json", "{}"]],
        }),
        image,
      ] as const,
  );
  for (const made of [...images, ...attestations.map(([one]) => one)]) await put(store, made);
  const index = makeIndex(images, attestations);
  await store.writeDocument(index, { tag: "1.0" });
  for (const { document } of images) {
    const sbom = makeReferrer(document, "application/spdx+json", `{"of":"${document.digest}"}`);
    await put(store, sbom);
    await put(store, makeReferrer(sbom.document, "application/vnd.example.review", "reviewed"));
  }
  return index;
}

/** A trust domain on disk, whose project stands for the release. */
async function writeDomain(root: Document): Promise<readonly string[]> {
  const fixture = await DomainFixture.create();
  await fixture.record(root.digest, root.bytes.length, await fixture.links(root.digest));
  await fixture.publish();
  const folder = join(work, "domain");
  const write = async (path: string, bytes: Uint8Array) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  };
  for (const [name, bytes] of fixture.metadata) {
    const [first = "", role] = name.split(".");
    await write(`metadata/${role === undefined ? `${name}.json` : metadataName(role, Number(first))}`, bytes);
  }
  for (const [path, bytes] of fixture.projectFiles)
    await write(`targets/${targetName(path, sha256(bytes))}`, bytes);
  for (const [digest, bytes] of fixture.blobs) await write(`evidence/${digest}`, bytes);
  await write("root.json", fixture.root);
  return [
    ...["--directory", folder, "--root", join(folder, "root.json"), "--cache", join(folder, "cache")],
    ...["--project", fixture.project, "--at", fixture.now.toISOString()],
  ];
}

/** The release comes to a source by stemma; stock tools say the rest about it there. */
async function fillSource({ host }: RealRegistry, root: Document): Promise<void> {
  const at = `${host}/src/app`;
  await box.run("stemma", ["copy", join(work, "release"), `oci:${at}:1.0`, "--plain-http"]);
  await writeFile(join(work, "scan.txt"), "nothing found");
  const target = `${at}@${root.digest}`;
  const scan = ["attach", "--plain-http", "--artifact-type", "application/vnd.example.scan"];
  await box.run("oras", [...scan, target, "scan.txt:text/plain"]);
  for (const newest of [true, false]) {
    await box.run("cosign", [
      ...["sign", "--key", join(work, "cosign.key"), "--use-signing-config=false", "--tlog-upload=false"],
      ...[`--new-bundle-format=${newest}`, "-y", "--allow-http-registry", target],
    ]);
  }
}

async function tryCopy(
  tool: CopyTool,
  from: RealRegistry,
  to: RealRegistry,
  root: Document,
  domain: readonly string[],
): Promise<void> {
  const source = `${from.host}/src/app`;
  const target = `${to.host}/copied/by-${tool.name}/from-${registries.indexOf(from)}`;
  const name = `${tool.name.padEnd(7)} ${from.name.padEnd(24)} → ${to.name.padEnd(24)}`;
  const wrong = (why: string) => {
    failures += 1;
    process.stdout.write(`${name} FAILED: ${why}\n`);
  };
  try {
    await box.run(tool.name, tool.copy(`${source}:1.0`, `${target}:1.0`));
    const digest = (await box.run("crane", ["digest", "--insecure", `${target}:1.0`])).trim();
    if (digest !== root.digest) return wrong(`the digest became ${digest}`);
    const all = await belongingsAt(source, root);
    const kept = await belongingsAt(target, root);
    if (tool.name === "stemma" && kept.size !== all.size) return wrong(`it kept ${kept.size} of ${all.size}`);
    if (kept.size < all.size) {
      await box.run("stemma", ["attach", `oci:${target}:1.0`, "--from", `oci:${source}`, "--plain-http"]);
    }
    const after = await belongingsAt(target, root);
    const missing = [...all].filter((one) => !after.has(one));
    if (missing.length > 0) return wrong(`${missing.length} of ${all.size} are missing after attach`);
    const said = await box.run("stemma", [
      "verify",
      `oci:${target}:1.0`,
      "--plain-http",
      "--json",
      ...domain,
    ]);
    if (JSON.parse(said).decision !== "allow") return wrong("the verdict is another");
    for (const newest of [true, false]) {
      await box.run("cosign", [
        ...["verify", "--key", join(work, "cosign.pub"), "--insecure-ignore-tlog", "--allow-http-registry"],
        ...[`--new-bundle-format=${newest}`, `${target}@${root.digest}`],
      ]);
    }
    const attached = kept.size < all.size ? ", the rest by one attach" : "";
    process.stdout.write(`${name} kept ${kept.size} of ${all.size}${attached}; verdict allow\n`);
  } catch (error) {
    wrong(String((error as { stderr?: string }).stderr ?? error).slice(0, 600));
  }
}

/** What belongs to the release at a place, by digest and tag. */
async function belongingsAt(place: string, root: Document): Promise<ReadonlySet<string>> {
  const slash = place.indexOf("/");
  const store = registryStore(
    { host: place.slice(0, slash), repository: place.slice(slash + 1) },
    { plainHttp: true },
  );
  const { found } = await findBelongings(store, await readTree(store, root));
  return new Set(
    found.map(
      ({ document, tag, of }): `${Digest} ${string} ${Digest}` => `${of} ${tag ?? ""} ${document.digest}`,
    ),
  );
}
