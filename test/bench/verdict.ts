import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { asyncSource, Client, readBundle, verifyBundle } from "@stemma/client";
import { readPublicKey, type SignatureEntry } from "@stemma/crypto";
import { type JsonValue, parseJson, type Sha256Hex } from "@stemma/encoding";
import { readEnvelope } from "@stemma/in-toto";
import { layoutPath } from "@stemma/lineage";
import { decodeRole } from "@stemma/tuf";
import { bundleFile } from "../support/bundle.ts";
import { DomainFixture } from "../support/domain.ts";
import { bestOf, type Figure } from "./report.ts";

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
  const raw = (): void => {
    for (const { message, signature, key } of checks) {
      if (!verify(null, message, key, signature))
        throw new Error("A signature of the bundle does not verify.");
    }
  };
  bestOf(1, 300, cold);
  const coldTime = bestOf(10, 100, cold);
  const rawTime = bestOf(10, 100, raw);

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

interface Check {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly key: KeyObject;
}

/** Every signature that a verdict on this bundle has to check, with the bytes it covers and the key. */
function signatureChecks(domain: DomainFixture, bytes: Uint8Array): readonly Check[] {
  const signers = [
    ...domain.rootSigners,
    ...domain.targetsSigners,
    domain.online,
    ...domain.owners,
    ...Object.values(domain.functionaries),
  ];
  const keys = new Map(
    signers.map(({ publicKey }) => {
      const key = readPublicKey(publicKey.toJson(), "key");
      return [
        key.keyId,
        createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" }),
      ] as const;
    }),
  );
  const { metadata, blobs } = readBundle(bytes);
  const checks: Check[] = [];
  const add = (message: Uint8Array, signatures: readonly SignatureEntry[]): void => {
    for (const { keyId, signature } of signatures) {
      const key = keys.get(keyId);
      if (key !== undefined) checks.push({ message, signature, key });
    }
  };
  const addRole = (document: Uint8Array): void => {
    const type = typeOf(parseJson(document));
    const role = decodeRole(type, document);
    add(role.signedBytes, role.signatures);
  };
  addRole(domain.root);
  for (const document of metadata.values()) addRole(document);
  for (const name of evidenceNames(domain, blobs)) {
    const envelope = readEnvelope(blobs.get(name) as Uint8Array);
    add(envelope.message, envelope.signatures as readonly SignatureEntry[]);
  }
  return checks;
}

function typeOf(document: JsonValue): "root" | "timestamp" | "snapshot" | "targets" {
  const signed = (document as ReadonlyMap<string, JsonValue>).get("signed") as ReadonlyMap<string, JsonValue>;
  return signed.get("_type") as "root";
}

function evidenceNames(
  domain: DomainFixture,
  blobs: ReadonlyMap<Sha256Hex, Uint8Array>,
): readonly Sha256Hex[] {
  if (!domain.projectFiles.has(layoutPath(domain.project))) throw new Error("The fixture has no layout.");
  return [...blobs.keys()];
}
