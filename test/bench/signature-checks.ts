import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { readBundle } from "@stemma/client";
import { readPublicKey, type SignatureEntry } from "@stemma/crypto";
import { type JsonValue, parseJson, type Sha256Hex } from "@stemma/encoding";
import { readEnvelope } from "@stemma/in-toto";
import { layoutPath } from "@stemma/lineage";
import { decodeRole } from "@stemma/tuf";
import type { DomainFixture } from "../support/domain.ts";

/** One signature with the bytes that it covers. */
export interface Check {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly key: KeyObject;
}

/** Every signature that a verdict on this bundle has to check, with the bytes it covers and the key. */
export function signatureChecks(domain: DomainFixture, bytes: Uint8Array): readonly Check[] {
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

/** The signatures alone: what no verification can do without. */
export function checkAll(checks: readonly Check[]): void {
  for (const { message, signature, key } of checks) {
    if (!verify(null, message, key, signature)) throw new Error("A signature of the bundle does not verify.");
  }
}
