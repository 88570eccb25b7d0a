import { describe, expect, test } from "@jest/globals";
import { Lru } from "../src/domain/lru.ts";
import { bytesAnswer } from "../src/http/answer.ts";
import { BodyBudget } from "../src/http/body.ts";
import { preferredEncoding } from "../src/http/encoding.ts";
import { HotAnswers } from "../src/http/hot.ts";
import { prepare } from "../src/http/prepared.ts";

describe("memory is bounded", () => {
  test("bodies under way: what does not fit is told to come again, and what is done makes room", () => {
    const budget = new BodyBudget(100);
    budget.take(60);
    budget.take(40);
    expect(() => budget.take(1)).toThrow(expect.objectContaining({ code: "too_busy" }));
    budget.give(40);
    expect(() => budget.take(40)).not.toThrow();
  });

  test("what was used longest ago is forgotten first, and what is too large is not kept", () => {
    const lru = new Lru<string>(80);
    for (const key of ["a", "b", "c", "d", "e", "f", "g", "h"]) lru.set(key, key, 10);
    expect(lru.get("a")).toBe("a");
    lru.set("i", "i", 10);
    expect(lru.get("b")).toBeUndefined();
    expect(lru.get("a")).toBe("a");
    lru.set("huge", "huge", 11);
    expect(lru.get("huge")).toBeUndefined();
    expect(lru.size).toBe(8);
    lru.set("a", "again", 10);
    expect(lru.size).toBe(8);
  });

  test("a hot answer is given while it holds, and never afterwards", () => {
    const hot = new HotAnswers(1024 * 1024);
    let holds = true;
    const prepared = prepare(bytesAnswer("text/plain", Buffer.from("x"), "revalidate"));
    hot.keep("/x", { prepared, route: "/x", keepWhile: () => holds });
    expect(hot.find("/x")?.prepared).toBe(prepared);
    expect(hot.find("/x?y")).toBeUndefined();
    holds = false;
    expect(hot.find("/x")).toBeUndefined();
    holds = true;
    expect(hot.find("/x")).toBeUndefined();
  });
});

test.each([
  [undefined, undefined],
  ["", undefined],
  ["identity", undefined],
  ["gzip", "gzip"],
  ["gzip, deflate, br", "br"],
  ["br;q=0, gzip", "gzip"],
  ["br;q=0.0, gzip;q=0", undefined],
  ["*", "br"],
  ["*;q=0", undefined],
  ["GZIP;Q=0.5", "gzip"],
  ["x".repeat(300), undefined],
])("the header Accept-Encoding %j is answered with %j", (header, encoding) => {
  expect(preferredEncoding(header)).toBe(encoding);
});
