/** Bundles and mirrors in the hands of stock tools, on a registry of somebody else. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { asyncSource, folderDestination, mirrorDomain, readBundle } from "@stemma/client";
import { readManifest } from "@stemma/image";
import { registryStore } from "@stemma/oci";
import { put } from "../support/artifacts.ts";
import { bundleFile } from "../support/bundle.ts";
import { DomainFixture } from "../support/domain.ts";
import { testImage } from "../support/images.ts";
import { runCases } from "./stock-tools.ts";

const work = await mkdtemp(join(tmpdir(), "stemma-bundle-tools-"));
const stemma = [process.execPath, fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url))];

/** A port that nobody has at this moment. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("No port is free.");
  return address.port;
}

const host = `127.0.0.1:${await freePort()}`;
await writeFile(
  join(work, "registry.yml"),
  `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${work}/registry\nhttp:\n  addr: ${host}\n`,
);
const registry = spawn("registry", ["serve", join(work, "registry.yml")], { stdio: "ignore" });
try {
  for (let attempt = 1; ; attempt += 1) {
    if (
      await fetch(`http://${host}/v2/`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      break;
    if (attempt === 100) throw new Error("The registry does not answer.");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  const domain = await DomainFixture.create();
  const image = testImage(["a layer", "another"]);
  await domain.record(image.digest, image.manifest.length, await domain.links(image.digest), {
    contents: [image.manifest, image.config],
  });
  await domain.moveToPresent();
  const file = await bundleFile(domain, image.digest);
  const bundle = readBundle(file).manifest.digest;
  await writeFile(join(work, "root.json"), domain.root);
  await writeFile(join(work, "app.bundle"), file);
  await writeFile(join(work, "app.tar"), gunzipSync(file));
  await mirrorDomain({
    root: domain.root,
    source: asyncSource(domain.source),
    destination: folderDestination(join(work, "origin")),
    time: new Date(),
  });
  await put(
    registryStore({ host, repository: "team/app" }, { plainHttp: true }),
    { document: readManifest(image.manifest), blobs: [image.config, ...image.layers] },
    { tag: "1.0" },
  );

  const root = ["--root", "root.json", "--plain-http"];
  const bundleType = "application/vnd.stemma.bundle.v2";
  const good = await runCases(
    [
      {
        name: "tar unpacks a bundle into an image layout",
        command: [
          "sh",
          "-c",
          "mkdir layout && tar -xzf app.bundle -C layout && ls layout layout/blobs/sha256",
        ],
        says: ["oci-layout", "index.json", bundle.slice(7)],
      },
      {
        name: "oras reads the manifest from the decompressed file",
        command: ["oras", "manifest", "fetch", "--oci-layout", "app.tar:bundle"],
        says: [bundleType, image.digest, "1.targets.json"],
      },
      {
        name: "regctl reads it from the folder",
        command: ["regctl", "manifest", "get", "--format", "raw-body", `ocidir://layout@${bundle}`],
        says: [bundleType, image.digest],
      },
      {
        name: "stemma attaches the bundle",
        command: [...stemma, "bundle", "attach", "app.bundle", `oci:${host}/team/app`, "--plain-http"],
        says: [bundle],
      },
      {
        name: "oras discovers it beside the image",
        command: ["oras", "discover", "--plain-http", `${host}/team/app:1.0`],
        says: [bundleType, bundle],
      },
      {
        name: "oras copies the image with it, and it verifies there",
        command: [
          "oras",
          "cp",
          "-r",
          "--from-plain-http",
          "--to-plain-http",
          `${host}/team/app:1.0`,
          `${host}/oras/app:1.0`,
        ],
      },
      {
        name: "  at the place that oras copied it to",
        command: [...stemma, "bundle", "verify", `oci:${host}/oras/app:1.0`, image.digest, ...root],
        says: ["ALLOW", bundle],
      },
      {
        name: "regctl copies it likewise",
        command: [
          "sh",
          "-c",
          `regctl registry set --tls disabled ${host} && regctl image copy --referrers ${host}/team/app:1.0 ${host}/regctl/app:1.0`,
        ],
      },
      {
        name: "  at the place that regctl copied it to",
        command: [...stemma, "bundle", "verify", `oci:${host}/regctl/app:1.0`, image.digest, ...root],
        says: ["ALLOW", bundle],
      },
      {
        name: "crane leaves it behind",
        command: ["crane", "copy", "--insecure", `${host}/team/app:1.0`, `${host}/crane/app:1.0`],
      },
      {
        name: "  and there is no bundle",
        command: [...stemma, "bundle", "verify", `oci:${host}/crane/app:1.0`, image.digest, ...root],
        refuses: "bundle_missing",
      },
      {
        name: "  until one command attaches it",
        command: [...stemma, "bundle", "attach", "app.bundle", `oci:${host}/crane/app`, "--plain-http"],
      },
      {
        name: "  and then it verifies",
        command: [...stemma, "bundle", "verify", `oci:${host}/crane/app:1.0`, image.digest, ...root],
        says: ["ALLOW", bundle],
      },
      {
        name: "oras pushes a bundle from the layout to where its image is",
        command: [
          "oras",
          "cp",
          "--to-plain-http",
          "--from-oci-layout",
          "layout:bundle",
          `${host}/oras/app:bundle`,
        ],
      },
      {
        name: "  by its tag too",
        command: [...stemma, "bundle", "verify", `oci:${host}/oras/app:bundle`, ...root],
        says: ["ALLOW", bundle],
      },
      {
        name: "stemma mirrors a trust domain to the registry",
        command: [...stemma, "mirror", "--to", `oci:${host}/trust/example`, "--source", "origin", ...root],
        says: ["Mirrored"],
      },
      {
        name: "crane lists the tags of the mirror",
        command: ["crane", "ls", "--insecure", `${host}/trust/example`],
        says: ["timestamp", "1.root", "1.targets", "2.snapshot", "2.bin-3"],
      },
      {
        name: "oras reads its newest timestamp",
        command: ["oras", "manifest", "fetch", "--plain-http", `${host}/trust/example:timestamp`],
        says: ["application/vnd.tuf.metadata+json", "timestamp.json"],
      },
      {
        name: "stemma verifies from the mirror alone",
        command: [...stemma, "verify", image.digest, "--source", `oci:${host}/trust/example`, ...root],
        says: ["ALLOW"],
      },
      {
        name: "oras copies the whole mirror, tag by tag, and it verifies there",
        command: [
          "sh",
          "-c",
          `for tag in $(oras repo tags --plain-http ${host}/trust/example); do oras cp --from-plain-http --to-plain-http ${host}/trust/example:$tag ${host}/trust/copy:$tag; done`,
        ],
      },
      {
        name: "  from the copy",
        command: [...stemma, "verify", image.digest, "--source", `oci:${host}/trust/copy`, ...root],
        says: ["ALLOW"],
      },
    ],
    work,
  );
  process.exitCode = good ? 0 : 1;
} finally {
  registry.kill();
  await rm(work, { recursive: true, force: true });
}
