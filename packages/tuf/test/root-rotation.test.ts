import { describe, expect, test } from "@jest/globals";
import type { Signer } from "@stemma/crypto";
import { DEFAULT_LIMITS } from "../src/index.ts";
import { Client, codeOf } from "./support/client.ts";
import { Repository } from "./support/repository.ts";
import { newSigner, newSigners } from "./support/signers.ts";

/* tuf-conformance test_updater_key_rotations, and N-11: who may change the keys (TUF 5.3.4, 5.3.5, 6.1). */

const signers = newSigners(10);
const pick = (indices: readonly number[]): Signer[] => indices.map((index) => signers[index] as Signer);

/** Keys, threshold and signatures of one version; `refused` when a client must not take it. */
interface Version {
  readonly keys: readonly number[];
  readonly threshold: number;
  readonly sigs: readonly number[];
  readonly refused?: boolean;
}

function version(
  keys: readonly number[],
  threshold: number,
  sigs: readonly number[],
  refused = false,
): Version {
  return { keys, threshold, sigs, refused };
}

const five = [0, 1, 2, 3, 4];
const oneChanged = [0, 1, 3, 4, 5];

const ROOTS: Record<string, readonly Version[]> = {
  "1-of-1-key-rotation": [version([1], 1, [1]), version([2], 1, [2, 1]), version([2], 1, [2])],
  "1-of-1-key-rotation-unused-signatures": [
    version([1], 1, [3, 1, 4]),
    version([2], 1, [3, 2, 1, 4]),
    version([2], 1, [3, 2, 4]),
  ],
  "1-of-1-key-rotation-fail-not-signed-with-old-key": [
    version([1], 1, [1]),
    version([2], 1, [2, 3, 4], true),
  ],
  "1-of-1-key-rotation-fail-not-signed-with-new-key": [
    version([1], 1, [1]),
    version([2], 1, [1, 3, 4], true),
  ],
  "3-of-5-sign-with-different-keycombos": [
    version(five, 3, [0, 2, 4]),
    version(five, 3, [0, 4, 1]),
    version(five, 3, [0, 1, 3]),
    version(five, 3, [0, 1, 3]),
  ],
  "3-of-5-one-key-rotated": [version(five, 3, [0, 2, 4]), version(oneChanged, 3, [0, 4, 1])],
  "3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys": [
    version(five, 3, [0, 2, 4]),
    version(oneChanged, 3, [0, 2, 4], true),
  ],
  "3-of-5-one-key-rotate-fails-not-signed-with-3-old-keys": [
    version(five, 3, [0, 2, 4]),
    version(oneChanged, 3, [0, 4, 5], true),
  ],
  "3-of-5-one-key-rotated-with-intermediate-step": [
    version(five, 3, [0, 2, 4]),
    version(oneChanged, 3, [0, 2, 4, 5]),
    version(oneChanged, 3, [0, 4, 5]),
  ],
  "3-of-5-all-keys-rotated-with-intermediate-step": [
    version(five, 3, [0, 2, 4]),
    version([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]),
    version([5, 6, 7, 8, 9], 3, [5, 6, 7]),
  ],
  "1-of-3-threshold-increase-to-2-of-3": [version([1, 2, 3], 1, [1]), version([1, 2, 3], 2, [1, 2])],
  "1-of-3-threshold-bump-to-2-of-3-fails-new-threshold-not-reached": [
    version([1, 2, 3], 1, [1]),
    version([1, 2, 3], 2, [2], true),
  ],
  "2-of-3-threshold-decrease-to-1-of-3": [
    version([1, 2, 3], 2, [1, 2]),
    version([1, 2, 3], 1, [1, 2]),
    version([1, 2, 3], 1, [1]),
  ],
  "2-of-3-threshold-decr-to-1-of-3-fails-old-threshold-not-reached": [
    version([1, 2, 3], 2, [1, 2]),
    version([1, 2, 3], 1, [1], true),
  ],
  "1-of-2-threshold-increase-to-2-of-2": [version([1], 1, [1]), version([1, 2], 2, [1, 2])],
};

const OTHERS: Record<string, Version> = {
  "1-of-1-key-rotation": version([2], 1, [2]),
  "1-of-1-key-rotation-unused-signatures": version([1], 1, [3, 1, 4]),
  "1-of-1-key-rotation-fail-not-signed-with-new-key": version([2], 1, [1, 3, 4], true),
  "3-of-5-one-key-signature-wrong-not-signed-with-3-expected-keys": version(oneChanged, 3, [0, 2, 4], true),
  "2-of-5-one-key-signature-missing-threshold-not-reached": version(oneChanged, 3, [0, 4], true),
  "3-of-5-sign-first-combo": version(five, 3, [0, 2, 4]),
  "3-of-5-sign-second-combo": version(five, 3, [0, 4, 1]),
  "3-of-5-sign-third-combo": version(five, 3, [0, 1, 3]),
  "3-of-5-sign-fourth-combo": version(five, 3, [1, 2, 3]),
  "3-of-5-sign-fifth-combo": version(five, 3, [2, 3, 4]),
};

const keeper = ({ keys, sigs, threshold }: Version) => ({ keys: pick(keys), threshold, signing: pick(sigs) });

describe("key rotation", () => {
  test.each(Object.entries(ROOTS))("root_rotation[%s]", async (_name, versions) => {
    const [first, ...rest] = versions;
    if (first === undefined) throw new Error("a case without versions");
    const repository = await Repository.create((made) => {
      made.top.root = keeper(first);
    });
    for (const next of rest) {
      repository.top.root = keeper(next);
      await repository.publishRoot();
    }
    const refused = versions.at(-1)?.refused === true;
    const client = new Client(repository);
    expect(codeOf(() => client.refresh())).toBe(refused ? "threshold_not_met" : "accepted");
    expect(client.version("root")).toBe(refused ? versions.length - 1 : versions.length);
  });

  test.each(Object.entries(OTHERS))("non_root_rotations[%s]", async (_name, next) => {
    for (const role of ["timestamp", "snapshot", "targets"] as const) {
      const repository = await Repository.create();
      const client = new Client(repository);
      client.refresh();
      repository.top[role] = keeper(next);
      await repository.publishRoot();
      await repository.release("targets");
      expect(codeOf(() => client.refresh())).toBe(next.refused === true ? "threshold_not_met" : "accepted");
      const file = role === "timestamp" ? role : `2.${role}`;
      if (next.refused !== true) expect(client.cache.get(role)).toBe(repository.file(file));
    }
  });

  test("N-11 the next root must be exactly the next version", async () => {
    for (const [claimed, code] of [
      [1, "rollback"],
      [3, "wrong_version"],
    ] as const) {
      const repository = await Repository.create();
      repository.edits.set("root", (signed) => signed.set("version", claimed));
      await repository.publishRoot();
      const client = new Client(repository);
      expect(codeOf(() => client.refresh())).toBe(code);
      expect(client.version("root")).toBe(1);
      expect(repository.requests).toEqual([["root", 2]]);
    }
  });

  test("N-11 targets metadata signed by the root's key is no root", async () => {
    const shared = newSigner();
    const repository = await Repository.create((made) => {
      made.top.root.keys = [shared];
      made.top.targets.keys = [shared];
    });
    repository.files.set("2.root", repository.file("1.targets"));
    expect(codeOf(() => new Client(repository).refresh())).toBe("wrong_role_type");
  });

  test("a root that revokes the timestamp key ends the trust in what that key signed", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    client.refresh();
    const thief = repository.top.timestamp.keys;
    repository.top.timestamp.keys = [newSigner()];
    await repository.publishRoot();
    repository.top.timestamp.signing = thief;
    await repository.publishTimestamp();
    expect(codeOf(() => client.refresh())).toBe("threshold_not_met");
  });

  test("a cache of roots is verified again from the pinned one, and saves requests", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    for (let count = 0; count < 4; count += 1) {
      repository.top.root.signing = [...repository.top.root.keys];
      repository.top.root.keys = [newSigner()];
      repository.top.root.signing.push(...repository.top.root.keys);
      await repository.publishRoot();
    }
    client.refresh();
    repository.requests = [];
    const trusted = client.refresh();
    expect(trusted.root.signed.version).toBe(5);
    expect(repository.requests.filter(([role]) => role === "root")).toEqual([["root", 6]]);
    // A cached root that the chain does not bear out is asked for again.
    client.roots.set(3, repository.file("4.root"));
    repository.requests = [];
    expect(client.refresh().root.signed.version).toBe(5);
    expect(repository.requests.filter(([role]) => role === "root")).toEqual([
      ["root", 3],
      ["root", 6],
    ]);
  });

  test("at most so many roots are fetched in one refresh; the next one goes on", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    client.limits = { ...DEFAULT_LIMITS, rootRotations: 3 };
    for (let count = 0; count < 5; count += 1) await repository.publishRoot();
    expect(client.refresh().root.signed.version).toBe(4);
    expect(client.refresh().root.signed.version).toBe(6);
    expect(DEFAULT_LIMITS.rootRotations).toBe(256);
  });
});
