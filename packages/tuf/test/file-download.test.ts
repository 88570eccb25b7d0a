import { describe, expect, test } from "@jest/globals";
import { sha256, sha512 } from "@stemma/crypto";
import { jsonObject, utf8 } from "@stemma/encoding";
import { targetFileName, verifyTargetFile } from "../src/index.ts";
import { Client, codeOf } from "./support/client.ts";
import { Repository } from "./support/repository.ts";

/* tuf-conformance test_file_download (TUF 5.7), without the part that is I/O, and N-34. */

async function withTarget(path: string, algorithms?: readonly string[]) {
  const repository = await Repository.create((made) => {
    made.addTarget("targets", path, "content", algorithms);
  });
  return { repository, client: new Client(repository) };
}

describe("file download", () => {
  test.each([
    ["expected_file", "file.txt", "file.txt"],
    ["expected_file_in_sub_dir", "dir/sub/file.txt", "dir/sub/file.txt"],
  ])("%s", async (_name, path, listed) => {
    const { client, repository } = await withTarget(listed);
    const found = client.find(path);
    const bytes = repository.artifacts.get(path) as Uint8Array;
    expect(found).toMatchObject({ path, role: "targets", chain: ["targets"] });
    if (found !== undefined) verifyTargetFile(bytes, found.target, path);
    expect.assertions(1);
  });

  test("repository_substitutes_target_file", async () => {
    const { client } = await withTarget("file.txt");
    const found = client.find("file.txt");
    if (found === undefined) throw new Error("not found");
    expect(codeOf(() => verifyTargetFile(utf8("CONTENT"), found.target, "file.txt"))).toBe("digest_mismatch");
    expect(codeOf(() => verifyTargetFile(utf8("longer content"), found.target, "file.txt"))).toBe(
      "length_mismatch",
    );
  });

  test("multiple_changes_to_target: each release is found with its own digest", async () => {
    const { client, repository } = await withTarget("file.txt");
    for (const content of ["one", "two", "three"]) {
      const bytes = repository.addTarget("targets", "file.txt", content);
      await repository.release("targets");
      expect(client.find("file.txt")?.target.hashes.get("sha256")).toBe(sha256(bytes));
    }
  });

  test.each([[["sha256"]], [["sha512"]], [["sha256", "sha512"]]])(
    "download_with_hash_algorithms %j",
    async (algorithms) => {
      const { client, repository } = await withTarget("dir/file.txt", algorithms);
      const found = client.find("dir/file.txt");
      if (found === undefined) throw new Error("not found");
      const bytes = repository.artifacts.get("dir/file.txt") as Uint8Array;
      verifyTargetFile(bytes, found.target, "dir/file.txt");
      // The name on the server carries the first digest listed.
      const digest = algorithms[0] === "sha256" ? sha256(bytes) : sha512(bytes);
      expect(targetFileName("dir/file.txt", found.target, true)).toBe(`dir/${digest}.file.txt`);
      expect(targetFileName("dir/file.txt", found.target, false)).toBe("dir/file.txt");
    },
  );

  test.each([[["blake9"]], [["md5"]], [["sha1"]], [[]]])(
    "unknown_hash_algorithm, N-34: %j alone proves nothing",
    async (algorithms) => {
      const { client } = await withTarget("file.txt", algorithms);
      expect(codeOf(() => client.find("file.txt"))).toBe("no_strong_digest");
    },
  );

  test("N-34 every known digest must agree", async () => {
    const { client, repository } = await withTarget("file.txt", ["sha256", "sha512"]);
    const found = client.find("file.txt");
    if (found === undefined) throw new Error("not found");
    const bytes = repository.artifacts.get("file.txt") as Uint8Array;
    for (const algorithm of ["sha256", "sha512"]) {
      const hashes = new Map(found.target.hashes).set(algorithm, "00".repeat(32));
      expect(codeOf(() => verifyTargetFile(bytes, { ...found.target, hashes }, "file.txt"))).toBe(
        "digest_mismatch",
      );
    }
    // A weak digest that agrees is no substitute for the strong one that does not.
    const weak = new Map([
      ["sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
      ["sha256", "00".repeat(32)],
    ]);
    expect(codeOf(() => verifyTargetFile(bytes, { ...found.target, hashes: weak }, "file.txt"))).toBe(
      "digest_mismatch",
    );
  });

  test("N-34 snapshot listed with a weak digest only", async () => {
    const repository = await Repository.create();
    repository.edits.set("timestamp", (signed) => {
      const file = jsonObject({ version: 1, hashes: jsonObject({ md5: "00" }) });
      signed.set("meta", jsonObject({ "snapshot.json": file }));
    });
    await repository.writeTimestamp();
    expect(codeOf(() => new Client(repository).refresh())).toBe("no_strong_digest");
  });
});
