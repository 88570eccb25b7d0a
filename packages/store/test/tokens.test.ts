import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import { createToken, findToken, listTokens, revokeToken } from "../src/index.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

describe("API tokens", () => {
  test("are seen once, found by their secret, and hashed at rest", async () => {
    const { secret, token } = await createToken(database.owner, { name: "ci", scopes: ["domain:list"] });
    expect(secret).toMatch(/^stemma_[A-Za-z0-9_-]{43}$/);
    const found = await findToken(database.repository, secret);
    expect(found).toMatchObject({ id: token.id, name: "ci", scopes: ["domain:list"] });
    const { rows } = await database.owner.query("SELECT * FROM api_token");
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(JSON.stringify(await listTokens(database.owner))).not.toContain(secret);
  });

  test("note when they were last used, at most once a minute", async () => {
    const { secret, token } = await createToken(database.owner, { name: "used", scopes: ["a"] });
    const lastUsed = async () =>
      (await listTokens(database.owner)).find(({ id }) => id === token.id)?.lastUsedAt;
    expect(await lastUsed()).toBeUndefined();
    await findToken(database.repository, secret);
    const first = await lastUsed();
    expect(first).toBeInstanceOf(Date);
    await findToken(database.repository, secret);
    expect(await lastUsed()).toEqual(first);
  });

  test("end when they are revoked or expire", async () => {
    const revoked = await createToken(database.owner, { name: "revoked", scopes: ["a"] });
    expect(await revokeToken(database.owner, revoked.token.id)).toBe(true);
    expect(await revokeToken(database.owner, revoked.token.id)).toBe(false);
    expect(await findToken(database.repository, revoked.secret)).toBeUndefined();
    const expiresAt = new Date(Date.now() - 1);
    const expired = await createToken(database.owner, { name: "expired", scopes: ["a"], expiresAt });
    expect(await findToken(database.repository, expired.secret)).toBeUndefined();
  });

  test.each([
    "",
    "stemma_",
    `stemma_${"A".repeat(42)}`,
    `stemma_${"A".repeat(44)}`,
    `STEMMA_${"A".repeat(43)}`,
    "x".repeat(1e6),
  ])("that are none cost no query", async (secret) => {
    const noQuery = {
      query() {
        throw new Error("A query was made.");
      },
    };
    await expect(findToken(noQuery, secret)).resolves.toBeUndefined();
  });

  test("cannot be made, widened or revoked by the service that checks them", async () => {
    await expect(createToken(database.repository, { name: "x", scopes: ["a"] })).rejects.toMatchObject({
      code: "42501",
    });
    const widen = database.repository.query("UPDATE api_token SET scopes = '{domain:create}'");
    await expect(widen).rejects.toMatchObject({ code: "42501" });
    await expect(revokeToken(database.repository, 1)).rejects.toMatchObject({ code: "42501" });
    await expect(database.signer.query("SELECT * FROM api_token")).rejects.toMatchObject({ code: "42501" });
  });
});
