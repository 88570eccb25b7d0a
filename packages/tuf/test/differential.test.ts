import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Signer } from "@stemma/crypto";
import { encodeHex, type JsonValue, jsonObject, parseJson, utf8, writeJson } from "@stemma/encoding";
import {
  checkThreshold,
  DEFAULT_LIMITS,
  decodeRole,
  decodeRoot,
  decodeTargets,
  findDelegation,
  isExpired,
  type Metadata,
  matchesPattern,
  type Role,
  type Root,
  rolesForTarget,
  signPayload,
} from "../src/index.ts";
import { Client, codeOf } from "./support/client.ts";
import { DIVERGENCES, type Difference } from "./support/divergences.ts";
import { HISTORIES } from "./support/histories.ts";
import { pathsOf, replaceAt } from "./support/mutate.ts";
import { NOW, Repository } from "./support/repository.ts";
import { newSigners } from "./support/signers.ts";
import { parentOf, StockClient, stockRoles, stockVerdict } from "./support/stock.ts";

/*
 * Stock tuf-js 6 on the same bytes. Where both agree, nothing is said; every difference must be a row of the table in
 * support/divergences.ts, which is the section TUF of docs/divergences.md; and every row must still be seen.
 */

const seen = new Set<string>();
let compared = 0;

/** Compares two outcomes and explains the difference, or fails. */
function compare(name: string, ours: string, theirs: string): void {
  compared += 1;
  if ((ours === "accepted") === (theirs === "accepted")) return;
  explain({ name, ours, theirs });
}

function explain(difference: Difference): void {
  const rows = DIVERGENCES.filter(
    (row) =>
      (row.ours as readonly string[]).includes(difference.ours) &&
      row.name.test(difference.name) &&
      (row.theirs ?? /^/).test(difference.theirs),
  );
  if (rows.length === 0) throw new Error(`An unexplained difference: ${JSON.stringify(difference)}`);
  for (const row of rows) seen.add(row.id);
}

/** What Stemma says to one document, signed for by another, without the rest of the workflow. */
function ourVerdict(role: string, bytes: Uint8Array, delegator: Uint8Array | undefined): string {
  return codeOf(() => {
    const metadata = decodeRole(role, bytes);
    const { entry, keys } = delegation(role, metadata, delegator);
    checkThreshold(metadata, role, entry, keys);
    if (isExpired(metadata.signed, NOW)) throw new Error("the documents compared here are fresh");
  });
}

function delegation(
  role: string,
  metadata: Metadata,
  delegator: Uint8Array | undefined,
): { entry: Role; keys: Root["keys"] } {
  if (parentOf(role) === "root") {
    const root = delegator === undefined ? (metadata as Metadata<Root>) : decodeRoot(delegator);
    return { entry: root.signed.roles.get(role as "root") as Role, keys: root.signed.keys };
  }
  const { delegations } = decodeTargets(delegator as Uint8Array).signed;
  if (delegations === undefined) throw new Error("no delegations");
  return { entry: findDelegation(delegations, role) as Role, keys: delegations.keys };
}

const ROLES = ["root", "timestamp", "snapshot", "targets", "project"];
const fileOf = (role: string): string => (role === "timestamp" ? role : `1.${role}`);

async function rich(): Promise<Repository> {
  return Repository.create((made) => {
    made.metaHashes = true;
    made.delegate("targets", "project", { paths: ["a/*"], threshold: 1 });
    made.delegate("targets", "hashed", { pathHashPrefixes: ["0", "ab"] });
    made.addTarget("targets", "file", "content", ["sha256", "sha512"]);
    const file = made.role("targets").targets.get("file");
    if (file === undefined) throw new Error("no target");
    made.role("project").targets.set("a/b", { ...file, custom: jsonObject({ note: "x" }) });
    made.delegate("project", "deeper", { paths: ["a/b/*"] });
  });
}

function compareDocument(repository: Repository, role: string, name: string, bytes: Uint8Array): void {
  const delegator = role === "root" ? undefined : repository.file(`1.${parentOf(role)}`);
  compare(`${role} ${name}`, ourVerdict(role, bytes, delegator), stockVerdict(role, bytes, delegator, NOW));
}

const SWAPS: readonly (JsonValue | undefined)[] = [
  undefined,
  null,
  true,
  -1,
  0,
  2,
  2n ** 70n,
  "",
  "x",
  "AB",
  [],
  [null],
  ["x"],
  new Map(),
  new Map([["", null]]),
];

describe("documents, against tuf-js", () => {
  let repository: Repository;
  beforeAll(async () => {
    repository = await rich();
  });

  test.each(ROLES)("honest %s", (role) => {
    const delegator = role === "root" ? undefined : repository.file(`1.${parentOf(role)}`);
    expect(ourVerdict(role, repository.file(fileOf(role)), delegator)).toBe("accepted");
    expect(stockVerdict(role, repository.file(fileOf(role)), delegator, NOW)).toBe("accepted");
  });

  test.each(ROLES)("%s with every member replaced, signed again by its owners", async (role) => {
    const signed = signedOf(parseJson(repository.file(fileOf(role))));
    const signers = keysOf(repository, role);
    for (const path of pathsOf(signed)) {
      for (const swap of SWAPS) {
        const bytes = await signPayload(replaceAt(signed, path, swap) as Map<string, JsonValue>, signers);
        compareDocument(repository, role, `${path.join(".")}=${JSON.stringify(show(swap))}`, bytes);
      }
    }
  });

  test.each(ROLES)("%s with every member replaced, not signed again: both refuse", (role) => {
    const document = parseJson(repository.file(fileOf(role))) as Map<string, JsonValue>;
    const delegator = role === "root" ? undefined : repository.file(`1.${parentOf(role)}`);
    for (const path of pathsOf(signedOf(document))) {
      for (const swap of [undefined, "x", 2, new Map()]) {
        const bytes = writeJson(replaceAt(document, ["signed", ...path], swap));
        if (writeJson(document).length === bytes.length) continue;
        expect(ourVerdict(role, bytes, delegator)).not.toBe("accepted");
        expect(stockVerdict(role, bytes, delegator, NOW)).not.toBe("accepted");
      }
    }
  });

  test.each(ROLES)("%s written in other ways", (role) => {
    const text = new TextDecoder().decode(repository.file(fileOf(role)));
    const version = /"version":1([,}])(?![\s\S]*"version":)/;
    const edits: [string, string][] = [
      ["white space", JSON.stringify(JSON.parse(text), undefined, 3)],
      ["escapes", text.replace('"_type"', '"\\u005ftype"')],
      ["number 1.0", text.replace(version, '"version":1.0$1')],
      ["number 1e0", text.replace(version, '"version":1e0$1')],
      ["number 01", text.replace(version, '"version":01$1')],
      ["number -0", text.replace(version, '"version":-0$1')],
      ["duplicate member inside", text.replace('"_type":', '"_type":"x","_type":')],
      ["duplicate member by escape", text.replace('"_type":', '"\\u005ftype":"x","_type":')],
      ["duplicate member outside", text.replace('"signatures":', '"signed":{},"signatures":')],
      ["unknown member outside", text.replace('"signatures":', '"extra":1,"signatures":')],
      [
        "limit: nested too deep outside",
        text.replace('"signatures":', `"x":${"[".repeat(40)}${"]".repeat(40)},"signatures":`),
      ],
      ["bytes: lone surrogate outside", text.replace('"signatures":', '"x":"\\ud800","signatures":')],
      ["bytes: byte order mark", `\ufeff${text}`],
      ["bytes: trailing junk", `${text}x`],
      ["bytes: control character", text.replace('"signatures":', '"x":"\u0001","signatures":')],
      [
        "signature hex in upper case",
        text.replace(/"sig":"([0-9a-f]*)"/g, (_all, hex: string) => `"sig":"${hex.toUpperCase()}"`),
      ],
      ["signature hex with junk", text.replace(/"sig":"([0-9a-f]*)"/g, '"sig":"$1zz"')],
      ["signature hex empty", text.replace(/"sig":"([0-9a-f]*)"/g, '"sig":""')],
      ["signature twice", text.replace(/"signatures":\[(\{[^}]*\})/, '"signatures":[$1,$1')],
      ["signature foreign", text.replace(/"signatures":\[/, '"signatures":[{"keyid":"ab","sig":"00"},')],
      ["signature placeholder", text.replace(/"signatures":\[/, '"signatures":[{"keyid":"ab","sig":""},')],
      [
        "limit: signatures",
        text.replace(
          /"signatures":\[/,
          `"signatures":[${Array.from({ length: 64 }, (_, at) => `{"keyid":"k${at}","sig":"00"},`).join("")}`,
        ),
      ],
    ];
    for (const [name, changed] of edits) {
      if (name !== "white space") expect(changed).not.toBe(text);
      compareDocument(repository, role, name, utf8(changed));
    }
    const raw = Buffer.from(text.replace('"signatures":', '"x":"~","signatures":'), "utf8");
    raw[raw.indexOf("~")] = 0xff;
    compareDocument(repository, role, "bytes: not UTF-8 outside", new Uint8Array(raw));
  });

  test.each(ROLES)("%s with other dates and spec_versions", async (role) => {
    const dates = [
      "2030",
      "9999",
      "2030-01-01",
      "01/02/2030",
      "2030-02-30T00:00:00Z",
      "2030-01-01T00:00:00",
      "2030-01-01T00:00:00.000001Z",
      "2030-01-01T00:00:00+00:00",
      "2030-01-01T24:00:00Z",
      "+099999-01-01T00:00:00Z",
      "abc",
      "",
    ];
    const specs = [
      "1.0",
      "1.0.0",
      "1.99.99",
      "1",
      "2.0.0",
      "1. 0.0",
      "1.0.",
      "1..0",
      "1.00.0",
      "1.0x1.0",
      "1.a",
      "1.0.0.0",
    ];
    for (const [member, values] of [
      ["expires", dates],
      ["spec_version", specs],
    ] as const) {
      for (const value of values) {
        const payload = new Map(signedOf(parseJson(repository.file(fileOf(role))))).set(member, value);
        compareDocument(
          repository,
          role,
          `${member}=${value}`,
          await signPayload(payload, keysOf(repository, role)),
        );
      }
    }
  });

  test("keys, thresholds and names", async () => {
    const [first, second] = newSigners(2) as [Signer, Signer];
    const pem = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }) as string;
    const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({
      type: "spki",
      format: "pem",
    }) as string;
    const raw = first.publicKey.toJson().get("keyval") as Map<string, string>;
    const hex = raw.get("public") as string;
    const signature = async (keyid: string, signer: Signer, message: Uint8Array) =>
      jsonObject({ keyid, sig: encodeHex(await signer.sign(message)) });

    /** The project signed by `first` (and more), where targets lists these keys for it. */
    const withKeys = async (name: string, keys: [string, JsonValue][], threshold: number, ids: string[]) => {
      const made = await rich();
      made.edits.set("targets", (signed) => {
        const table = signed.get("delegations") as Map<string, JsonValue>;
        table.set("keys", new Map([...(table.get("keys") as Map<string, JsonValue>), ...keys]));
        const [role] = table.get("roles") as Map<string, JsonValue>[];
        role
          ?.set(
            "keyids",
            keys.map(([id]) => id),
          )
          .set("threshold", threshold);
      });
      await made.writeTargets("targets");
      const message = decodeRole("project", made.file("1.project")).signedBytes;
      const signatures = await Promise.all(ids.map((id) => signature(id, first, message)));
      made.tamper("1.project", (document) => document.set("signatures", signatures));
      compareDocument(made, "project", name, made.file("1.project"));
    };
    const own = first.publicKey.toJson();
    await withKeys("one key", [["a", own]], 1, ["a"]);
    await withKeys(
      "two key ids",
      [
        ["a", own],
        ["b", own],
      ],
      2,
      ["a", "b"],
    );
    await withKeys(
      "threshold not reached",
      [
        ["a", own],
        ["b", second.publicKey.toJson()],
      ],
      2,
      ["a"],
    );
    await withKeys("key: scheme of another type", [["a", key("ed25519", "rsassa-pss-sha256", hex)]], 1, [
      "a",
    ]);
    await withKeys("key: upper case", [["a", key("ed25519", "ed25519", hex.toUpperCase())]], 1, ["a"]);
    await withKeys("key: PEM of another key", [["a", key("ed25519", "ed25519", pem)]], 1, ["a"]);
    await withKeys(
      "key: small RSA beside",
      [
        ["a", own],
        ["b", key("rsa", "rsassa-pss-sha256", small)],
      ],
      1,
      ["a"],
    );
    await withKeys(
      "keys: unknown type beside",
      [
        ["a", own],
        ["b", key("quantum", "quantum", "ab")],
      ],
      1,
      ["a"],
    );
    await withKeys(
      "keys: unreadable beside",
      [
        ["a", own],
        ["b", jsonObject({ keytype: "ed25519" })],
      ],
      1,
      ["a"],
    );
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "10"]) {
      await withKeys(`name: key id ${name}`, [[name, own]], 1, [name]);
    }

    // A key of small order: R is the identity and S is 0, which such a key takes for any message.
    const weak = await rich();
    weak.edits.set("targets", (signed) => {
      const table = signed.get("delegations") as Map<string, JsonValue>;
      (table.get("keys") as Map<string, JsonValue>).set(
        "w",
        key("ed25519", "ed25519", `01${"00".repeat(31)}`),
      );
      (table.get("roles") as Map<string, JsonValue>[])[0]?.set("keyids", ["w"]);
    });
    await weak.writeTargets("targets");
    weak.tamper("1.project", (document) =>
      document.set("signatures", [jsonObject({ keyid: "w", sig: `01${"00".repeat(63)}` })]),
    );
    compareDocument(weak, "project", "key: small order", weak.file("1.project"));

    const names: [string, string[]][] = [
      ["plain", ["b", "c"]],
      ["integers", ["b", "10", "2"]],
      ["__proto__", ["__proto__", "b"]],
      ["constructor", ["constructor", "b"]],
      ["twice", ["b", "b"]],
    ];
    for (const [name, list] of names) {
      const made = await Repository.create((repo) => {
        for (const role of list) repo.delegate("targets", role);
      });
      compareDocument(made, "targets", `name: roles ${name}`, made.file("1.targets"));
    }
    for (const [name, custom] of [
      ["plain", jsonObject({ a: 1, b: [true, null, "x"] })],
      ["astral names", jsonObject({ "\ufffd": 1, "😀": 2 })],
      ["integer beyond 2^53", jsonObject({ n: 2n ** 53n + 1n })],
      ["control characters and quotes", jsonObject({ 'a\u0001\n"\\': '\u0000"\\' })],
    ] as const) {
      const made = await rich();
      made
        .role("project")
        .targets.set("a/b", { length: 1, hashes: new Map([["sha256", "ab".repeat(32)]]), custom });
      await made.writeTargets("project");
      const bytes = made.file("1.project");
      const delegator = made.file("1.targets");
      compare(
        `canonical: ${name}`,
        ourVerdict("project", bytes, delegator),
        stockVerdict("project", bytes, delegator, NOW),
      );
    }
    for (const [name, list] of [
      ["limit: patterns", Array<string>(1_001).fill("a")],
      ["limit: pattern length", ["a".repeat(257)]],
    ] as const) {
      const made = await Repository.create((repo) =>
        repo.delegate("targets", "project", { paths: [...list] }),
      );
      compareDocument(made, "targets", name, made.file("1.targets"));
    }
  });

  test("path patterns: the same roles for the same path, or a row of the table", async () => {
    const golden = JSON.parse(
      readFileSync(new URL("./fixtures/glob-python.json", import.meta.url), "utf8"),
    ) as {
      paths: string[];
      matches: Record<string, string[]>;
    };
    for (const pattern of Object.keys(golden.matches)) {
      const made = await Repository.create((repo) =>
        repo.delegate("targets", "project", { paths: [pattern] }),
      );
      const bytes = made.file("1.targets");
      const { delegations } = decodeTargets(bytes).signed;
      if (delegations === undefined) throw new Error("no delegations");
      for (const path of golden.paths) {
        const ours = [...rolesForTarget(delegations, path)].map(({ name }) => name).join(",");
        expect(ours).toBe(matchesPattern(path, pattern) ? "project" : "");
        compared += 1;
        const theirs = stockRoles(bytes, path);
        if (ours === theirs) continue;
        // Only what the table's row names may differ.
        expect([pattern, path].some(oddForMinimatch)).toBe(true);
        explain({ name: `pattern: ${pattern} on ${path}`, ours: "accepted", theirs });
      }
    }
  });
});

describe("histories, against tuf-js", () => {
  beforeAll(() => {
    jest.useFakeTimers({
      now: NOW,
      doNotFake: [
        "nextTick",
        "setImmediate",
        "setTimeout",
        "setInterval",
        "queueMicrotask",
        "performance",
        "hrtime",
        "clearTimeout",
        "clearInterval",
        "clearImmediate",
      ],
    });
  });
  afterAll(() => {
    jest.useRealTimers();
  });

  test.each(Object.entries(HISTORIES))("%s", async (name, { path = "missing", setUp, steps }) => {
    const repository = await Repository.create((made) => {
      made.delegate("targets", "project");
      setUp?.(made);
    });
    const stock = new StockClient(repository);
    const client = new Client(repository);
    // tuf-js lets the signed length replace its cap; a cap this small shows it without megabytes.
    if (name.startsWith("length")) client.limits = { ...DEFAULT_LIMITS, targetsLength: 4_000 };
    try {
      for (const step of [() => undefined, ...steps]) {
        await step(repository);
        const ours = codeOf(() => client.find(path));
        const theirs = await stock.find(path);
        compare(`history: ${name}`, ours, theirs === "found" || theirs === "not found" ? "accepted" : theirs);
      }
    } finally {
      stock.close();
    }
  });
});

describe("the table of divergences", () => {
  test("every row was seen, and enough was compared to mean something", () => {
    expect(DIVERGENCES.filter(({ id }) => !seen.has(id)).map(({ id }) => id)).toEqual([]);
    expect(compared).toBeGreaterThan(5_000);
  });

  test("docs/divergences.md, section TUF, has exactly these rows", () => {
    const text = readFileSync(new URL("../../../docs/divergences.md", import.meta.url), "utf8");
    const section = text.split(/^## /m).find((part) => part.startsWith("TUF")) ?? "";
    const rows = section.split("\n").filter((line) => /^\| T-\d/.test(line));
    const quoted = (cell: string) => cell.replaceAll("|", "\\|");
    expect(rows).toEqual(
      DIVERGENCES.map(
        (row) => `| ${[row.id, row.what, row.stemma, row.tufJs, row.why].map(quoted).join(" | ")} |`,
      ),
    );
  });
});

/** What readers of path patterns differ on: special characters, dots first, empty segments, astral characters. */
function oddForMinimatch(text: string): boolean {
  return (
    /[{}!#()+@\\|^[\]]|\*\*|(?:^|\/)\./.test(text) ||
    /[^\0-\uffff]/u.test(text) ||
    text.split("/").includes("")
  );
}

function keysOf(repository: Repository, role: string): Signer[] {
  return parentOf(role) === "root" ? repository.top[role as "root"].keys : repository.role(role).keys;
}

function signedOf(document: JsonValue): Map<string, JsonValue> {
  return (document as Map<string, JsonValue>).get("signed") as Map<string, JsonValue>;
}

function key(keytype: string, scheme: string, text: string): JsonValue {
  return jsonObject({ keytype, scheme, keyval: jsonObject({ public: text }) });
}

function show(value: JsonValue | undefined): string {
  return value === undefined ? "removed" : new TextDecoder().decode(writeJson(value));
}
