import { expect, test } from "@jest/globals";
import { Places } from "../src/index.ts";

test("as many as there are places work at a time, in order, and a fault frees its place", async () => {
  const places = new Places(2);
  const [began, ends]: [number[], ((fault?: Error) => void)[]] = [[], []];
  const all = [0, 1, 2, 3].map((index) =>
    places.hold(() => {
      began.push(index);
      return new Promise<number>((resolve, reject) => {
        ends[index] = (fault) => (fault === undefined ? resolve(index) : reject(fault));
      });
    }),
  );
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  await turn();
  expect(began).toEqual([0, 1]);
  ends[1]?.(new Error("a fault"));
  await expect(all[1]).rejects.toThrow("a fault");
  await turn();
  expect(began).toEqual([0, 1, 2]);
  for (const index of [0, 2]) ends[index]?.();
  await turn();
  ends[3]?.();
  expect(await Promise.all([all[0], all[2], all[3]])).toEqual([0, 2, 3]);
  expect(await places.hold(async () => "again")).toBe("again");
});
