import { expect, test } from "@jest/globals";
import type { Pool } from "@stemma/store";
import { Decisions } from "../src/domain/decisions.ts";

/** A database that answers each query in the order of `answers`, and notes what it was asked. */
function scripted(...answers: (() => unknown)[]) {
  const asked: unknown[] = [];
  const query = async ({ values }: { values: unknown[] }) => {
    asked.push(values[0]);
    return answers.shift()?.();
  };
  return { asked, decisions: new Decisions({ query } as unknown as Pool) };
}

const rows = (...ids: number[]) => ({
  rows: ids.map((id) => ({ id, domainId: 1, outcome: "published", epoch: 1 })),
});

test("who looks together is answered by one query, each with its own change", async () => {
  const { asked, decisions } = scripted(() => rows(1, 2));
  const found = await Promise.all([1, 2, 3, 1].map((id) => decisions.look(id)));
  expect(found.map((state) => state?.id)).toEqual([1, 2, undefined, 1]);
  expect(asked).toEqual([[1, 2, 3]]);
});

test("a fault of the one query reaches everybody who waits for it, and nobody after them", async () => {
  const { asked, decisions } = scripted(
    () => {
      throw new Error("the database is away");
    },
    () => rows(1),
  );
  const outcomes = await Promise.allSettled([1, 2, 3].map((id) => decisions.look(id)));
  expect(outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.message)).toEqual(
    Array(3).fill("the database is away"),
  );
  expect((await decisions.look(1))?.outcome).toBe("published");
  expect(asked).toEqual([[1, 2, 3], [1]]);
});
