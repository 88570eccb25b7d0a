import { asyncSource, Client, readBundle, verifyBundle } from "@stemma/client";
import { bundleFile } from "../support/bundle.ts";
import { DomainFixture } from "../support/domain.ts";
import { bestOf, type Figure } from "./report.ts";
import { checkAll, signatureChecks } from "./signature-checks.ts";

/** A verdict from bundle bytes, and one that is known, beside the bare signature checks of the same bundle. */
export async function verdictFigures(): Promise<Figure[]> {
  const domain = await DomainFixture.create();
  Object.assign(domain, { now: new Date(), bitLength: 6 });
  await domain.signRoot();
  await domain.signTargets();
  await domain.setLayout(domain.layout());
  await domain.publish();
  const question = { digest: domain.digest, project: domain.project };
  const time = domain.now;
  const bytes = await bundleFile(domain);

  const cold = (): void => {
    const verdict = verifyBundle(domain.root, readBundle(bytes), { ...question, time });
    if (verdict.decision !== "allow")
      throw new Error(`The bundle was denied: ${JSON.stringify(verdict.reasons)}`);
  };
  const checks = signatureChecks(domain, bytes);
  bestOf(1, 300, cold);
  const coldTime = bestOf(10, 100, cold);
  const rawTime = bestOf(10, 100, () => checkAll(checks));

  const client = new Client({ root: domain.root, source: asyncSource(domain.source) });
  await client.verify(question);
  let warm = 0;
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now();
    for (let call = 0; call < 20_000; call += 1) await client.verify(question);
    warm = Math.max(warm, 20_000_000 / (performance.now() - start));
  }
  return [
    {
      group: "verdict",
      name: `cold, from bundle bytes (${checks.length} signatures)`,
      value: coldTime,
      unit: "ms",
      reference: { name: "the same signatures in node:crypto", value: rawTime },
      goal: { words: "within 2×", met: coldTime <= rawTime * 2 },
    },
    {
      group: "verdict",
      name: "warm, a known verdict",
      value: warm,
      unit: "/s",
      reference: { name: "the same signatures in node:crypto", value: 1000 / rawTime },
      goal: { words: "above 50,000/s", met: warm > 50_000 },
    },
  ];
}
