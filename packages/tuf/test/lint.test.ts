import { describe, expect, test } from "@jest/globals";
import type { Signer } from "@stemma/crypto";
import { type JsonValue, jsonObject } from "@stemma/encoding";
import { decodeRole, lintForPublish, type PublishContext, publishFindings } from "../src/index.ts";
import { codeOf } from "./support/client.ts";
import { NOW, Repository } from "./support/repository.ts";
import { newSigner } from "./support/signers.ts";

/* What the service does not publish although a client could live with it: the column "I" of the negative matrix. */

type Change = (signed: Map<string, JsonValue>, document: Map<string, JsonValue>) => void;

/** The first finding about a document that `change` has edited: `signed` before it is signed, `document` afterwards. */
async function lint(role: string, change: Change, context: Partial<PublishContext> = {}): Promise<string> {
  const repository = await Repository.create((made) => {
    made.delegate("targets", "project", { paths: ["projects/project/*"] });
    made.addTarget("targets", "dir/file.txt", "x");
    made.edits.set(role, (signed) => change(signed, new Map()));
  });
  const file = role === "timestamp" ? role : `1.${role}`;
  repository.tamper(file, (document) =>
    change(new Map(document.get("signed") as Map<string, JsonValue>), document),
  );
  return codeOf(() =>
    lintForPublish(decodeRole(role, repository.file(file)), { role, time: NOW, ...context }),
  );
}

const keysOf = (signed: Map<string, JsonValue>) => signed.get("keys") as Map<string, JsonValue>;
const rolesOf = (signed: Map<string, JsonValue>) =>
  signed.get("roles") as Map<string, Map<string, JsonValue>>;
const tableOf = (signed: Map<string, JsonValue>) => signed.get("delegations") as Map<string, JsonValue>;
const delegated = (signed: Map<string, JsonValue>) =>
  (tableOf(signed).get("roles") as Map<string, JsonValue>[])[0] as Map<string, JsonValue>;
const target = (signed: Map<string, JsonValue>) =>
  (signed.get("targets") as Map<string, Map<string, JsonValue>>).get("dir/file.txt") as Map<
    string,
    JsonValue
  >;

describe("lintForPublish", () => {
  test.each(["root", "timestamp", "snapshot", "targets", "project"])("an honest %s passes", async (role) => {
    expect(await lint(role, () => undefined)).toBe("accepted");
  });

  test("N-02 one public key under two key ids, in root and in delegations", async () => {
    const twice = (keys: Map<string, JsonValue>) => {
      const [id, key] = [...keys][0] as [string, JsonValue];
      keys.set(
        id.replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
        new Map([...(key as Map<string, JsonValue>), ["note", "x"]]),
      );
    };
    for (const [role, keys] of [
      ["root", keysOf],
      ["targets", (signed: Map<string, JsonValue>) => keysOf(tableOf(signed))],
    ] as const) {
      const repository = await Repository.create((made) => {
        made.delegate("targets", "project");
        made.edits.set(role, (signed) => twice(keys(signed)));
      });
      const metadata = decodeRole(role, repository.file(`1.${role}`));
      const codes = [...publishFindings(metadata, { role, time: NOW })].map(({ code }) => code);
      expect(codes).toContain("duplicate_key_material");
      expect(codes).toContain("key_id_mismatch");
    }
  });

  test("N-03 more signatures needed than there are usable keys", async () => {
    expect(await lint("root", (signed) => rolesOf(signed).get("timestamp")?.set("threshold", 2))).toBe(
      "invalid_threshold",
    );
    expect(await lint("targets", (signed) => delegated(signed).set("threshold", 2))).toBe(
      "invalid_threshold",
    );
  });

  test.each<[string, JsonValue]>([
    ["N-05 31 bytes", publicKey("ed25519", "ed25519", "ab".repeat(31))],
    ["N-05 a scheme of another type", publicKey("ed25519", "rsassa-pss-sha256", "ab".repeat(32))],
    ["N-05 an unknown type", publicKey("quantum", "quantum", "ab")],
    ["N-09 a point of small order", publicKey("ed25519", "ed25519", `01${"00".repeat(31)}`)],
    ["N-25 no key at all", null],
  ])("unusable key: %s", async (_name, key) => {
    expect(await lint("root", (signed) => keysOf(signed).set("odd", key))).toBe("unusable_key");
    expect(await lint("targets", (signed) => keysOf(tableOf(signed)).set("odd", key))).toBe("unusable_key");
  });

  test("N-05 a role that names a key which is not there", async () => {
    expect(await lint("root", (signed) => rolesOf(signed).get("snapshot")?.set("keyids", ["ab"]))).toBe(
      "unusable_key",
    );
  });

  test.each([
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "10",
    "2",
    "A",
    "a b",
    "a/b",
    "..",
    "../a",
    "/a",
    "%2e%2e",
    "a\u0000",
    "C:\\",
    "con",
    "nul",
    "a.",
    "é",
    "-a",
    "a".repeat(64),
  ])("N-07, N-27 a role named %j", async (name) => {
    expect(await lint("targets", (signed) => delegated(signed).set("name", name))).toBe("bad_role_name");
  });

  test.each([
    "__proto__",
    "constructor",
    "../x",
    "/x",
    "a/../b",
    "a/./b",
    "a//b",
    "a/",
    "",
    "%2e%2e/x",
    "a\u0000b",
    "C:\\x",
    "a\\b",
    "CON",
    "dir/nul.txt",
    "lpt1",
    "trailing.",
    "é",
    " a",
    "a b",
    "a".repeat(1025),
    `a/${"b".repeat(256)}`,
  ])("N-07, N-27 a target path %j", async (path) => {
    const change: Change = (signed) => {
      const targets = signed.get("targets") as Map<string, JsonValue>;
      targets.set(path, target(signed));
    };
    expect(await lint("targets", change)).toBe("bad_target_path");
  });

  test.each(["../*", "/x/*", "a/**/../b", "{a,b}", "!a", "#c", "+(a|b)", "a\\*", "", "a b", "é*"])(
    "N-29 a path pattern %j that readers disagree about",
    async (pattern) => {
      expect(await lint("targets", (signed) => delegated(signed).set("paths", [pattern]))).toBe(
        "bad_pattern",
      );
    },
  );

  test("N-08 a signature that is not strict hex, or none", async () => {
    for (const sig of ["", "zz", "AB", "abc"]) {
      const code = await lint("targets", (_signed, document) => {
        const [entry] = (document.get("signatures") ?? []) as Map<string, JsonValue>[];
        entry?.set("sig", sig);
      });
      expect(code).toBe("bad_encoding");
    }
  });

  test("N-15 versions that nobody could follow", async () => {
    const at = (version: number) => lint("targets", (signed) => signed.set("version", version));
    expect(await at(1_000)).toBe("accepted");
    expect(await at(1_001)).toBe("version_jump");
    expect(await at(2 ** 31)).toBe("version_jump");
    const far = { maxVersionJump: Number.MAX_SAFE_INTEGER };
    expect(await lint("targets", (signed) => signed.set("version", 2 ** 31 - 1), far)).toBe("accepted");
    expect(await lint("targets", (signed) => signed.set("version", 2 ** 31), far)).toBe("version_jump");
  });

  test("the version must follow the published one", async () => {
    const repository = await Repository.create();
    await repository.release("targets");
    const current = decodeRole("targets", repository.file("2.targets"));
    expect(await lint("targets", () => undefined, { current })).toBe("rollback");
    expect(await lint("targets", (signed) => signed.set("version", 2), { current })).toBe("rollback");
    expect(await lint("targets", (signed) => signed.set("version", 3), { current })).toBe("accepted");
  });

  test("expired already", async () => {
    expect(await lint("targets", (signed) => signed.set("expires", "2026-06-01T12:00:00Z"))).toBe("expired");
  });

  test("N-19 members without a meaning, outside of what is signed and where other clients are strict", async () => {
    expect(await lint("targets", (_signed, document) => document.set("extra", 1))).toBe("unexpected_field");
    const inSignature: Change = (_signed, document) => {
      const [entry] = (document.get("signatures") ?? []) as Map<string, JsonValue>[];
      entry?.set("extra", 1);
    };
    expect(await lint("targets", inSignature)).toBe("unexpected_field");
    expect(
      await lint("root", (signed) => rolesOf(signed).set("mirrors", rolesOf(signed).get("root") as never)),
    ).toBe("unexpected_field");
    const moreMeta: Change = (signed) =>
      (signed.get("meta") as Map<string, JsonValue> | undefined)?.set(
        "root.json",
        jsonObject({ version: 1 }),
      );
    expect(await lint("timestamp", moreMeta)).toBe("unexpected_field");
    // Inside signed it is a custom field, which every client must take.
    expect(await lint("targets", (signed) => signed.set("x-note", "hello"))).toBe("accepted");
  });

  test("N-21 documents that other readers would verify as other bytes", async () => {
    expect(await lint("targets", (signed) => signed.set("x-big", 2n ** 53n + 1n))).toBe(
      "not_canonical_roundtrip",
    );
    // U+1F600 sorts after U+FFFD by code point, and before it by UTF-16 unit.
    const names = jsonObject({ "\ufffd": 1, "😀": 2 });
    expect(await lint("targets", (signed) => signed.set("x-names", names))).toBe("not_canonical_roundtrip");
    expect(
      await lint("targets", (signed) =>
        signed.set("x-names", jsonObject({ b: 1, "10": 2, "2": 3, __proto: 4 })),
      ),
    ).toBe("accepted");
  });

  test("N-33 a role that delegates to itself, too many roles, too many bins", async () => {
    expect(
      await lint("project", (signed) =>
        signed.set(
          "delegations",
          new Map<string, JsonValue>([
            ["keys", new Map()],
            ["roles", [selfRole("project")]],
          ]),
        ),
      ),
    ).toBe("bad_delegation");
    const many = Array.from({ length: 1_025 }, (_, at) => selfRole(`r${at}`));
    expect(
      await lint("project", (signed) =>
        signed.set(
          "delegations",
          new Map<string, JsonValue>([
            ["keys", new Map()],
            ["roles", many],
          ]),
        ),
      ),
    ).toBe("limit_exceeded");
    for (const [bitLength, code] of [
      [15, "accepted"],
      [16, "limit_exceeded"],
    ] as const) {
      const repository = await Repository.create((made) =>
        made.delegateBins("targets", bitLength, "bin", []),
      );
      const metadata = decodeRole("targets", repository.file("1.targets"));
      expect(codeOf(() => lintForPublish(metadata, { role: "targets", time: NOW }))).toBe(code);
    }
  });

  test("N-34 targets without a sha256, or with digests that some client does not know", async () => {
    const hashes = (value: Record<string, string>) =>
      lint("targets", (signed) => target(signed).set("hashes", jsonObject(value)));
    expect(await hashes({})).toBe("no_strong_digest");
    expect(await hashes({ sha512: "ab".repeat(64) })).toBe("no_strong_digest");
    expect(await hashes({ sha256: "AB".repeat(32) })).toBe("bad_digest");
    expect(await hashes({ sha256: "ab".repeat(31) })).toBe("bad_digest");
    expect(await hashes({ sha256: "ab".repeat(32), md5: "ab".repeat(16) })).toBe("bad_digest");
    expect(await hashes({ sha256: "ab".repeat(32), sha512: "ab".repeat(64) })).toBe("accepted");
  });

  test("root without consistent snapshots", async () => {
    expect(await lint("root", (signed) => signed.set("consistent_snapshot", false))).toBe("wrong_type");
  });
});

function publicKey(keytype: string, scheme: string, text: string): JsonValue {
  return jsonObject({ keytype, scheme, keyval: jsonObject({ public: text }) });
}

/** A delegated role without keys; its other faults come after the one that is tested. */
function selfRole(name: string): JsonValue {
  const signer: Signer = newSignerOnce();
  return jsonObject({
    name,
    keyids: [signer.publicKey.keyId],
    threshold: 1,
    terminating: false,
    paths: ["*"],
  });
}

let shared: Signer | undefined;
function newSignerOnce(): Signer {
  shared ??= newSigner();
  return shared;
}
