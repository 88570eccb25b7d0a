import { describe, expect, test } from "@jest/globals";
import { KEY_KINDS, type Signer } from "@stemma/crypto";
import { encodeHex, type JsonObject, type JsonValue, jsonObject } from "@stemma/encoding";
import { signatureStatus } from "../src/index.ts";
import { Client, codeOf } from "./support/client.ts";
import { Repository } from "./support/repository.ts";
import { newSigner, newSigners } from "./support/signers.ts";

/* tuf-conformance test_keys, and N-01 to N-09 where they touch TUF: who counts toward a threshold. */

/** The places where signatures are counted: each top-level role, and a delegated one. */
const PLACES = ["root", "timestamp", "snapshot", "targets", "project"] as const;
type Place = (typeof PLACES)[number];

async function withThreshold(place: Place, keys: Signer[], threshold: number, signing: Signer[] = keys) {
  const repository = await Repository.create((made) => {
    if (place === "project") {
      made.delegate("targets", "project", { keys, threshold });
      made.role("project").signing = signing;
    } else if (place !== "root") made.top[place] = { keys, threshold, signing };
  });
  if (place === "root") {
    const old = repository.top.root.keys;
    repository.top.root = { keys, threshold, signing: [...old, ...signing] };
    await repository.publishRoot();
  }
  return repository;
}

const fileOf = (place: Place): string =>
  place === "timestamp" ? place : place === "root" ? "2.root" : `1.${place}`;
const check = (repository: Repository): string => codeOf(() => new Client(repository).find("x"));

function signaturesOf(document: Map<string, JsonValue>): Map<string, JsonValue>[] {
  return document.get("signatures") as Map<string, JsonValue>[];
}

describe.each(PLACES)("threshold of %s", (place) => {
  test("is met by distinct keys", async () => {
    const repository = await withThreshold(place, newSigners(3), 2);
    expect(check(repository)).toBe("accepted");
  });

  test("N-01 two signatures under one key id are refused, toward the threshold and beside it", async () => {
    const keys = newSigners(2);
    for (const threshold of [1, 2]) {
      const repository = await withThreshold(place, keys, threshold, keys.slice(0, 1));
      repository.tamper(fileOf(place), (document) => {
        const list = signaturesOf(document);
        const last = list.at(-1) as Map<string, JsonValue>;
        document.set("signatures", [...list, new Map(last)]);
      });
      expect(check(repository)).toBe("duplicate_signature");
    }
  });

  test("N-02 one public key under two key ids counts once", async () => {
    const [first, second] = newSigners(2) as [Signer, Signer];
    const repository = await withThreshold(place, [first, second], 2);
    const owner = place === "project" ? "targets" : "root";
    // The owner of the delegation lists the first key again, under the second one's id.
    repository.edits.set(owner, (signed) => {
      const table = owner === "root" ? signed : (signed.get("delegations") as Map<string, JsonValue>);
      const keys = table.get("keys") as Map<string, JsonValue>;
      keys.set(second.publicKey.keyId, first.publicKey.toJson());
    });
    await (owner === "root" ? repository.writeRoot() : repository.writeTargets(owner));
    if (place === "root") repository.edits.clear();
    const message = await resign(repository, fileOf(place), first, second.publicKey.keyId);
    expect(message).toBeGreaterThan(0);
    expect(check(repository)).toBe("threshold_not_met");
  });

  test("N-04 no signatures, and an empty one", async () => {
    const repository = await withThreshold(place, newSigners(1), 1);
    repository.tamper(fileOf(place), (document) => {
      for (const entry of signaturesOf(document)) entry.set("sig", "");
    });
    expect(check(repository)).toBe("threshold_not_met");
    repository.tamper(fileOf(place), (document) => document.set("signatures", []));
    expect(check(repository)).toBe("threshold_not_met");
  });

  test("N-08 a valid signature with junk behind it, or an odd digit, does not count", async () => {
    for (const junk of ["zz", "0", " ", "\n"]) {
      const repository = await withThreshold(place, newSigners(1), 1);
      repository.tamper(fileOf(place), (document) => {
        for (const entry of signaturesOf(document)) entry.set("sig", `${entry.get("sig")}${junk}`);
      });
      expect(check(repository)).toBe("threshold_not_met");
    }
  });

  test("invalid_sig_in_valid_metadata: a bad or empty signature beside enough good ones does no harm", async () => {
    const keys = newSigners(2);
    for (const sig of ["00".repeat(64), "", "not hex"]) {
      const repository = await withThreshold(place, keys, 1);
      repository.tamper(fileOf(place), (document) => {
        signaturesOf(document).at(-1)?.set("sig", sig);
      });
      expect(check(repository)).toBe("accepted");
    }
  });

  test("N-03 a threshold that cannot be met, or is none", async () => {
    for (const threshold of [0, -1, "1", null, 2n ** 53n, true]) {
      const repository = await withThreshold(place, newSigners(1), 1);
      editRole(repository, place, (role) => role.set("threshold", threshold as JsonValue));
      await rewriteOwner(repository, place);
      expect(check(repository)).toBe("invalid_threshold");
    }
    const repository = await withThreshold(place, newSigners(1), 1);
    editRole(repository, place, (role) => role.set("threshold", 2));
    await rewriteOwner(repository, place);
    expect(check(repository)).toBe("invalid_threshold");
  });

  test("a key id that a role names twice is refused", async () => {
    const repository = await withThreshold(place, newSigners(1), 1);
    editRole(repository, place, (role) => {
      const ids = role.get("keyids") as JsonValue[];
      role.set("keyids", [...ids, ...ids]);
    });
    await rewriteOwner(repository, place);
    expect(check(repository)).toBe("duplicate_key");
  });

  test("N-06 thousands of signatures are refused by their number", async () => {
    const repository = await withThreshold(place, newSigners(1), 1);
    repository.tamper(fileOf(place), (document) => {
      const many = Array.from({ length: place === "timestamp" ? 150 : 4_000 }, (_, at) =>
        jsonObject({ keyid: `k${at}`, sig: "00" }),
      );
      document.set("signatures", [...signaturesOf(document), ...many]);
    });
    const start = performance.now();
    expect(check(repository)).toBe("limit_exceeded");
    expect(performance.now() - start).toBeLessThan(200);
  });

  test("N-05 a key that cannot be used never counts; the others still do", async () => {
    const useless: Record<string, JsonObject> = {
      "ed25519 with an rsa scheme": key("ed25519", "rsassa-pss-sha256", "00".repeat(32)),
      "31 bytes": key("ed25519", "ed25519", "ab".repeat(31)),
      "unknown type": key("quantum", "quantum", "ab"),
      "N-09 a point of small order": key("ed25519", "ed25519", `01${"00".repeat(31)}`),
      "no public part": jsonObject({ keytype: "ed25519", scheme: "ed25519", keyval: jsonObject({}) }),
    };
    for (const json of Object.values(useless)) {
      for (const [threshold, expected] of [
        [1, "accepted"],
        [2, "threshold_not_met"],
      ] as const) {
        const repository = await withThreshold(place, newSigners(1), 1);
        editRole(repository, place, (role, table) => {
          (table.get("keys") as Map<string, JsonValue>).set("odd", json);
          role.set("keyids", [...(role.get("keyids") as JsonValue[]), "odd"]);
          role.set("threshold", threshold);
        });
        await rewriteOwner(repository, place);
        // R = identity, S = 0: what a key of small order would accept for any message.
        repository.tamper(fileOf(place), (document) => {
          const forged = jsonObject({ keyid: "odd", sig: `01${"00".repeat(63)}` });
          document.set("signatures", [...signaturesOf(document), forged]);
        });
        expect(check(repository)).toBe(expected);
      }
    }
  });
});

describe("keys", () => {
  test("snapshot_does_not_meet_threshold", async () => {
    const keys = newSigners(3);
    const repository = await withThreshold("snapshot", keys, 3, keys.slice(0, 2));
    expect(check(repository)).toBe("threshold_not_met");
    await repository.publishSnapshot();
  });

  test("snapshot_has_too_few_keys: root lists a key id without the key", async () => {
    const keys = newSigners(2);
    const repository = await withThreshold("snapshot", keys, 2);
    repository.edits.set("root", (signed) => {
      (signed.get("keys") as Map<string, JsonValue>).delete(keys[1]?.publicKey.keyId ?? "");
    });
    await repository.writeRoot();
    expect(check(repository)).toBe("threshold_not_met");
  });

  test.each(KEY_KINDS)(
    "keytype_and_scheme[%s]: verified when right, refused when another's",
    async (kind) => {
      const signer = newSigner(kind);
      const repository = await withThreshold("root", [signer], 1);
      expect(check(repository)).toBe("accepted");
      const other = await newSigner(kind).sign(new Uint8Array([1]));
      repository.tamper("2.root", (document) => {
        for (const entry of signaturesOf(document)) {
          if (entry.get("keyid") === signer.publicKey.keyId) entry.set("sig", encodeHex(other));
        }
      });
      expect(check(repository)).toBe("threshold_not_met");
    },
  );

  test("N-07 key ids named like members of every object are labels like any other", async () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "10"]) {
      const signer = newSigner();
      const repository = await withThreshold("project", [signer], 1);
      repository.edits.set("targets", (signed) => {
        const table = signed.get("delegations") as Map<string, JsonValue>;
        table.set("keys", new Map([[name, signer.publicKey.toJson()]]));
        for (const role of table.get("roles") as Map<string, JsonValue>[]) role.set("keyids", [name]);
      });
      await repository.writeTargets("targets");
      expect(check(repository)).toBe("threshold_not_met");
      repository.tamper("1.project", (document) => {
        for (const entry of signaturesOf(document)) entry.set("keyid", name);
      });
      expect(check(repository)).toBe("accepted");
    }
    expect(({} as Record<string, unknown>).keytype).toBeUndefined();
  });

  test("signatureStatus says who signed, who is missing, whose is invalid, and who is foreign", async () => {
    const [a, b, c, d] = newSigners(4) as [Signer, Signer, Signer, Signer];
    const message = new Uint8Array([1, 2, 3]);
    const keys = new Map([a, b, c].map((signer) => [signer.publicKey.keyId, signer.publicKey]));
    const role = { keyIds: [...keys.keys()], threshold: 2 };
    const entry = async (signer: Signer, of = message) => ({
      keyId: signer.publicKey.keyId,
      signature: await signer.sign(of),
    });
    const signatures = [await entry(a), await entry(b, new Uint8Array([9])), await entry(d)];
    expect(signatureStatus(message, signatures, role, keys)).toEqual({
      met: false,
      threshold: 2,
      signed: [a.publicKey.keyId],
      missing: [b.publicKey.keyId, c.publicKey.keyId],
      invalid: [b.publicKey.keyId],
      foreign: [d.publicKey.keyId],
    });
    const done = signatureStatus(message, [...signatures, await entry(c)], role, keys);
    expect(done).toMatchObject({ met: true, missing: [b.publicKey.keyId] });
    // The same person twice, under two ids, is one (N-02); nobody is never enough (N-03).
    const twin = new Map([...keys, [d.publicKey.keyId, a.publicKey]]);
    const own = { keyIds: [a.publicKey.keyId, d.publicKey.keyId], threshold: 2 };
    const twice = [await entry(a), { keyId: d.publicKey.keyId, signature: await a.sign(message) }];
    expect(signatureStatus(message, twice, own, twin)).toMatchObject({ met: false, missing: [] });
    expect(signatureStatus(message, [], { keyIds: [], threshold: 0 }, keys).met).toBe(false);
  });
});

function key(keytype: string, scheme: string, text: string): JsonObject {
  return jsonObject({ keytype, scheme, keyval: jsonObject({ public: text }) });
}

/** Edits, before signing, what the delegating document says about a role. */
function editRole(
  repository: Repository,
  place: Place,
  change: (role: Map<string, JsonValue>, table: Map<string, JsonValue>) => void,
): void {
  repository.edits.set(place === "project" ? "targets" : "root", (signed) => {
    if (place === "project") {
      const table = signed.get("delegations") as Map<string, JsonValue>;
      for (const role of table.get("roles") as Map<string, JsonValue>[]) change(role, table);
    } else {
      change((signed.get("roles") as Map<string, JsonValue>).get(place) as Map<string, JsonValue>, signed);
    }
  });
}

async function rewriteOwner(repository: Repository, place: Place): Promise<void> {
  if (place === "project") await repository.writeTargets("targets");
  else await repository.writeRoot();
  repository.edits.clear();
}

/** Adds a signature by `signer` under any key id; answers how many there are. */
async function resign(repository: Repository, file: string, signer: Signer, keyid: string): Promise<number> {
  const { decodeRole, signingBytes } = await import("../src/index.ts");
  const role = file.replace(/^\d+\./, "");
  const message = signingBytes(decodeRole(role, repository.file(file)).signed.raw);
  const sig = encodeHex(await signer.sign(message));
  let count = 0;
  repository.tamper(file, (document) => {
    const others = signaturesOf(document).filter((entry) => entry.get("keyid") !== keyid);
    document.set("signatures", [...others, jsonObject({ keyid, sig })]);
    count = others.length + 1;
  });
  return count;
}
