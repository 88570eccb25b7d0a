import { describe, expect, test } from "@jest/globals";
import { canonicalJson, type JsonValue, parseJson, utf8, writeJson } from "@stemma/encoding";
import {
  DEFAULT_LIMITS,
  decodeRole,
  decodeRoot,
  decodeSnapshot,
  decodeTargets,
  decodeTimestamp,
  TrustedMetadata,
} from "../src/index.ts";
import { Client, codeOf } from "./support/client.ts";
import { pathsOf, replaceAt } from "./support/mutate.ts";
import { NOW, Repository } from "./support/repository.ts";

/* The matrix of negative tests, where it touches documents and their bytes: N-13, N-16, N-17, N-20, N-25, N-26, N-30, N-33. */

const decoders = {
  root: decodeRoot,
  timestamp: decodeTimestamp,
  snapshot: decodeSnapshot,
  targets: decodeTargets,
};

/** A repository whose documents have every optional part. */
async function rich(): Promise<Repository> {
  return Repository.create((made) => {
    made.metaHashes = true;
    made.delegate("targets", "A", { paths: ["a/*"] });
    made.delegate("targets", "B", { pathHashPrefixes: ["0", "ab"] });
    made.addTarget("targets", "file", "content", ["sha256", "sha512"]);
  });
}

const FILES = { root: "1.root", timestamp: "timestamp", snapshot: "1.snapshot", targets: "1.targets" };
const KINDS = Object.keys(FILES) as (keyof typeof FILES)[];

describe.each(KINDS)("%s", (kind) => {
  const decode = decoders[kind];

  test.each([
    "abc",
    "",
    "2030",
    "9999",
    "01/02/2030",
    "2030-01-01",
    "2030-01-01T00:00:00",
    "2030-01-01T00:00:00z",
    "2030-01-01 00:00:00Z",
    "2030-01-01T00:00:00.000Z",
    "2030-01-01T00:00:00.000001Z",
    "2030-01-01T00:00:00+00:00",
    "2030-02-30T00:00:00Z",
    "2030-13-01T00:00:00Z",
    "2030-00-10T00:00:00Z",
    "2030-01-01T24:00:00Z",
    "2030-01-01T23:59:60Z",
    "2030-01-01T00:60:00Z",
    "+099999-01-01T00:00:00Z",
    "-000001-01-01T00:00:00Z",
    " 2030-01-01T00:00:00Z",
    "2030-01-01T00:00:00Z\n",
    "٢٠٣٠-01-01T00:00:00Z",
  ])("N-16 expires %j", async (expires) => {
    const repository = await rich();
    repository.tamper(FILES[kind], (document) => signedOf(document).set("expires", expires));
    expect(codeOf(() => decode(repository.file(FILES[kind])))).toBe("bad_expires");
  });

  test.each([
    ["0", "bad_number"],
    ["-1", "bad_number"],
    ["-0", "bad_number"],
    ["1.0", "bad_number"],
    ["1e3", "bad_number"],
    ["1E0", "bad_number"],
    ["1e400", "bad_number"],
    ["9007199254740993", "bad_number"],
    ["01", "bad_number"],
    ["+1", "bad_json"],
    ["NaN", "bad_json"],
    ["0x10", "bad_json"],
    ['"1"', "wrong_type"],
    ["null", "wrong_type"],
    ["true", "wrong_type"],
    ["[1]", "wrong_type"],
    ["1".repeat(1_000_000), "bad_number"],
  ])("N-17 version %.20s", async (literal, code) => {
    const bytes = await withText(kind, /"version":1([,}])(?![\s\S]*"version":)/, `"version":${literal}$1`);
    const start = performance.now();
    expect(codeOf(() => decode(bytes, ROOMY))).toBe(code);
    expect(performance.now() - start).toBeLessThan(200);
  });

  test("N-20 a member twice, plainly or by escape", async () => {
    for (const name of ["_type", "\\u005ftype"]) {
      const bytes = await withText(kind, /"_type"/, `"${name}":"${kind}","_type"`);
      expect(codeOf(() => decode(bytes))).toBe("duplicate_member");
    }
    const outside = await withText(kind, /"signed":/, '"signed":{},"signed":');
    expect(codeOf(() => decode(outside))).toBe("duplicate_member");
  });

  test.each(["1", "abc", "1.2.a", "1..0", "0.0.0", "2.0.0", "1.0.0.0", "01.0", "1.00", " 1.0", "1.0 "])(
    "spec_version %j",
    async (text) => {
      const repository = await rich();
      repository.tamper(FILES[kind], (document) => signedOf(document).set("spec_version", text));
      expect(codeOf(() => decode(repository.file(FILES[kind])))).toBe("unsupported_spec_version");
    },
  );

  test("N-25 documents that are JSON and not metadata", () => {
    const texts = [
      "null",
      "[]",
      '"x"',
      "1",
      "{}",
      '{"signed":null}',
      '{"signed":[]}',
      '{"signed":{},"signatures":[]}',
    ];
    for (const text of texts) {
      expect(["wrong_type", "missing_member"]).toContain(codeOf(() => decode(utf8(text))));
    }
    for (const other of KINDS.filter((name) => name !== kind)) {
      const text = `{"signatures":[],"signed":{"_type":"${other}"}}`;
      expect(codeOf(() => decode(utf8(text)))).toBe("wrong_role_type");
    }
  });

  test("N-25 every member replaced by every type, or left out: a typed refusal or a document, never a crash", async () => {
    const repository = await rich();
    const original = parseJson(repository.file(FILES[kind]));
    const swaps: (JsonValue | undefined)[] = [
      undefined,
      null,
      true,
      -1,
      0,
      2n ** 70n,
      "",
      "x",
      [],
      [null],
      new Map(),
      new Map([["", null]]),
    ];
    let refused = 0;
    for (const path of pathsOf(original)) {
      for (const swap of swaps) {
        const bytes = writeJson(replaceAt(original, path, swap));
        // codeOf throws again whatever is not a refusal of Stemma's.
        if (codeOf(() => decode(bytes)) !== "accepted") refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(50);
  });

  test("N-26 bytes that are not strict UTF-8 JSON", async () => {
    const repository = await rich();
    const bytes = repository.file(FILES[kind]);
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(), "bad_json"],
      [new Uint8Array([0xff, 0xfe]), "bad_utf8"],
      [new Uint8Array([0xef, 0xbb, 0xbf, ...bytes]), "bad_json"],
      [new Uint8Array([...bytes, 0]), "bad_json"],
      [new Uint8Array([...bytes, ...bytes]), "bad_json"],
      [bytes.subarray(0, -1), "bad_json"],
      [utf8(`${"[".repeat(33)}${"]".repeat(33)}`), "too_deep"],
      [utf8("[".repeat(100_000)), "too_deep"],
      [utf8('{"signed":"\\ud800"}'), "bad_json"],
      [utf8('{"signed":"\u0000"}'), "bad_json"],
    ];
    for (const [input, code] of cases) {
      const expected = input.length > 16_384 && kind === "timestamp" ? "too_large" : code;
      expect(codeOf(() => decode(input))).toBe(expected);
    }
  });

  test("more bytes than the role may have", async () => {
    const repository = await rich();
    const bytes = repository.file(FILES[kind]);
    const limits = { ...DEFAULT_LIMITS, [`${kind}Length`]: bytes.length - 1 };
    expect(codeOf(() => decode(bytes, limits))).toBe("too_large");
    expect(codeOf(() => decode(bytes, { ...limits, [`${kind}Length`]: bytes.length }))).toBe("accepted");
  });

  test("N-21 what is verified is what is read: the signed bytes come from the received members in full", async () => {
    const repository = await rich();
    const metadata = decode(repository.file(FILES[kind]));
    const document = parseJson(repository.file(FILES[kind])) as Map<string, JsonValue>;
    expect(metadata.signedBytes).toEqual(canonicalJson(signedOf(document)));
    expect(metadata.bytes).toBe(repository.file(FILES[kind]));
  });
});

describe("delegations", () => {
  const cases: [string, string, (table: Map<string, JsonValue>, role: Map<string, JsonValue>) => void][] = [
    ["N-30 an empty prefix", "bad_prefix", prefixes([""])],
    ["N-30 upper case", "bad_prefix", prefixes(["AB"])],
    ["N-30 base64url", "bad_prefix", prefixes(["q-_="])],
    ["N-30 not hex", "bad_prefix", prefixes(["0", "0x"])],
    ["N-30 65 digits", "bad_prefix", prefixes(["0".repeat(65)])],
    ["N-30 no string", "wrong_type", prefixes([0])],
    ["N-30 with paths together", "bad_delegation", (_table, role) => role.set("path_hash_prefixes", ["0"])],
    ["neither paths nor prefixes", "bad_delegation", (_table, role) => role.delete("paths")],
    ["roles and succinct_roles", "bad_delegation", (table) => table.set("succinct_roles", new Map())],
    ["neither roles nor succinct_roles", "bad_delegation", (table) => table.delete("roles")],
    ["N-33 bit_length 0", "bad_number", succinct(0)],
    ["N-33 bit_length 33", "bad_delegation", succinct(33)],
    ['N-33 bit_length "8"', "wrong_type", succinct("8")],
    ["a role named root", "bad_role_name", (_table, role) => role.set("name", "root")],
    ["a role named targets", "bad_role_name", (_table, role) => role.set("name", "targets")],
    ["a role without a name", "bad_role_name", (_table, role) => role.set("name", "")],
    ["a pattern of 257 characters", "limit_exceeded", (_table, role) => role.set("paths", ["a".repeat(257)])],
    ["1001 patterns", "limit_exceeded", (_table, role) => role.set("paths", Array(1001).fill("a"))],
    [
      "65 key ids",
      "limit_exceeded",
      (_table, role) =>
        role.set(
          "keyids",
          Array.from({ length: 65 }, (_, at) => `k${at}`),
        ),
    ],
    ["terminating as a word", "wrong_type", (_table, role) => role.set("terminating", "true")],
    ["a key id with a space", "bad_key_id", (_table, role) => role.set("keyids", ["a b"])],
  ];

  test.each(cases)("%s", async (_name, code, change) => {
    const repository = await Repository.create((made) => made.delegate("targets", "A"));
    repository.tamper("1.targets", (document) => {
      const table = signedOf(document).get("delegations") as Map<string, JsonValue>;
      const [role] = table.get("roles") as Map<string, JsonValue>[];
      if (role !== undefined) change(table, role);
    });
    expect(codeOf(() => decodeTargets(repository.file("1.targets")))).toBe(code);
  });

  test("N-33 16,385 roles", async () => {
    const repository = await Repository.create((made) => made.delegate("targets", "A"));
    repository.tamper("1.targets", (document) => {
      const table = signedOf(document).get("delegations") as Map<string, JsonValue>;
      const [role] = table.get("roles") as JsonValue[];
      table.set("roles", Array(16_385).fill(role));
    });
    expect(codeOf(() => decodeTargets(repository.file("1.targets"), ROOMY))).toBe("limit_exceeded");
  });

  test.each([1, 3])("N-13 wrong digest, length and version of a role at depth %i", async (depth) => {
    const names = ["a", "b", "c"].slice(0, depth);
    const last = names.at(-1) as string;
    const make = () =>
      Repository.create((made) => {
        made.metaHashes = true;
        names.forEach((name, at) => {
          made.delegate(at === 0 ? "targets" : (names[at - 1] as string), name);
        });
      });
    const digest = await make();
    digest.files.set(
      `1.${last}`,
      digest.file(`1.${last}`).map((byte) => (byte === 0x31 ? 0x32 : byte)),
    );
    expect(codeOf(() => new Client(digest).find("x"))).toBe("digest_mismatch");

    const shorter = await make();
    shorter.files.set(`1.${last}`, shorter.file(`1.${last}`).subarray(1));
    expect(codeOf(() => new Client(shorter).find("x"))).toBe("length_mismatch");

    const longer = await make();
    longer.files.set(`1.${last}`, new Uint8Array([...longer.file(`1.${last}`), 0x20]));
    expect(codeOf(() => new Client(longer).find("x"))).toBe("too_large");

    const other = await make();
    other.metaHashes = false;
    await other.release(last);
    other.files.set(`2.${last}`, other.file(`1.${last}`));
    expect(codeOf(() => new Client(other).find("x"))).toBe("wrong_version");
  });

  test("a signed length cannot lift the cap of its role", async () => {
    const repository = await Repository.create((made) => {
      made.metaHashes = true;
    });
    const client = new Client(repository);
    client.limits = { ...DEFAULT_LIMITS, targetsLength: 100 };
    expect(codeOf(() => client.refresh())).toBe("too_large");
  });
});

describe("the state machine", () => {
  test("the order of the workflow cannot be left", async () => {
    const repository = await Repository.create();
    const trusted = TrustedMetadata.create(repository.file("1.root"), { time: NOW });
    const { files } = repository;
    const file = (name: string) => files.get(name) as Uint8Array;
    expect(codeOf(() => trusted.updateSnapshot(file("1.snapshot")))).toBe("out_of_order");
    expect(codeOf(() => trusted.updateTargets(file("1.targets"), "targets", "root"))).toBe("out_of_order");
    trusted.updateTimestamp(file("timestamp"));
    expect(codeOf(() => trusted.updateTargets(file("1.targets"), "targets", "root"))).toBe("out_of_order");
    expect(codeOf(() => trusted.updateRoot(file("1.root")))).toBe("out_of_order");
    trusted.updateSnapshot(file("1.snapshot"));
    expect(codeOf(() => trusted.updateTimestamp(file("timestamp")))).toBe("out_of_order");
    expect(codeOf(() => trusted.updateTargets(file("1.targets"), "A", "targets"))).toBe("not_in_snapshot");
    expect(codeOf(() => trusted.checkDelegator("targets", "root"))).toBe("out_of_order");
    expect(codeOf(() => trusted.delegation("x", "targets"))).toBe("out_of_order");
    trusted.updateTargets(file("1.targets"), "targets", "root");
    expect(codeOf(() => trusted.updateSnapshot(file("1.snapshot")))).toBe("out_of_order");
    expect(codeOf(() => trusted.delegation("timestamp", "root"))).toBe("not_delegated");
    expect(codeOf(() => trusted.delegation("x", "targets"))).toBe("not_delegated");
  });

  test("a refusal leaves the trusted state as it was", async () => {
    const repository = await Repository.create();
    const trusted = TrustedMetadata.create(repository.file("1.root"), { time: NOW });
    await repository.publishRoot();
    repository.tamper("2.root", (document) => document.set("signatures", []));
    expect(codeOf(() => trusted.updateRoot(repository.file("2.root")))).toBe("threshold_not_met");
    expect(trusted.root.signed.version).toBe(1);

    repository.edits.set("timestamp", (signed) => signed.set("expires", "2026-01-01T00:00:00Z"));
    await repository.writeTimestamp();
    expect(codeOf(() => trusted.updateTimestamp(repository.file("timestamp")))).toBe("expired");
    expect(trusted.timestamp).toBeUndefined();
    expect(trusted.updateTimestamp(repository.file("timestamp"), { cached: true })).toBe("intermediate");
    expect(codeOf(() => trusted.updateSnapshot(repository.file("1.snapshot")))).toBe("expired");
    expect(trusted.snapshot).toBeUndefined();
  });

  test("decodeRole takes every name but the top level's for a targets role", async () => {
    const repository = await rich();
    for (const kind of KINDS) {
      expect(decodeRole(kind, repository.file(FILES[kind])).signed.type).toBe(kind);
      expect(codeOf(() => decodeRole("project", repository.file(FILES[kind])))).toBe(
        kind === "targets" ? "accepted" : "wrong_role_type",
      );
    }
  });
});

const ROOMY = {
  ...DEFAULT_LIMITS,
  rootLength: 10_000_000,
  timestampLength: 10_000_000,
  snapshotLength: 10_000_000,
  targetsLength: 10_000_000,
};

function signedOf(document: Map<string, JsonValue>): Map<string, JsonValue> {
  return document.get("signed") as Map<string, JsonValue>;
}

async function withText(kind: keyof typeof FILES, pattern: RegExp, replacement: string): Promise<Uint8Array> {
  const repository = await rich();
  const text = new TextDecoder().decode(repository.file(FILES[kind]));
  const changed = text.replace(pattern, replacement);
  expect(changed).not.toBe(text);
  return utf8(changed);
}

function prefixes(list: JsonValue[]) {
  return (_table: Map<string, JsonValue>, role: Map<string, JsonValue>): void => {
    role.delete("paths");
    role.set("path_hash_prefixes", list);
  };
}

function succinct(bitLength: JsonValue) {
  return (table: Map<string, JsonValue>, role: Map<string, JsonValue>): void => {
    table.delete("roles");
    const keyids = role.get("keyids") as JsonValue;
    table.set(
      "succinct_roles",
      new Map<string, JsonValue>([
        ["keyids", keyids],
        ["threshold", 1],
        ["bit_length", bitLength],
        ["name_prefix", "bin"],
      ]),
    );
  };
}
