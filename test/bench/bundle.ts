import { randomBytes } from "node:crypto";
import { readBundle, verifyBundle } from "@stemma/client";
import { type Digest, parseDigest } from "@stemma/encoding";
import { checkRecord } from "@stemma/lineage";
import { bundleFile } from "../support/bundle.ts";
import { DomainFixture } from "../support/domain.ts";
import { bestOf, type Figure } from "./report.ts";
import { checkAll, signatureChecks } from "./signature-checks.ts";

const RECORDS = 10_000;
const EVIDENCE = 3;

/** The bundle of one artifact of a domain with many: the tree of a new domain (2^6 bins), so that its bin holds 156 records. */
export async function bundleFigures(): Promise<Figure[]> {
  const domain = await DomainFixture.create();
  Object.assign(domain, { bitLength: 6 });
  const sample = domain.records.get(domain.digest);
  if (sample === undefined) throw new Error("The fixture has no record.");
  for (let count = 1; count < RECORDS; count += 1) {
    const digest = randomDigest();
    const evidence = Array.from({ length: EVIDENCE }, () => ({
      sha256: hexOf(randomDigest()),
      length: 1_500,
    }));
    domain.records.set(digest, checkRecord({ ...sample, digest, evidence }));
  }
  await domain.moveToPresent();
  const bytes = await bundleFile(domain);
  const opened = readBundle(bytes);
  const content = opened.documents.reduce((sum, document) => sum + document.bytes.length, 0);
  const question = { digest: domain.digest, project: domain.project, time: domain.now };
  const cold = (): void => {
    const { decision, reasons } = verifyBundle(domain.root, readBundle(bytes), question);
    if (decision !== "allow") throw new Error(`The bundle was denied: ${JSON.stringify(reasons)}`);
  };
  const checks = signatureChecks(domain, bytes);
  bestOf(1, 200, cold);
  const coldTime = bestOf(10, 50, cold);
  const rawTime = bestOf(10, 50, () => checkAll(checks));
  return [
    {
      group: "bundle",
      name: `size, of one artifact of ${RECORDS.toLocaleString("en")}`,
      value: bytes.length / 1024,
      unit: "KiB",
      reference: { name: "its documents, not compressed", value: content / 1024 },
      goal: { words: "under 128 KiB", met: bytes.length < 128 * 1024 },
    },
    {
      group: "bundle",
      name: `cold verification of it (${checks.length} signatures)`,
      value: coldTime,
      unit: "ms",
      reference: { name: "the same signatures in node:crypto", value: rawTime },
      goal: { words: "within 4×, with a bin of 156 records", met: coldTime <= rawTime * 4 },
    },
  ];
}

function randomDigest(): Digest {
  return parseDigest(`sha256:${randomBytes(32).toString("hex")}`);
}

function hexOf(digest: Digest) {
  return digest.slice(7) as Parameters<typeof checkRecord>[0]["evidence"][number]["sha256"];
}
