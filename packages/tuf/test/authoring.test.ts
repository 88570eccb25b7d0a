import { describe, expect, test } from "@jest/globals";
import type { Signer } from "@stemma/crypto";
import { parseJson } from "@stemma/encoding";
import {
  assemble,
  checkThreshold,
  decodeRoot,
  decodeSnapshot,
  decodeTargets,
  decodeTimestamp,
  delegationsInput,
  type MetaFile,
  rootPayload,
  signingBytes,
  signPayload,
  snapshotPayload,
  targetsPayload,
  timestampPayload,
} from "../src/index.ts";
import { codeOf } from "./support/client.ts";
import { NOW } from "./support/repository.ts";
import { newSigner, newSigners } from "./support/signers.ts";

/* What is written is what is read, and signatures can come one by one. */

const expires = new Date("2027-01-02T03:04:05Z");
const file = {
  length: 7,
  hashes: new Map([["sha256", "ab".repeat(32)]]),
  custom: new Map([["note", "hello"]]),
};

describe("authoring", () => {
  test("root: keys under the key id of TUF 4.2, roles, and consistent snapshots", async () => {
    const [a, b, online] = newSigners(3) as [Signer, Signer, Signer];
    const roles = {
      root: { keys: [a.publicKey, b.publicKey], threshold: 2 },
      timestamp: { keys: [online.publicKey], threshold: 1 },
      snapshot: { keys: [online.publicKey], threshold: 1 },
      targets: { keys: [a.publicKey], threshold: 1 },
    };
    const payload = rootPayload({ version: 3, expires, roles });
    const root = decodeRoot(await signPayload(payload, [a, b]));
    expect(root.signed).toMatchObject({
      version: 3,
      consistentSnapshot: true,
      expires,
      specVersion: "1.0.34",
    });
    expect(root.signed.roles.get("root")).toEqual({
      keyIds: [a.publicKey.keyId, b.publicKey.keyId],
      threshold: 2,
    });
    expect([...root.signed.keys].map(([id, key]) => [id, key.fingerprint])).toEqual(
      [a, b, online].map(({ publicKey }) => [publicKey.keyId, publicKey.fingerprint]),
    );
    expect(root.signedBytes).toEqual(signingBytes(payload));
  });

  test("targets with roles, and the same delegations again in the next version", async () => {
    const [owner, project] = newSigners(2) as [Signer, Signer];
    const delegations = {
      roles: [
        {
          name: "project",
          keys: [project.publicKey],
          threshold: 1,
          terminating: true,
          paths: ["projects/project/*"],
        },
        {
          name: "hashed",
          keys: [owner.publicKey],
          threshold: 1,
          terminating: false,
          pathHashPrefixes: ["0", "ff"],
        },
      ],
    };
    const input = { version: 1, expires, targets: new Map([["dir/file", file]]), delegations };
    const bytes = await signPayload(targetsPayload(input), [owner]);
    const { signed } = decodeTargets(bytes);
    expect(signed.targets.get("dir/file")).toEqual(file);
    expect(signed.delegations?.roles.map(({ name }) => name)).toEqual(["project", "hashed"]);
    if (signed.delegations === undefined) throw new Error("no delegations");
    const again = targetsPayload({ ...input, delegations: delegationsInput(signed.delegations) });
    expect(signingBytes(again)).toEqual(signingBytes(targetsPayload(input)));
  });

  test("targets with bins, and the same again", async () => {
    const online = newSigner();
    const succinct = { keys: [online.publicKey], threshold: 1, bitLength: 10, namePrefix: "bin" };
    const payload = targetsPayload({ version: 1, expires, delegations: { succinct } });
    const { signed } = decodeTargets(await signPayload(payload, [online]));
    expect(signed.delegations).toMatchObject({ roles: [], succinct: { bitLength: 10, namePrefix: "bin" } });
    if (signed.delegations === undefined) throw new Error("no delegations");
    expect(delegationsInput(signed.delegations)).toEqual({ succinct });
  });

  test("snapshot and timestamp", async () => {
    const online = newSigner();
    const hashes = new Map([["sha256", "cd".repeat(32)]]);
    const meta = new Map<string, number | MetaFile>([
      ["targets", 4],
      ["project", { version: 2, length: 10, hashes }],
    ]);
    const snapshot = decodeSnapshot(
      await signPayload(snapshotPayload({ version: 9, expires, meta }), [online]),
    );
    expect(snapshot.signed.meta).toEqual(
      new Map([
        ["targets", { version: 4 }],
        ["project", { version: 2, length: 10, hashes }],
      ]),
    );
    const payload = timestampPayload({ version: 5, expires, snapshotVersion: 9, length: 10, hashes });
    const timestamp = decodeTimestamp(await signPayload(payload, [online]));
    expect(timestamp.signed.snapshot).toEqual({ version: 9, length: 10, hashes });
    const plain = timestampPayload({ version: 5, expires, snapshotVersion: 9 });
    expect(decodeTimestamp(await signPayload(plain, [online])).signed.snapshot).toEqual({ version: 9 });
  });

  test("a fraction of a second is cut off: expiry is never later than asked", () => {
    const payload = timestampPayload({
      version: 1,
      expires: new Date(NOW.getTime() + 999),
      snapshotVersion: 1,
    });
    expect(payload.get("expires")).toBe("2026-06-01T12:00:00Z");
  });

  test("signatures collected one by one over the bytes that were shown", async () => {
    const signers = newSigners(3);
    const keys = signers.map(({ publicKey }) => publicKey);
    const payload = targetsPayload({ version: 1, expires });
    const message = signingBytes(payload);
    const collected = [];
    for (const signer of signers.slice(0, 2)) {
      collected.push({ keyId: signer.publicKey.keyId, signature: await signer.sign(message) });
      const metadata = decodeTargets(assemble(payload, collected));
      const role = { keyIds: keys.map(({ keyId }) => keyId), threshold: 2 };
      const table = new Map(keys.map((key) => [key.keyId, key]));
      expect(codeOf(() => checkThreshold(metadata, "targets", role, table))).toBe(
        collected.length < 2 ? "threshold_not_met" : "accepted",
      );
    }
  });

  test("documents are one line of plain JSON", async () => {
    const bytes = await signPayload(targetsPayload({ version: 1, expires }), [newSigner()]);
    expect(new TextDecoder().decode(bytes)).not.toContain("\n");
    expect([...(parseJson(bytes) as Map<string, unknown>).keys()]).toEqual(["signatures", "signed"]);
  });

  test("delegations with a key that cannot be read are not written again without it", async () => {
    const payload = targetsPayload({
      version: 1,
      expires,
      delegations: {
        roles: [{ name: "a", keys: [newSigner().publicKey], threshold: 1, terminating: false, paths: ["*"] }],
      },
    });
    (payload.get("delegations") as Map<string, unknown>).set("keys", new Map());
    const { delegations } = decodeTargets(assemble(payload, [])).signed;
    if (delegations === undefined) throw new Error("no delegations");
    expect(codeOf(() => delegationsInput(delegations))).toBe("unusable_key");
  });
});
