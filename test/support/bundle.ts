import { asyncSource, BundleRecorder, drive, type PackedBundle, writeBundleFile } from "@stemma/client";
import type { Digest } from "@stemma/encoding";
import { verifyFromRoot } from "@stemma/lineage";
import type { DomainFixture } from "./domain.ts";

/** The bundle of an artifact of a fixture, as of the fixture's own time. */
export async function packedBundle(
  domain: DomainFixture,
  digest: Digest = domain.digest,
): Promise<PackedBundle> {
  const recorder = new BundleRecorder(asyncSource(domain.source));
  recorder.addMetadata("root", 1, domain.root);
  const request = { digest, project: domain.project };
  await drive(verifyFromRoot(domain.root, request, domain.now), recorder.source);
  const record = domain.records.get(digest);
  if (record === undefined) throw new Error(`The fixture has no record of ${digest}.`);
  const { mediaType, size } = record;
  return recorder.pack({ mediaType, digest, size }, { project: domain.project, time: domain.now });
}

/** The same in one file. */
export async function bundleFile(domain: DomainFixture, digest?: Digest): Promise<Uint8Array> {
  return writeBundleFile(await packedBundle(domain, digest));
}
