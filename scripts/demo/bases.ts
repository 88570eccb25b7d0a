import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { publicKeyFromPem, sha256 } from "@stemma/crypto";
import { digestParts, utf8 } from "@stemma/encoding";
import { describeBytes, IMAGE_CONFIG, LAYER_TAR_GZIP, readManifest, writeManifest } from "@stemma/image";
import { blobPath, blobsOf, folderStore } from "@stemma/oci";
import type { Stage } from "./stage.ts";
import { createProject, type Release, type Say } from "./story.ts";
import type { Episode } from "./tests.ts";

/**
 * Another project builds an image upon the release, and its owners demand proof of that: the layers must begin with exactly those
 * of an image that the project of the release stands for.
 */
export async function builtUpon(stage: Stage, release: Release, say: Say): Promise<readonly Episode[]> {
  const builder = publicKeyFromPem(await readFile(stage.publicKey("package"), "utf8"));
  await createProject(
    stage,
    "upon",
    [{ name: "build", threshold: 1, functionaries: [builder], expectedProducts: [["CREATE", "*"]] }],
    () => undefined,
  );
  const policy = stage.path("lineage.json");
  await stage.stemma("lineage-policy", "new", policy, "--base", "proven", "--from", "stemma:foundation");
  const publication = await stage.stemmaJson<{ ceremony: string }>(
    ...["lineage-policy", "publish", policy, "--project", "upon", "--key", stage.key("owner-a")],
  );
  await stage.stemma("sign", "--ceremony", publication.ceremony, "--key", stage.key("owner-b"));
  say("the owners of upon demand that every image is built upon one that the project stemma proves");

  const attempts = [
    {
      words: "a layer of the base swapped for another",
      code: "base_not_contained",
      name: "swapped",
      keepsBase: false,
    },
    { words: "built upon the release", code: undefined, name: "built", keepsBase: true },
  ] as const;
  return Promise.all(
    attempts.map(async ({ words, code, name, keepsBase }): Promise<Episode> => {
      const folder = stage.path(name);
      const what = await buildUpon(release, folder, keepsBase);
      return { words, code, what, come: () => record(stage, folder, what) };
    }),
  );
}

/** One layer on top of the release's, or of something else; either way the image says that it rests on the release. */
async function buildUpon(release: Release, folder: string, keepsBase: boolean): Promise<string> {
  const store = folderStore(release.image);
  const base = readManifest((await store.findDocument(release.imageDigest))?.bytes ?? new Uint8Array());
  const read = (digest: typeof base.digest): Promise<Uint8Array> =>
    readFile(join(release.image, blobPath(digest)));
  const { rootfs } = JSON.parse(Buffer.from(await read(base.config.digest)).toString("utf8"));
  const texts = [...(keepsBase ? [] : ["something else"]), "what was added"].map(utf8);
  const layers = [
    ...(keepsBase ? await Promise.all(base.layers.map(({ digest }) => read(digest))) : []),
    ...texts.map((text) => gzipSync(text)),
  ];
  const diffIds = [...(keepsBase ? rootfs.diff_ids : []), ...texts.map((text) => `sha256:${sha256(text)}`)];
  const config = utf8(
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: diffIds } }),
  );
  const described = [
    describeBytes(IMAGE_CONFIG, config),
    ...layers.map((layer) => describeBytes(LAYER_TAR_GZIP, layer)),
  ] as const;
  const document = readManifest(
    writeManifest({
      config: described[0],
      layers: described.slice(1),
      annotations: new Map([["org.opencontainers.image.base.digest", base.digest]]),
    }),
  );
  const image = folderStore(folder);
  for (const blob of described) await image.writeBlob(blob, blobsOf(config, ...layers));
  await image.writeDocument(document, {});
  await image.finish();
  return document.digest;
}

/** The builder signs for the image, and it is recorded with its manifest and configuration. */
async function record(stage: Stage, folder: string, digest: string): Promise<void> {
  const link = `${folder}.link`;
  const manifest = join("blobs", "sha256", digestParts(digest as Parameters<typeof digestParts>[0]).hex);
  await stage.stemma(
    ...["run", "--step", "build", "--key", stage.key("package"), "--workdir", folder],
    ...["--products", manifest, "-o", link, "--", "node", "--version"],
  );
  await stage.stemma("record", folder, "--project", "upon", "--evidence", link);
}
