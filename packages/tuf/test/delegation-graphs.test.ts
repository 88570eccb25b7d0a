import { describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import type { JsonValue } from "@stemma/encoding";
import { utf8 } from "@stemma/encoding";
import { binName, binNames, isBinName } from "../src/index.ts";
import { Client, codeOf } from "./support/client.ts";
import { Repository } from "./support/repository.ts";
import { newSigner } from "./support/signers.ts";

/* tuf-conformance test_updater_delegation_graphs, and N-22, N-23, N-32, N-33, N-75, N-76 (TUF 5.6.7). */

/** Delegator, role, and what differs from a plain delegation of everything. */
type Edge = readonly [delegator: string, role: string, options?: { terminating?: boolean; paths?: string[] }];

async function graph(edges: readonly Edge[], targets: readonly (readonly [string, string])[] = []) {
  const repository = await Repository.create((made) => {
    for (const [delegator, role, options] of edges) made.delegate(delegator, role, options);
    for (const [role, path] of targets) made.addTarget(role, path, `${path} by ${role}`);
  });
  return { repository, client: new Client(repository) };
}

/** Delegated roles that were asked for, in order. */
const visited = (repository: Repository): string[] => repository.requests.slice(4).map(([role]) => role);

const ALL_BUT = { terminating: true };
const PY = { paths: ["*.py"] };

const GRAPHS: Record<string, { edges: readonly Edge[]; order: string }> = {
  "basic-delegation": { edges: [["targets", "A"]], order: "A" },
  "single-level-delegations": {
    edges: [
      ["targets", "A"],
      ["targets", "B"],
    ],
    order: "AB",
  },
  "two-level-delegations": {
    edges: [
      ["targets", "A"],
      ["targets", "B"],
      ["B", "C"],
    ],
    order: "ABC",
  },
  "two-level-test-DFS-order-of-traversal": {
    edges: [
      ["targets", "A"],
      ["targets", "B"],
      ["A", "C"],
      ["A", "D"],
    ],
    order: "ACDB",
  },
  "three-level-delegation-test-DFS-order-of-traversal": {
    edges: [
      ["targets", "A"],
      ["targets", "B"],
      ["A", "C"],
      ["C", "D"],
    ],
    order: "ACDB",
  },
  "two-level-terminating-ignores-all-but-roles-descendants": {
    edges: [
      ["targets", "A"],
      ["targets", "B"],
      ["A", "C", ALL_BUT],
      ["A", "D"],
    ],
    order: "AC",
  },
  "three-level-terminating-ignores-all-but-roles-descendants": {
    edges: [
      ["targets", "A"],
      ["targets", "B"],
      ["A", "C", ALL_BUT],
      ["C", "D"],
    ],
    order: "ACD",
  },
  "two-level-ignores-all-branches-not-matching-paths": {
    edges: [
      ["targets", "A", PY],
      ["targets", "B"],
      ["A", "C"],
    ],
    order: "B",
  },
  "three-level-ignores-all-branches-not-matching-paths": {
    edges: [
      ["targets", "A"],
      ["targets", "B"],
      ["A", "C", PY],
      ["C", "D"],
    ],
    order: "AB",
  },
  "cyclic-graph": {
    edges: [
      ["targets", "A"],
      ["targets", "B"],
      ["B", "C"],
      ["C", "D"],
      ["D", "B"],
    ],
    order: "ABCD",
  },
  "two-roles-delegating-to-a-third": {
    edges: [
      ["targets", "A"],
      ["targets", "B"],
      ["B", "C"],
      ["A", "C"],
    ],
    order: "ACB",
  },
  "two-roles-delegating-to-a-third-different-paths": {
    edges: [
      ["targets", "A"],
      ["targets", "B"],
      ["B", "C"],
      ["A", "C", PY],
    ],
    order: "ABC",
  },
};

describe("delegations", () => {
  test.each(Object.entries(GRAPHS))("graph_traversal[%s]", async (_name, { edges, order }) => {
    const { client, repository } = await graph(edges);
    expect(client.find("missingpath")).toBeUndefined();
    expect(visited(repository).join("")).toBe(order);
  });

  const TREE: readonly Edge[] = [
    ["targets", "A", { paths: ["*.doc", "*.md"] }],
    ["targets", "B", { paths: ["releases/*/*"] }],
    ["B", "C", { paths: ["releases/x/*"] }],
    ["B", "D", { paths: ["releases/y/*.zip"] }],
  ];
  const FILES = [
    ["targets", "targetfile"],
    ["A", "README.md"],
    ["C", "releases/x/x_v1"],
    ["D", "releases/y/y_v1.zip"],
    ["D", "releases/z/z_v1.zip"],
    ["A", "releases/x/README.md"],
    ["B", "README.txt"],
  ] as const;

  test.each([
    ["no delegations", "targetfile", "", ["targets"]],
    ["targetpath matches wildcard", "README.md", "A", ["targets", "A"]],
    ["targetpath with separators x", "releases/x/x_v1", "BC", ["targets", "B", "C"]],
    ["targetpath with separators y", "releases/y/y_v1.zip", "BD", ["targets", "B", "D"]],
    ["N-76 targetpath is not delegated by all roles in the chain", "releases/z/z_v1.zip", "B", undefined],
    ["wildcard does not cross a separator", "releases/x/y/z", "", undefined],
    ["A lists it, but nobody trusts A with it", "releases/x/README.md", "BC", undefined],
    ["B lists it, but nobody trusts B with it", "README.txt", "", undefined],
    ["no such target", "releases/y/y_v1", "B", undefined],
  ] as const)("targetfile_search[%s]", async (_name, path, order, chain) => {
    const { client, repository } = await graph(TREE, FILES);
    expect(client.find(path)?.chain).toEqual(chain);
    expect(visited(repository).join("")).toBe(order);
  });

  test("delegation_not_in_snapshot", async () => {
    const { client, repository } = await graph([["targets", "A"]]);
    repository.meta.delete("A");
    await repository.release();
    expect(codeOf(() => client.find("x"))).toBe("not_in_snapshot");
  });

  test("cached_role_is_verified_against_current_delegator, N-75", async () => {
    // A and B delegate to C with different keys; C is signed for A. Each is trusted with its own file.
    const repository = await Repository.create((made) => {
      made.delegate("targets", "A", { paths: ["a*"] });
      made.delegate("targets", "B", { paths: ["b*"] });
      made.delegate("A", "C");
      made.delegate("B", "C", { keys: [newSigner()] });
      made.addTarget("C", "a-file", "a");
      made.addTarget("C", "b-file", "b");
    });
    const client = new Client(repository);
    const trusted = client.session();
    expect(client.find("a-file", trusted)?.chain).toEqual(["targets", "A", "C"]);
    // In the same session, and from the cache on disk in another.
    expect(codeOf(() => client.find("b-file", trusted))).toBe("threshold_not_met");
    expect(codeOf(() => client.find("b-file"))).toBe("threshold_not_met");
    expect(codeOf(() => client.find("a-file"))).toBe("accepted");
  });

  test("N-75 a cached role whose delegator has revoked its key since", async () => {
    const { client, repository } = await graph([["targets", "A"]], [["A", "file"]]);
    expect(client.find("file")?.role).toBe("A");
    const [delegation] = repository.role("targets").delegations;
    if (delegation === undefined) throw new Error("no delegation");
    repository.role("targets").delegations = [{ ...delegation, keys: [newSigner().publicKey] }];
    await repository.release("targets");
    expect(codeOf(() => client.find("file"))).toBe("threshold_not_met");
  });

  test("N-32 a terminating delegation hides later roles, also of the levels above", async () => {
    const { client } = await graph(
      [
        ["targets", "A", ALL_BUT],
        ["targets", "B"],
      ],
      [["B", "file"]],
    );
    expect(client.find("file")).toBeUndefined();
  });

  test("priority: the first role that lists the target wins", async () => {
    const { client } = await graph(
      [
        ["targets", "A"],
        ["targets", "B"],
      ],
      [
        ["A", "file"],
        ["B", "file"],
      ],
    );
    expect(client.find("file")?.role).toBe("A");
  });

  test.each([[["b", "10", "2"]], [["2", "b", "10"]], [["constructor", "__proto__", "1"]]])(
    "N-23, N-07 roles %j keep exactly their order, and none is skipped",
    async (names) => {
      const { client, repository } = await graph(names.map((name) => ["targets", name] as const));
      expect(client.find("missing")).toBeUndefined();
      expect(visited(repository)).toEqual(names);
      for (const name of names) repository.addTarget(name, "file", name);
      await repository.release(...names);
      expect(client.find("file")?.role).toBe(names[0]);
    },
  );

  test("N-07 target paths named like members of every object", async () => {
    const paths = ["__proto__", "constructor", "toString", "hasOwnProperty", "10"];
    const { client, repository } = await graph([]);
    for (const path of paths) expect(client.find(path)).toBeUndefined();
    for (const path of paths) repository.addTarget("targets", path, path);
    await repository.release("targets");
    for (const path of paths) expect(client.find(path)?.path).toBe(path);
  });

  test("N-22 two entries of one name", async () => {
    const { client, repository } = await graph([["targets", "A"]]);
    repository.edits.set("targets", (signed) => {
      const table = signed.get("delegations") as Map<string, JsonValue>;
      const [role] = table.get("roles") as Map<string, JsonValue>[];
      if (role !== undefined) table.set("roles", [role, new Map(role).set("threshold", 1)]);
    });
    await repository.release("targets");
    expect(codeOf(() => client.find("x"))).toBe("duplicate_role");
  });

  test.each([
    [
      "a loop to itself",
      [
        ["targets", "A"],
        ["A", "A"],
      ] as Edge[],
      1,
    ],
    [
      "a loop over targets",
      [
        ["targets", "A"],
        ["A", "B"],
        ["B", "A"],
      ] as Edge[],
      2,
    ],
  ])("N-33 %s ends", async (_name, edges, count) => {
    const { client, repository } = await graph(edges);
    expect(client.find("missing")).toBeUndefined();
    expect(visited(repository)).toHaveLength(count);
  });

  test.each([
    ["wide", (at: number): Edge => ["targets", `r${at}`]],
    ["deep", (at: number): Edge => [at === 0 ? "targets" : `r${at - 1}`, `r${at}`]],
  ])("N-33 40 roles, %s: 32 are visited, then it is not found", async (_name, edge) => {
    const { client, repository } = await graph(
      Array.from({ length: 40 }, (_, at) => edge(at)),
      [
        ["r31", "at the limit"],
        ["r32", "beyond the limit"],
      ],
    );
    expect(client.find("at the limit")?.role).toBe("r31");
    repository.requests = [];
    client.cache.clear();
    expect(client.find("beyond the limit")).toBeUndefined();
    expect(visited(repository)).toHaveLength(32);
  });

  test("path_hash_prefixes: the sha256 of the path decides", async () => {
    const path = "some/dir/file";
    const hash = sha256(utf8(path));
    const other = hash.startsWith("0") ? "1" : "0";
    for (const [prefixes, found] of [
      [[hash.slice(0, 2)], true],
      [[other, hash], true],
      [[other], false],
    ] as const) {
      const repository = await Repository.create((made) => {
        made.delegate("targets", "A", { pathHashPrefixes: [...prefixes] });
        made.addTarget("A", path, "x");
      });
      expect(new Client(repository).find(path) !== undefined).toBe(found);
    }
  });

  test("succinct_roles: a path is in exactly its bin, and the bin is terminating", async () => {
    const path = "sha256/abc";
    const succinct = { bitLength: 4, namePrefix: "bin", keyIds: [], threshold: 1 };
    const bin = binName(succinct, path);
    const repository = await Repository.create((made) => {
      made.delegateBins("targets", 4, "bin", [...binNames(succinct)]);
      made.addTarget(bin, path, "x");
      made.addTarget(bin === "bin-0" ? "bin-1" : "bin-0", "other", "x");
    });
    const client = new Client(repository);
    expect(client.find(path)?.chain).toEqual(["targets", bin]);
    expect(visited(repository)).toEqual([bin]);
  });

  test("bin names: TAP 15, for every bit length", () => {
    const path = "file";
    const bits = BigInt(`0x${sha256(utf8(path))}`);
    for (let bitLength = 1; bitLength <= 32; bitLength += 1) {
      const succinct = { bitLength, namePrefix: "bin", keyIds: [], threshold: 1 };
      const index = Number(bits >> BigInt(256 - bitLength));
      const last = (2 ** bitLength - 1).toString(16);
      const name = `bin-${index.toString(16).padStart(last.length, "0")}`;
      expect(binName(succinct, path)).toBe(name);
      expect(isBinName(succinct, name)).toBe(true);
      expect(isBinName(succinct, `bin-${last}`)).toBe(true);
      expect(isBinName(succinct, `bin-${(2 ** bitLength).toString(16).padStart(last.length, "0")}`)).toBe(
        false,
      );
    }
    const four = { bitLength: 4, namePrefix: "bin", keyIds: [], threshold: 1 };
    for (const name of ["bin-", "bin-00", "bin-A", "bin-g", "bin0", "xbin-0", "bin--1"]) {
      expect(isBinName(four, name)).toBe(false);
    }
    expect([...binNames(four)].slice(0, 2)).toEqual(["bin-0", "bin-1"]);
    expect([...binNames(four)]).toHaveLength(16);
  });

  test("a delegated role is loaded by name for its own delegator only", async () => {
    const { client, repository } = await graph([
      ["targets", "A"],
      ["A", "B"],
    ]);
    expect(client.load("A").signed.version).toBe(1);
    expect(client.load("targets").signed.version).toBe(1);
    expect(codeOf(() => client.load("B"))).toBe("not_delegated");
    expect(codeOf(() => client.load("root"))).toBe("not_delegated");
    expect(repository.requests.some(([role]) => role === "B")).toBe(false);
  });
});
