/**
 * Packs the compiled command twice, reproducibly: as an npm tarball, and as an OCI image whose layer holds it.
 * Usage: node scripts/package-cli.ts OUTPUT-FOLDER
 */
import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import { describeBytes, IMAGE_CONFIG, LAYER_TAR_GZIP, readManifest, writeManifest } from "@stemma/image";
import { blobsOf, folderStore } from "@stemma/oci";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const output = process.argv[2];
if (output === undefined) {
  process.stderr.write("Usage: node scripts/package-cli.ts OUTPUT-FOLDER\n");
  process.exit(2);
}

const release = resolve(output);
await rm(release, { recursive: true, force: true });
const staging = join(release, "staging");
await mkdir(staging, { recursive: true });
const { version, license, description } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
await copyFile(join(root, "dist", "stemma.mjs"), join(staging, "stemma.mjs"));
await copyFile(join(root, "LICENSE"), join(staging, "LICENSE"));
const manifest = {
  name: "stemma-cli",
  version,
  description,
  license,
  type: "module",
  bin: { stemma: "stemma.mjs" },
  engines: { node: ">=24.15" },
};
await writeFile(join(staging, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
await promisify(execFile)("npm", ["pack", "--silent", "--pack-destination", release], {
  cwd: staging,
  shell: process.platform === "win32",
});
await rm(staging, { recursive: true });

// An npm tarball is a tar of one folder, compressed: just what a layer is.
const tarball = join(release, `stemma-cli-${version}.tgz`);
const layer = await readFile(tarball);
const config = utf8(
  JSON.stringify({
    architecture: "amd64",
    os: "linux",
    config: { Entrypoint: ["node", "/package/stemma.mjs"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256(gunzipSync(layer))}`] },
  }),
);
const described = [describeBytes(IMAGE_CONFIG, config), describeBytes(LAYER_TAR_GZIP, layer)] as const;
const document = readManifest(writeManifest({ config: described[0], layers: [described[1]] }));
const image = folderStore(join(release, "image"));
for (const blob of described) await image.writeBlob(blob, blobsOf(config, layer));
await image.writeDocument(document, {});
process.stdout.write(`tarball sha256:${sha256(layer)}\nimage   ${document.digest}\n`);
