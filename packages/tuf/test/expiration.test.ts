import { describe, expect, test } from "@jest/globals";
import { Client, codeOf } from "./support/client.ts";
import { DAY, NOW, Repository } from "./support/repository.ts";

/* tuf-conformance test_expiration, and N-13, N-14: freeze attacks (TUF 5.3.10, 5.4.4, 5.5.6, 5.6.5). */

const PAST = new Date(NOW.getTime() - DAY);
const later = (days: number) => new Date(NOW.getTime() + days * DAY);

describe("expiration", () => {
  test("root_expired: the last root must be fresh", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    client.refresh();
    repository.expires.set("root", PAST);
    await repository.publishRoot();
    expect(codeOf(() => client.refresh())).toBe("expired");
    // The root itself is genuine, so it is kept; timestamp is not asked for.
    expect(client.version("root")).toBe(2);
  });

  test.each(["timestamp", "snapshot"])("%s_expired", async (role) => {
    const repository = await Repository.create();
    const client = new Client(repository);
    client.refresh();
    repository.expires.set(role, PAST);
    await repository.release("targets");
    expect(codeOf(() => client.refresh())).toBe("expired");
    expect(client.version(role)).toBe(1);
  });

  test("targets_expired", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    client.refresh();
    repository.role("targets").expires = PAST;
    await repository.release("targets");
    expect(codeOf(() => client.refresh())).toBe("expired");
    expect(client.version("targets")).toBe(1);
  });

  test("expired_local_root: an expired pinned root still leads to the next one (N-14)", async () => {
    const repository = await Repository.create((made) => made.expires.set("root", PAST));
    const client = new Client(repository);
    expect(codeOf(() => client.refresh())).toBe("expired");
    await repository.publishRoot();
    repository.expires.set("root", later(365));
    await repository.publishRoot();
    client.refresh();
    expect(client.version("root")).toBe(3);
  });

  test("expired_local_timestamp: an expired cached timestamp still prevents rollback", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    await repository.release("targets");
    client.refresh();
    client.time = later(2);
    repository.expires.set("timestamp", later(5));
    repository.versions.timestamp = 0;
    await repository.publishTimestamp();
    expect(codeOf(() => client.refresh())).toBe("rollback");
    // The snapshot version that the expired timestamp lists is a floor as well.
    repository.versions.timestamp = 5;
    repository.versions.snapshot = 1;
    await repository.writeTimestamp();
    expect(codeOf(() => client.refresh())).toBe("rollback");
    repository.versions.snapshot = 2;
    await repository.writeTimestamp();
    client.refresh();
    expect(client.version("timestamp")).toBe(5);
  });

  test("the very second of expiry is expired", async () => {
    const repository = await Repository.create((made) => made.expires.set("timestamp", later(1)));
    const client = new Client(repository);
    client.time = later(1);
    expect(codeOf(() => client.refresh())).toBe("expired");
    client.time = new Date(later(1).getTime() - 1);
    expect(codeOf(() => client.refresh())).toBe("accepted");
  });

  test("the same expired timestamp again is a freeze, and ends before snapshot is asked for", async () => {
    const repository = await Repository.create();
    const client = new Client(repository);
    client.refresh();
    client.time = later(2);
    repository.requests = [];
    expect(codeOf(() => client.refresh())).toBe("expired");
    expect(repository.requests.map(([role]) => role)).toEqual(["root", "timestamp"]);
  });

  test.each([1, 3])("N-13 expiry of a delegated role at depth %i", async (depth) => {
    const names = ["a", "b", "c"].slice(0, depth);
    const repository = await Repository.create((made) => {
      let delegator = "targets";
      for (const name of names) {
        made.delegate(delegator, name);
        delegator = name;
      }
      made.role(delegator).expires = PAST;
    });
    expect(codeOf(() => new Client(repository).find("x"))).toBe("expired");
  });
});
