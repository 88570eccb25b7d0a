import { BUNDLE_LIMITS, bundleBlobs, type OpenBundle, readBundle } from "@stemma/client";
import { digestParts, type Sha256Hex } from "@stemma/encoding";
import { type BlobOutcome, blobsOf, type ContentStore } from "@stemma/oci";
import type { Command } from "commander";
import { act, leaf } from "../command.ts";
import { readInput } from "../files.ts";
import { repositoryOf } from "../oci-mirror.ts";
import { openRegistry, type PlaceOptions } from "../open-place.ts";
import { note, type Outcome, progress, styled } from "../output.ts";
import { plural } from "../text.ts";

/** `stemma bundle attach`: puts a bundle beside its image, as a referrer that travels with it. */
export function addBundleAttachCommand(group: Command): void {
  const attach = leaf(
    group,
    "attach <bundle> <repository>",
    "Push a bundle to oci:HOST/REPOSITORY as a referrer of its image, which stemma copy and other tools take along",
  ).option("--plain-http", "without TLS, towards a registry on this machine");
  act(attach, attachBundle);
}

async function attachBundle(options: PlaceOptions, file: string, to: string): Promise<Outcome> {
  const bundle = readBundle(await readInput(file, BUNDLE_LIMITS.fileBytes));
  const { manifest, subject } = bundle;
  const store = openRegistry(repositoryOf(to), options);
  if (!(await store.hasDocument(subject.digest))) {
    note([
      styled("warn", "Its image is not there yet: "),
      `${store.place} has no ${subject.digest}; the bundle refers to it all the same.`,
    ]);
  }
  const outcomes = await writeBlobs(store, bundle);
  await store.writeDocument(manifest);
  await store.finish();
  return {
    document: {
      place: store.place,
      bundle: manifest.digest,
      subject: subject.digest,
      blobs: outcomes,
    },
    lines: [
      [
        styled("good", "Attached"),
        ` ${manifest.digest} to `,
        styled("bold", `${store.place}@${subject.digest}`),
      ],
      `  ${plural(outcomes.written, "blob")} sent, ${outcomes.there} there already`,
      `Verify it: stemma bundle verify ${store.place}@${manifest.digest} ${subject.digest} --root <root.json>`,
    ],
  };
}

/** Documents that other bundles share are there already, and are not sent again. */
async function writeBlobs(
  store: ContentStore,
  { manifest, content }: OpenBundle,
): Promise<Readonly<Record<BlobOutcome, number>>> {
  const outcomes = { there: 0, mounted: 0, written: 0 };
  for (const blob of bundleBlobs(manifest)) {
    const bytes = content.get(digestParts(blob.digest).hex as Sha256Hex);
    outcomes[await store.writeBlob(blob, blobsOf(bytes ?? new Uint8Array()))] += 1;
    progress(`${outcomes.there + outcomes.written} of ${bundleBlobs(manifest).length} blobs…`);
  }
  return outcomes;
}
