import { describe, expect, test } from "@jest/globals";
import { type JsonValue, jsonObject, utf8 } from "@stemma/encoding";
import { decodeTimestamp } from "../src/index.ts";
import { Client, codeOf } from "./support/client.ts";
import { Repository } from "./support/repository.ts";
import { newSigner } from "./support/signers.ts";

/* The scenarios of tuf-conformance 2.4.0, test_basic, under the same names. */

const TOP = ["root", "timestamp", "snapshot", "targets"];

describe("basic", () => {
  test("basic_refresh_requests: four requests, and one fewer of each that is up to date", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    client.refresh();
    expect(repository.requests).toEqual([
      ["root", 2],
      ["timestamp", undefined],
      ["snapshot", 1],
      ["targets", 1],
    ]);
    repository.requests = [];
    client.refresh();
    expect(repository.requests).toEqual([
      ["root", 2],
      ["timestamp", undefined],
    ]);
  });

  test("basic_refresh_trusted_data: what is trusted and kept is what was published", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    const trusted = client.refresh();
    expect(trusted.root.bytes).toBe(repository.file("1.root"));
    expect(client.cache.get("timestamp")).toBe(repository.file("timestamp"));
    expect(client.cache.get("snapshot")).toBe(repository.file("1.snapshot"));
    expect(client.cache.get("targets")).toBe(repository.file("1.targets"));
    expect(TOP.map((role) => client.version(role))).toEqual([1, 1, 1, 1]);
  });

  test("implicit_refresh: a look-up before any refresh refreshes", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    expect(client.find("nonexistent artifact")).toBeUndefined();
    expect(repository.requests.map(([role]) => role)).toEqual(TOP);
  });

  test("invalid_initial_root: a root without version is refused before any request", async () => {
    const repository = await Repository.create();
    repository.tamper("1.root", (document) =>
      (document.get("signed") as Map<string, JsonValue>).delete("version"),
    );
    expect(codeOf(() => new Client(repository).refresh())).toBe("missing_member");
    expect(repository.requests).toEqual([]);
  });

  test("unsigned_initial_root: a root that its own keys did not sign is refused before any request", async () => {
    const repository = await Repository.create((made) => {
      made.top.root.signing = [newSigner()];
    });
    expect(codeOf(() => new Client(repository).refresh())).toBe("threshold_not_met");
    expect(repository.requests).toEqual([]);
  });

  test.each(TOP)("unsigned_metadata[%s]", async (role) => {
    const repository = await Repository.create();
    const client = new Client(repository);
    client.refresh();
    await repository.publishRoot();
    await repository.release("targets");
    const file = role === "timestamp" ? role : `2.${role}`;
    repository.tamper(file, (document) => document.set("signatures", []));
    expect(codeOf(() => client.refresh())).toBe("threshold_not_met");
    expect(client.version(role)).toBe(1);
  });

  test.each([
    ["root", "wrong_version"],
    ["snapshot", "wrong_version"],
    ["targets", "wrong_version"],
  ])("url_and_metadata_version_mismatch[%s]", async (role, code) => {
    const repository = await Repository.create();
    const client = new Client(repository);
    client.refresh();
    await repository.publishRoot();
    await repository.publishRoot();
    await repository.release("targets");
    await repository.publishTargets("targets");
    await repository.publishSnapshot();
    // The right name, the wrong content: one version further.
    repository.files.set(`2.${role}`, repository.file(`3.${role}`));
    expect(codeOf(() => client.refresh())).toBe(code);
    expect(client.version(role)).toBe(1);
  });

  test("timestamp_content_changes: the same version with other content is dropped", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    client.refresh();
    const before = client.cache.get("timestamp");
    repository.edits.set("timestamp", (signed) => {
      signed.set("meta", jsonObject({ "snapshot.json": jsonObject({ version: 100 }) }));
    });
    await repository.writeTimestamp();
    expect(codeOf(() => client.refresh())).toBe("accepted");
    expect(client.cache.get("timestamp")).toBe(before);
  });

  test("basic_metadata_hash_support: with digests in timestamp and snapshot", async () => {
    const repository = await Repository.create((made) => {
      made.metaHashes = true;
    });
    const client = new Client(repository);
    client.refresh();
    await repository.release("targets");
    client.refresh();
    expect(client.version("targets")).toBe(2);
    expect(client.version("snapshot")).toBe(2);
  });

  test("targets_hash_mismatch", async () => {
    const repository = await Repository.create((made) => {
      made.metaHashes = true;
    });
    const client = new Client(repository);
    client.refresh();
    await repository.release("targets");
    repository.role("targets").expires = new Date("2026-09-01T00:00:00Z");
    const listed = repository.meta.get("targets");
    await repository.writeTargets("targets");
    expect(repository.meta.get("targets")).not.toEqual(listed);
    expect(codeOf(() => client.refresh())).toBe("digest_mismatch");
    expect(client.version("targets")).toBe(1);
  });

  test("snapshot_hash_mismatch", async () => {
    const repository = await Repository.create((made) => {
      made.metaHashes = true;
    });
    const client = new Client(repository);
    client.refresh();
    await repository.release("targets");
    repository.expires.set("snapshot", new Date("2026-09-01T00:00:00Z"));
    await repository.writeSnapshot();
    expect(codeOf(() => client.refresh())).toBe("digest_mismatch");
    expect(client.version("snapshot")).toBe(1);
    expect(client.version("timestamp")).toBe(2);
  });

  test("metadata_bytes_match: what is kept is byte for byte what was received, white space included", async () => {
    const repository = await Repository.create();
    const text = new TextDecoder().decode(repository.file("1.targets"));
    const loose = utf8(`${JSON.stringify(JSON.parse(text), undefined, 7)}\n\n`);
    repository.files.set("1.targets", loose);
    const client = new Client(repository);
    client.refresh();
    expect(client.cache.get("targets")).toBe(loose);
  });

  test("custom_fields: unknown members inside signed are signed, verified and ignored", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    repository.edits.set("root", (signed) => {
      signed.set("custom-field", "value");
      const keys = signed.get("keys") as Map<string, JsonValue>;
      for (const [id, key] of keys) {
        keys.set(
          id,
          new Map([...(key as Map<string, JsonValue>), ["extra-field", jsonObject({ a: 1, b: 2 })]]),
        );
      }
      const roles = signed.get("roles") as Map<string, JsonValue>;
      (roles.get("root") as Map<string, JsonValue>).set("another-field", "value");
    });
    await repository.publishRoot();
    client.refresh();
    expect(client.version("root")).toBe(2);
  });

  test("deprecated_keyid_hash_algorithms: an obsolete member of a key does not matter", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    repository.edits.set("root", (signed) => {
      const keys = signed.get("keys") as Map<string, JsonValue>;
      for (const key of keys.values()) (key as Map<string, JsonValue>).set("keyid_hash_algorithms", ["md5"]);
    });
    await repository.publishRoot();
    client.refresh();
    expect(client.version("root")).toBe(2);
  });

  test.each([
    ["snapshot_404", "1.snapshot"],
    ["targets_404", "1.targets"],
    ["timestamp_404", "timestamp"],
  ])("%s", async (_name, file) => {
    const repository = await Repository.create();
    repository.files.delete(file);
    expect(codeOf(() => new Client(repository).refresh())).toBe("metadata_not_found");
  });

  test("incorrect_metadata_type: a file of another role, signed by a key that both roles have", async () => {
    const shared = newSigner();
    const repository = await Repository.create((made) => {
      made.top.snapshot.keys = [shared];
      made.top.timestamp.keys = [shared];
    });
    repository.files.set("timestamp", repository.file("1.snapshot"));
    expect(codeOf(() => new Client(repository).refresh())).toBe("wrong_role_type");
  });

  test("faketime: the time is a parameter, for past and future", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    const { expires } = decodeTimestamp(repository.file("timestamp")).signed;
    client.time = new Date(expires.getTime() - 1);
    client.refresh();
    client.time = new Date(Number.NaN);
    expect(codeOf(() => client.refresh())).toBe("expired");
  });
});
