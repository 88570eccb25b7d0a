import { describe, expect, test } from "@jest/globals";
import { Client } from "./support/client.ts";
import { Repository } from "./support/repository.ts";

/* tuf-conformance test_quoting_issues, N-27 in the client: a name is a plain string until a driver quotes it. */

describe("unusual role names", () => {
  test.each([
    "?",
    "#",
    "/delegatedrole",
    "../delegatedrole",
    "a/../b",
    "%2e%2e",
    "C:\\x",
    "CON",
    "trailing.",
    "nul\u0000byte",
    "😀",
    "x".repeat(300),
  ])("unusual_role_name[%j] is asked for and kept under exactly that name", async (name) => {
    const repository = await Repository.create((made) => {
      made.delegate("targets", name);
      made.addTarget(name, "file", "x");
    });
    const client = new Client(repository);
    expect(client.find("file")?.role).toBe(name);
    expect(repository.requests.at(-1)).toEqual([name, 1]);
    expect(client.cache.get(name)).toBe(repository.file(`1.${name}`));
  });

  test("without consistent snapshots nothing is asked for by version but root", async () => {
    const repository = await Repository.create((made) => {
      made.consistentSnapshot = false;
      made.delegate("targets", "A");
    });
    new Client(repository).find("x");
    expect(repository.requests).toEqual([
      ["root", 2],
      ["timestamp", undefined],
      ["snapshot", undefined],
      ["targets", undefined],
      ["A", undefined],
    ]);
  });
});
