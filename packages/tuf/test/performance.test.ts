import { describe, expect, test } from "@jest/globals";
import {
  assemble,
  DEFAULT_LIMITS,
  decodeSnapshot,
  decodeTargets,
  snapshotPayload,
  type TargetFile,
  targetsPayload,
} from "../src/index.ts";

/* Linear in the entries: stock tuf-js needs seconds where this needs milliseconds. Bounds are wide for busy machines; `npm run bench` has the figures. */

const expires = new Date("2030-01-01T00:00:00Z");
const ROOMY = { ...DEFAULT_LIMITS, targetsLength: 50_000_000, snapshotLength: 50_000_000 };

function targetsOf(count: number): Uint8Array {
  const targets = new Map<string, TargetFile>();
  for (let at = 0; at < count; at += 1) {
    const hex = at.toString(16).padStart(64, "0");
    targets.set(`sha256/${hex}`, { length: at, hashes: new Map([["sha256", hex]]), custom: undefined });
  }
  return assemble(targetsPayload({ version: 1, expires, targets }), []);
}

/** The best of a few runs, in ms. */
function best(action: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run += 1) {
    const start = performance.now();
    action();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

describe("the codec's cost", () => {
  test("targets: 10,000 entries in well under a second, and four times as many in about four times that", () => {
    const small = targetsOf(10_000);
    const large = targetsOf(40_000);
    const ten = best(() => decodeTargets(small, ROOMY));
    const forty = best(() => decodeTargets(large, ROOMY));
    expect(ten).toBeLessThan(300);
    expect(forty / ten).toBeLessThan(12);
  });

  test("snapshot: 1,000 and 16,000 roles", () => {
    const of = (count: number) => {
      const meta = new Map(Array.from({ length: count }, (_, at) => [`bin-${at.toString(16)}`, 1] as const));
      return assemble(snapshotPayload({ version: 1, expires, meta }), []);
    };
    const small = of(1_000);
    const large = of(16_000);
    const one = best(() => decodeSnapshot(small, ROOMY));
    const sixteen = best(() => decodeSnapshot(large, ROOMY));
    expect(one).toBeLessThan(50);
    expect(sixteen / one).toBeLessThan(64);
  });
});
