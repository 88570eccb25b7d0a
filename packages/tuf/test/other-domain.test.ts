import { expect, test } from "@jest/globals";
import type { JsonValue } from "@stemma/encoding";
import { decodeRoot, ROOT_MEMBER, type RootReference, referenceTo } from "../src/index.ts";
import { Client, codeOf } from "./support/client.ts";
import { Repository } from "./support/repository.ts";

/* Online roles that name the root under which they were signed: one online key may serve several trust domains. */

const naming =
  ({ version, sha256 }: RootReference) =>
  (signed: Map<string, JsonValue>): void => {
    signed.set(
      ROOT_MEMBER,
      new Map<string, JsonValue>([
        ["version", version],
        ["sha256", sha256],
      ]),
    );
  };

async function start(): Promise<{ repository: Repository; client: Client; own: RootReference }> {
  const repository = await Repository.create();
  return {
    repository,
    client: new Client(repository),
    own: referenceTo(decodeRoot(repository.file("1.root"))),
  };
}

async function name(
  repository: Repository,
  role: "timestamp" | "snapshot",
  root: RootReference,
): Promise<void> {
  repository.edits.set(role, naming(root));
  await repository.release();
}

for (const role of ["timestamp", "snapshot"] as const) {
  test(`a ${role} that names the trusted root is taken`, async () => {
    const { repository, client, own } = await start();
    await name(repository, role, own);
    client.refresh();
    expect(client.version(role)).toBe(2);
  });

  test(`a ${role} that names another root is refused, and nothing of it is kept`, async () => {
    const { repository, client, own } = await start();
    client.refresh();
    const { own: other } = await start();
    for (const root of [other, { ...own, version: 2 }, { ...own, sha256: "0".repeat(64) }]) {
      await name(repository, role, root);
      expect(codeOf(() => client.refresh())).toBe("other_domain");
      expect(client.version(role)).toBe(1);
    }
  });

  test(`a ${role} that names a root before the last one is taken by whoever has trusted that one`, async () => {
    const { repository, client, own } = await start();
    await name(repository, role, own);
    await repository.publishRoot();
    client.refresh();
    expect(client.version("root")).toBe(2);
    expect(client.version(role)).toBe(2);
  });
}

test("the same root with more signatures is the same root", async () => {
  const { repository, client, own } = await start();
  repository.tamper("1.root", (document) => {
    const signatures = document.get("signatures") as JsonValue[];
    document.set("signatures", [
      ...signatures,
      new Map([
        ["keyid", "f".repeat(64)],
        ["sig", "00"],
      ]),
    ]);
  });
  expect(referenceTo(decodeRoot(repository.file("1.root")))).toEqual(own);
  await name(repository, "timestamp", own);
  client.refresh();
  expect(client.version("timestamp")).toBe(2);
});

test.each<[string, JsonValue]>([
  ["no object", "1"],
  ["no version", new Map([["sha256", "0".repeat(64)]])],
  [
    "a version that is none",
    new Map<string, JsonValue>([
      ["version", 0],
      ["sha256", "0".repeat(64)],
    ]),
  ],
])("a reference with %s is refused", async (_name, value) => {
  const { repository, client } = await start();
  repository.edits.set("timestamp", (signed) => signed.set(ROOT_MEMBER, value));
  await repository.release();
  expect(() => client.refresh()).toThrow();
});
