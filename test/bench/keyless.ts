import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { decodeUtf8, utf8 } from "@stemma/encoding";
import { readTrustedRoot, verifyKeyless } from "@stemma/sigstore";
import { MockSigstore } from "../support/sigstore.ts";
import { bestOf, type Figure } from "./report.ts";

/** Bundles of the size of a provenance statement. */
const STATEMENT = utf8(
  JSON.stringify({ _type: "https://in-toto.io/Statement/v1", subject: [], predicate: "x".repeat(2000) }),
);

/** verifyKeyless, beside the plain @sigstore/verify that it uses, on the same bundles with the same options. */
export async function keylessFigures(): Promise<Figure[]> {
  const sigstore = await MockSigstore.create();
  const figures: Figure[] = [];
  for (const [name, proofs] of [
    ["logged", ["log"]],
    ["logged and timestamped", ["log", "timestamp"]],
  ] as const) {
    const bundle = await sigstore.sign(STATEMENT, "application/vnd.in-toto+json", { proofs });
    const rootBytes = sigstore.trustedRoot();
    const root = readTrustedRoot(rootBytes);
    const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(decodeUtf8(rootBytes)))));

    const own = (): unknown => verifyKeyless(bundle, root, sigstore.now);
    const plain = (): unknown =>
      verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(decodeUtf8(bundle)))));
    let [ownTime, plainTime] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    // In turns, because a shared machine is not the same one a second later.
    for (let round = 0; round < 30; round += 1) {
      ownTime = Math.min(ownTime, bestOf(1, 10, own));
      plainTime = Math.min(plainTime, bestOf(1, 10, plain));
    }
    figures.push({
      group: "keyless",
      name: `a bundle that is ${name}`,
      value: 1000 / ownTime,
      unit: "/s",
      reference: { name: "plain @sigstore/verify", value: 1000 / plainTime },
      goal: { words: "within 1.1×", met: ownTime <= plainTime * 1.1 },
    });
  }
  return figures;
}
