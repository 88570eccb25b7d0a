import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { artifactTypeOf } from "@stemma/image";
import { parseReference, registryStore } from "@stemma/oci";
import { ARTIFACT_KINDS } from "../../../test/support/artifact-kinds.ts";
import {
  type MadeArtifact,
  makeArtifact,
  makeImage,
  makeIndex,
  put,
} from "../../../test/support/artifacts.ts";
import { LiveDomain } from "../../../test/support/live-domain.ts";
import { MemoryRegistry } from "../../../test/support/registry.ts";
import { type RunningService, startService } from "../../../test/support/service.ts";
import { Desk } from "./support/command-line.ts";

/*
 * Every type of artifact goes the same way: recorded where it was pushed, moved to another registry under another name, verified
 * there, and found by its digest by stock clients. The digest is the name; what it is a digest of makes no difference.
 */

let service: RunningService;
let desk: Desk;
let domain: LiveDomain;
let a: MemoryRegistry;
let b: MemoryRegistry;

beforeAll(async () => {
  [service, desk] = await Promise.all([startService(), Desk.create()]);
  domain = await LiveDomain.create(service);
  [a, b] = [await MemoryRegistry.start(), await MemoryRegistry.start({ referrers: true })];
  Object.assign(desk.env, {
    STEMMA_SERVER: service.url,
    STEMMA_DOMAIN: domain.name,
    STEMMA_ROOT: "root.json",
  });
  await writeFile(desk.path("root.json"), domain.root);
}, 120_000);
afterAll(async () => {
  await Promise.all([a.stop(), b.stop(), service.stop()]);
  await desk.remove();
}, 60_000);

const images = [makeImage("amd64"), makeImage("arm64")];
const index = makeIndex(images);
const everything: readonly (readonly [string, MadeArtifact, readonly MadeArtifact[]])[] = [
  ...ARTIFACT_KINDS.map(([name, kind]) => [name, makeArtifact(kind), []] as const),
  ["an index of platforms", { document: index, blobs: [] }, images],
];

test.each(everything)("%s is recorded, moved, verified, and found", async (_name, made, parts) => {
  const { document } = made;
  const [from, to] = [`${a.host}/team/artifact:1.0`, `${b.host}/mirror/x:prod`];
  const store = registryStore(parseReference(from), { plainHttp: true });
  for (const part of parts) await put(store, part);
  await put(store, made, { tag: "1.0" });
  await writeFile(desk.path("build.link"), await domain.linkTo(document.digest));

  const options = ["--project", "app", "--plain-http"];
  const recorded = await desk.json(["record", `oci:${from}`, "--evidence", "build.link", ...options]);
  expect(recorded).toMatchObject({ outcome: "published", digest: document.digest });
  const moved = await desk.json(["copy", `oci:${from}`, `oci:${to}`, "--plain-http"]);
  expect(moved).toMatchObject({ digest: document.digest });
  const verdict = await desk.json(["verify", `oci:${to}`, ...options]);
  const { mediaType, artifactType } = document;
  expect(verdict).toMatchObject({
    decision: "allow",
    digest: document.digest,
    record: { mediaType, ...(artifactType === undefined ? {} : { artifactType }) },
  });

  const listed = await fetch(`${service.url}/v2/${domain.name}/any/referrers/${document.digest}`);
  const { manifests } = (await listed.json()) as { manifests: { artifactType: string }[] };
  expect(manifests).toHaveLength(1);
  expect(artifactTypeOf(document)).not.toBe(manifests[0]?.artifactType);
});

test("a plain file needs no registry at all", async () => {
  await writeFile(desk.path("firmware.bin"), "firmware, as bytes");
  const { digest } = await desk.json<{ digest: string }>(["verify", "firmware.bin", "--project", "app"], 1);
  await writeFile(
    desk.path("build.link"),
    await domain.linkTo(digest as Parameters<typeof domain.linkTo>[0]),
  );
  await desk.json(["record", "firmware.bin", "--project", "app", "--evidence", "build.link"]);
  expect(await desk.json(["verify", "firmware.bin", "--project", "app"])).toMatchObject({
    decision: "allow",
  });
});
